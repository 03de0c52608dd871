// SPDX-License-Identifier: BSD-3-Clause
//
// command: what the user may type, as one table; and what was typed, checked against it.
//
// The parser, the help, the manual page and the shell completion all read the table, so none of
// them can know a word that the others do not. One thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fail;
struct invocation;

enum exit_code {
	EXIT_OK = 0,
	EXIT_ERROR = 1,       // It was tried and did not work.
	EXIT_USAGE = 2,       // It was not understood.
	EXIT_CHANGES = 3,     // A dry run would change something.
	EXIT_TEST = 4,        // A test or a demo line failed.
	EXIT_UNREACHABLE = 5, // The controller does not answer.
};

enum value_kind {
	VALUE_SWITCH, // None: the flag alone says it.
	VALUE_TEXT,
	VALUE_NUMBER,
	VALUE_SECONDS, // "90", "90s", "5m", "1h", "2d"
	VALUE_TIME,    // "300ms", "1.5s": microseconds
	VALUE_NUMBERS, // "10,20,30"
	VALUE_CHOICE,  // One of the words in `choices`.
	VALUE_NAME,    // Name of an object of the noun in `choices`.
	VALUE_FILE,
};

struct flag {
	const char *name;  // Without the dashes; NULL ends an array.
	const char *value; // Placeholder, "PREFIX"; NULL for a switch.
	const char *help;
	enum value_kind kind;
	const char *choices; // Words between spaces, or a noun; see the kind.
	const char *
		field; // Field of the noun's message that it fills; NULL: the command looks itself.
	bool repeats;
};

enum command_traits {
	COMMAND_CHANGES = 1 << 0, // Takes --dry-run, --lab and --confirm.
	COMMAND_ROOT = 1 << 1,    // Works for root only.
	COMMAND_REST = 1 << 2,    // Takes words after `--`.
	COMMAND_HIDDEN = 1 << 3,  // For scripts of ours: not in help, manual and completion.
};

struct command {
	const char *noun; // NULL for the short verbs.
	const char *verb;
	const char *arguments; // As the help shows them: "NAME", "NET OUTSIDE:GUEST:INSIDE".
	unsigned min_arguments, max_arguments;
	const char *complete; // Nouns whose names are offered for the arguments, between spaces.
	const char *summary;
	const char *details;      // A paragraph, or NULL.
	const char *example;      // One line, or NULL.
	const struct flag *flags; // Ended by an empty name; may be NULL.
	unsigned traits;
	int (*run)(const struct invocation *call); // Returns an enum exit_code.
};

// A walk through the table, begun with {0}. NULL: there are no more.
struct command_walk {
	unsigned chapter, row;
};
const struct command *command_next(struct command_walk *walk);

// Flags that every command takes, and those of every command that changes something.
extern const struct flag command_global_flags[];
extern const struct flag command_change_flags[];

// A noun's other spellings; noun and verb resolve to the table's own word, or NULL.
struct command_alias {
	const char *word, *means;
};
extern const struct command_alias command_noun_aliases[], command_verb_aliases[];

struct command_noun {
	const char *name, *summary;
};
extern const struct command_noun command_nouns[]; // Ended by an empty name.

const char *command_noun_of(const char *word);
const struct command *command_find(const char *noun, const char *verb);

// The flag of the name among those that the command takes; NULL if none.
const struct flag *command_flag(const struct command *command, const char *name);

// Calls back for each flag that the command takes, its own first.
void command_each_flag(const struct command *command,
                       void (*visit)(void *user, const struct flag *flag), void *user);

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL };

enum { INVOCATION_ARGUMENTS = 64, INVOCATION_FLAGS = 64 };

struct given_flag {
	const struct flag *flag;
	const char *text; // NULL for a switch or a negation.
	bool negated;     // --no-NAME
};

struct invocation {
	const struct command *command; // NULL when only help was asked for.
	const char *noun;              // As understood; may be set without a command.
	const char *run_dir, *state_dir;
	enum output_format format;
	bool help;
	unsigned argument_count;
	const char *arguments[INVOCATION_ARGUMENTS];
	unsigned flag_count;
	struct given_flag flags[INVOCATION_FLAGS];
	char **rest;     // The words after `--`, ended by NULL; NULL without them.
	char line[1024]; // What was typed, for the history.
};

// Understands the words, or says in the fail which one it does not. Borrows argv. -EINVAL, -E2BIG.
int command_parse(int argc, char **argv, struct invocation *ret, struct fail *fail);

// The value of the flag, or NULL; whether a switch was given.
const char *invocation_text(const struct invocation *call, const char *flag);
bool invocation_has(const struct invocation *call, const char *flag);
// A number or seconds that the parser has checked; the fallback if the flag was not given.
uint64_t invocation_number(const struct invocation *call, const char *flag, uint64_t fallback);
