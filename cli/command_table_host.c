// SPDX-License-Identifier: BSD-3-Clause
//
// command_table_host: where it all runs: datapaths on this machine and elsewhere, and their threads.

#include "cli/command_table.h"

#include "cli/commands.h"
#include "cli/flag_table.h"

const struct command host_commands[] = {
	{
		.noun = "host",
		.verb = "add",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "add a host: one more datapath, in a namespace or elsewhere",
		.details =
			"With --net the datapath runs in a namespace of this machine, which is "
			"attached to that net like a guest, under the host's name: weft shell and "
			"weft port go there too. With --remote it runs elsewhere and connects by "
			"itself. The address is the one by which other hosts send to it. Guests and "
			"ports say --host to be there; the host 'local' is always there.",
		.example = "weft host add a --net underlay --ip 192.0.2.1/24",
		.flags = host_add_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_host_add,
	},
	{
		.noun = "host",
		.verb = "set",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "host",
		.summary = "change a host",
		.details =
			"The host 'local' is always there: weft host set local --ip ADDRESS gives "
			"it an address for others to send to.",
		.flags = host_set_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_set,
	},
	{
		.noun = "host",
		.verb = "enrol",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "host",
		.summary = "make the bundle with which a host on another machine comes in",
		.details =
			"The bundle is one file: a certificate for the host, its private key, the "
			"certificate of the instance's authority, and the controller's address. "
			"Whoever can read it is that host. Copy it there, and run weft-datapath "
			"--bundle PATH. To renew a certificate enrol the host again; the older one "
			"holds until its end, unless it is revoked.",
		.example = "weft host enrol b --valid 90d --out b.bundle",
		.flags = enrol_flags,
		.traits = COMMAND_ROOT,
		.run = cmd_host_enrol,
	},
	{
		.noun = "host",
		.verb = "revoke",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "host",
		.summary = "refuse all bundles made for a host so far, and send it away",
		.details = "So does the removal of the host, also if that is undone.",
		.traits = COMMAND_ROOT,
		.run = cmd_host_revoke,
	},
	DELETE("host"),
	LS("host", "list the hosts: datapaths and how they are"),
	SHOW("host"),
	LS("worker", "list the threads that forward: packets, flow cache, cycles"),
	{0},
};
