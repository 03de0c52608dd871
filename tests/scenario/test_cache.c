// SPDX-License-Identifier: BSD-3-Clause
//
// test_cache: what the flow cache answers is what the stages would have said, on random input.
//
// Two datapaths get the same objects, frames and times; one of them gets a new generation, under which nothing
// cached is current, before every frame. Whatever differs between their ports or their counters is a program that was kept too long,
// keyed too coarsely, or rewrites otherwise than its stages decided.

#include "tests/scenario/scenario.h"

#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LAN = 1, WAN = 2, PORTS = 5, FIRST_PORT = 11, VRF = 30, IN = 31, OUT = 32, STEPS = 4000 };

static const char *const macs[] = {"02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c",
                                   "02:00:00:00:00:0f", ROUTER_MAC,          "ff:ff:ff:ff:ff:ff",
                                   "33:33:00:00:00:01"};
static const char *const ips[] = {"10.1.0.10",    "10.1.0.20",   "10.2.0.30", "10.2.0.40",
                                  "198.51.100.2", "203.0.113.9", "10.1.0.1"};
static const char *const ips6[] = {"fd01::10",      "fd01::20", "fd02::30", "2001:db8::1",
                                   "2001:db8:9::9", "fd01::1",  "fe80::10"};
static const uint16_t ports[] = {80, 8080, 443, 40000, 53};
static const uint16_t tags[] = {0, 0, 0, 10, 20, 30, 5 << 13 | 20, 3 << 13};

#define PICK(array) ((array)[rand_below(sizeof(array) / sizeof((array)[0]))])

static void build(struct scenario *s)
{
	scenario_bridge(s, LAN);
	scenario_bridge(s, WAN);
	for (uint64_t port = FIRST_PORT; port < FIRST_PORT + PORTS; port++)
		scenario_port(s, port, "p");
	scenario_member(s, 101, 11, LAN, 10, false);
	scenario_member(s, 102, 12, LAN, 10, false);
	scenario_member(s, 103, 13, LAN, 10, true);
	scenario_member(s, 104, 13, LAN, 20, true);
	scenario_member(s, 105, 14, LAN, 20, false);
	scenario_member(s, 106, 15, WAN, 0, false);
	scenario_vrf(s, VRF);
	scenario_interface(s, IN, VRF, LAN, 10, WEFT__NAT_ROLE__NAT_INSIDE, "10.1.0.1/24",
	                   "fd01::1/64");
	scenario_interface(s, 33, VRF, LAN, 20, WEFT__NAT_ROLE__NAT_INSIDE, "10.2.0.1/24",
	                   "fd02::1/64");
	scenario_interface(s, OUT, VRF, WAN, 0, WEFT__NAT_ROLE__NAT_OUTSIDE, "198.51.100.2/24",
	                   "2001:db8::2/64");
	scenario_route(s, 34, VRF, "0.0.0.0/0", OUT, "198.51.100.1");
	scenario_route(s, 35, VRF, "::/0", OUT, "2001:db8::1");
	scenario_nat_rule(s, 36, VRF, OUT, "10.0.0.0/8", NULL);
	scenario_forward(s, 37, VRF, NULL, 6, 8080, "10.1.0.20", 80);
	scenario_neighbour(s, 38, OUT, "198.51.100.1", macs[3]);
	scenario_neighbour(s, 39, OUT, "2001:db8::1", macs[3]);
	scenario_neighbour(s, 40, IN, "10.1.0.10", macs[0]);
	scenario_neighbour(s, 41, IN, "10.1.0.20", macs[1]);
	scenario_neighbour(s, 42, 33, "10.2.0.30", macs[2]);
	scenario_neighbour(s, 43, IN, "fd01::10", macs[0]);
	scenario_neighbour(s, 44, 33, "fd02::30", macs[2]);
	scenario_commit(s);
}

// Who lives at which port, in both families, and under which tag.
static const struct {
	const char *mac, *ip, *ip6;
	uint16_t tag;
} homes[PORTS] = {
	{"02:00:00:00:00:0a", "10.1.0.10", "fd01::10", 0},
	{"02:00:00:00:00:0b", "10.1.0.20", "fd01::20", 0},
	{"02:00:00:00:00:0c", "10.2.0.30", "fd02::30", 20},
	{"02:00:00:00:00:0d", "10.2.0.40", "fd02::40", 0},
	{"02:00:00:00:00:0f", "203.0.113.9", "2001:db8:9::9", 0},
};

// What a guest at the port may say: mostly as himself, mostly to the router, over few flows, so that their
// packets meet what the cache keeps.
static struct frame random_frame(unsigned home)
{
	bool six = rand_below(4) == 0;
	bool lies = rand_below(50) == 0;
	const char *ip = six ? homes[home].ip6 : homes[home].ip;
	const struct end from = {lies ? PICK(macs) : homes[home].mac,
	                         lies ? (six ? PICK(ips6) : PICK(ips)) : ip, PICK(ports)};
	const struct end to = {rand_below(3) ? ROUTER_MAC : PICK(macs),
	                       six ? PICK(ips6) : PICK(ips), PICK(ports)};
	uint16_t tag = rand_below(30) ? homes[home].tag : PICK(tags);
	struct frame frame;

	switch (rand_below(6)) {
	case 0:
		frame = frame_ping(&from, &to, 1, "ping");
		break;
	case 1:
		frame = frame_pong(&from, &to, 1, "pong");
		break;
	case 2:
	case 3:
		frame = frame_tcp(&from, &to, rand_below(3) ? TCP_A : rand_below(32), "data");
		break;
	default:
		frame = frame_udp(&from, &to, "data");
		break;
	}
	if (rand_below(30) == 0 && !six)
		frame = frame_arp_request(&from, to.ip);
	else if (rand_below(6) == 0)
		frame = frame_ttl(frame, (uint8_t)rand_below(3));
	return tag ? frame_tagged(frame, tag) : frame;
}

// Changes something that cached programs depend on.
static void change(struct scenario *s, unsigned what)
{
	switch (what) {
	case 0:
		scenario_route(s, 50, VRF, "203.0.113.0/24", 0, NULL);
		break;
	case 1:
		scenario_route(s, 50, VRF, "203.0.113.0/24", OUT, "198.51.100.1");
		break;
	case 2:
		scenario_member(s, 105, 14, LAN, 20, true);
		break;
	case 3:
		scenario_member(s, 105, 14, LAN, 20, false);
		break;
	case 4:
		scenario_fdb_entry(s, 51, LAN, 10, macs[1], 12);
		break;
	case 5:
		scenario_forward(s, 37, VRF, NULL, 6, 8080, "10.2.0.30", 80);
		break;
	default:
		scenario_forward(s, 37, VRF, NULL, 6, 8080, "10.1.0.20", 80);
		break;
	}
	scenario_commit(s);
}

static void compare_ports(struct scenario *cached, struct scenario *fresh)
{
	for (uint64_t port = FIRST_PORT; port < FIRST_PORT + PORTS; port++) {
		for (enum drop_reason reason = 1; reason < DROP_REASONS; reason++)
			if (scenario_drops(cached, port, reason) !=
			    scenario_drops(fresh, port, reason))
				fail_msg("port %lu: drops as %s differ", (unsigned long)port,
				         drop_name(reason));
	}
}

static void send(struct scenario *s, uint64_t port, const struct frame *frame, uint64_t seed)
{
	rand_seed_for_tests(seed);
	scenario_send(s, port, *frame);
}

static void compare_frames(struct scenario *cached, struct scenario *fresh, uint64_t seen[PORTS])
{
	for (unsigned i = 0; i < PORTS; i++) {
		uint64_t port = FIRST_PORT + i;

		for (; seen[i] < scenario_counter(cached, port, STATS_TX_PACKETS); seen[i]++)
			scenario_expect(fresh, port, scenario_take(cached, port));
		assert_int_equal(seen[i], scenario_counter(fresh, port, STATS_TX_PACKETS));
	}
}

// Makes a new generation by a route that no frame takes.
static void renew(struct scenario *s, bool there)
{
	if (there)
		scenario_delete(s, WEFT__KIND__KIND_ROUTE, 60);
	else
		scenario_route(s, 60, VRF, "198.18.0.0/15", 0, NULL);
	scenario_commit(s);
}

static void run(uint64_t seed)
{
	struct scenario *cached = scenario_new();
	struct scenario *fresh = scenario_new();
	uint64_t seen[PORTS] = {0};

	build(cached);
	build(fresh);
	for (unsigned step = 0; step < STEPS; step++) {
		rand_seed_for_tests(seed * STEPS + step);

		unsigned home = rand_below(PORTS);
		struct frame frame = random_frame(home);
		uint64_t port = FIRST_PORT + home;
		bool changes = rand_below(200) == 0;
		unsigned what = rand_below(7);
		bool waits = rand_below(100) == 0;
		unsigned wait = 1 + rand_below(40);

		if (changes) {
			change(cached, what);
			change(fresh, what);
		}
		if (waits) {
			scenario_run_seconds(cached, wait);
			scenario_run_seconds(fresh, wait);
		}
		// A flow's second packet is where a cache may err.
		for (unsigned twice = 0; twice < 2; twice++) {
			renew(fresh, twice);
			send(cached, port, &frame, step);
			send(fresh, port, &frame, step);
		}
		compare_ports(cached, fresh);
		compare_frames(cached, fresh, seen);
	}
	assert_true(scenario_worker(cached, STATS_CACHE_HITS) > STEPS / 4);
	assert_int_equal(scenario_worker(fresh, STATS_CACHE_HITS), 0);
	scenario_free(cached);
	scenario_free(fresh);
}

static void cache_answers_as_the_stages_would(void **user)
{
	for (uint64_t seed = 1; seed <= 3; seed++)
		run(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cache_answers_as_the_stages_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
