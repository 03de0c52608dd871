// SPDX-License-Identifier: BSD-3-Clause
//
// command_table_lab: topology files, and the revisions that they and other changes make.

#include "cli/command_table.h"

#include "cli/commands.h"
#include "cli/flag_table.h"

const struct command lab_commands[] = {
	LS("lab", "list the labs"),
	SHOW("lab"),
	{
		.verb = "plan",
		.arguments = "FILE",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "say what applying a topology file would change; exit 3 if anything",
		.details =
			"Holds the file against what is stored, and what is stored against what was "
			"stored when the file was last applied, so it also tells what was changed by "
			"hand since, and what is not as it is stored.",
		.example = "weft plan lab.yaml",
		.flags = lab_flags,
		.run = cmd_plan,
	},
	{
		.verb = "apply",
		.arguments = "FILE",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "make a lab what its topology file says, in one revision",
		.details =
			"Everything or nothing. What did not change goes on undisturbed; what the "
			"file does not name any more is removed from the lab. The same file, applied "
			"again, changes nothing; with --lab it makes another lab.",
		.example = "weft apply lab.yaml --confirm 60s",
		.traits = COMMAND_CHANGES,
		.run = cmd_apply,
	},
	{
		.verb = "export",
		.arguments = "LAB",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "lab",
		.summary = "print a lab as a topology file that applies to the same",
		.example = "weft export demo > demo.yaml",
		.run = cmd_export,
	},
	{
		.verb = "import",
		.arguments = "FORMAT FILE",
		.min_arguments = 2,
		.max_arguments = 2,
		.summary = "print a file of another program as a topology file",
		.details =
			"FORMAT is containerlab: nodes of kind linux become namespaces, bridges nets, "
			"links links. What has nothing to become is named in comments at the head.",
		.example = "weft import containerlab lab.clab.yml > lab.yaml",
		.run = cmd_import,
	},
	{
		.verb = "gc",
		.arguments = "",
		.summary = "find what is left over and explained by nothing; exit 3 if anything",
		.details =
			"Namespaces, files and sockets that this instance made and that no guest and no "
			"port of the intent explains. Nothing is touched without --yes.",
		.flags = gc_flags,
		.run = cmd_gc,
	},
	{
		.verb = "schema",
		.arguments = "",
		.summary = "print the JSON Schema of topology files, or all their keys",
		.flags = schema_flags,
		.run = cmd_schema,
	},
	{
		.verb = "history",
		.arguments = "",
		.summary = "what was changed, when, and by which command",
		.flags = last_flags,
		.run = cmd_history,
	},
	{
		.verb = "undo",
		.arguments = "[REVISION]",
		.max_arguments = 1,
		.summary = "go back to the revision before the last, or to the one named",
		.details =
			"Said again it goes one further back, and after an undo to REVISION to the one before\n"
			"that. It is a revision of its own: weft undo REVISION comes back from it.",
		.flags = undo_flags,
		.run = cmd_undo,
	},
	{
		.verb = "confirm",
		.arguments = "[REVISION]",
		.max_arguments = 1,
		.summary = "keep a change that was made with --confirm",
		.run = cmd_confirm,
	},
	{
		.verb = "destroy",
		.arguments = "[LAB]",
		.max_arguments = 1,
		.summary = "remove all that belongs to the lab; without one, everything",
		.details =
			"Stops the daemons when nothing is left, and leaves no process, namespace, "
			"interface, socket or rule behind.",
		.flags = destroy_flags,
		.run = cmd_destroy,
	},
	{0},
};
