// SPDX-License-Identifier: BSD-3-Clause
//
// schema_table: every key of a topology file, with what is said about it.
//
// Where the command line has a flag for the same thing, the key bears the flag's name.

#include "cli/schema.h"

enum { PORT_MOST = 65535, VLAN_MOST = 4094, MTU_LEAST = 576, MTU_MOST = 65521 };

#define KEY(word, kind_, field_, help_)                                     \
	{                                                                   \
		.name = word, .kind = kind_, .field = field_, .help = help_ \
	}
#define RANGE(word, field_, least_, most_, help_)                                    \
	{                                                                            \
		.name = word, .kind = SCHEMA_NUMBER, .field = field_, .help = help_, \
		.least = least_, .most = most_                                       \
	}
#define LIST_OF(word, kind_, field_, help_)                                                       \
	{                                                                                         \
		.name = word, .kind = kind_, .shape = SCHEMA_LIST, .field = field_, .help = help_ \
	}

static const struct schema_key impairment_keys[] = {
	KEY("effects", SCHEMA_TEXT, "effects",
            "in the words of weft impair: delay 20ms jitter 5ms normal loss 1% rate 10mbit"),
	KEY("timeline", SCHEMA_TEXT, "timeline",
            "what comes and goes: up 10s; down 2s; loss 30% 5s"),
	KEY("once", SCHEMA_FLAG, "once", "the timeline does not repeat"),
	RANGE("seed", "seed", 0, UINT32_MAX, "of its dice (default: made from its name)"),
	RANGE("hold", "hold", 64, 1 << 20, "frames under way at most"),
	{0},
};

static const struct schema_object impairment = {
	.name = "impairment",
	.help = "What makes a port or a link worse than it is. A mere text is the effects.",
	.keys = impairment_keys,
	.bare = "effects",
	.strange = "write the effects as one text, as impair: delay 5ms loss 1%",
	.example =
		"guests:\n  h1: {net: lan, impair-out: rate 10mbit}\n"
		"links:\n  r1--r2: {impair: {effects: delay 20ms loss 1%, timeline: up 10s; down 2s}}",
};

#define IMPAIR(word, help_)                                                               \
	{                                                                                 \
		.name = word, .kind = SCHEMA_OBJECT, .object = &impairment, .help = help_ \
	}

static const struct schema_key host_keys[] = {
	KEY("net", SCHEMA_NAME, "net",
            "it runs in a namespace of this machine, and reaches the others through this net"),
	KEY("ip", SCHEMA_IP, "ip", "its address there (default: a free one)"),
	KEY("ip6", SCHEMA_IP, "ip6", "its IPv6 address there"),
	RANGE("mtu", "mtu", MTU_LEAST, MTU_MOST, "largest packet of the net between hosts"),
	KEY("backup-net", SCHEMA_NAME, NULL,
            "a second net that it is attached to, and reaches the others through while the first is down"),
	KEY("backup", SCHEMA_IP, NULL, "its address there (default: a free one)"),
	KEY("remote", SCHEMA_FLAG, NULL, "it is another machine, which connects by itself"),
	KEY("comment", SCHEMA_TEXT, "comment", "a word about it"),
	{0},
};

static const struct schema_object host = {
	.name = "host",
	.help = "A datapath of its own. The one beside the controller is local, and need not be named.",
	.keys = host_keys,
	.example =
		"hosts:\n  a: {net: underlay, ip: 192.0.2.1}\n  far: {remote: true, ip: 203.0.113.9}",
};

static const struct schema_key link_keys[] = {
	KEY("a", SCHEMA_TEXT, NULL,
            "GUEST or GUEST:INTERFACE at one end (default: of a link A--B the guest A)"),
	KEY("b", SCHEMA_TEXT, NULL, "at the other end (default: of a link A--B the guest B)"),
	LIST_OF("a-address", SCHEMA_PREFIX, NULL,
                "put on the interface at the end a, with its length"),
	LIST_OF("b-address", SCHEMA_PREFIX, NULL, "put on the interface at the end b"),
	RANGE("mtu", NULL, MTU_LEAST, MTU_MOST, "largest packet, in bytes"),
	IMPAIR("impair", "what is wrong with it, in both directions"),
	IMPAIR("a-to-b", "what is wrong with it in this direction"),
	IMPAIR("b-to-a", "what is wrong with it in the other"),
	KEY("comment", SCHEMA_TEXT, "comment", "a word about it"),
	{0},
};

static const struct schema_object link = {
	.name = "link",
	.help = "A transparent wire between two guests: everything crosses it, LLDP and LACP too.",
	.keys = link_keys,
	.example =
		"links:\n  r1--r2: {a-address: 10.0.0.1/30, b-address: 10.0.0.2/30, impair: delay 5ms}",
};

static const struct schema_key net_keys[] = {
	{.name = "mode",
         .kind = SCHEMA_CHOICE,
         .field = "mode",
         .choices = "isolated nat routed external",
         .help = "isolated (default) is a broadcast domain and no more; nat hides its addresses behind "
                 "the external nets; routed shows its own; external is the outside"},
	KEY("subnet", SCHEMA_PREFIX, "subnet", "IPv4 subnet"),
	{.name = "subnet6",
         .kind = SCHEMA_PREFIX,
         .field = "subnet6",
         .choices = "auto none",
         .help = "IPv6 /64"},
	KEY("gateway", SCHEMA_IP, "gateway", "our address (default: first of the subnet)"),
	KEY("gateway6", SCHEMA_IP, "gateway6", "our IPv6 address"),
	KEY("via", SCHEMA_IP, "via", "external: next hop of the default route"),
	KEY("via6", SCHEMA_IP, "via6", "external: next hop of the IPv6 default route"),
	RANGE("vlan", "vlan", 1, VLAN_MOST,
              "VLAN on the shared bridge (default: a bridge of its own)"),
	KEY("dhcp", SCHEMA_FLAG, "dhcp", "hand out addresses"),
	KEY("pool", SCHEMA_TEXT, "pool",
            "FIRST-LAST, handed out (default: upper half of the subnet)"),
	KEY("lease", SCHEMA_SECONDS, "lease_seconds", "how long a lease lasts"),
	KEY("dns", SCHEMA_TEXT, "dns", "domain under which names of the guests are served"),
	LIST_OF("forwarder", SCHEMA_TEXT, "forwarders",
                "resolvers that other names are asked of (default: the host's); none"),
	KEY("router", SCHEMA_NAME, "router",
            "router that has a leg here (default: gw, of the lab)"),
	RANGE("mtu", "mtu", MTU_LEAST, MTU_MOST, "largest packet, in bytes"),
	KEY("ageing", SCHEMA_SECONDS, "ageing_seconds", "how long an unheard MAC address is kept"),
	RANGE("mac-limit", "mac_limit", 1, UINT32_MAX, "most MAC addresses learnt"),
	{.name = "unknown",
         .kind = SCHEMA_CHOICE,
         .field = "unknown",
         .choices = "auto flood drop",
         .help = "what becomes of frames for MACs that nobody knows (docs/tunnels.md)"},
	KEY("snooping", SCHEMA_FLAG, "snooping",
            "membership reports go to routers alone (default), or to all guests"),
	KEY("host", SCHEMA_NAME, "host", "isolated: where its DHCP and DNS are served"),
	RANGE("vni", "vni", 1, 0xffffff, "its number in tunnels"),
	KEY("tunnel", SCHEMA_NAME, "tunnel", "it goes to all peers of this tunnel as well"),
	{0},
};

static const struct schema_object net = {
	.name = "net",
	.help = "A network: a subnet, its mode, its services.",
	.keys = net_keys,
	.example = "nets:\n  lan: {subnet: 10.1.0.0/24, mode: nat, dhcp: true, dns: lan.test}",
};

static const struct schema_key tunnel_keys[] = {
	{.name = "type",
         .kind = SCHEMA_CHOICE,
         .field = "type",
         .choices = "vxlan geneve gre",
         .help = "vxlan (default), geneve or gre"},
	{.name = "local",
         .kind = SCHEMA_IP,
         .field = "local",
         .help = "an address of its host",
         .required = true},
	RANGE("port", "port", 1, PORT_MOST, "UDP port (default: 4789, geneve 6081)"),
	RANGE("ttl", "ttl", 1, 255, "TTL of the outer packets (default: 64)"),
	RANGE("dscp", "dscp", 0, 63, "DSCP of the outer packets (default: that of the inner)"),
	KEY("checksum-off", SCHEMA_FLAG, "checksum_off", "no outer UDP checksum"),
	KEY("host", SCHEMA_NAME, "host", "whose end it is (default: local)"),
	RANGE("underlay-mtu", "underlay_mtu", MTU_LEAST, 65535, "MTU of the way to its peers"),
	LIST_OF("option", SCHEMA_TEXT, "options",
                "geneve: every frame carries it, as CLASS:TYPE:HEX, 0x0102:0x80:aabbccdd"),
	{0},
};

static const struct schema_object tunnel = {
	.name = "tunnel",
	.help = "Our end of a tunnel to ends that are not ours. Hosts of ours need none.",
	.keys = tunnel_keys,
	.example =
		"tunnels:\n  t1: {local: 192.0.2.1}\npeers:\n  far: {tunnel: t1, remote: 192.0.2.2}\n"
		"nets:\n  lan: {subnet: 10.1.0.0/24, vni: 5001, tunnel: t1, mtu: 1450}",
};

static const struct schema_key peer_keys[] = {
	{.name = "tunnel",
         .kind = SCHEMA_NAME,
         .field = "tunnel",
         .help = "by which it is reached",
         .required = true},
	{.name = "remote",
         .kind = SCHEMA_IP,
         .field = "remote",
         .help = "its address",
         .required = true},
	KEY("learn-off", SCHEMA_FLAG, "learn_off",
            "learn no MAC addresses of what comes from there"),
	KEY("down", SCHEMA_FLAG, "down", "administratively down"),
	RANGE("mac-limit", "mac_limit", 1, UINT32_MAX, "most MAC addresses learnt behind it"),
	{.name = "bfd",
         .kind = SCHEMA_CHOICE,
         .field = "bfd",
         .choices = "off on multihop",
         .help = "whether it is watched: on (one hop away), multihop or off (default)"},
	KEY("bfd-interval", SCHEMA_TIME, "bfd_interval_us",
            "between BFD packets, either way (default: 300ms)"),
	RANGE("bfd-multiplier", "bfd_multiplier", 1, 255,
              "so many intervals of silence are down (default: 3)"),
	KEY("backup", SCHEMA_IP, "backup", "a second address of it, used while the first is down"),
	KEY("backup-tunnel", SCHEMA_NAME, "backup_tunnel",
            "our end for that address (default: the same)"),
	KEY("bfd-hold", SCHEMA_TIME, "bfd_hold_us",
            "so long the first is up before it is used again (default: 5s)"),
	{0},
};

static const struct schema_object peer = {
	.name = "peer",
	.help = "The other end of a tunnel.",
	.keys = peer_keys,
};

static const struct schema_key router_keys[] = {
	KEY("comment", SCHEMA_TEXT, "comment", "a word about it"),
	KEY("host", SCHEMA_NAME, "host", "where it forwards and translates"),
	{.name = "routes",
         .kind = SCHEMA_IP,
         .shape = SCHEMA_NAMED,
         .choices = "blackhole",
         .help = "static routes: prefixes with their next hops, or blackhole"},
	{0},
};

static const struct schema_object router = {
	.name = "router",
	.help = "A router between nets; gw need not be named.",
	.keys = router_keys,
	.example = "routers:\n  r1:\n    routes: {10.9.0.0/16: 10.1.0.2, 10.66.0.0/16: blackhole}",
};

// What a guest's only network card and each of several have in common.
#define NIC_KEYS                                                                                  \
	KEY("net", SCHEMA_NAME, "net", "the net it is in"),                                       \
		{.name = "ip",                                                                    \
	         .kind = SCHEMA_IP,                                                               \
	         .field = "ip",                                                                   \
	         .choices = "auto dhcp none",                                                     \
	         .help = "its IPv4 address; auto (default): a free one, which stays; dhcp: left " \
	                 "to the guest; none"},                                                   \
		KEY("ip6", SCHEMA_IP, "ip6", "its IPv6 address"),                                 \
		KEY("mac", SCHEMA_MAC, "mac", "its MAC address (default: made from its name)"),   \
		{.name = "trunk",                                                                 \
	         .kind = SCHEMA_NUMBER,                                                           \
	         .shape = SCHEMA_LIST,                                                            \
	         .field = "trunk",                                                                \
	         .least = 1,                                                                      \
	         .most = VLAN_MOST,                                                               \
	         .help = "VLANs carried tagged"},                                                 \
		RANGE("native", "native", 1, VLAN_MOST, "VLAN of untagged frames on a trunk"),    \
		RANGE("mtu", "mtu", MTU_LEAST, MTU_MOST, "largest packet, in bytes"),             \
		RANGE("queues", "queues", 1, 64, "queues; pairs of a vm"),                        \
		RANGE("mac-limit", "mac_limit", 1, UINT32_MAX, "most MAC addresses learnt"),      \
		KEY("offload-off", SCHEMA_FLAG, "offload_off",                                    \
	            "no checksum and segmentation offloads"),                                     \
		KEY("down", SCHEMA_FLAG, "down", "administratively down"),                        \
		IMPAIR("impair", "what is wrong with its network, in both directions"),           \
		IMPAIR("impair-in", "what is wrong with what it receives"),                       \
		IMPAIR("impair-out", "what is wrong with what it sends")

static const struct schema_key nic_keys[] = {
	NIC_KEYS,
	KEY("host", SCHEMA_NAME, "host", "whose datapath has it (default: the guest's)"),
	{0},
};

static const struct schema_object nic = {
	.name = "nic",
	.help = "One network card of a guest that has several. A mere name is its net.",
	.keys = nic_keys,
	.bare = "net",
	.example = "guests:\n  r:\n    nics: {eth0: lan, eth1: {net: dmz, ip: 10.2.0.1}}",
};

static const struct schema_key guest_keys[] = {
	{.name = "kind",
         .kind = SCHEMA_CHOICE,
         .choices = "ns vm tap external",
         .help = "ns (default): a network namespace that we make; vm: a virtual machine, by a "
                 "vhost-user socket; tap: an interface that we make on the host; external: one that "
                 "is there already, or captures"},
	NIC_KEYS,
	{.name = "nics",
         .kind = SCHEMA_OBJECT,
         .shape = SCHEMA_NAMED,
         .object = &nic,
         .help = "ns: several network cards, by the names of their interfaces"},
	KEY("host", SCHEMA_NAME, "host", "whose datapath has it (default: local)"),
	KEY("static", SCHEMA_FLAG, "static_ip",
            "ns: we put its addresses on it (default); false: left to a DHCP client in it"),
	KEY("hostname", SCHEMA_TEXT, "hostname", "ns: its name in DNS (default: the guest's)"),
	LIST_OF("run", SCHEMA_TEXT, "run", "ns: shell commands, run in it each time it comes up"),
	KEY("socket", SCHEMA_TEXT, "vhost_path",
            "vm: its socket; a name lies in the run directory (default: LAB.NAME.vu)"),
	KEY("server", SCHEMA_FLAG, "vhost_server", "vm: weft listens at the socket"),
	KEY("interface", SCHEMA_TEXT, "ifname", "external, tap: the interface"),
	KEY("netns", SCHEMA_TEXT, "netns", "external: the path of the interface's namespace"),
	KEY("pcap-read", SCHEMA_TEXT, "pcap_read", "external: a capture that is replayed"),
	KEY("pcap-write", SCHEMA_TEXT, "pcap_write", "external: a capture that is recorded to"),
	{0},
};

static const struct schema_object guest = {
	.name = "guest",
	.help = "Who plugs in. A mere name is the net it is in.",
	.keys = guest_keys,
	.bare = "net",
	.example = "guests:\n  h1: lan\n  h2: {net: lan, ip: 10.1.0.20, run: \"nc -lk -p 7\"}\n"
		   "  web: {kind: vm, net: lan}\n  up: {kind: external, interface: eth1, net: wan}",
};

static const struct schema_key forward_keys[] = {
	KEY("map", SCHEMA_TEXT, NULL, "OUTSIDE_PORT:GUEST:INSIDE_PORT"),
	KEY("net", SCHEMA_NAME, "net", "the guest's net (default: that of its first network card)"),
	{.name = "protocol",
         .kind = SCHEMA_CHOICE,
         .field = "protocol",
         .choices = "tcp udp",
         .help = "tcp (default) or udp"},
	KEY("outside", SCHEMA_IP, "outside", "only this outside address (default: all)"),
	{0},
};

static const struct schema_object forward = {
	.name = "forward",
	.help = "A port of the outside addresses, handed to a guest. A mere text is the map.",
	.keys = forward_keys,
	.bare = "map",
	.example = "forwards:\n  - 8080:web:80\n  - {map: \"5353:ns:53\", protocol: udp}",
};

static const struct schema_key flow_keys[] = {
	RANGE("priority", "priority", 1, 65535, "higher wins (default: 1000)"),
	KEY("match", SCHEMA_TEXT, "match", "what it concerns: port=h1,tcp,dport=80"),
	KEY("actions", SCHEMA_TEXT, "actions", "drop (default), normal or output=GUEST"),
	{0},
};

static const struct schema_object flow = {
	.name = "flow",
	.help = "A rule that frames meet as they enter.",
	.keys = flow_keys,
	.example = "flows:\n  no-web: {match: \"port=h1,tcp,dport=80\", actions: drop}",
};

static const struct schema_key reservation_keys[] = {
	{.name = "net",
         .kind = SCHEMA_NAME,
         .field = "net",
         .help = "whose addresses",
         .required = true},
	{.name = "mac",
         .kind = SCHEMA_MAC,
         .field = "mac",
         .help = "the client's MAC address",
         .required = true},
	KEY("ip", SCHEMA_IP, "ip", "the address kept for it"),
	KEY("hostname", SCHEMA_TEXT, "hostname", "its name in DNS (default: the reservation's)"),
	{0},
};

static const struct schema_object reservation = {
	.name = "reservation",
	.help = "An address kept for a DHCP client that is no guest of ours.",
	.keys = reservation_keys,
	.example = "reservations:\n  printer: {net: lan, mac: 02:00:00:00:00:07, ip: 10.1.0.7}",
};

static const struct schema_key dns_keys[] = {
	{.name = "net",
         .kind = SCHEMA_NAME,
         .field = "net",
         .help = "in whose domain",
         .required = true},
	{.name = "ip", .kind = SCHEMA_IP, .field = "ip", .help = "the address", .required = true},
	{0},
};

static const struct schema_object dns = {
	.name = "dns name",
	.help = "A name served beside those of the guests.",
	.keys = dns_keys,
	.example = "dns:\n  www: {net: lan, ip: 10.1.0.20}",
};

// Which guests a test concerns, and whether it is to succeed.
#define TEST_ENDS                                                                    \
	KEY("name", SCHEMA_TEXT, "name", "what the result is called"),               \
		LIST_OF("from", SCHEMA_NAME, "from", "guests (default: every one)"), \
		LIST_OF("to", SCHEMA_TEXT, "to",                                     \
	                "guests, addresses or names (default: every guest)")

#define EXPECT                                                                    \
	{                                                                         \
		.name = "expect", .kind = SCHEMA_CHOICE, .choices = "ok blocked", \
		.help = "ok (default), or blocked: it must not come through"      \
	}

static const struct schema_key reach_keys[] = {
	TEST_ENDS,
	{.name = "protocol",
         .kind = SCHEMA_CHOICE,
         .field = "protocol",
         .choices = "icmp tcp udp",
         .help = "icmp (default), tcp or udp"},
	RANGE("port", "port", 1, PORT_MOST, "destination port of tcp or udp"),
	EXPECT,
	{0},
};

static const struct schema_key ping_keys[] = {
	TEST_ENDS,
	RANGE("count", "count", 1, 100000, "how many (default: 3)"),
	KEY("interval", SCHEMA_TIME, "interval_us", "time between two"),
	KEY("max-loss", SCHEMA_SHARE, "max_loss_ppm", "most that may be lost (default: 0%)"),
	KEY("max-rtt", SCHEMA_TIME, "max_rtt_us", "longest mean round trip"),
	KEY("max-gap", SCHEMA_TIME, "max_gap_us", "longest time without an answer"),
	EXPECT,
	{0},
};

static const struct schema_key iperf_keys[] = {
	TEST_ENDS,
	KEY("udp", SCHEMA_FLAG, "udp", "datagrams instead of a stream"),
	RANGE("port", "port", 1, PORT_MOST, "port of the server"),
	KEY("duration", SCHEMA_TIME, NULL, "how long"),
	KEY("min-rate", SCHEMA_RATE, "min_bps", "least that must come through"),
	KEY("max-rate", SCHEMA_RATE, "max_bps", "most that may come through"),
	{0},
};

static const struct schema_key name_test_keys[] = {
	KEY("name", SCHEMA_TEXT, "name", "what the result is called"),
	LIST_OF("from", SCHEMA_NAME, "from", "guests (default: every one)"),
	{.name = "query",
         .kind = SCHEMA_TEXT,
         .field = "query",
         .help = "the name asked for",
         .required = true},
	LIST_OF("answer", SCHEMA_IP, "answer", "addresses, all of them, in any order"),
	EXPECT,
	{0},
};

static const struct schema_key http_keys[] = {
	KEY("name", SCHEMA_TEXT, "name", "what the result is called"),
	LIST_OF("from", SCHEMA_NAME, "from", "guests (default: every one)"),
	{.name = "url",
         .kind = SCHEMA_TEXT,
         .field = "url",
         .help = "what is fetched, by http or https",
         .required = true},
	RANGE("status", "status", 100, 599, "status that must come (default: 200)"),
	KEY("body", SCHEMA_TEXT, "body", "text that the answer must contain"),
	KEY("ca", SCHEMA_TEXT, "ca",
            "https: file of the authorities that may have signed (default: those that the system trusts)"),
	KEY("insecure", SCHEMA_FLAG, "insecure", "https: take any certificate"),
	EXPECT,
	{0},
};

static const struct schema_key trace_keys[] = {
	TEST_ENDS,
	{.name = "protocol",
         .kind = SCHEMA_CHOICE,
         .field = "protocol",
         .choices = "icmp tcp udp arp nd",
         .help = "icmp (default), tcp, udp, or who has the address: arp, nd"},
	RANGE("port", "port", 1, PORT_MOST, "destination port of tcp or udp"),
	{.name = "verdict",
         .kind = SCHEMA_CHOICE,
         .field = "verdict",
         .choices = "forwarded dropped answered",
         .help = "what must become of the packet"},
	KEY("rule", SCHEMA_TEXT, "rule",
            "text that a step, or the reason of the drop, must contain"),
	{0},
};

static const struct schema_object watched_test;

static const struct schema_key during_keys[] = {
	KEY("name", SCHEMA_TEXT, "name", "what the result is called"),
	LIST_OF("run", SCHEMA_TEXT, "run", "shell commands, of the host or of the guest"),
	KEY("guest", SCHEMA_NAME, "guest", "in whose namespace they run (default: the host's)"),
	KEY("duration", SCHEMA_TIME, NULL, "how long is watched"),
	{.name = "tests",
         .kind = SCHEMA_OBJECT,
         .shape = SCHEMA_LIST,
         .object = &watched_test,
         .help = "what must hold meanwhile",
         .required = true},
	{0},
};

static const struct schema_object reach = {
	.name = "reach test",
	.keys = reach_keys,
	.help = "Whether a packet comes through and an answer back. Without from and to: every guest to every other.",
	.example =
		"tests:\n  - reach: {from: h1, to: h2, protocol: tcp, port: 80, expect: blocked}"};
static const struct schema_object ping = {
	.name = "ping test",
	.keys = ping_keys,
	.help = "Pings: loss, round trip, longest gap.",
	.example =
		"tests:\n  - ping: {from: h1, to: h2, count: 20, interval: 100ms, max-rtt: 5ms}"};
static const struct schema_object iperf = {
	.name = "iperf test",
	.keys = iperf_keys,
	.help = "How much comes through.",
	.example =
		"tests:\n  - iperf: {from: h1, to: h2, duration: 2s, min-rate: 8mbit, max-rate: 11mbit}"};
static const struct schema_object name_test = {
	.name = "dns test",
	.keys = name_test_keys,
	.help = "What a name resolves to.",
	.example = "tests:\n  - dns: {from: h1, query: h2.lan.test, answer: 10.1.0.20}"};
static const struct schema_object http = {
	.name = "http test",
	.keys = http_keys,
	.help = "What a web server answers.",
	.example = "tests:\n  - http: {from: h1, url: \"http://web.lan.test/\", body: hello}\n"
		   "  - http: {from: h1, url: \"https://web.lan.test/\", ca: ca.pem, status: 404}"};
static const struct schema_object trace = {
	.name = "trace test",
	.keys = trace_keys,
	.help = "What would become of a packet that is not sent.",
	.example =
		"tests:\n  - trace: {from: h1, to: h2, protocol: tcp, port: 22, verdict: forwarded}"};
static const struct schema_object during = {
	.name = "during test",
	.keys = during_keys,
	.help = "Tests that hold while something is done.",
	.example =
		"tests:\n  - during: {run: \"weft port set l.h3 --down\", tests: [ping: {from: h1, to: h2}]}"};

#define TEST(word, object_)                                              \
	{                                                                \
		.name = word, .kind = SCHEMA_OBJECT, .object = &object_, \
		.help = "see " word " test"                              \
	}

static const struct schema_key watched_keys[] = {
	TEST("reach", reach),
	TEST("ping", ping),
	TEST("iperf", iperf),
	TEST("dns", name_test),
	TEST("http", http),
	TEST("trace", trace),
	{0},
};

static const struct schema_object watched_test = {
	.name = "watched test",
	.help = "One test, by its kind.",
	.keys = watched_keys,
	.single = true,
};

static const struct schema_key test_keys[] = {
	TEST("reach", reach), TEST("ping", ping),   TEST("iperf", iperf),   TEST("dns", name_test),
	TEST("http", http),   TEST("trace", trace), TEST("during", during), {0},
};

static const struct schema_object test = {
	.name = "test",
	.help = "What is expected of the lab: one test, by its kind.",
	.keys = test_keys,
	.single = true,
};

#define NAMED(word, object_, help_)                                                             \
	{                                                                                       \
		.name = word, .kind = SCHEMA_OBJECT, .shape = SCHEMA_NAMED, .object = &object_, \
		.help = help_                                                                   \
	}
#define LISTED(word, object_, help_)                                                           \
	{                                                                                      \
		.name = word, .kind = SCHEMA_OBJECT, .shape = SCHEMA_LIST, .object = &object_, \
		.help = help_                                                                  \
	}

static const struct schema_key topology_keys[] = {
	KEY("lab", SCHEMA_NAME, NULL, "the lab's name (default: the file's, without its suffix)"),
	KEY("description", SCHEMA_TEXT, "description", "a sentence about it"),
	LIST_OF("include", SCHEMA_TEXT, NULL, "files that are part of it, relative to this one"),
	NAMED("hosts", host, "datapaths beside the local one"),
	NAMED("nets", net, "networks"),
	NAMED("tunnels", tunnel, "ends of tunnels to what is not ours"),
	NAMED("peers", peer, "the other ends"),
	NAMED("routers", router, "routers beside gw, and routes"),
	NAMED("guests", guest, "who plugs in"),
	NAMED("links", link, "wires between guests"),
	LISTED("forwards", forward, "ports of the outside handed to guests"),
	NAMED("flows", flow, "rules of your own in the packet path"),
	NAMED("reservations", reservation, "addresses kept for DHCP clients"),
	NAMED("dns", dns, "names served beside those of the guests"),
	LISTED("tests", test, "what is expected of the lab"),
	{0},
};

const struct schema_object schema_topology = {
	.name = "topology",
	.help = "A whole lab. Its names are its own: another lab may use the same.",
	.keys = topology_keys,
};
