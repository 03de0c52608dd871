// SPDX-License-Identifier: BSD-3-Clause
//
// help: the table for people.

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FLAG_COLUMN = 24, TEXT_WIDTH = 78 };

// A new line in the text ends the line; two begin a paragraph.
static void print_text(const char *text)
{
	size_t column = 0;

	putchar('\n');
	while (*text) {
		size_t length = strcspn(text, " \n");

		if (text[0] == '\n') {
			putchar('\n');
			column = 0;
			text++;
			continue;
		}
		if (column && column + 1 + length > TEXT_WIDTH) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : "", (int)length, text);
		text += length + (text[length] == ' ');
	}
	putchar('\n');
}

static void print_flag(void *user, const struct flag *flag)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", flag->name, flag->value ? " " : "",
	         flag->value ? flag->value : "");
	printf("  %-*s  %s\n", FLAG_COLUMN, left, flag->help);
}

static void print_command(const struct command *command)
{
	printf("weft %s%s%s%s%s [FLAGS]\n", command->noun ? command->noun : "",
	       command->noun ? " " : "", command->verb, *command->arguments ? " " : "",
	       command->arguments);
	printf("  %s\n", command->summary);
	if (command->details)
		print_text(command->details);
	if (command->example)
		printf("\nExample:\n  %s\n", command->example);
	printf("\nFlags:\n");
	command_each_flag(command, print_flag, NULL);
	if (command->traits & COMMAND_ROOT)
		printf("\nNeeds root.\n");
}

static void print_line(const struct command *command)
{
	char left[80];

	snprintf(left, sizeof(left), "%s%s%s %s", command->noun ? command->noun : "",
	         command->noun ? " " : "", command->verb, command->arguments);
	printf("  %-38s %s\n", left, command->summary);
}

static void print_noun(const char *noun)
{
	struct command_walk walk = {0};
	const struct command *command;

	while ((command = command_next(&walk)))
		if (command->noun && strcmp(command->noun, noun) == 0)
			print_line(command);
	printf("\nweft help %s VERB tells more.\n", noun);
}

static void print_verbs(const char *noun)
{
	struct command_walk walk = {0};
	const struct command *command;

	while ((command = command_next(&walk)))
		if (command->noun && strcmp(command->noun, noun) == 0)
			printf(" %s", command->verb);
}

static void print_all(void)
{
	struct command_walk walk = {0};
	const struct command *command;

	printf("weft: virtual networks of guests, bridges, routers and NAT gateways\n\n"
	       "weft [FLAGS] COMMAND\nweft [FLAGS] NOUN VERB [NAME]\n\nCommands:\n");
	while ((command = command_next(&walk)))
		if (!command->noun && !(command->traits & COMMAND_HIDDEN))
			print_line(command);
	printf("\nNouns:\n");
	for (const struct command_noun *noun = command_nouns; noun->name; noun++) {
		printf("  %-10s %-52s", noun->name, noun->summary);
		print_verbs(noun->name);
		putchar('\n');
	}
	printf("\nFlags of every command:\n");
	command_each_flag(NULL, print_flag, NULL);
	printf("\nExit codes: 0 done, 1 failed, 2 not understood, 3 a dry run would change\n"
	       "something, 4 a test or a demo line failed, 5 the controller does not answer.\n");
}

// Help for the words of a command: "weft help net add", or "weft net add --help".
static int print_for(const struct invocation *call, const char *first, const char *second)
{
	const struct command *command = command_find(NULL, first);
	const char *noun = command_noun_of(first);
	struct fail fail = {0};

	if (!command && noun && second)
		command = command_find(noun, second);
	if (command) {
		print_command(command);
		return EXIT_OK;
	}
	if (noun && !second) {
		print_noun(noun);
		return EXIT_OK;
	}
	fail_set(&fail, -EINVAL, "there is no command '%s%s%s'", first, second ? " " : "",
	         second ? second : "");
	fail_hint(&fail, "weft help lists them");
	output_fail(call, &fail);
	return EXIT_USAGE;
}

int cmd_help(const struct invocation *call)
{
	if (call->command && strcmp(call->command->verb, "help") != 0) {
		print_command(call->command);
		return EXIT_OK;
	}
	if (call->noun) {
		print_noun(call->noun);
		return EXIT_OK;
	}
	if (call->argument_count > 0)
		return print_for(call, call->arguments[0],
		                 call->argument_count > 1 ? call->arguments[1] : NULL);
	print_all();
	return EXIT_OK;
}

int cmd_version(const struct invocation *call)
{
	printf("weft %s\n", WEFT_VERSION);
	return EXIT_OK;
}
