// SPDX-License-Identifier: BSD-3-Clause
//
// flag_table: every flag of every command. A flag that names a field fills it without further code.

#include "cli/flag_table.h"

#include <stddef.h>

const struct flag command_global_flags[] = {
	{"output", "FORMAT", "how results are shown: table, json or jsonl (short: -o)",
         VALUE_CHOICE, "table json jsonl", NULL, false},
	{"run-dir", "DIR", "sockets of the instance (default: WEFT_RUN_DIR, else /run/weft)",
         VALUE_FILE, NULL, NULL, false},
	{"state-dir", "DIR", "lasting state (default: WEFT_STATE_DIR, else /var/lib/weft)",
         VALUE_FILE, NULL, NULL, false},
	{"help", NULL, "what the command does (short: -h)", VALUE_SWITCH, NULL, NULL, false},
	{0},
};

const struct flag command_change_flags[] = {
	{"dry-run", NULL, "check and say what would change, change nothing; exit 3 if it would",
         VALUE_SWITCH, NULL, NULL, false},
	{"lab", "LAB", "the lab it belongs to; weft destroy LAB removes it", VALUE_TEXT, NULL, NULL,
         false},
	{"confirm", "TIME", "undo the change by itself unless weft confirm comes within the time",
         VALUE_SECONDS, NULL, NULL, false},
	{0},
};

const struct flag net_flags[] = {
	{"mode", "MODE", "isolated, nat, routed or external", VALUE_CHOICE,
         "isolated nat routed external", "mode", false},
	{"subnet", "PREFIX", "IPv4 subnet, 10.1.0.0/24", VALUE_TEXT, NULL, "subnet", false},
	{"subnet6", "PREFIX", "IPv6 /64; auto (default) or none", VALUE_TEXT, NULL, "subnet6",
         false},
	{"gateway", "ADDRESS", "our address (default: first of the subnet)", VALUE_TEXT, NULL,
         "gateway", false},
	{"gateway6", "ADDRESS", "our IPv6 address", VALUE_TEXT, NULL, "gateway6", false},
	{"via", "ADDRESS", "external: next hop of the default route", VALUE_TEXT, NULL, "via",
         false},
	{"via6", "ADDRESS", "external: next hop of the IPv6 default route", VALUE_TEXT, NULL,
         "via6", false},
	{"vlan", "VLAN", "1 to 4094 on the shared bridge (default: a bridge of its own)",
         VALUE_NUMBER, NULL, "vlan", false},
	{"dhcp", NULL, "hand out addresses", VALUE_SWITCH, NULL, "dhcp", false},
	{"pool", "FIRST-LAST", "addresses handed out (default: upper half of the subnet)",
         VALUE_TEXT, NULL, "pool", false},
	{"lease", "TIME", "how long a lease lasts", VALUE_SECONDS, NULL, "lease_seconds", false},
	{"dns", "DOMAIN", "serve names of the guests under the domain", VALUE_TEXT, NULL, "dns",
         false},
	{"forwarder", "ADDRESS", "where other names are asked (default: as the host does); none",
         VALUE_TEXT, NULL, "forwarders", true},
	{"router", "ROUTER", "the router that has a leg here (default: gw)", VALUE_NAME, "router",
         "router", false},
	{"mtu", "BYTES", "largest packet", VALUE_NUMBER, NULL, "mtu", false},
	{"ageing", "TIME", "how long an unheard MAC address is kept", VALUE_SECONDS, NULL,
         "ageing_seconds", false},
	{"mac-limit", "COUNT", "most MAC addresses learnt", VALUE_NUMBER, NULL, "mac_limit", false},
	{"unknown", "POLICY", "frames for MACs nobody knows: auto (default), flood or drop",
         VALUE_CHOICE, "auto flood drop", "unknown", false},
	{"snooping", NULL, "send membership reports to routers alone (default)", VALUE_SWITCH, NULL,
         "snooping", false},
	{"host", "HOST", "isolated: where its DHCP and DNS are served", VALUE_NAME, "host", "host",
         false},
	{"vni", "NUMBER", "its number in tunnels, 1 to 16777215", VALUE_NUMBER, NULL, "vni", false},
	{"tunnel", "TUNNEL", "goes to the peers of this tunnel", VALUE_NAME, "tunnel", "tunnel",
         false},
	{0},
};

const struct flag tunnel_flags[] = {
	{"type", "TYPE", "vxlan (default), geneve or gre", VALUE_CHOICE, "vxlan geneve gre", "type",
         false},
	{"host", "HOST", "whose end it is (default: local)", VALUE_NAME, "host", "host", false},
	{"local", "ADDRESS", "an address of the host", VALUE_TEXT, NULL, "local", false},
	{"port", "PORT", "UDP port (default: 4789, geneve 6081)", VALUE_NUMBER, NULL, "port",
         false},
	{"ttl", "NUMBER", "TTL of outer packets (default: 64)", VALUE_NUMBER, NULL, "ttl", false},
	{"dscp", "NUMBER", "DSCP of outer packets (default: that of the inner one)", VALUE_NUMBER,
         NULL, "dscp", false},
	{"checksum-off", NULL, "no outer UDP checksum", VALUE_SWITCH, NULL, "checksum_off", false},
	{"underlay-mtu", "BYTES", "largest outer packet (default: as the kernel knows)",
         VALUE_NUMBER, NULL, "underlay_mtu", false},
	{"option", "CLASS:TYPE:HEX", "geneve: every frame carries it, 0x0102:0x80:aabbccdd",
         VALUE_TEXT, NULL, "options", true},
	{0},
};

const struct flag peer_flags[] = {
	{"tunnel", "TUNNEL", "whose other end it is", VALUE_NAME, "tunnel", "tunnel", false},
	{"remote", "ADDRESS", "the address of its host", VALUE_TEXT, NULL, "remote", false},
	{"learn-off", NULL, "learn no MACs behind it", VALUE_SWITCH, NULL, "learn_off", false},
	{"down", NULL, "administratively down", VALUE_SWITCH, NULL, "down", false},
	{"mac-limit", "COUNT", "most MAC addresses learnt behind it", VALUE_NUMBER, NULL,
         "mac_limit", false},
	{"bfd", "MODE", "watch whether it is there: on (one hop), multihop or off (default)",
         VALUE_CHOICE, "off on multihop", "bfd", false},
	{"bfd-interval", "TIME", "between BFD packets, either way (default: 300ms)", VALUE_TIME,
         NULL, "bfd_interval_us", false},
	{"bfd-multiplier", "COUNT", "so many intervals of silence are down (default: 3)",
         VALUE_NUMBER, NULL, "bfd_multiplier", false},
	{"backup", "ADDRESS", "a second address of it, used while the first is down", VALUE_TEXT,
         NULL, "backup", false},
	{"backup-tunnel", "TUNNEL", "our end for that address (default: the same)", VALUE_NAME,
         "tunnel", "backup_tunnel", false},
	{"bfd-hold", "TIME", "so long the first is up before it is used again (default: 5s)",
         VALUE_TIME, NULL, "bfd_hold_us", false},
	{0},
};

// What ports have in common, whoever makes them.
#define PORT_FLAGS                                                                                   \
	{"trunk", "VLANS", "VLANs carried tagged: 10,20,30", VALUE_NUMBERS, NULL, "trunk", false},   \
		{"native",     "VLAN", "VLAN of untagged frames on a trunk (default: none)",         \
	         VALUE_NUMBER, NULL,   "native",                                                     \
	         false},                                                                             \
		{"mac",      "MAC", "the guest's MAC address (default: made from its name)",         \
	         VALUE_TEXT, NULL,  "mac",                                                           \
	         false},                                                                             \
		{"ip",       "ADDRESS", "its address: reserved for it in DHCP, or static",           \
	         VALUE_TEXT, NULL,      "ip",                                                        \
	         false},                                                                             \
		{"ip6", "ADDRESS", "its static IPv6 address", VALUE_TEXT, NULL, "ip6", false},       \
		{"address",  "PREFIX", "put on the guest's interface, in whatever net: 10.0.0.1/30", \
	         VALUE_TEXT, NULL,     "addresses",                                                  \
	         true},                                                                              \
		{"link", "LINK", "one end of this link, instead of a net", VALUE_NAME, "link",       \
	         "link", false},                                                                     \
		{"end", "END", "which end of the link: a or b", VALUE_CHOICE, "a b", "end", false},  \
		{"ifname", "NAME", "name of the interface", VALUE_TEXT, NULL, "ifname", false},      \
		{"queues",     "COUNT", "queues of the interface; pairs with --vhost",               \
	         VALUE_NUMBER, NULL,    "queues",                                                    \
	         false},                                                                             \
		{"mtu", "BYTES", "largest packet", VALUE_NUMBER, NULL, "mtu", false},                \
		{"mac-limit", "COUNT", "most MAC addresses learnt behind it", VALUE_NUMBER, NULL,    \
	         "mac_limit", false},                                                                \
	{                                                                                            \
		"offload-off", NULL, "no checksum and segmentation offloads", VALUE_SWITCH, NULL,    \
			"offload_off", false                                                         \
	}

#define VHOST_FLAGS                                                                             \
	{"vhost",                                                                               \
	 "PATH",                                                                                \
	 "a virtual machine's vhost-user socket; a name lies in the run directory",             \
	 VALUE_FILE,                                                                            \
	 NULL,                                                                                  \
	 "vhost_path",                                                                          \
	 false},                                                                                \
	{                                                                                       \
		"vhost-server", NULL, "weft listens at the socket (default: the machine does)", \
			VALUE_SWITCH, NULL, "vhost_server", false                               \
	}

const struct flag port_add_flags[] = {
	{"name", "NAME", "the port's name", VALUE_TEXT, NULL, NULL, false},
	{"netdev", "INTERFACE", "an existing interface, by its name", VALUE_TEXT, NULL, NULL,
         false},
	{"netns", "PATH", "network namespace of the interface", VALUE_FILE, NULL, "netns", false},
	{"guest", "GUEST", "whose it is; removed with it", VALUE_NAME, "guest", "guest", false},
	{"host", "HOST", "whose datapath has it (default: local)", VALUE_NAME, "host", "host",
         false},
	VHOST_FLAGS,
	{"pcap-read", "FILE", "replay this capture", VALUE_FILE, NULL, "pcap_read", false},
	{"pcap-write", "FILE", "record to this capture", VALUE_FILE, NULL, "pcap_write", false},
	{"down", NULL, "administratively down", VALUE_SWITCH, NULL, "down", false},
	PORT_FLAGS,
	{0},
};

const struct flag port_set_flags[] = {
	{"net", "NET", "access port of this net", VALUE_NAME, "net", "net", false},
	{"host", "HOST", "whose datapath has it", VALUE_NAME, "host", "host", false},
	{"down", NULL, "administratively down; --no-down: up", VALUE_SWITCH, NULL, "down", false},
	VHOST_FLAGS,
	PORT_FLAGS,
	{0},
};

const struct flag guest_add_flags[] = {
	{"net", "NET", "the net its eth0 is in", VALUE_NAME, "net", "net", false},
	{"host", "HOST", "whose datapath has its eth0 (default: local)", VALUE_NAME, "host", "host",
         false},
	{"static", NULL, "put the address on eth0 instead of leaving it to DHCP", VALUE_SWITCH,
         NULL, "static_ip", false},
	{"hostname", "NAME", "its name in DNS (default: the guest's)", VALUE_TEXT, NULL, "hostname",
         false},
	{"bare", NULL, "a namespace without a port", VALUE_SWITCH, NULL, NULL, false},
	PORT_FLAGS,
	{0},
};

const struct flag guest_set_flags[] = {
	{"static", NULL, "put the address on eth0 ourselves; --no-static: leave it to DHCP",
         VALUE_SWITCH, NULL, "static_ip", false},
	{"hostname", "NAME", "its name in DNS", VALUE_TEXT, NULL, "hostname", false},
	{"host", "HOST", "whose datapath has its eth0; local is this machine's own", VALUE_NAME,
         "host", "host", false},
	{0},
};

const struct flag host_add_flags[] = {
	{"net", "NET", "the net that its namespace is attached to", VALUE_NAME, "net", NULL, false},
	{"ip", "ADDRESS", "its address for other hosts; may have the net's prefix length",
         VALUE_TEXT, NULL, NULL, false},
	{"ip6", "ADDRESS", "its IPv6 address for other hosts", VALUE_TEXT, NULL, NULL, false},
	{"mtu", "BYTES", "largest packet between hosts", VALUE_NUMBER, NULL, NULL, false},
	{"remote", NULL, "it runs elsewhere, and connects by itself", VALUE_SWITCH, NULL, NULL,
         false},
	{"backup", "ADDRESS", "a second address, used while the first is down", VALUE_TEXT, NULL,
         "backup", false},
	{"bfd-off", NULL, "hosts do not watch by BFD whether it is there", VALUE_SWITCH, NULL,
         "bfd_off", false},
	{"bfd-interval", "TIME",
         "between BFD packets to and from other hosts (default: 1s, or 300ms beside a backup)",
         VALUE_TIME, NULL, "bfd_interval_us", false},
	{"bfd-multiplier", "COUNT",
         "so many intervals of silence are down (default: 5, or 3 beside a backup)", VALUE_NUMBER,
         NULL, "bfd_multiplier", false},
	{"comment", "TEXT", "a word about it", VALUE_TEXT, NULL, "comment", false},
	{0},
};

const struct flag host_set_flags[] = {
	{"ip", "ADDRESS", "its address for other hosts", VALUE_TEXT, NULL, "ip", false},
	{"ip6", "ADDRESS", "its IPv6 address for other hosts", VALUE_TEXT, NULL, "ip6", false},
	{"backup", "ADDRESS", "a second address, used while the first is down", VALUE_TEXT, NULL,
         "backup", false},
	{"bfd-off", NULL, "hosts do not watch by BFD whether it is there", VALUE_SWITCH, NULL,
         "bfd_off", false},
	{"bfd-interval", "TIME",
         "between BFD packets to and from other hosts (default: 1s, or 300ms beside a backup)",
         VALUE_TIME, NULL, "bfd_interval_us", false},
	{"bfd-multiplier", "COUNT",
         "so many intervals of silence are down (default: 5, or 3 beside a backup)", VALUE_NUMBER,
         NULL, "bfd_multiplier", false},
	{"comment", "TEXT", "a word about it", VALUE_TEXT, NULL, "comment", false},
	{0},
};

const struct flag router_flags[] = {
	{"comment", "TEXT", "a word about it", VALUE_TEXT, NULL, "comment", false},
	{"host", "HOST", "where it forwards and translates (default: where its nets are)",
         VALUE_NAME, "host", "host", false},
	{0},
};

const struct flag route_flags[] = {
	{"via", "ADDRESS", "next hop", VALUE_TEXT, NULL, "via", false},
	{"blackhole", NULL, "drop what goes there", VALUE_SWITCH, NULL, "blackhole", false},
	{"router", "ROUTER", "whose route it is (default: gw)", VALUE_NAME, "router", "router",
         false},
	{"name", "NAME", "its name (default: the prefix)", VALUE_TEXT, NULL, NULL, false},
	{0},
};

const struct flag forward_flags[] = {
	{"protocol", "PROTOCOL", "tcp (default) or udp", VALUE_CHOICE, "tcp udp", "protocol",
         false},
	{"outside", "ADDRESS", "only this outside address (default: all)", VALUE_TEXT, NULL,
         "outside", false},
	{"name", "NAME", "its name (default: NET-PROTOCOL-PORT)", VALUE_TEXT, NULL, NULL, false},
	{0},
};

const struct flag lease_flags[] = {
	{"net", "NET", "whose addresses", VALUE_NAME, "net", "net", false},
	{"mac", "MAC", "the client's MAC address", VALUE_TEXT, NULL, "mac", false},
	{"ip", "ADDRESS", "the address kept for it", VALUE_TEXT, NULL, "ip", false},
	{"hostname", "NAME", "its name in DNS (default: NAME)", VALUE_TEXT, NULL, "hostname",
         false},
	{0},
};

const struct flag dns_flags[] = {
	{"net", "NET", "in whose domain", VALUE_NAME, "net", "net", false},
	{"ip", "ADDRESS", "the address it stands for", VALUE_TEXT, NULL, "ip", false},
	{"name", "NAME", "name of the entry (default: HOST)", VALUE_TEXT, NULL, NULL, false},
	{0},
};

const struct flag flow_flags[] = {
	{"priority", "NUMBER", "higher wins", VALUE_NUMBER, NULL, "priority", false},
	{"match", "FIELDS", "what it concerns: port=h1,tcp,dport=80", VALUE_TEXT, NULL, "match",
         false},
	{"actions", "ACTIONS", "drop, normal or output=PORT", VALUE_TEXT, NULL, "actions", false},
	{0},
};

#define IMPAIR_FLAGS                                                                               \
	{"timeline", "STEPS", "effects that come and go: \"up 10s; down 2s; loss 30% 5s\"",        \
	 VALUE_TEXT, NULL,    "timeline",                                                          \
	 false},                                                                                   \
		{"once", NULL, "the timeline does not repeat", VALUE_SWITCH, NULL, "once", false}, \
		{"seed",       "NUMBER", "of all that is random (default: made from the name)",    \
	         VALUE_NUMBER, NULL,     "seed",                                                   \
	         false},                                                                           \
	{                                                                                          \
		"hold", "FRAMES", "most frames under way (default: 16384; 2 KB each when used)",   \
			VALUE_NUMBER, NULL, "hold", false                                          \
	}

const struct flag impair_flags[] = {
	{"in", NULL, "what the guest receives", VALUE_SWITCH, NULL, NULL, false},
	{"out", NULL, "what the guest sends (default: both)", VALUE_SWITCH, NULL, NULL, false},
	IMPAIR_FLAGS,
	{0},
};

const struct flag impair_link_flags[] = {
	{"a-to-b", NULL, "what end a sends", VALUE_SWITCH, NULL, NULL, false},
	{"b-to-a", NULL, "what end b sends (default: both)", VALUE_SWITCH, NULL, NULL, false},
	IMPAIR_FLAGS,
	{0},
};

const struct flag link_add_flags[] = {
	{"a", "GUEST[:IFNAME]",
         "one end: a guest, which gets an interface more, or a port in no net", VALUE_TEXT, NULL,
         NULL, false},
	{"b", "GUEST[:IFNAME]", "the other end", VALUE_TEXT, NULL, NULL, false},
	{"a-address", "PREFIX", "put on the interface of end a: 10.0.0.1/30", VALUE_TEXT, NULL,
         NULL, true},
	{"b-address", "PREFIX", "put on the interface of end b", VALUE_TEXT, NULL, NULL, true},
	{"mtu", "BYTES", "largest packet of the interfaces it makes", VALUE_NUMBER, NULL, NULL,
         false},
	{"comment", "TEXT", "a word about it", VALUE_TEXT, NULL, "comment", false},
	{0},
};

const struct flag list_flags[] = {
	{"net", "NET", "only what concerns this net", VALUE_NAME, "net", NULL, false},
	{"limit", "COUNT", "at most so many", VALUE_NUMBER, NULL, NULL, false},
	{0},
};

const struct flag delete_flags[] = {
	{"cascade", NULL, "also what refers to it", VALUE_SWITCH, NULL, NULL, false},
	{0},
};

const struct flag last_flags[] = {
	{"last", "COUNT", "so many, the newest (short: -n; default 20)", VALUE_NUMBER, NULL, NULL,
         false},
	{0},
};

const struct flag event_flags[] = {
	{"last", "COUNT", "so many, the newest (short: -n; default 20)", VALUE_NUMBER, NULL, NULL,
         false},
	{"follow", NULL, "show what happens as it happens (short: -f)", VALUE_SWITCH, NULL, NULL,
         false},
	{0},
};

const struct flag attach_flags[] = {
	{"print", "PROGRAM", "qemu, libvirt, cloud-hypervisor or uml", VALUE_CHOICE,
         "qemu libvirt cloud-hypervisor uml", NULL, false},
	{"queues", "COUNT", "queue pairs of the machine (default: all of the port)", VALUE_NUMBER,
         NULL, NULL, false},
	{"memory", "SIZE", "memory of the machine: 512M, 2G (default: 1G)", VALUE_TEXT, NULL, NULL,
         false},
	{"tcg", NULL, "QEMU without KVM: no MSI-X, with which QEMU 7.2 crashes there", VALUE_SWITCH,
         NULL, NULL, false},
	{0},
};

const struct flag capture_flags[] = {
	{"bpf", "FILTER", "only packets that it matches, in the words of pcap-filter(7)",
         VALUE_TEXT, NULL, NULL, false},
	{"in", NULL, "what comes in by the ports (default: all three)", VALUE_SWITCH, NULL, NULL,
         false},
	{"out", NULL, "what goes out by them", VALUE_SWITCH, NULL, NULL, false},
	{"drops", NULL, "what is dropped there, with the reason", VALUE_SWITCH, NULL, NULL, false},
	{"snap", "BYTES", "so much of each packet at most (default: all)", VALUE_NUMBER, NULL, NULL,
         false},
	{"count", "COUNT", "end after so many packets", VALUE_NUMBER, NULL, NULL, false},
	{"seconds", "TIME", "end after so long", VALUE_SECONDS, NULL, NULL, false},
	{"write", "FILE", "into the file instead of standard output (short: -w)", VALUE_FILE, NULL,
         NULL, false},
	{0},
};

const struct flag graph_flags[] = {
	{"ascii", NULL, "as a tree for the terminal (default)", VALUE_SWITCH, NULL, NULL, false},
	{"dot", NULL, "for Graphviz", VALUE_SWITCH, NULL, NULL, false},
	{"mermaid", NULL, "for Markdown", VALUE_SWITCH, NULL, NULL, false},
	{"svg", NULL, "as a drawing", VALUE_SWITCH, NULL, NULL, false},
	{"rates", "TIME", "with bits a second, measured for so long", VALUE_SECONDS, NULL, NULL,
         false},
	{0},
};

const struct flag top_flags[] = {
	{"interval", "TIME", "between two looks (default 1s)", VALUE_SECONDS, NULL, NULL, false},
	{"count", "COUNT", "end after so many (default: go on)", VALUE_NUMBER, NULL, NULL, false},
	{0},
};

const struct flag test_flags[] = {
	{"tap", NULL, "report as TAP version 13", VALUE_SWITCH, NULL, NULL, false},
	{"junit", "FILE", "report as JUnit into the file as well", VALUE_FILE, NULL, NULL, false},
	{"pcaps", "DIR", "where packets of what failed are kept (default: a new one in TMPDIR)",
         VALUE_FILE, NULL, NULL, false},
	{"parallel", "COUNT", "processes at a time (default 32)", VALUE_NUMBER, NULL, NULL, false},
	{"wait", "TIME", "for an answer (default 2s)", VALUE_SECONDS, NULL, NULL, false},
	{"seed", "NUMBER", "of the numbers in probes, as printed by an earlier run", VALUE_NUMBER,
         NULL, NULL, false},
	{0},
};

const struct flag trace_flags[] = {
	{"source-port", "PORT", "the packet's source port", VALUE_NUMBER, NULL, NULL, false},
	{0},
};

const struct flag up_flags[] = {
	{"listen", "ADDRESS:PORT",
         "let hosts on other machines in there, over TLS; kept for later starts; none forgets it",
         VALUE_TEXT, NULL, NULL, false},
	{"listen-plain", "HOST@ADDRESS:PORT",
         "let that host in without TLS; an address of this machine alone; kept as well", VALUE_TEXT,
         NULL, NULL, false},
	{"fresh", NULL, "move a database that is there aside, and begin empty", VALUE_SWITCH, NULL,
         NULL, false},
	{"wait", "TIME", "how long to wait for the datapath (default 15s)", VALUE_SECONDS, NULL,
         NULL, false},
	{0},
};

const struct flag enrol_flags[] = {
	{"out", "FILE", "where the bundle goes (default: NAME.bundle here; -: standard output)",
         VALUE_FILE, NULL, NULL, false},
	{"valid", "TIME", "how long the certificate holds (default: 365d)", VALUE_SECONDS, NULL,
         NULL, false},
	{"address", "ADDRESS:PORT",
         "where the host finds the controller (default: where it listens)", VALUE_TEXT, NULL, NULL,
         false},
	{0},
};

const struct flag undo_flags[] = {
	{"dry-run", NULL, "say what would change, change nothing; exit 3 if it would", VALUE_SWITCH,
         NULL, NULL, false},
	{0},
};

const struct flag destroy_flags[] = {
	{"dry-run", NULL, "say what would go, remove nothing; exit 3 if anything would",
         VALUE_SWITCH, NULL, NULL, false},
	{"keep-running", NULL, "leave the daemons running though nothing is left", VALUE_SWITCH,
         NULL, NULL, false},
	{0},
};

const struct flag demo_flags[] = {
	{"clean", NULL, "remove the demo instead", VALUE_SWITCH, NULL, NULL, false},
	{"vm", NULL, "the one with two virtual machines of QEMU's, which leaves nothing behind",
         VALUE_SWITCH, NULL, NULL, false},
	{0},
};

const struct flag lab_flags[] = {
	{"lab", "LAB", "call the lab so (default: as the file says)", VALUE_TEXT, NULL, NULL,
         false},
	{0},
};

const struct flag schema_flags[] = {
	{"table", NULL, "the keys with what is said of them, for a person", VALUE_SWITCH, NULL,
         NULL, false},
	{0},
};

const struct flag gc_flags[] = {
	{"yes", NULL, "remove it", VALUE_SWITCH, NULL, NULL, false},
	{0},
};
