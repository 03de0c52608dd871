// SPDX-License-Identifier: BSD-3-Clause
//
// test_topology: what a file becomes, and where a wrong one is wrong.

#include "base/fail.h"
#include "cli/topology.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_text(const char *text, struct topology *topology)
{
	struct fail fail = {0};

	if (topology_parse("t.yaml", text, strlen(text), topology, &fail) < 0)
		fail_msg("%s", fail.what);
}

static const Weft__Intent *find(const struct topology *topology, Weft__Intent__BodyCase body,
                                const char *name)
{
	for (size_t i = 0; i < topology->object_count; i++)
		if (topology->objects[i]->body_case == body &&
		    strcmp(topology->objects[i]->name, name) == 0)
			return topology->objects[i];
	fail_msg("no '%s' of kind %d", name, body);
	return NULL;
}

static const Weft__PortIntent *port_of(const struct topology *topology, const char *name)
{
	return find(topology, WEFT__INTENT__BODY_PORT, name)->port;
}

static void test_guests(void **state)
{
	struct topology topology;

	read_text(
		"lab: l\n"
		"nets: {lan: {subnet: 10.1.0.0/24, mode: nat, dhcp: yes, lease: 1h, forwarder: none}}\n"
		"guests:\n"
		"  h1: lan\n"
		"  h2: {net: lan, ip: 10.1.0.20, mac: 02:00:00:00:00:01, run: [a, 'b, c']}\n"
		"  h3: {net: lan, ip: dhcp}\n"
		"  r: {nics: {eth0: lan, eth1: {net: lan, ip: none}}}\n"
		"  web: {kind: vm, net: lan}\n"
		"  up: {kind: external, interface: eth9, net: lan}\n"
		"  tap0: {kind: tap, trunk: [10, 20], native: 10}\n"
		"  alone: {}\n",
		&topology);
	assert_string_equal(topology.lab, "l");

	const Weft__Net *net = find(&topology, WEFT__INTENT__BODY_NET, "lan")->net;

	assert_int_equal(net->mode, WEFT__NET_MODE__NET_NAT);
	assert_true(net->dhcp);
	assert_int_equal(net->lease_seconds, 3600);
	assert_string_equal(net->forwarders[0], "none");
	assert_string_equal(port_of(&topology, "h1")->ip, "auto");
	assert_string_equal(port_of(&topology, "h1")->guest, "h1");
	assert_true(find(&topology, WEFT__INTENT__BODY_GUEST, "h1")->guest->static_ip);
	assert_string_equal(port_of(&topology, "h2")->mac, "02:00:00:00:00:01");
	assert_string_equal(port_of(&topology, "h2")->ip, "10.1.0.20");

	const Weft__Guest *guest = find(&topology, WEFT__INTENT__BODY_GUEST, "h2")->guest;

	assert_int_equal(guest->n_run, 2);
	assert_string_equal(guest->run[1], "b, c");
	assert_null(port_of(&topology, "h3")->ip);
	assert_false(find(&topology, WEFT__INTENT__BODY_GUEST, "h3")->guest->static_ip);
	assert_string_equal(port_of(&topology, "r")->ifname, "eth0");
	assert_string_equal(port_of(&topology, "r-eth1")->ifname, "eth1");
	assert_null(port_of(&topology, "r-eth1")->ip);
	assert_int_equal(port_of(&topology, "web")->attach, WEFT__ATTACH_KIND__ATTACH_VHOST);
	assert_string_equal(port_of(&topology, "web")->vhost_path, "l.web.vu");
	assert_null(port_of(&topology, "web")->ip);
	assert_int_equal(port_of(&topology, "up")->attach, WEFT__ATTACH_KIND__ATTACH_NETDEV);
	assert_string_equal(port_of(&topology, "up")->ifname, "eth9");
	assert_int_equal(port_of(&topology, "tap0")->n_trunk, 2);
	assert_int_equal(port_of(&topology, "tap0")->trunk[1], 20);
	find(&topology, WEFT__INTENT__BODY_GUEST, "alone");
	topology_fini(&topology);
}

static void test_rest(void **state)
{
	struct topology topology;

	read_text("forwards:\n"
	          "  - 8080:web:80\n"
	          "  - {map: \"53:10.1.0.9:53\", net: lan, protocol: udp}\n"
	          "routers: {r1: {routes: {10.9.0.0/16: 10.1.0.2, 10.66.0.0/16: blackhole}}}\n"
	          "guests: {web: lan}\n"
	          "nets: {lan: {}}\n"
	          "flows: {f: {match: \"port=web,tcp\", priority: 5}}\n"
	          "reservations: {p: {net: lan, mac: 02:00:00:00:00:07}}\n"
	          "dns: {www: {net: lan, ip: 10.1.0.2}}\n",
	          &topology);
	// Without a name of its own the lab is called as the file is.
	assert_string_equal(topology.lab, "t");

	const Weft__Forward *forward =
		find(&topology, WEFT__INTENT__BODY_FORWARD, "tcp-8080")->forward;

	assert_string_equal(forward->net, "lan");
	assert_string_equal(forward->guest, "web");
	assert_int_equal(forward->outside_port, 8080);
	assert_string_equal(find(&topology, WEFT__INTENT__BODY_FORWARD, "udp-53")->forward->inside,
	                    "10.1.0.9");
	assert_string_equal(find(&topology, WEFT__INTENT__BODY_ROUTE, "r1-10.9.0.0-16")->route->via,
	                    "10.1.0.2");
	assert_true(find(&topology, WEFT__INTENT__BODY_ROUTE, "r1-10.66.0.0-16")->route->blackhole);
	assert_int_equal(find(&topology, WEFT__INTENT__BODY_FLOW, "f")->flow->priority, 5);
	assert_string_equal(
		find(&topology, WEFT__INTENT__BODY_RESERVATION, "p")->reservation->hostname, "p");
	assert_string_equal(find(&topology, WEFT__INTENT__BODY_DNS, "www")->dns->host, "www");
	topology_fini(&topology);
}

static const char *net_of(const struct topology *topology, const char *forward)
{
	return find(topology, WEFT__INTENT__BODY_FORWARD, forward)->forward->net;
}

static void test_forwards_of_one_port(void **state)
{
	struct fail fail = {.what = "forward/l.tcp-80-m: nothing"};
	struct topology topology;

	read_text("lab: l\n"
	          "routers: {r1: {}, r2: {}}\n"
	          "nets: {n: {router: r1}, m: {router: r2}, o: {router: r1}}\n"
	          "guests: {a: n, b: m, c: o}\n"
	          "forwards:\n"
	          "  - 80:a:80\n"
	          "  - 80:b:81\n"
	          "  - {map: \"80:c:80\", outside: 192.0.2.1}\n"
	          "  - {map: \"80:b:83\", outside: 192.0.2.9}\n"
	          "  - {map: \"80:b:80\", protocol: udp}\n",
	          &topology);
	assert_string_equal(net_of(&topology, "tcp-80"), "n");
	assert_string_equal(net_of(&topology, "tcp-80-m"), "m");
	assert_string_equal(net_of(&topology, "tcp-80-o"), "o");
	assert_string_equal(net_of(&topology, "tcp-80-m-192.0.2.9"), "m");
	assert_string_equal(net_of(&topology, "udp-80"), "m");
	assert_ptr_equal(topology_find(&topology, WEFT__INTENT__BODY_FORWARD, "tcp-80-m"),
	                 find(&topology, WEFT__INTENT__BODY_FORWARD, "tcp-80-m"));
	topology_locate(&topology, "forward/l.tcp-80-m", NULL, &fail);
	assert_string_equal(fail.what, "t.yaml:7:5: forward/tcp-80-m: nothing");
	topology_fini(&topology);
}

static void test_links(void **state)
{
	struct topology topology;

	read_text(
		"lab: l\n"
		"hosts: {a: {net: under, ip: 192.0.2.1}, far: {remote: true, ip: 203.0.113.9}}\n"
		"links:\n"
		"  r1--r2: {a-address: 10.0.0.1/30, impair: delay 5ms, b-to-a: {timeline: up 1s; down 1s}}\n"
		"  w: {a: \"r2:wan\", b: vm}\n"
		"guests:\n"
		"  r1: {net: lan, host: a, impair-out: rate 1mbit}\n"
		"  r2: {}\n"
		"  vm: {kind: vm}\n"
		"nets: {lan: {}, under: {subnet: 192.0.2.0/24}}\n",
		&topology);

	const Weft__PortIntent *a = port_of(&topology, "r1.r1--r2");

	assert_string_equal(a->ifname, "eth1");
	assert_string_equal(a->guest, "r1");
	assert_string_equal(a->link, "r1--r2");
	assert_string_equal(a->end, "a");
	assert_string_equal(a->addresses[0], "10.0.0.1/30");
	assert_null(a->ip);
	assert_string_equal(port_of(&topology, "r2.r1--r2")->ifname, "eth0");
	assert_string_equal(port_of(&topology, "r2.w")->ifname, "wan");
	assert_string_equal(port_of(&topology, "vm")->link, "w");
	assert_string_equal(port_of(&topology, "vm")->end, "b");
	assert_string_equal(
		find(&topology, WEFT__INTENT__BODY_IMPAIR, "r1--r2:a-to-b")->impair->effects,
		"delay 5ms");
	assert_string_equal(
		find(&topology, WEFT__INTENT__BODY_IMPAIR, "r1--r2:b-to-a")->impair->timeline,
		"up 1s; down 1s");
	assert_string_equal(find(&topology, WEFT__INTENT__BODY_IMPAIR, "r1:out")->impair->port,
	                    "r1");
	assert_string_equal(port_of(&topology, "r1")->host, "a");
	assert_int_equal(find(&topology, WEFT__INTENT__BODY_HOST, "a")->host->kind,
	                 WEFT__HOST_KIND__HOST_NS);
	assert_int_equal(find(&topology, WEFT__INTENT__BODY_GUEST, "a")->guest->kind,
	                 WEFT__GUEST_KIND__GUEST_HOST);
	assert_string_equal(port_of(&topology, "a")->ip, "192.0.2.1");
	assert_string_equal(find(&topology, WEFT__INTENT__BODY_HOST, "far")->host->ip,
	                    "203.0.113.9");
	topology_fini(&topology);
}

static void test_tests(void **state)
{
	struct topology topology;

	read_text("lab: l\n"
	          "tests:\n"
	          "  - reach: {}\n"
	          "  - reach: {from: h1, to: [h2, h3], protocol: tcp, port: 22, expect: blocked}\n"
	          "  - ping: {max-loss: 1.5%, max-rtt: 5ms}\n"
	          "  - iperf: {duration: 2s, min-rate: 8mbit}\n"
	          "  - during: {run: reboot, tests: [ping: {max-gap: 2s}]}\n",
	          &topology);

	const Weft__Lab *lab = topology.objects[0]->lab_body;

	assert_int_equal(lab->n_tests, 5);
	assert_int_equal(lab->tests[0]->kind, WEFT__LAB_TEST_KIND__TEST_REACH);
	assert_true(lab->tests[1]->blocked);
	assert_int_equal(lab->tests[1]->n_to, 2);
	assert_int_equal(lab->tests[2]->max_loss_ppm, 15000);
	assert_int_equal(lab->tests[2]->max_rtt_us, 5000);
	assert_int_equal(lab->tests[3]->duration_ms, 2000);
	assert_int_equal(lab->tests[3]->min_bps, 8000000);
	assert_int_equal(lab->tests[4]->n_tests, 1);
	assert_int_equal(lab->tests[4]->tests[0]->max_gap_us, 2000000);
	topology_fini(&topology);
}

// What must be refused: the text, and words of the sentence.
static const struct {
	const char *text, *words, *hint;
} bad[] = {
	{"", "t.yaml:1:1: the file is empty", ""},
	{"nets: []\n", "t.yaml:1:7: nets: a list stands where names", ""},
	{"nts: {}\n", "t.yaml:1:1: a topology has no 'nts'", "did you mean 'nets'?"},
	{"nets: {lan: {subnett: 10.1.0.0/24}}\n", "t.yaml:1:14: a net has no 'subnett'",
         "did you mean 'subnet'?"},
	{"nets: {lan: {subnet: 10.1.0/24}}\n", "t.yaml:1:22: subnet: '10.1.0/24'", "prefix"},
	{"nets: {lan: {mode: nats}}\n", "mode: 'nats' is none of", "did you mean 'nat'?"},
	{"nets: {lan: {vlan: 4095}}\n", "vlan: 4095 is outside 1 to 4094", ""},
	{"nets: {lan: {mtu: 100}}\n", "mtu: 100 is outside 576 to 65521", ""},
	{"nets: {lan: {mtu: 0x600}}\n", "mtu: '0x600'", "a whole number"},
	{"nets: {lan: {mtu: 1e3}}\n", "mtu: '1e3'", "a whole number"},
	{"nets: {lan: {dhcp: null}}\n", "dhcp: 'null'", "true or false"},
	{"nets: {lan: {dhcp: }}\n", "dhcp: nothing stands where a value", "true or false"},
	{"nets: {lan: {lease: 5 min}}\n", "lease: '5 min'", "5m"},
	{"nets: {n123456789012345678901234567890123456789012345678901234567890123: {}}\n",
         "has 64 letters, and 63 fit", "shorter"},
	{"nets: {'/lan': {}}\n", "nets: '/lan' is not a name", "letters"},
	{"nets: {lan: 10.1.0.0/24}\n", "net: a text stands where its keys", ""},
	{"nets: {lan: {}}\nnets: {}\n", "t.yaml:2:1: 'nets' stands here for the second time", ""},
	{"nets: {a: {}, a: {}}\n", "t.yaml:1:15: 'a' stands here for the second time", ""},
	{"lab: a.b\n", "t.yaml:1:6: lab: 'a.b' cannot be the name of a lab", "letters"},
	{"lab: [a]\n", "lab: a list stands where a value is wanted", ""},
	{"guests: {h1: {kind: nss}}\n", "kind: 'nss'", "did you mean 'ns'?"},
	{"guests: {h1: {net: lan, mac: 2:0:0:0:0:1}}\n", "mac: '2:0:0:0:0:1'", "02:00:00:00:00:01"},
	{"guests: {h1: {net: lan, ip: 10.1.0}}\n", "ip: '10.1.0'", "auto dhcp none"},
	{"guests: {h1: {net: [a, b]}}\n", "net: a list stands", ""},
	{"guests: {w: {kind: vm}}\n", "t.yaml:1:10: guest 'w' is in no net", "net, trunk"},
	{"guests: {w: {kind: vm, net: a, run: x}}\n",
         "'run' is for guests of kind ns; this one is vm", ""},
	{"guests: {h: {net: a, socket: x}}\n", "'socket' is for guests of kind vm", ""},
	{"guests: {e: {kind: external, net: a}}\n", "says no interface", "pcap-read"},
	{"guests: {r: {net: a, nics: {eth0: b}}}\n", "belongs to one of them", ""},
	{"guests: {r: {nics: {eth0: }}}\n", "guest 'r' is in no net", ""},
	{"guests: {h: {nics: {eth1: a}}, h-eth1: {kind: tap, net: a}}\n",
         "there is a port 'h-eth1' already, from t.yaml:1:", ""},
	{"forwards: [80:web]\n", "'80:web' is no forward", "8080:web:80"},
	{"forwards: [\"80:web:80\"]\n", "there is no guest 'web' in a net", ""},
	{"guests: {web: lan}\nforwards: [\"80:wbe:80\"]\n",
         "t.yaml:2:12: forward: there is no guest 'wbe'", "did you mean 'web'?"},
	{"forwards: [\"80:10.1.0.1:80\"]\n", "must say its net", ""},
	{"forwards: [{net: lan}]\n", "'map' is missing", ""},
	{"guests: {a: n}\nforwards: [\"80:a:80\", \"80:a:81\"]\n",
         "there is a forward 'tcp-80' already", ""},
	{"guests: {a: n, b: m}\nnets: {n: {}, m: {}}\nforwards: [\"80:a:80\", \"80:b:80\"]\n",
         "t.yaml:3:23: there is a forward 'tcp-80' already", ""},
	{"routers: {r: {routes: {10.0.0.0/8: nowhere}}}\n", "routes: 'nowhere'", "blackhole"},
	{"flows: {f: {priority: 0}}\n", "priority: 0 is outside 1 to 65535", ""},
	{"reservations: {p: {net: lan}}\n", "reservation: 'mac' is missing", ""},
	{"tests: [reach]\n", "test: a text stands", ""},
	{"tests: [{reach: {}, ping: {}}]\n", "a test is one key with its value, not 2", ""},
	{"guests: {a: {net: n, impair: ''}}\n", "t.yaml:1:30: it does not say what shall be wrong",
         "write effects, as delay 20ms loss 1%"},
	{"guests: {a: {net: n, impair-in: {once: yes}}}\n", "does not say what shall be wrong", ""},
	{"links: {a--b: {impair: {delay: 5ms}}}\n", "t.yaml:1:25: an impairment has no 'delay'",
         "as impair: delay 5ms"},
	{"tests: [{pong: {}}]\n", "a test has no 'pong'", "did you mean 'ping'?"},
	{"tests: [{reach: {protocol: tcp}}]\n", "reach: tcp needs a port", ""},
	{"tests: [{reach: {port: 80}}]\n", "a port needs protocol tcp or udp", ""},
	{"tests: [{ping: {max-loss: 0.1}}]\n", "max-loss: '0.1'", "1%"},
	{"tests: [{ping: {interval: 5}}]\n", "interval: '5'", "200us"},
	{"tests: [{iperf: {min-rate: 10Mbps}}]\n", "min-rate: '10Mbps'", "10mbit"},
	{"tests: [{http: {status: 200}}]\n", "'url' is missing", ""},
	{"tests: [{http: {from: h, url: \"ftp://a/\"}}]\n",
         "t.yaml:1:31: url: 'ftp://a/' is no page", "http://HOST"},
	{"tests: [{during: {run: ls, tests: []}}]\n", "nothing is watched", ""},
	{"tests: [{http: {url: \"http://a/\", ca: x}}]\n", "ca is for an https:// url", ""},
	{"tests: [{http: {url: \"http://a/\", insecure: yes}}]\n", "insecure is for an", ""},
	{"tests: [{http: {url: \"https://a/\", insecure: yes, ca: x}}]\n", "nobody asks", ""},
	{"tests: [{during: {run: x, tests: [{during: {tests: []}}]}}]\n", "has no 'during'", ""},
	{"guests: {a: {}}\nlinks: {a--b: {}}\n", "t.yaml:2:9: link 'a--b' leads to 'b'",
         "did you mean 'a'?"},
	{"links: {w: {a: x}}\n", "link 'w' does not say whose its end b is", "GUEST--GUEST"},
	{"guests: {t: {kind: tap, net: n}, u: {}}\nlinks: {t--u: {}}\n",
         "'t', which is in a net already", ""},
	{"guests: {a: {}}\nlinks: {a--a: {}}\n",
         "t.yaml:2:9: link 'a--a' leads from guest 'a' to itself", "joins two"},
	{"guests: {a: {}}\nlinks: {w: {a: a:eth0, b: a:eth1}}\n",
         "t.yaml:2:27: link 'w' leads from", ""},
	{"guests: {a: {}, b: {}}\nlinks: {a--b: {a-address: 10.0.0.1/30, b-address: 10.0.0.1/24}}\n",
         "t.yaml:2:51: link 'a--b' has the address 10.0.0.1 at both ends", ""},
	{"nets: {n: {dns: x.test}}\nguests: {a: n, b: {net: n, hostname: A}}\n",
         "t.yaml:2:38: guest 'b' has the name 'A' in net 'n', as guest 'a' has",
         "another hostname"},
	{"nets: {n: {dns: x.test}}\nguests: {a: {kind: vm, net: n}, b: {net: n, hostname: a}}\n",
         "has the name 'a' in net 'n'", ""},
	{"lab: l23456789012345678901234567890\nguests: {g23456789012345678901234567890123456789012: {}}\n",
         "t.yaml:2:10: the name 'g23456789012345678901234567890123456789012' has 42 letters; in lab",
         "63 in all"},
	{"links: {w: {a-address: 10.0.0}}\n", "a-address: '10.0.0'", "prefix"},
	{"hosts: {a: {}}\n", "host 'a' is nowhere", "remote: true"},
	{"hosts: {a: {net: u, remote: yes}}\n", "remote, and in no net", ""},
	{"hosts: {local: {net: u}}\n", "host 'local' is there unwritten",
         "weft host add local --ip"},
	{"guests: {h: {net: n, impair: [x]}}\n", "impairment: a list stands", ""},
	{"guests: {h: {net: n, impair: {hold: 1}}}\n", "hold: 1 is outside 64 to 1048576", ""},
	{"include: nowhere.yaml\n", "t.yaml:1:10: include: nowhere.yaml cannot be read", ""},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct topology topology;
		struct fail fail = {0};
		int err = topology_parse("t.yaml", bad[i].text, strlen(bad[i].text), &topology,
		                         &fail);

		topology_fini(&topology);
		if (err == 0)
			fail_msg("this was taken: %s", bad[i].text);
		if (!strstr(fail.what, bad[i].words) || !strstr(fail.hint, bad[i].hint))
			fail_msg("%s\nsays: %s\nhint: %s\ninstead of: %s / %s", bad[i].text,
			         fail.what, fail.hint, bad[i].words, bad[i].hint);
	}
}

// One run tells all: of the schema, of one item alone, of what items say of each other; in the order of the file.
static void test_all_faults_at_once(void **state)
{
	static const char text[] =
		"nets: {lan: {mod: nat}, dmz: {subnet: 10.1}}\n"
		"guests: {a: lan, b: {net: lan, mtu: 10, ipp: 3}, c: {kind: external}}\n"
		"links: {a--b: {}, a--c: {}, a--z: {}, w: {a: a}}\n"
		"forwards: [80:a, 80:b:80, 81:y:80]\n"
		"tests: [{reach: {protocol: tcp}}, {ping: {interval: 5}}]\n"
		"include: nowhere.yaml\n"
		"bogus: 1\n";
	static const char *const words[] = {
		"t.yaml:1:14: a net has no 'mod'",
		"t.yaml:1:39: subnet: '10.1'",
		"t.yaml:2:37: mtu: 10 is outside",
		"t.yaml:2:41: a guest has no 'ipp'",
		"t.yaml:2:50: guest 'c' is external",
		// What is broken is there, and no link to it leads to nothing.
		"t.yaml:3:29: link 'a--z' leads to 'z'",
		"t.yaml:3:39: link 'w' does not say",
		"t.yaml:4:12: '80:a' is no forward",
		"t.yaml:4:27: forward: there is no guest 'y'",
		"t.yaml:5:9: reach: tcp needs a port",
		"t.yaml:5:53: interval: '5'",
		"t.yaml:6:10: include: nowhere.yaml cannot be read",
		"t.yaml:7:1: a topology has no 'bogus'",
	};
	const size_t count = sizeof(words) / sizeof(words[0]);
	struct topology topology;
	struct fail fail = {0};

	assert_int_equal(topology_parse("t.yaml", text, strlen(text), &topology, &fail), -EINVAL);
	assert_string_equal(fail.what, topology.faults.items[0].what);
	for (size_t i = 0; i < topology.faults.count; i++)
		if (i >= count || !strstr(topology.faults.items[i].what, words[i]))
			fail_msg("fault %zu: %s", i, topology.faults.items[i].what);
	assert_int_equal(topology.faults.count, count);
	topology_fini(&topology);
}

static void test_no_more_faults_than_are_read(void **state)
{
	char text[1024] = "guests:\n";
	struct topology topology;
	struct fail fail = {0};

	for (unsigned i = 0; i < FAULTS_MOST + 5; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "  g%u: {x: 1}\n", i);
	assert_int_equal(topology_parse("t.yaml", text, strlen(text), &topology, &fail), -EINVAL);
	assert_int_equal(topology.faults.count, FAULTS_MOST);
	assert_int_equal(topology.faults.beyond, 5);
	assert_non_null(strstr(topology.faults.items[9].what, "t.yaml:11:8:"));
	topology_fini(&topology);
}

// Bytes that are no text have a place as well, in characters.
static void test_place_of_bytes(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *place;
	} broken[] = {
		{"nets: {}\nguests: {h\0: n}\n", 25, "t.yaml:2:11: "},
		{"nets: {}\n# \xff\n", 12, "t.yaml:2:3: "},
		{"# \xc3\xa4 \x08\n", 7, "t.yaml:1:5: "},
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct topology topology;
		struct fail fail = {0};

		assert_int_equal(
			topology_parse("t.yaml", broken[i].text, broken[i].len, &topology, &fail),
			-EINVAL);
		if (strncmp(fail.what, broken[i].place, strlen(broken[i].place)) != 0)
			fail_msg("%zu: %s", i, fail.what);
		topology_fini(&topology);
	}
}

static char folder[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int read_top(struct topology *topology, struct fail *fail)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/top.yaml", folder);
	return topology_read(path, topology, fail);
}

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/test_topology.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char path[128];

	for (const char *const *name = (const char *const[]){"top.yaml", "a.yaml", "b.yaml", NULL};
	     *name; name++) {
		snprintf(path, sizeof(path), "%s/%s", folder, *name);
		unlink(path);
	}
	return rmdir(folder);
}

static void test_includes(void **state)
{
	struct topology topology;
	struct fail fail = {0};

	write_file("top.yaml", "include: [a.yaml, b.yaml]\nguests: {h1: lan}\n");
	write_file("a.yaml", "include: b.yaml\nguests: {h2: lan}\n");
	write_file("b.yaml", "nets: {lan: {}}\n");
	assert_int_equal(read_top(&topology, &fail), 0);
	// b.yaml is met twice and read once.
	assert_int_equal(topology.file_count, 3);
	assert_string_equal(topology.lab, "top");
	find(&topology, WEFT__INTENT__BODY_GUEST, "h2");
	topology_fini(&topology);

	write_file("b.yaml", "include: a.yaml\n");
	assert_int_equal(read_top(&topology, &fail), -EINVAL);
	assert_non_null(strstr(fail.what, "includes itself"));
	assert_non_null(strstr(fail.what, "b.yaml:1:10"));
	topology_fini(&topology);

	write_file("b.yaml", "guests: {h2: lan}\n");
	assert_int_equal(read_top(&topology, &fail), -EINVAL);
	assert_non_null(strstr(fail.what, "there is a guest 'h2' already"));
	topology_fini(&topology);

	write_file("b.yaml", "lab: other\n");
	assert_int_equal(read_top(&topology, &fail), -EINVAL);
	assert_non_null(strstr(fail.what, "belongs to the lab 'top'"));
	topology_fini(&topology);
}

static void test_locates_refusals(void **state)
{
	struct fail fail = {.what = "port/l.h1: there is no net 'l.lna'",
	                    .hint = "did you mean 'l.lan'?"};
	struct topology topology;

	read_text("lab: l\nguests:\n  h1: {net: lna}\n", &topology);
	topology_locate(&topology, "port/l.h1", "net", &fail);
	assert_string_equal(fail.what, "t.yaml:3:13: port/h1: there is no net 'lna'");
	assert_string_equal(fail.hint, "did you mean 'lan'?");
	topology_fini(&topology);

	// What is said of both directions is wrong once.
	read_text("lab: l\nguests: {a: {}, b: {}}\nlinks:\n"
	          "  w: {a: a, b: b, impair: delay 5}\n"
	          "  x: {a: a, b: b, a-to-b: delay 5, b-to-a: delay 5}\n",
	          &topology);
	fail = (struct fail){.what = "impair/l.w:a-to-b: no"};
	topology_locate(&topology, "impair/l.w:a-to-b", "effects", &fail);
	assert_string_equal(fail.what, "t.yaml:4:27: impair/w: no");
	fail = (struct fail){.what = "impair/l.w:b-to-a: no"};
	topology_locate(&topology, "impair/l.w:b-to-a", "effects", &fail);
	assert_string_equal(fail.what, "t.yaml:4:27: impair/w: no");
	fail = (struct fail){.what = "impair/l.x:a-to-b: no"};
	topology_locate(&topology, "impair/l.x:a-to-b", "effects", &fail);
	assert_string_equal(fail.what, "t.yaml:5:27: impair/x:a-to-b: no");
	topology_fini(&topology);

	read_text("lab: l\nguests:\n  h1: {net: lna}\n", &topology);
	// A field that the file does not have is said of the object.
	fail = (struct fail){.what = "guest/l.h1: no"};
	topology_locate(&topology, "guest/l.h1", "hostname", &fail);
	assert_string_equal(fail.what, "t.yaml:3:3: guest/h1: no");
	// What another object has already is said to be there.
	fail = (struct fail){
		.what = "port/l.h2: the MAC 02:00:00:00:00:01 is already that of guest/l.h1"};
	topology_locate(&topology, "port/l.h2", "mac", &fail);
	assert_string_equal(
		fail.what,
		"port/h2: the MAC 02:00:00:00:00:01 is already that of guest/h1 at t.yaml:3:3");
	fail = (struct fail){.what = "the datapath is away"};
	topology_locate(&topology, "datapath", NULL, &fail);
	assert_string_equal(fail.what, "the datapath is away");
	topology_fini(&topology);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guests),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_forwards_of_one_port),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_tests),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_all_faults_at_once),
		cmocka_unit_test(test_no_more_faults_than_are_read),
		cmocka_unit_test(test_place_of_bytes),
		cmocka_unit_test_setup_teardown(test_includes, make_folder, remove_folder),
		cmocka_unit_test(test_locates_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
