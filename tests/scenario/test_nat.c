// SPDX-License-Identifier: BSD-3-Clause
//
// test_nat: a gateway with an inside and an outside: masquerade, forwards, hairpins, errors, timeouts.

#include "tests/scenario/scenario.h"

#include "base/bytes.h"
#include "datapath/conn_table.h"
#include "datapath/nat_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// a, b -- lan (10.1.0.1) -- gateway -- wan (198.51.100.2) -- w (198.51.100.1), and all behind it
enum { LAN = 1, WAN = 2, A = 11, B = 12, W = 13, VRF = 30, IN = 31, OUT = 32, RULE = 33 };

#define A_MAC "02:00:00:00:00:0a"
#define B_MAC "02:00:00:00:00:0b"
#define W_MAC "02:00:00:00:00:0f"

static const struct end a = {A_MAC, "10.1.0.10", 40000};
static const struct end b = {B_MAC, "10.1.0.20", 80};
static const struct end w = {W_MAC, "198.51.100.1", 0};
static const struct end leg_in = {ROUTER_MAC, "10.1.0.1", 0};
static const struct end leg_out = {ROUTER_MAC, "198.51.100.2", 0};
// A server on the internet: as inside sees it, and as it is reached by w.
static const struct end server = {ROUTER_MAC, "203.0.113.9", 443};
static const struct end server_out = {W_MAC, "203.0.113.9", 443};
// a, as the outside sees it.
static const struct end a_out = {ROUTER_MAC, "198.51.100.2", 40000};

static void build(struct scenario *s)
{
	scenario_bridge(s, LAN);
	scenario_bridge(s, WAN);
	scenario_port(s, A, "a");
	scenario_port(s, B, "b");
	scenario_port(s, W, "w");
	scenario_member(s, 21, A, LAN, 0, false);
	scenario_member(s, 22, B, LAN, 0, false);
	scenario_member(s, 23, W, WAN, 0, false);
	scenario_vrf(s, VRF);
	scenario_interface(s, IN, VRF, LAN, 0, WEFT__NAT_ROLE__NAT_INSIDE, "10.1.0.1/24",
	                   "fd01::1/64");
	scenario_interface(s, OUT, VRF, WAN, 0, WEFT__NAT_ROLE__NAT_OUTSIDE, "198.51.100.2/24",
	                   "2001:db8::2/64");
	scenario_route(s, 34, VRF, "0.0.0.0/0", OUT, w.ip);
	scenario_route(s, 35, VRF, "::/0", OUT, "2001:db8::1");
	scenario_nat_rule(s, RULE, VRF, OUT, "10.1.0.0/24", NULL);
	scenario_neighbour(s, 36, IN, a.ip, A_MAC);
	scenario_neighbour(s, 37, IN, b.ip, B_MAC);
	scenario_neighbour(s, 38, OUT, w.ip, W_MAC);
	scenario_neighbour(s, 39, OUT, "2001:db8::1", W_MAC);
	scenario_neighbour(s, 40, IN, "fd01::10", A_MAC);
	scenario_fdb_entry(s, 41, LAN, 0, A_MAC, A);
	scenario_fdb_entry(s, 42, LAN, 0, B_MAC, B);
	scenario_fdb_entry(s, 43, WAN, 0, W_MAC, W);
	scenario_commit(s);
}

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	build(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

static struct frame routed(struct frame frame)
{
	size_t hops = frame.bytes[12] == 0x08 ? 14 + 8 : 14 + 7;

	return frame_ttl(frame, (uint8_t)(frame.bytes[hops] - 1));
}

static uint32_t connections(struct scenario *s)
{
	return conn_count(scenario_state(s)->conns);
}

// The ports of the next frame at w.
static uint16_t source_port(struct scenario *s)
{
	struct frame frame = scenario_take(s, W);

	return load_be16(frame.bytes + 34);
}

static void open_tcp(struct scenario *s)
{
	scenario_send(s, A, frame_tcp(&a, &server, TCP_S, ""));
	scenario_send(s, W, frame_tcp(&server_out, &a_out, TCP_S | TCP_A, ""));
	scenario_send(s, A, frame_tcp(&a, &server, TCP_A, ""));
	scenario_discard(s);
}

static void source_becomes_the_gateways_and_keeps_its_port(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_expect(s, W, routed(frame_udp(&a_out, &server_out, "x")));
}

static void answer_finds_its_way_back(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_discard(s);
	scenario_send(s, W, frame_udp(&server_out, &a_out, "y"));
	scenario_expect(s, A, routed(frame_udp(&server, &a, "y")));
}

static void both_directions_hit_the_cache(void **user)
{
	struct scenario *s = *user;

	open_tcp(s);

	uint64_t misses = scenario_worker(s, STATS_CACHE_MISSES);

	for (unsigned i = 0; i < 5; i++) {
		scenario_send(s, A, frame_tcp(&a, &server, TCP_A | TCP_P, "get"));
		scenario_send(s, W, frame_tcp(&server_out, &a_out, TCP_A | TCP_P, "page"));
		scenario_expect(s, W, routed(frame_tcp(&a_out, &server_out, TCP_A | TCP_P, "get")));
		scenario_expect(s, A, routed(frame_tcp(&server, &a, TCP_A | TCP_P, "page")));
	}
	// The reverse program is compiled by the SYN+ACK, which is never cached; its first segment is.
	assert_in_range(scenario_worker(s, STATS_CACHE_MISSES) - misses, 0, 1);
	assert_int_equal(connections(s), 1);
}

static void taken_port_is_replaced(void **user)
{
	struct scenario *s = *user;
	struct end twin = {B_MAC, b.ip, a.port};
	uint16_t port;

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	assert_int_equal(source_port(s), a.port);
	scenario_send(s, B, frame_udp(&twin, &server, "x"));
	port = source_port(s);
	assert_int_not_equal(port, a.port);
	assert_true(port >= 1024);

	struct end back = {ROUTER_MAC, leg_out.ip, port};

	scenario_send(s, W, frame_udp(&server_out, &back, "y"));
	scenario_expect(s, B, routed(frame_udp(&server, &twin, "y")));
}

static void taken_port_is_used_again_towards_another_server(void **user)
{
	struct scenario *s = *user;
	struct end twin = {B_MAC, b.ip, a.port};
	struct end other = {ROUTER_MAC, "203.0.113.77", 443};

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	assert_int_equal(source_port(s), a.port);
	scenario_send(s, B, frame_udp(&twin, &other, "x"));
	assert_int_equal(source_port(s), a.port);
}

static void rule_with_addresses_uses_them(void **user)
{
	struct scenario *s = *user;
	struct end pool = {ROUTER_MAC, "198.51.100.77", a.port};

	scenario_nat_rule(s, RULE, VRF, OUT, "10.1.0.0/24", pool.ip);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_expect(s, W, routed(frame_udp(&pool, &server_out, "x")));
	// Who asks for the address is told that it is the gateway's.
	scenario_send(s, W, frame_arp_request(&w, pool.ip));
	scenario_expect(s, W, frame_arp_reply(&pool, &w));
}

static void partial_checksum_stays_partial(void **user)
{
	struct scenario *s;

	scenario_configure(0, PORT_TX_CSUM, 0);
	assert_int_equal(set_up((void **)&s), 0);
	scenario_send(s, A, frame_partial(frame_tcp(&a, &server, TCP_S, "")));

	struct frame expected = frame_tcp(&a_out, &server_out, TCP_S, "");

	scenario_expect(s, W, frame_partial(routed(expected)));
	scenario_free(s);
}

static void partial_checksum_is_finished_for_a_plain_door(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_partial(frame_udp(&a, &server, "x")));
	scenario_expect(s, W, routed(frame_udp(&a_out, &server_out, "x")));
}

static void udp_without_checksum_stays_without(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&a, &server, "x");

	store_be16(frame.bytes + 40, 0);
	scenario_send(s, A, frame);

	struct frame got = scenario_take(s, W);

	assert_int_equal(load_be16(got.bytes + 40), 0);
}

static void super_packet_is_translated_whole(void **user)
{
	struct scenario *s;
	char payload[3001];

	memset(payload, 'x', 3000);
	payload[3000] = '\0';
	scenario_configure(0, PORT_TX_CSUM | PORT_TX_TSO4, 0);
	assert_int_equal(set_up((void **)&s), 0);
	open_tcp(s);
	scenario_send(s, A, frame_gso(frame_tcp(&a, &server, TCP_A, payload), 1448));
	scenario_expect(s, W,
	                frame_gso(routed(frame_tcp(&a_out, &server_out, TCP_A, payload)), 1448));
	scenario_free(s);
}

static void ping_is_translated_by_its_identifier(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_ping(&a, &server, 1, "hi"));
	scenario_expect(s, W, routed(frame_ping(&a_out, &server_out, 1, "hi")));
	scenario_send(s, W, frame_pong(&server_out, &a_out, 1, "hi"));
	scenario_expect(s, A, routed(frame_pong(&server, &a, 1, "hi")));
}

static void two_pings_with_one_identifier_are_told_apart(void **user)
{
	struct scenario *s = *user;
	struct end twin = {B_MAC, b.ip, a.port};
	struct frame got;

	scenario_send(s, A, frame_ping(&a, &server, 1, "hi"));
	scenario_discard(s);
	scenario_send(s, B, frame_ping(&twin, &server, 1, "hi"));
	got = scenario_take(s, W);

	struct end back = {ROUTER_MAC, leg_out.ip, load_be16(got.bytes + 38)};

	assert_int_not_equal(back.port, a.port);
	scenario_send(s, W, frame_pong(&server_out, &back, 1, "hi"));
	scenario_expect(s, B, routed(frame_pong(&server, &twin, 1, "hi")));
}

static void outside_may_ping_the_gateway_only(void **user)
{
	struct scenario *s = *user;
	struct end pinger = {W_MAC, w.ip, 7};
	struct end inside = {ROUTER_MAC, a.ip, 7};

	scenario_send(s, W, frame_ping(&pinger, &leg_out, 1, "hi"));
	scenario_expect(s, W, frame_pong(&leg_out, &pinger, 1, "hi"));
	scenario_send(s, W, frame_ping(&pinger, &inside, 1, "hi"));
	assert_int_equal(scenario_drops(s, W, DROP_NAT_NO_BINDING), 1);
}

static void outside_address_answers_arp(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, W, frame_arp_request(&w, leg_out.ip));
	scenario_expect(s, W, frame_arp_reply(&leg_out, &w));
}

static void stranger_from_outside_is_dropped_in_silence(void **user)
{
	struct scenario *s = *user;
	struct end to = {ROUTER_MAC, leg_out.ip, 22};

	scenario_send(s, W, frame_tcp(&server_out, &to, TCP_S, ""));
	scenario_send(s, W, frame_udp(&server_out, &to, "x"));
	assert_int_equal(scenario_drops(s, W, DROP_NAT_NO_BINDING), 2);
	scenario_expect_silence(s);
	assert_int_equal(connections(s), 0);
}

static void other_end_cannot_use_a_binding(void **user)
{
	struct scenario *s = *user;
	struct end other = {W_MAC, "203.0.113.10", 443};

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_discard(s);
	scenario_send(s, W, frame_udp(&other, &a_out, "y"));
	assert_int_equal(scenario_drops(s, W, DROP_NAT_NO_BINDING), 1);
}

static void refusal_ends_when_a_connection_begins(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, W, frame_udp(&server_out, &a_out, "early"));
	assert_int_equal(scenario_drops(s, W, DROP_NAT_NO_BINDING), 1);
	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_discard(s);
	scenario_send(s, W, frame_udp(&server_out, &a_out, "y"));
	scenario_expect(s, A, routed(frame_udp(&server, &a, "y")));
}

static void forward(struct scenario *s)
{
	scenario_forward(s, 50, VRF, NULL, 6, 8080, b.ip, 80);
	scenario_commit(s);
}

static const struct end door = {ROUTER_MAC, "198.51.100.2", 8080};

static void forward_keeps_the_clients_address(void **user)
{
	struct scenario *s = *user;
	struct end client = {W_MAC, "203.0.113.50", 5555};
	struct end client_in = {ROUTER_MAC, "203.0.113.50", 5555};

	forward(s);
	scenario_send(s, W, frame_tcp(&client, &door, TCP_S, ""));
	scenario_expect(s, B, routed(frame_tcp(&client_in, &b, TCP_S, "")));
	scenario_send(s, B, frame_tcp(&b, &client_in, TCP_S | TCP_A, ""));
	scenario_expect(s, W, routed(frame_tcp(&door, &client, TCP_S | TCP_A, "")));
}

static void forward_takes_no_segment_out_of_the_blue(void **user)
{
	struct scenario *s = *user;

	forward(s);
	scenario_send(s, W, frame_tcp(&server_out, &door, TCP_A, "x"));
	assert_int_equal(scenario_drops(s, W, DROP_CONN_INVALID), 1);
}

static void hairpin_goes_by_the_gateways_address(void **user)
{
	struct scenario *s = *user;
	struct end gate = {ROUTER_MAC, leg_in.ip, a.port};

	forward(s);
	scenario_send(s, A, frame_tcp(&a, &door, TCP_S, ""));
	scenario_expect(s, B, routed(frame_tcp(&gate, &b, TCP_S, "")));
	scenario_send(s, B, frame_tcp(&b, &gate, TCP_S | TCP_A, ""));
	scenario_expect(s, A, routed(frame_tcp(&door, &a, TCP_S | TCP_A, "")));
}

static void forward_to_one_address_serves_that_only(void **user)
{
	struct scenario *s = *user;
	struct end second = {ROUTER_MAC, "198.51.100.3", 8080};
	struct end client = {W_MAC, "203.0.113.50", 5555};
	struct end client_in = {ROUTER_MAC, "203.0.113.50", 5555};

	scenario_forward(s, 50, VRF, second.ip, 6, 8080, b.ip, 80);
	scenario_commit(s);
	scenario_send(s, W, frame_arp_request(&w, second.ip));
	scenario_expect(s, W, frame_arp_reply(&second, &w));
	scenario_send(s, W, frame_tcp(&client, &door, TCP_S, ""));
	assert_int_equal(scenario_drops(s, W, DROP_NAT_NO_BINDING), 1);
	scenario_send(s, W, frame_tcp(&client, &second, TCP_S, ""));
	scenario_expect(s, B, routed(frame_tcp(&client_in, &b, TCP_S, "")));
}

static void connection_outlives_its_forward(void **user)
{
	struct scenario *s = *user;
	struct end client = {W_MAC, "203.0.113.50", 5555};
	struct end client_in = {ROUTER_MAC, "203.0.113.50", 5555};

	forward(s);
	scenario_send(s, W, frame_tcp(&client, &door, TCP_S, ""));
	scenario_discard(s);
	scenario_delete(s, WEFT__KIND__KIND_PORT_FORWARD, 50);
	scenario_commit(s);
	scenario_send(s, W, frame_tcp(&client, &door, TCP_A, "x"));
	scenario_expect(s, B, routed(frame_tcp(&client_in, &b, TCP_A, "x")));
}

// How many connections the rule at the outside leg has begun.
static uint64_t begun_by_rule(const struct scenario *s)
{
	const struct interface *leg = NULL;
	uint32_t slot = 0;

	while ((leg = pmap_next(&scenario_generation(s)->interfaces, &slot)) && leg->id != OUT)
		slot++;
	assert_int_equal(leg->nat_rule_count, 1);
	return nat_count_read(leg->nat_rules[0].begun);
}

static uint64_t begun_by_forward(const struct scenario *s)
{
	uint32_t slot = 0;
	const struct vrf *vrf = pmap_next(&scenario_generation(s)->vrfs, &slot);

	assert_int_equal(vrf->forward_count, 1);
	return nat_count_read(vrf->forwards[0].begun);
}

// A packet more, an answer and a trace begin nothing.
static void rule_counts_each_connection_it_begins(void **user)
{
	struct scenario *s = *user;
	struct end other = {A_MAC, "10.1.0.10", 40001};

	assert_int_equal(begun_by_rule(s), 0);
	scenario_trace(s, A, frame_udp(&a, &server, "x"));
	assert_int_equal(begun_by_rule(s), 0);
	open_tcp(s);
	assert_int_equal(begun_by_rule(s), 1);
	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_send(s, A, frame_udp(&other, &server, "x"));
	scenario_send(s, A, frame_ping(&a, &server, 1, "x"));
	assert_int_equal(begun_by_rule(s), 4);
	// It goes on where it stands when the rule changes.
	scenario_nat_rule(s, RULE, VRF, OUT, "10.1.0.0/16", NULL);
	scenario_commit(s);
	assert_int_equal(begun_by_rule(s), 4);
	scenario_send(s, A, frame_ping(&a, &server, 2, "x"));
	scenario_send(s, A, frame_ping(&other, &server, 1, "x"));
	assert_int_equal(begun_by_rule(s), connections(s));
	scenario_discard(s);
}

// From outside and from inside; what the rule of the way out does is nothing to it.
static void forward_counts_each_connection_it_begins(void **user)
{
	struct scenario *s = *user;
	struct end client = {W_MAC, "203.0.113.50", 5555};
	struct end client_in = {ROUTER_MAC, "203.0.113.50", 5555};

	forward(s);
	scenario_send(s, W, frame_tcp(&client, &door, TCP_S, ""));
	scenario_send(s, B, frame_tcp(&b, &client_in, TCP_S | TCP_A, ""));
	scenario_send(s, W, frame_tcp(&client, &door, TCP_A, "x"));
	assert_int_equal(begun_by_forward(s), 1);
	scenario_send(s, A, frame_tcp(&a, &door, TCP_S, ""));
	assert_int_equal(begun_by_forward(s), 2);
	scenario_send(s, W, frame_tcp(&server_out, &door, TCP_A, "x"));
	scenario_send(s, A, frame_udp(&a, &server, "x"));
	assert_int_equal(begun_by_forward(s), 2);
	assert_int_equal(begun_by_rule(s), 1);
	// Another destination is the same forward, one that was deleted is not.
	scenario_forward(s, 50, VRF, NULL, 6, 8081, b.ip, 80);
	scenario_commit(s);
	assert_int_equal(begun_by_forward(s), 2);
	scenario_delete(s, WEFT__KIND__KIND_PORT_FORWARD, 50);
	scenario_commit(s);
	forward(s);
	assert_int_equal(begun_by_forward(s), 0);
	scenario_discard(s);
}

static void error_from_outside_reaches_who_caused_it(void **user)
{
	struct scenario *s = *user;
	struct end router = {W_MAC, "192.0.2.99", 0};
	struct end router_in = {ROUTER_MAC, "192.0.2.99", 0};
	struct frame sent = frame_udp(&a, &server, "traceroute");
	struct frame died;

	scenario_send(s, A, sent);
	died = scenario_take(s, W);
	// Inside and out, the error speaks of the packet as its sender knew it.
	struct frame error = frame_icmp_error(&router, &a_out, 11, 0, 0, &died, 548);
	struct frame known = routed(frame_udp(&a, &server, "traceroute"));

	scenario_send(s, W, error);
	scenario_expect(s, A, routed(frame_icmp_error(&router_in, &a, 11, 0, 0, &known, 548)));
}

static void short_quote_of_tcp_is_translated(void **user)
{
	struct scenario *s = *user;
	struct end router_in = {ROUTER_MAC, "192.0.2.99", 0};
	struct end router = {W_MAC, "192.0.2.99", 0};
	struct frame died;

	scenario_send(s, A, frame_tcp(&a, &server, TCP_S, ""));
	died = scenario_take(s, W);

	struct frame error = frame_icmp_error(&router, &a_out, 3, 4, 1400, &died, 28);
	struct frame known = routed(frame_tcp(&a, &server, TCP_S, ""));

	scenario_send(s, W, error);
	scenario_expect(s, A, routed(frame_icmp_error(&router_in, &a, 3, 4, 1400, &known, 28)));
}

static void error_about_a_ping_is_translated(void **user)
{
	struct scenario *s = *user;
	struct end twin = {B_MAC, b.ip, a.port};
	struct frame died;

	scenario_send(s, A, frame_ping(&a, &server, 1, "hi"));
	scenario_discard(s);
	scenario_send(s, B, frame_ping(&twin, &server, 1, "hi"));
	died = scenario_take(s, W);

	struct frame known = routed(frame_ping(&twin, &server, 1, "hi"));

	scenario_send(s, W, frame_icmp_error(&server_out, &leg_out, 3, 1, 0, &died, 548));
	scenario_expect(s, B, routed(frame_icmp_error(&server, &twin, 3, 1, 0, &known, 548)));
}

static void error_from_inside_wears_the_outside_address(void **user)
{
	struct scenario *s = *user;
	struct frame got;

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_discard(s);
	scenario_send(s, W, frame_udp(&server_out, &a_out, "late"));
	got = scenario_take(s, A);
	scenario_send(s, A, frame_icmp_error(&a, &server, 3, 3, 0, &got, 548));

	struct frame known = routed(frame_udp(&server_out, &a_out, "late"));

	scenario_expect(s, W,
	                routed(frame_icmp_error(&leg_out, &server_out, 3, 3, 0, &known, 548)));
}

static void error_about_no_connection_is_dropped(void **user)
{
	struct scenario *s = *user;
	struct frame lie = frame_udp(&a_out, &server_out, "never sent");

	scenario_send(s, W, frame_icmp_error(&server_out, &leg_out, 3, 3, 0, &lie, 548));
	scenario_expect_silence(s);
	assert_int_equal(scenario_drops(s, W, DROP_NOT_FOR_US), 1);
}

static void syn_alone_is_forgotten_after_a_minute(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_tcp(&a, &server, TCP_S, ""));
	scenario_discard(s);
	scenario_run_seconds(s, 58);
	assert_int_equal(connections(s), 1);
	scenario_run_seconds(s, 4);
	assert_int_equal(connections(s), 0);
}

static void established_connection_may_be_silent_for_two_hours(void **user)
{
	struct scenario *s = *user;

	open_tcp(s);
	scenario_run_seconds(s, 7430);
	assert_int_equal(connections(s), 1);
	scenario_discard(s);
	scenario_send(s, W, frame_tcp(&server_out, &a_out, TCP_A, "x"));
	scenario_expect(s, A, routed(frame_tcp(&server, &a, TCP_A, "x")));
	scenario_run_seconds(s, 7460);
	assert_int_equal(connections(s), 0);
	scenario_discard(s);
}

static void closed_connection_is_forgotten_after_two_minutes(void **user)
{
	struct scenario *s = *user;

	open_tcp(s);
	scenario_send(s, A, frame_tcp(&a, &server, TCP_F | TCP_A, ""));
	scenario_send(s, W, frame_tcp(&server_out, &a_out, TCP_F | TCP_A, ""));
	scenario_send(s, A, frame_tcp(&a, &server, TCP_A, ""));
	scenario_discard(s);
	scenario_run_seconds(s, 115);
	assert_int_equal(connections(s), 1);
	scenario_run_seconds(s, 10);
	assert_int_equal(connections(s), 0);
	scenario_discard(s);
}

static void reset_connection_is_forgotten_soon(void **user)
{
	struct scenario *s = *user;

	open_tcp(s);
	scenario_send(s, W, frame_tcp(&server_out, &a_out, TCP_R, ""));
	scenario_expect(s, A, routed(frame_tcp(&server, &a, TCP_R, "")));
	scenario_run_seconds(s, 70);
	assert_int_equal(connections(s), 0);
	scenario_discard(s);
}

static void udp_is_kept_longer_once_answered(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_run_seconds(s, 33);
	assert_int_equal(connections(s), 0);
	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_send(s, W, frame_udp(&server_out, &a_out, "y"));
	scenario_run_seconds(s, 290);
	assert_int_equal(connections(s), 1);
	scenario_run_seconds(s, 15);
	assert_int_equal(connections(s), 0);
	scenario_discard(s);
}

static void ended_connection_is_not_used_by_a_cached_flow(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_run_seconds(s, 33);
	scenario_send(s, W, frame_udp(&server_out, &a_out, "late"));
	assert_int_equal(scenario_drops(s, W, DROP_NAT_NO_BINDING), 1);
	scenario_discard(s);
	scenario_send(s, A, frame_udp(&a, &server, "again"));
	scenario_expect(s, W, routed(frame_udp(&a_out, &server_out, "again")));
	assert_int_equal(connections(s), 1);
}

static void connection_begins_anew_when_the_uplink_changes_its_address(void **user)
{
	struct scenario *s = *user;
	struct end renewed = {ROUTER_MAC, "198.51.100.200", a.port};

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_discard(s);
	scenario_interface(s, OUT, VRF, WAN, 0, WEFT__NAT_ROLE__NAT_OUTSIDE, "198.51.100.200/24",
	                   "2001:db8::2/64");
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &server, "y"));
	scenario_expect(s, W, routed(frame_udp(&renewed, &server_out, "y")));
	assert_int_equal(connections(s), 1);
}

static void full_table_is_named(void **user)
{
	struct scenario *s;

	scenario_configure(0, 0, 64);
	assert_int_equal(set_up((void **)&s), 0);
	for (uint16_t port = 1000; port < 1068; port++) {
		struct end from = {A_MAC, a.ip, port};

		scenario_send(s, A, frame_udp(&from, &server, "x"));
	}
	assert_int_equal(scenario_drops(s, A, DROP_CONN_TABLE_FULL), 4);
	scenario_discard(s);
	scenario_free(s);
}

static void protocol_without_ports_is_named(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_ip(&a, &server, 47, "gre!", 4));
	assert_int_equal(scenario_drops(s, A, DROP_NAT_PROTOCOL), 1);
}

static void fragments_follow_their_first(void **user)
{
	struct scenario *s = *user;
	struct frame whole = frame_udp(&a, &server, "0123456789abcdef0123456789abcdef");
	struct frame out =
		routed(frame_udp(&a_out, &server_out, "0123456789abcdef0123456789abcdef"));
	struct frame first = frame_fragment(&whole, 0, 24);
	struct frame later = frame_fragment(&whole, 24, 16);

	scenario_send(s, A, first);
	scenario_expect(s, W, frame_fragment(&out, 0, 24));
	scenario_send(s, A, later);
	scenario_expect(s, W, frame_fragment(&out, 24, 16));
}

static void fragment_before_its_first_is_dropped_by_name(void **user)
{
	struct scenario *s = *user;
	struct frame whole = frame_udp(&a, &server, "0123456789abcdef0123456789abcdef");

	scenario_send(s, A, frame_fragment(&whole, 24, 16));
	assert_int_equal(scenario_drops(s, A, DROP_FRAGMENT_UNKNOWN), 1);
}

static void connection_survives_a_restart(void **user)
{
	struct scenario *s = *user;
	struct end twin = {B_MAC, b.ip, a.port};
	uint16_t port;

	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_discard(s);
	scenario_send(s, B, frame_udp(&twin, &server, "x"));
	port = source_port(s);
	scenario_restart(s);
	scenario_send(s, B, frame_udp(&twin, &server, "x"));
	assert_int_equal(source_port(s), port);
	assert_int_equal(connections(s), 2);
}

static void connection_in_the_middle_is_picked_up_from_inside(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_tcp(&a, &server, TCP_A, "x"));
	scenario_expect(s, W, routed(frame_tcp(&a_out, &server_out, TCP_A, "x")));
	scenario_send(s, B, frame_tcp(&b, &server, TCP_R, ""));
	assert_int_equal(scenario_drops(s, B, DROP_CONN_INVALID), 1);
}

static void inside_traffic_is_not_tracked(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_udp(&a, &b, "x"));
	scenario_expect(s, B, frame_udp(&a, &b, "x"));
	assert_int_equal(connections(s), 0);
}

static void ipv6_without_a_rule_is_routed_both_ways(void **user)
{
	struct scenario *s = *user;
	struct end a6 = {A_MAC, "fd01::10", 5};
	struct end a6_via = {ROUTER_MAC, "fd01::10", 5};
	struct end far = {ROUTER_MAC, "2001:db8:9::9", 6};
	struct end far_out = {W_MAC, "2001:db8:9::9", 6};

	scenario_send(s, A, frame_udp(&a6, &far, "x"));
	scenario_expect(s, W, routed(frame_udp(&a6_via, &far_out, "x")));
	scenario_send(s, W, frame_udp(&far_out, &a6_via, "y"));
	scenario_expect(s, A, routed(frame_udp(&far, &a6, "y")));
	assert_int_equal(connections(s), 0);
}

static void ipv6_is_masqueraded_by_a_rule(void **user)
{
	struct scenario *s = *user;
	struct end a6 = {A_MAC, "fd01::10", 5};
	struct end gate = {ROUTER_MAC, "2001:db8::2", 5};
	struct end far = {ROUTER_MAC, "2001:db8:9::9", 6};
	struct end far_out = {W_MAC, "2001:db8:9::9", 6};
	struct frame died;

	scenario_nat_rule(s, 70, VRF, OUT, "fd01::/64", NULL);
	scenario_commit(s);
	scenario_send(s, A, frame_ping(&a6, &far, 1, "hi"));
	scenario_expect(s, W, routed(frame_ping(&gate, &far_out, 1, "hi")));
	scenario_send(s, W, frame_pong(&far_out, &gate, 1, "hi"));
	scenario_expect(s, A, routed(frame_pong(&far, &a6, 1, "hi")));

	scenario_send(s, A, frame_udp(&a6, &far, "x"));
	died = scenario_take(s, W);

	struct frame known = routed(frame_udp(&a6, &far, "x"));

	scenario_send(s, W, frame_icmp_error(&far_out, &gate, 1, 4, 0, &died, 1232));
	scenario_expect(s, A, routed(frame_icmp_error(&far, &a6, 1, 4, 0, &known, 1232)));
}

static void trace_shows_the_real_connection(void **user)
{
	struct scenario *s = *user;
	const char *text = trace_text(scenario_trace(s, A, frame_udp(&a, &server, "x")));

	assert_non_null(strstr(text, "nat: new connection, NAT to 198.51.100.2:40000"));
	assert_int_equal(connections(s), 0);
	scenario_send(s, A, frame_udp(&a, &server, "x"));
	scenario_discard(s);
	text = trace_text(scenario_trace(s, A, frame_udp(&a, &server, "x")));
	assert_non_null(strstr(text, "nat: existing connection, NAT to 198.51.100.2:40000"));
	text = trace_text(scenario_trace(s, W, frame_udp(&server_out, &a_out, "x")));
	assert_non_null(strstr(text, "nat: existing connection, back to 10.1.0.10:40000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		SCENARIO(source_becomes_the_gateways_and_keeps_its_port),
		SCENARIO(answer_finds_its_way_back),
		SCENARIO(both_directions_hit_the_cache),
		SCENARIO(taken_port_is_replaced),
		SCENARIO(taken_port_is_used_again_towards_another_server),
		SCENARIO(rule_with_addresses_uses_them),
		cmocka_unit_test(partial_checksum_stays_partial),
		SCENARIO(partial_checksum_is_finished_for_a_plain_door),
		SCENARIO(udp_without_checksum_stays_without),
		cmocka_unit_test(super_packet_is_translated_whole),
		SCENARIO(ping_is_translated_by_its_identifier),
		SCENARIO(two_pings_with_one_identifier_are_told_apart),
		SCENARIO(outside_may_ping_the_gateway_only),
		SCENARIO(outside_address_answers_arp),
		SCENARIO(stranger_from_outside_is_dropped_in_silence),
		SCENARIO(other_end_cannot_use_a_binding),
		SCENARIO(refusal_ends_when_a_connection_begins),
		SCENARIO(forward_keeps_the_clients_address),
		SCENARIO(forward_takes_no_segment_out_of_the_blue),
		SCENARIO(hairpin_goes_by_the_gateways_address),
		SCENARIO(forward_to_one_address_serves_that_only),
		SCENARIO(connection_outlives_its_forward),
		SCENARIO(rule_counts_each_connection_it_begins),
		SCENARIO(forward_counts_each_connection_it_begins),
		SCENARIO(error_from_outside_reaches_who_caused_it),
		SCENARIO(short_quote_of_tcp_is_translated),
		SCENARIO(error_about_a_ping_is_translated),
		SCENARIO(error_from_inside_wears_the_outside_address),
		SCENARIO(error_about_no_connection_is_dropped),
		SCENARIO(syn_alone_is_forgotten_after_a_minute),
		SCENARIO(established_connection_may_be_silent_for_two_hours),
		SCENARIO(closed_connection_is_forgotten_after_two_minutes),
		SCENARIO(reset_connection_is_forgotten_soon),
		SCENARIO(udp_is_kept_longer_once_answered),
		SCENARIO(ended_connection_is_not_used_by_a_cached_flow),
		SCENARIO(connection_begins_anew_when_the_uplink_changes_its_address),
		cmocka_unit_test(full_table_is_named),
		SCENARIO(protocol_without_ports_is_named),
		SCENARIO(fragments_follow_their_first),
		SCENARIO(fragment_before_its_first_is_dropped_by_name),
		SCENARIO(connection_survives_a_restart),
		SCENARIO(connection_in_the_middle_is_picked_up_from_inside),
		SCENARIO(inside_traffic_is_not_tracked),
		SCENARIO(ipv6_without_a_rule_is_routed_both_ways),
		SCENARIO(ipv6_is_masqueraded_by_a_rule),
		SCENARIO(trace_shows_the_real_connection),
#undef SCENARIO
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
