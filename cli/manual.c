// SPDX-License-Identifier: BSD-3-Clause
//
// manual: the commands as a section of the manual page, in scdoc's language.

#include "cli/command.h"
#include "cli/commands.h"

#include <stdio.h>

// Underscores and stars switch fonts in scdoc's text, though not in its headings.
static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text == '_' || *text == '*' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void print_flag(const struct flag *flag)
{
	printf("*--%s*", flag->name);
	if (flag->value)
		printf(" _%s_", flag->value);
	printf("\n\t");
	print_escaped(flag->help);
	printf("\n\n");
}

static void print_flags(const struct flag *flags)
{
	for (; flags && flags->name; flags++)
		print_flag(flags);
}

static void print_command(const struct command *command)
{
	printf("## weft %s%s%s%s%s\n\n", command->noun ? command->noun : "",
	       command->noun ? " " : "", command->verb, *command->arguments ? " " : "",
	       command->arguments);
	print_escaped(command->summary);
	printf(".\n\n");
	if (command->details) {
		print_escaped(command->details);
		printf("\n\n");
	}
	if (command->example)
		printf("```\n%s\n```\n\n", command->example);
	print_flags(command->flags);
}

int cmd_manual(const struct invocation *call)
{
	struct command_walk walk = {0};
	const struct command *command;

	printf("# FLAGS OF EVERY COMMAND\n\n");
	print_flags(command_global_flags);
	printf("# FLAGS OF COMMANDS THAT CHANGE SOMETHING\n\n");
	print_flags(command_change_flags);
	printf("# COMMANDS\n\n");
	while ((command = command_next(&walk)))
		if (!(command->traits & COMMAND_HIDDEN))
			print_command(command);
	return EXIT_OK;
}
