// SPDX-License-Identifier: BSD-3-Clause
//
// command_table: the chapters that the table of commands consists of, and rows that recur in them. Constant.
//
// Each chapter is in the order of the help, and ends with an empty verb.

#pragma once

#include "cli/command.h"

extern const struct command instance_commands[], net_commands[], service_commands[],
	host_commands[], live_commands[], lab_commands[], self_commands[];

// The verbs that nouns have alike: what they do follows from the noun. Their users include cli/commands.h and
// cli/flag_table.h.
#define LS(name, words)                                                                        \
	{                                                                                      \
		.noun = name, .verb = "ls", .arguments = "[NAME]", .max_arguments = 1,         \
		.complete = name, .summary = words, .flags = list_flags, .run = cmd_object_ls, \
	}
#define SHOW(name)                                                                         \
	{                                                                                  \
		.noun = name, .verb = "show", .arguments = "NAME", .min_arguments = 1,     \
		.max_arguments = 1, .complete = name, .summary = "show everything of one", \
		.run = cmd_object_show,                                                    \
	}
#define DELETE(name)                                                                        \
	{                                                                                   \
		.noun = name, .verb = "delete", .arguments = "NAME...", .min_arguments = 1, \
		.max_arguments = INVOCATION_ARGUMENTS, .complete = name,                    \
		.summary = "remove, all named or none", .flags = delete_flags,              \
		.traits = COMMAND_CHANGES, .run = cmd_object_delete,                        \
	}
