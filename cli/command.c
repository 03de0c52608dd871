// SPDX-License-Identifier: BSD-3-Clause
//
// command: turns the words of a command line into an invocation.
//
// Words are a noun and a verb, or a short verb, then arguments and flags in any order. Flags that
// every command takes may stand anywhere before `--`. Values are checked here by their kind, so a
// command never sees a number that is not one; whether they make sense is the controller's to say.

#include "cli/command.h"

#include "base/fail.h"
#include "base/path.h"
#include "base/suggest.h"
#include "cli/value.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *alias_of(const struct command_alias *aliases, const char *word)
{
	for (const struct command_alias *alias = aliases; alias->word; alias++)
		if (strcmp(alias->word, word) == 0)
			return alias->means;
	return word;
}

const char *command_noun_of(const char *word)
{
	const char *name = alias_of(command_noun_aliases, word);

	for (const struct command_noun *noun = command_nouns; noun->name; noun++)
		if (strcmp(noun->name, name) == 0)
			return noun->name;
	return NULL;
}

const struct command *command_find(const char *noun, const char *verb)
{
	const char *name = noun ? alias_of(command_verb_aliases, verb) : verb;
	struct command_walk walk = {0};
	const struct command *command;

	while ((command = command_next(&walk))) {
		if (!noun != !command->noun || strcmp(command->verb, name) != 0)
			continue;
		if (!noun || strcmp(command->noun, noun) == 0)
			return command;
	}
	return NULL;
}

void command_each_flag(const struct command *command,
                       void (*visit)(void *user, const struct flag *flag), void *user)
{
	const struct flag *sets[] = {
		command ? command->flags : NULL,
		command && command->traits & COMMAND_CHANGES ? command_change_flags : NULL,
		command_global_flags};

	for (unsigned i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		for (const struct flag *flag = sets[i]; flag && flag->name; flag++)
			visit(user, flag);
}

struct flag_search {
	const char *name;
	const struct flag *found;
};

static void match_flag(void *user, const struct flag *flag)
{
	struct flag_search *search = user;

	if (!search->found && strcmp(flag->name, search->name) == 0)
		search->found = flag;
}

const struct flag *command_flag(const struct command *command, const char *name)
{
	struct flag_search search = {.name = name};

	command_each_flag(command, match_flag, &search);
	return search.found;
}

static void suggest_flag(void *user, const struct flag *flag)
{
	suggest_consider(user, flag->name);
}

static int unknown_flag(const struct command *command, const char *typed, struct fail *fail)
{
	struct suggest suggest;

	suggest_init(&suggest, typed);
	command_each_flag(command, suggest_flag, &suggest);
	fail_set(fail, -EINVAL, "there is no flag --%s here", typed);
	if (suggest.best)
		fail_hint(fail, "did you mean --%s?", suggest.best);
	else if (command)
		fail_hint(fail, "weft help %s%s%s", command->noun ? command->noun : "",
		          command->noun ? " " : "", command->verb);
	else
		fail_hint(fail, "weft help");
	return -EINVAL;
}

static int unknown_word(const char *noun, const char *typed, struct fail *fail)
{
	struct command_walk walk = {0};
	const struct command *command;
	struct suggest suggest;

	suggest_init(&suggest, typed);
	while ((command = command_next(&walk))) {
		if (command->traits & COMMAND_HIDDEN || !noun != !command->noun)
			continue;
		if (!noun || strcmp(noun, command->noun) == 0)
			suggest_consider(&suggest, command->verb);
	}
	for (const struct command_noun *known = command_nouns; !noun && known->name; known++)
		suggest_consider(&suggest, known->name);

	if (noun)
		fail_set(fail, -EINVAL, "'%s' is nothing that can be done with a %s", typed, noun);
	else
		fail_set(fail, -EINVAL, "there is no command '%s'", typed);
	if (suggest.best)
		fail_hint(fail, "did you mean '%s%s%s'?", noun ? noun : "", noun ? " " : "",
		          suggest.best);
	else
		fail_hint(fail, "weft help%s%s", noun ? " " : "", noun ? noun : "");
	return -EINVAL;
}

// Global flags act on the invocation itself; all others are kept for the command.
static int keep_flag(struct invocation *call, const struct flag *flag, const char *text,
                     bool negated, struct fail *fail)
{
	if (strcmp(flag->name, "help") == 0)
		call->help = true;
	else if (strcmp(flag->name, "run-dir") == 0)
		call->run_dir = text;
	else if (strcmp(flag->name, "state-dir") == 0)
		call->state_dir = text;
	else if (strcmp(flag->name, "output") == 0)
		call->format = strcmp(text, "json") == 0    ? OUTPUT_JSON
		               : strcmp(text, "jsonl") == 0 ? OUTPUT_JSONL
		                                            : OUTPUT_TABLE;
	else if (call->flag_count == INVOCATION_FLAGS)
		return fail_set(fail, -E2BIG, "more than %d flags", INVOCATION_FLAGS);
	else
		call->flags[call->flag_count++] =
			(struct given_flag){.flag = flag, .text = text, .negated = negated};
	return 0;
}

// The flag of a word "--name", "--name=value" or "--no-name"; *used counts the words it takes.
static int take_long(struct invocation *call, char **words, unsigned *used, struct fail *fail)
{
	const char *word = words[0] + 2;
	const char *equals = strchr(word, '=');
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)(equals ? equals - word : (int)strlen(word)),
	         word);
	const struct flag *flag = command_flag(call->command, name);
	bool negated = false;

	if (!flag && strncmp(name, "no-", 3) == 0 && !equals) {
		flag = command_flag(call->command, name + 3);
		negated = flag && flag->field;
		if (!negated)
			flag = NULL;
	}
	if (!flag)
		return unknown_flag(call->command, name, fail);
	if (flag->kind == VALUE_SWITCH || negated) {
		if (equals)
			return fail_set(fail, -EINVAL, "--%s takes no value", flag->name);
		return keep_flag(call, flag, NULL, negated, fail);
	}

	const char *text = equals ? equals + 1 : words[1];

	if (!text) {
		fail_set(fail, -EINVAL, "--%s wants a value", flag->name);
		fail_hint(fail, "--%s %s: %s", flag->name, flag->value, flag->help);
		return -EINVAL;
	}
	*used = equals ? 1 : 2;
	if (value_check(flag, text, fail) < 0)
		return -EINVAL;
	return keep_flag(call, flag, text, false, fail);
}

static int take_short(struct invocation *call, char **words, unsigned *used, struct fail *fail)
{
	static const struct command_alias letters[] = {{"-o", "output"}, {"-h", "help"},
	                                               {"-f", "follow"}, {"-n", "last"},
	                                               {"-w", "write"},  {NULL, NULL}};
	const char *name = alias_of(letters, words[0]);
	const struct flag *flag = name != words[0] ? command_flag(call->command, name) : NULL;

	if (!flag) {
		fail_set(fail, -EINVAL, "there is no flag %s here", words[0]);
		fail_hint(fail, "weft help");
		return -EINVAL;
	}
	if (flag->kind == VALUE_SWITCH)
		return keep_flag(call, flag, NULL, false, fail);
	if (!words[1])
		return fail_set(fail, -EINVAL, "%s wants a value: %s", words[0], flag->value);
	*used = 2;
	if (value_check(flag, words[1], fail) < 0)
		return -EINVAL;
	return keep_flag(call, flag, words[1], false, fail);
}

// The words that name the command come one by one, since flags may stand between them.
static int take_word(struct invocation *call, const char *word, struct fail *fail)
{
	if (call->command) {
		if (call->argument_count == INVOCATION_ARGUMENTS)
			return fail_set(fail, -E2BIG, "more than %d arguments",
			                INVOCATION_ARGUMENTS);
		call->arguments[call->argument_count++] = word;
		return 0;
	}
	if (!call->noun) {
		call->command = command_find(NULL, word);
		if (!call->command)
			call->noun = command_noun_of(word);
		return call->command || call->noun ? 0 : unknown_word(NULL, word, fail);
	}
	call->command = command_find(call->noun, word);
	return call->command ? 0 : unknown_word(call->noun, word, fail);
}

static void join_line(int argc, char **argv, struct invocation *call)
{
	size_t used = (size_t)snprintf(call->line, sizeof(call->line), "weft");

	for (int i = 1; i < argc && used < sizeof(call->line); i++)
		used += (size_t)snprintf(call->line + used, sizeof(call->line) - used, " %s",
		                         argv[i]);
}

static int check_count(const struct invocation *call, struct fail *fail)
{
	const struct command *command = call->command;
	const char *noun = command->noun ? command->noun : "";
	const char *gap = command->noun ? " " : "";

	if (call->argument_count < command->min_arguments)
		fail_set(fail, -EINVAL, "%s%s%s wants %s", noun, gap, command->verb,
		         command->arguments);
	else if (call->argument_count > command->max_arguments)
		fail_set(fail, -EINVAL, "'%s' is one word too many for %s%s%s",
		         call->arguments[command->max_arguments], noun, gap, command->verb);
	else
		return 0;
	if (command->example)
		fail_hint(fail, "for example: %s", command->example);
	else
		fail_hint(fail, "weft help %s%s%s", noun, gap, command->verb);
	return -EINVAL;
}

// A number below zero is a value.
static bool is_short_flag(const char *word)
{
	return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]) &&
	       strcmp(word, "->") != 0;
}

int command_parse(int argc, char **argv, struct invocation *ret, struct fail *fail)
{
	struct invocation call = {0};
	unsigned used;
	int error;

	join_line(argc, argv, &call);
	for (char **word = argv + 1; *word; word += used) {
		used = 1;
		if (strcmp(*word, "--") == 0) {
			call.rest = word + 1;
			break;
		}
		// A hidden command gets the words of another command line, flags and all.
		if (call.command && call.command->traits & COMMAND_HIDDEN)
			error = take_word(&call, *word, fail);
		else if (strncmp(*word, "--", 2) == 0)
			error = take_long(&call, word, &used, fail);
		else if (is_short_flag(*word))
			error = take_short(&call, word, &used, fail);
		else
			error = take_word(&call, *word, fail);
		if (error < 0)
			return error;
	}
	call.run_dir = path_run_dir(call.run_dir);
	call.state_dir = path_state_dir(call.state_dir);

	if (call.command && !call.help) {
		if (call.rest && !(call.command->traits & (COMMAND_REST | COMMAND_HIDDEN)))
			return fail_set(fail, -EINVAL, "%s takes no words after '--'",
			                call.command->verb);
		error = check_count(&call, fail);
		if (error < 0)
			return error;
	}
	*ret = call;
	return 0;
}

static const struct given_flag *find_given(const struct invocation *call, const char *name)
{
	// The last one wins, as everywhere.
	for (unsigned i = call->flag_count; i > 0; i--)
		if (strcmp(call->flags[i - 1].flag->name, name) == 0)
			return &call->flags[i - 1];
	return NULL;
}

const char *invocation_text(const struct invocation *call, const char *flag)
{
	const struct given_flag *given = find_given(call, flag);

	return given ? given->text : NULL;
}

bool invocation_has(const struct invocation *call, const char *flag)
{
	const struct given_flag *given = find_given(call, flag);

	return given && !given->negated;
}

uint64_t invocation_number(const struct invocation *call, const char *flag, uint64_t fallback)
{
	const struct given_flag *given = find_given(call, flag);
	uint64_t number = fallback;

	if (!given || !given->text)
		return fallback;

	int error = given->flag->kind == VALUE_SECONDS ? value_seconds(given->text, &number)
	                                               : value_number(given->text, &number);

	assert(error == 0);
	return number;
}
