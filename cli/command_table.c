// SPDX-License-Identifier: BSD-3-Clause
//
// command_table: every word of the command line, with what is said about it: the nouns here, what can be done with
// them in a file for each chapter.
//
// Order is the order of the help.

#include "cli/command_table.h"

#include <stddef.h>

const struct command_alias command_noun_aliases[] = {
	{"ns", "guest"},           {"guests", "guest"},
	{"nets", "net"},           {"network", "net"},
	{"ports", "port"},         {"routes", "route"},
	{"neighbor", "neighbour"}, {"conns", "conn"},
	{"leases", "lease"},       {"forwards", "forward"},
	{"flows", "flow"},         {"routers", "router"},
	{"labs", "lab"},           {"impairment", "impair"},
	{"addresses", "address"},  {NULL, NULL},
};

const struct command_alias command_verb_aliases[] = {
	{"list", "ls"},  {"rm", "delete"},  {"del", "delete"}, {"remove", "delete"},
	{"get", "show"}, {"create", "add"}, {"change", "set"}, {NULL, NULL},
};

const struct command_noun command_nouns[] = {
	{"net", "networks: a subnet, its mode, its services"},
	{"tunnel", "our end of VXLAN, Geneve or GRE to hosts that are not ours"},
	{"peer", "the other ends of a tunnel"},
	{"port", "where a guest or an interface plugs in"},
	{"guest", "network namespaces with an eth0 of ours (or: ns)"},
	{"router", "routers between the nets"},
	{"route", "static routes"},
	{"forward", "ports of the outside handed to a guest"},
	{"lease", "DHCP leases, and reservations of addresses"},
	{"dns", "names served beside those of the guests"},
	{"flow", "rules of your own in the packet path"},
	{"link", "wires between two ports, which carry everything as it is"},
	{"impair", "delay, loss, rate and other troubles of ports and links"},
	{"conn", "connections that are tracked"},
	{"fdb", "MAC addresses and the ports behind which they are"},
	{"neighbour", "IP addresses and their MAC addresses"},
	{"address", "who has which address, where, and how that is known"},
	{"lab", "what was made from one topology file"},
	{"host", "datapaths and how they are"},
	{"worker", "threads that forward packets, and what they did"},
	{NULL, NULL},
};

static const struct command *const chapters[] = {
	instance_commands, net_commands, service_commands, host_commands,
	live_commands,     lab_commands, self_commands,    NULL,
};

const struct command *command_next(struct command_walk *walk)
{
	const struct command *chapter;

	while ((chapter = chapters[walk->chapter])) {
		if (chapter[walk->row].verb)
			return &chapter[walk->row++];
		walk->chapter++;
		walk->row = 0;
	}
	return NULL;
}
