// SPDX-License-Identifier: BSD-3-Clause
//
// command_table_net: what is plugged together: nets, ports, guests, tunnels and wires, and what is wrong with them.

#include "cli/command_table.h"

#include "cli/commands.h"
#include "cli/flag_table.h"

const struct command net_commands[] = {
	{
		.noun = "net",
		.verb = "add",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "add a network",
		.details = "Modes: isolated is a broadcast domain and no more; nat hides its "
			   "addresses behind those of the external nets; routed shows its own; "
			   "external is the outside, reached by an uplink port.",
		.example = "weft net add lan --subnet 10.1.0.0/24 --mode nat --dhcp --dns lan.test",
		.flags = net_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_add,
	},
	{
		.noun = "net",
		.verb = "set",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "net",
		.summary = "change a network; --no-FLAG takes a setting back",
		.example = "weft net set lan --pool 10.1.0.100-10.1.0.199",
		.flags = net_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_set,
	},
	DELETE("net"),
	LS("net", "list the networks"),
	SHOW("net"),
	{
		.noun = "port",
		.verb = "add",
		.arguments = "[NET] --name NAME",
		.max_arguments = 1,
		.complete = "net",
		.summary = "add a port to a network, or a trunk",
		.details =
			"Without --vhost, --netdev and --pcap-* the port is a TAP that we make. On a "
			"port with --netdev all that the interface receives is ours; give it no "
			"address. With --vhost a virtual machine plugs in through shared memory: it "
			"listens at the socket and we connect, as often as it comes back; with "
			"--vhost-server we listen. A PATH without a slash lies in the run directory; "
			"weft attach tells what the machine needs. The switch has no right to pass over "
			"permissions: a machine of another user lets root write to its socket, or is let "
			"in by a directory for our sockets that hands its group on (chgrp kvm DIR; "
			"chmod 2750 DIR), which the machine's user must be in.",
		.example = "weft port add lan --name web --vhost web.vu",
		.flags = port_add_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_port_add,
	},
	{
		.noun = "port",
		.verb = "set",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "port",
		.summary = "change a port; --no-FLAG takes a setting back",
		.example = "weft port set up1 --trunk 10,20,30 --native 10",
		.flags = port_set_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_set,
	},
	DELETE("port"),
	LS("port", "list the ports with their counters"),
	SHOW("port"),
	{
		.noun = "tunnel",
		.verb = "add",
		.arguments = "NAME --local ADDRESS",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "open an end of tunnels to hosts that are not ours",
		.details =
			"ADDRESS is one of this host. Peers are added with weft peer add, and a net goes "
			"to all of them once it has a number: weft net set NET --tunnel NAME --vni "
			"NUMBER. The inner MTU is that of the way to the peer less the outer headers (50 "
			"bytes for VXLAN over IPv4, 70 over IPv6): give the net that MTU.\n\n"
			"Each --option is put on every frame of a geneve tunnel, in the order given: CLASS 0 "
			"to 0xffff, TYPE 0 to 0xff (critical from 0x80), HEX 0 to 124 bytes in multiples of "
			"four, 252 in all, with 4 for each option. A critical one that comes is taken if its "
			"class and type are among them.",
		.example = "weft tunnel add t1 --type vxlan --local 192.0.2.1",
		.flags = tunnel_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_add,
	},
	{
		.noun = "tunnel",
		.verb = "set",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "tunnel",
		.summary = "change a tunnel that has no peers",
		.flags = tunnel_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_set,
	},
	DELETE("tunnel"),
	LS("tunnel", "list the tunnels, and what was refused at their door"),
	SHOW("tunnel"),
	{
		.noun = "peer",
		.verb = "add",
		.arguments = "NAME --tunnel TUNNEL --remote ADDRESS",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "add another end of a tunnel",
		.example = "weft peer add rack2 --tunnel t1 --remote 192.0.2.2",
		.flags = peer_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_add,
	},
	{
		.noun = "peer",
		.verb = "set",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "peer",
		.summary = "change a peer; --no-FLAG takes a setting back",
		.flags = peer_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_set,
	},
	DELETE("peer"),
	LS("peer", "list the peers with their counters"),
	SHOW("peer"),
	{
		.noun = "guest",
		.verb = "add",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "add a network namespace with an eth0 of ours",
		.example = "weft ns add h1 --net lan --ip 10.1.0.10",
		.flags = guest_add_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_guest_add,
	},
	{
		.noun = "guest",
		.verb = "set",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "guest",
		.summary =
			"change a guest, or give it to another host; else its eth0 is changed by port set",
		.flags = guest_set_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_guest_set,
	},
	DELETE("guest"),
	LS("guest", "list the guests"),
	SHOW("guest"),
	{
		.noun = "link",
		.verb = "add",
		.arguments = "NAME [--a END] [--b END]",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "add a wire between two ports, which carries everything as it is",
		.details =
			"An END is a guest, which gets an interface more (named so, or ethN), or a port "
			"that is there. An end can also be given later, by port add --link NAME --end a. "
			"Nothing is learnt, flooded or answered: LLDP, LACP, STP, "
			"802.1X and frames with any tags cross.",
		.example = "weft link add l1 --a h1 --b h2 --a-address 10.0.0.1/30 --b-address "
			   "10.0.0.2/30",
		.flags = link_add_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_link_add,
	},
	{
		.noun = "link",
		.verb = "delete",
		.arguments = "NAME...",
		.min_arguments = 1,
		.max_arguments = INVOCATION_ARGUMENTS,
		.complete = "link",
		.summary = "remove links, their impairments and the interfaces at their ends",
		.traits = COMMAND_CHANGES,
		.run = cmd_link_delete,
	},
	LS("link", "list the links"),
	SHOW("link"),
	{
		.noun = "impair",
		.verb = "port",
		.arguments = "PORT EFFECTS...",
		.min_arguments = 1,
		.max_arguments = INVOCATION_ARGUMENTS,
		.complete = "port guest",
		.summary = "make a port worse than it is; replaces what was said of it before",
		.details =
			"EFFECTS: delay TIME; jitter TIME [uniform|normal|pareto], with ordered to keep "
			"the order; loss CHANCE; burst ENTER LEAVE [LOSS] for losses in a row "
			"(Gilbert-Elliott); duplicate, corrupt and reorder CHANCE; rate RATE with queue "
			"SIZE and overhead BYTES; down. Times are in us, ms or s, chances in %, rates in "
			"kbit, mbit or gbit, sizes in packets or KB. --in and --out are the guest's "
			"view; without them both directions are impaired. Frames that are under way "
			"stay so when the effects change.",
		.example = "weft impair port web --out delay 20ms jitter 5ms normal loss 1% rate "
			   "10mbit",
		.flags = impair_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_impair_port,
	},
	{
		.noun = "impair",
		.verb = "link",
		.arguments = "LINK EFFECTS...",
		.min_arguments = 1,
		.max_arguments = INVOCATION_ARGUMENTS,
		.complete = "link",
		.summary = "make a link worse than it is; replaces what was said of it before",
		.details =
			"EFFECTS as of impair port. Without --a-to-b and --b-to-a both directions are "
			"impaired.",
		.example = "weft impair link l1 --a-to-b delay 20ms loss 1%",
		.flags = impair_link_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_impair_link,
	},
	{
		.noun = "impair",
		.verb = "clear",
		.arguments = "NAME...",
		.min_arguments = 1,
		.max_arguments = INVOCATION_ARGUMENTS,
		.complete = "impair port",
		.summary = "end impairments, by their names or by that of the port",
		.example = "weft impair clear web",
		.traits = COMMAND_CHANGES,
		.run = cmd_impair_clear,
	},
	LS("impair", "list the impairments with their counters"),
	{
		.noun = "impair",
		.verb = "show",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "impair port link",
		.summary =
			"show all of an impairment, or of all of a port or link, with histograms",
		.run = cmd_impair_show,
	},
	{0},
};
