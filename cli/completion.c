// SPDX-License-Identifier: BSD-3-Clause
//
// completion: the words that may come next on a command line.
//
// The scripts for the shells are a few lines each and ask the program itself, so they never grow old:
// words and flags come from the command table, names of objects from the running controller, with
// nothing said when there is none.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"

#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// zsh's serves both as a file of its function path, which is the body of _weft at its first call, and for
// eval.
static const struct {
	const char *shell, *script;
} scripts[] = {
	{"bash", "_weft()\n"
                 "{\n"
                 "\tlocal IFS=$'\\n'\n"
                 "\tCOMPREPLY=($(\"${COMP_WORDS[0]}\" complete-words -- "
                 "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
                 "\t[[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "
                 "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
                 "}\n"
                 "complete -F _weft weft\n"},
	{"zsh",
         "#compdef weft\n"
         "_weft()\n"
         "{\n"
         "\tlocal -a found\n"
         "\tfound=(${(f)\"$(weft complete-words -- \"${(@)words[2,CURRENT]}\" "
         "2>/dev/null)\"})\n"
         "\t(( ${#found} )) && compadd -- $found || _files\n"
         "}\n"
         "if [[ $funcstack[1] == _weft ]]; then _weft \"$@\"; else compdef _weft weft; fi\n"},
	{"fish", "complete -c weft -f -a '(weft complete-words -- "
                 "(commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'\n"},
};

int cmd_completion(const struct invocation *call)
{
	struct fail fail = {0};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		if (strcmp(scripts[i].shell, call->arguments[0]) == 0) {
			fputs(scripts[i].script, stdout);
			return EXIT_OK;
		}
	fail_set(&fail, -EINVAL, "there is no completion for '%s'", call->arguments[0]);
	fail_hint(&fail, "weft completion bash, zsh or fish");
	output_fail(call, &fail);
	return EXIT_USAGE;
}

static void offer(const char *word, const char *typed)
{
	if (strncmp(word, typed, strlen(typed)) == 0)
		printf("%s\n", word);
}

static void offer_names(const struct invocation *call, const char *noun, const char *typed)
{
	struct ask_list list = {.what = noun};
	struct fail fail = {0};
	Weft__Reply *reply;
	char buf[256];

	if (ask_list_quietly(call, &list, &reply, &fail) != EXIT_OK)
		return;
	for (size_t i = 0; i < reply->n_records; i++)
		offer(record_text(reply->records[i], "name", buf, sizeof(buf)), typed);
	client_reply_free(reply);
}

// Each word of a list between spaces.
static void each_word(const char *words, const struct invocation *call, const char *typed,
                      bool nouns)
{
	char copy[256], *rest = copy;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		if (nouns)
			offer_names(call, word, typed);
		else
			offer(word, typed);
	}
}

static void offer_flag(void *user, const struct flag *flag)
{
	char word[64];

	snprintf(word, sizeof(word), "--%s", flag->name);
	offer(word, user);
}

static void offer_verbs(const char *noun, const char *typed)
{
	struct command_walk walk = {0};
	const struct command *command;

	while ((command = command_next(&walk))) {
		if (command->traits & COMMAND_HIDDEN || !noun != !command->noun)
			continue;
		if (!noun || strcmp(noun, command->noun) == 0)
			offer(command->verb, typed);
	}
	for (const struct command_noun *known = command_nouns; !noun && known->name; known++)
		offer(known->name, typed);
	if (!noun)
		offer("ns", typed);
}

// What the words before the one being typed amount to.
struct typed_line {
	const char *noun;
	const struct command *command;
	const struct flag *open; // A flag that still wants its value.
	unsigned arguments;
};

static void read_word(struct typed_line *line, const char *word)
{
	if (line->open) {
		line->open = NULL;
		return;
	}
	if (strcmp(word, "-o") == 0)
		word = "--output";
	if (strncmp(word, "--", 2) == 0) {
		const struct flag *flag = command_flag(line->command, word + 2);

		line->open = flag && flag->kind != VALUE_SWITCH ? flag : NULL;
	} else if (line->command) {
		line->arguments++;
	} else if (line->noun) {
		line->command = command_find(line->noun, word);
	} else {
		line->command = command_find(NULL, word);
		line->noun = line->command ? NULL : command_noun_of(word);
	}
}

static void offer_value(const struct flag *flag, const struct invocation *call, const char *typed)
{
	if (flag->kind == VALUE_CHOICE)
		each_word(flag->choices, call, typed, false);
	else if (flag->kind == VALUE_NAME)
		offer_names(call, flag->choices, typed);
}

int cmd_complete(const struct invocation *call)
{
	struct typed_line line = {0};
	char **word = call->rest;

	if (!word || !*word)
		return EXIT_OK;
	for (; word[1]; word++)
		read_word(&line, *word);

	const char *typed = *word;

	if (line.open)
		offer_value(line.open, call, typed);
	else if (*typed == '-')
		command_each_flag(line.command, offer_flag, (void *)typed);
	else if (!line.command)
		offer_verbs(line.noun, typed);
	else if (strcmp(line.command->verb, "help") == 0 && line.arguments == 0)
		offer_verbs(NULL, typed);
	else if (strcmp(line.command->verb, "completion") == 0)
		each_word("bash zsh fish", call, typed, false);
	else if (line.command->complete && line.arguments < line.command->max_arguments)
		each_word(line.command->complete, call, typed, true);
	return EXIT_OK;
}
