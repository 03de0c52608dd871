// SPDX-License-Identifier: BSD-3-Clause
//
// command_table: every word of the command line, with what is said about it.
//
// Order is the order of the help.

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/flag_table.h"

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

// The verbs that only look.
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

const struct command command_table[] = {
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
			"bytes for VXLAN over IPv4, 70 over IPv6): give the net that MTU.",
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
		.summary = "change a guest; its eth0 is changed by port set",
		.flags = guest_set_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_set,
	},
	DELETE("guest"),
	LS("guest", "list the guests"),
	SHOW("guest"),
	{
		.noun = "router",
		.verb = "add",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "add a router beside gw, which is always there",
		.flags = router_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_add,
	},
	{
		.noun = "router",
		.verb = "set",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "router",
		.summary = "change a router",
		.flags = router_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_set,
	},
	DELETE("router"),
	LS("router", "list the routers"),
	SHOW("router"),
	{
		.noun = "route",
		.verb = "add",
		.arguments = "PREFIX",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "add a static route",
		.example = "weft route add 10.9.0.0/16 --via 10.1.0.2",
		.flags = route_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_route_add,
	},
	DELETE("route"),
	LS("route", "list the static routes"),
	SHOW("route"),
	{
		.noun = "forward",
		.verb = "add",
		.arguments = "NET OUTSIDE_PORT:GUEST:INSIDE_PORT",
		.min_arguments = 2,
		.max_arguments = 2,
		.complete = "net",
		.summary = "hand a port of the outside addresses to a guest",
		.details = "The guest sees the client's own address.",
		.example = "weft forward add lan 8080:web:80",
		.flags = forward_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_forward_add,
	},
	DELETE("forward"),
	LS("forward", "list the port forwards"),
	SHOW("forward"),
	{
		.noun = "lease",
		.verb = "add",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "reserve an address for a DHCP client that is no guest of ours",
		.example = "weft lease add printer --net lan --mac 02:00:00:00:00:07 --ip 10.1.0.7",
		.flags = lease_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_lease_add,
	},
	DELETE("lease"),
	LS("lease", "list leases and reservations"),
	{
		.noun = "dns",
		.verb = "add",
		.arguments = "HOST",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "serve a name",
		.example = "weft dns add www --net lan --ip 10.1.0.20",
		.flags = dns_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_dns_add,
	},
	DELETE("dns"),
	LS("dns", "list the names served beside those of the guests"),
	{
		.noun = "flow",
		.verb = "add",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.summary = "add a rule that frames meet as they enter a port",
		.example = "weft flow add no-web --match port=h1,tcp,dport=80 --actions drop",
		.flags = flow_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_add,
	},
	{
		.noun = "flow",
		.verb = "set",
		.arguments = "NAME",
		.min_arguments = 1,
		.max_arguments = 1,
		.complete = "flow",
		.summary = "change a rule",
		.flags = flow_flags,
		.traits = COMMAND_CHANGES,
		.run = cmd_object_set,
	},
	DELETE("flow"),
	LS("flow", "list the rules"),
	SHOW("flow"),
	LS("lab", "list the labs"),
	SHOW("lab"),
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
	LS("conn", "list tracked connections"),
	LS("fdb", "list known MAC addresses"),
	LS("neighbour", "list known IP addresses and their MAC addresses"),
	LS("address", "list the addresses of guests and routers, and where they are"),
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
			"bare -> for a redirection into a file. PROTOCOL is tcp, udp or icmp.",
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
