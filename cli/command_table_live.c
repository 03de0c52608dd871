// SPDX-License-Identifier: BSD-3-Clause
//
// command_table_live: what goes on: tables that the datapaths have learnt, packets, events, and a way in.

#include "cli/command_table.h"

#include "cli/commands.h"
#include "cli/flag_table.h"

const struct command live_commands[] = {
	LS("conn", "list tracked connections"),
	LS("fdb", "list known MAC addresses"),
	LS("neighbour", "list known IP addresses and their MAC addresses"),
	LS("address", "list the addresses of guests and routers, and where they are"),
	{
		.verb = "drops",
		.arguments = "[PORT]",
		.max_arguments = 1,
		.complete = "port",
		.summary = "what was dropped lately, where, and why",
		.example = "weft drops h2 --last 5",
		.flags = last_flags,
		.run = cmd_drops,
	},
	{
		.verb = "trace",
		.arguments = "FROM to TARGET [PROTOCOL[/PORT]]",
		.min_arguments = 2,
		.max_arguments = 4,
		.complete = "guest port",
		.summary = "why a packet goes where it goes, without sending one",
		.details =
			"FROM is a guest or a port; TARGET is a guest, a port, an address or a "
			"name. Between them stands 'to', nothing, or a quoted '->': the shell takes a "
			"bare -> for a redirection into a file. PROTOCOL is tcp, udp or icmp; with arp "
			"or nd it is asked who has the address of TARGET, in IPv4 or IPv6.",
		.example = "weft trace h1 to 198.51.100.1 tcp/80",
		.flags = trace_flags,
		.run = cmd_trace,
	},
	{
		.verb = "capture",
		.arguments = "[PORT...]",
		.max_arguments = INVOCATION_ARGUMENTS,
		.complete = "guest port",
		.summary = "copy the packets of ports, or of all, into a pcapng stream",
		.details =
			"Each packet has its port, its direction and nanoseconds, and, where it was "
			"dropped, the reason as a comment; one that was dropped is seen twice, as it came "
			"and as it ended. Super-packets and checksums that are still to be made are shown "
			"as they are, and flagged. Guests never wait for a capture: what it cannot follow "
			"is counted, and told at the end.",
		.example = "weft capture h1 --bpf 'tcp port 80' | wireshark -k -i -",
		.flags = capture_flags,
		.run = cmd_capture,
	},
	{
		.verb = "top",
		.arguments = "",
		.summary = "which ports are busy: rates, the highest first, again and again",
		.example = "weft top --interval 2s",
		.flags = top_flags,
		.run = cmd_top,
	},
	{
		.verb = "graph",
		.arguments = "[LAB]",
		.max_arguments = 1,
		.summary = "draw the network, or a lab: routers, nets, guests, ports and wires",
		.example = "weft graph --svg --rates 1s > net.svg",
		.flags = graph_flags,
		.run = cmd_graph,
	},
	{
		.verb = "test",
		.arguments = "[LAB|FILE]",
		.max_arguments = 1,
		.summary =
			"do the tests of a lab; without a lab, whether all guests reach each other",
		.details =
			"Probes of its own run inside the guests, so nothing has to be installed there. "
			"Where they are refused by the target, packets do come through: only silence is a "
			"block. What failed is tried once more with a capture beside it. Exits with 4 if "
			"anything failed; the last line is 'N passed, N failed'.",
		.example = "weft test lab1 --junit report.xml --pcaps failed",
		.flags = test_flags,
		.traits = COMMAND_ROOT,
		.run = cmd_test,
	},
	{
		.verb = "events",
		.arguments = "",
		.summary = "what happened: links, leases, moves, limits",
		.flags = event_flags,
		.run = cmd_events,
	},
	{
		.verb = "attach",
		.arguments = "PORT",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "port",
		.summary = "print what a virtual machine needs to plug into a vhost port",
		.details =
			"For QEMU, Cloud Hypervisor and User-Mode Linux these are arguments, to be "
			"pasted behind the program's name or put there by $(weft attach ...); for "
			"libvirt, parts of the domain's XML. They hold the port's socket, MAC address, "
			"MTU and queues, and give the machine memory that can be shared, without "
			"which nothing goes.\n\nlibvirt runs QEMU as a user of its own, who cannot "
			"make a socket in the run directory: give the port --vhost-server, and the "
			"socket is open to that user's group (libvirt-qemu or qemu).",
		.example = "weft attach web --print qemu --memory 2G --queues 2",
		.flags = attach_flags,
		.run = cmd_attach,
	},
	{
		.verb = "shell",
		.arguments = "GUEST [-- COMMAND...]",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "guest",
		.summary = "run a command, or a shell, inside a guest",
		.details =
			"The command sees the guest's interfaces, its /sys and its resolv.conf, and "
			"the host's files for the rest. Exits as the command does.",
		.example = "weft shell h1 -- ping -c 1 h2.lan.test",
		.traits = COMMAND_ROOT | COMMAND_REST,
		.run = cmd_shell,
	},
	{0},
};
