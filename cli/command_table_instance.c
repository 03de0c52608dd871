// SPDX-License-Identifier: BSD-3-Clause
//
// command_table_instance: the daemons of an instance, and the program itself.
//
// The help begins with the one and ends with the other, hence two tables.

#include "cli/command_table.h"

#include "cli/commands.h"
#include "cli/flag_table.h"

const struct command instance_commands[] = {
	{
		.verb = "up",
		.arguments = "[FILE]",
		.max_arguments = 1,
		.summary = "start the daemons of the instance, and apply a topology file",
		.details =
			"Starts weft-controller in the background, if it is not running, which "
			"starts and minds weft-datapath, and waits until both work together. The "
			"network that was there before comes back. With a FILE, its lab is then "
			"made what the file says, as weft apply does.",
		.example = "weft up examples/flat-lan.yaml",
		.flags = up_flags,
		.traits = COMMAND_ROOT,
		.run = cmd_up,
	},
	{
		.verb = "down",
		.arguments = "",
		.summary = "stop the daemons; what was configured is kept",
		.run = cmd_down,
	},
	{
		.verb = "status",
		.arguments = "",
		.summary = "how the instance is: daemons, counts, packets, drops",
		.run = cmd_status,
	},
	{0},
};

const struct command self_commands[] = {
	{
		.verb = "demo",
		.arguments = "",
		.summary = "bring up a network with guests and show that it works",
		.flags = demo_flags,
		.traits = COMMAND_ROOT,
		.run = cmd_demo,
	},
	{
		.verb = "doctor",
		.arguments = "",
		.summary = "check what Weft needs of this machine",
		.run = cmd_doctor,
	},
	{
		.verb = "completion",
		.arguments = "SHELL",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "print the completion for bash, zsh or fish",
		.example = "eval \"$(weft completion bash)\"",
		.run = cmd_completion,
	},
	{
		.verb = "help",
		.arguments = "[COMMAND]",
		.max_arguments = 2,
		.summary = "what a command does",
		.run = cmd_help,
	},
	{
		.verb = "version",
		.arguments = "",
		.summary = "print the version",
		.run = cmd_version,
	},
	{
		.verb = "complete-words",
		.arguments = "WORDS...",
		.max_arguments = INVOCATION_ARGUMENTS,
		.traits = COMMAND_HIDDEN,
		.run = cmd_complete,
	},
	{
		.verb = "manual",
		.arguments = "",
		.traits = COMMAND_HIDDEN,
		.run = cmd_manual,
	},
	{0},
};
