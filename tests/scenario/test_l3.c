// SPDX-License-Identifier: BSD-3-Clause
//
// test_l3: one router between two bridges, both families: ARP and ND, routes, TTL, MTU, held packets.

#include "tests/scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// a -- lan A (10.1.0.1, fd01::1) -- router -- lan B (10.2.0.1, fd02::1) -- b, c
enum { LAN_A = 1, LAN_B = 2, A = 11, B = 12, C = 13, VRF = 30, LEG_A = 31, LEG_B = 32 };

#define A_MAC "02:00:00:00:00:0a"
#define B_MAC "02:00:00:00:00:0b"
#define C_MAC "02:00:00:00:00:0c"
#define LINK_LOCAL "fe80::57:ff:fe00:1"

static const struct end a = {A_MAC, "10.1.0.10", 1000};
static const struct end b = {B_MAC, "10.2.0.20", 2000};
static const struct end a6 = {A_MAC, "fd01::10", 1000};
static const struct end b6 = {B_MAC, "fd02::20", 2000};
static const struct end leg_a = {ROUTER_MAC, "10.1.0.1", 0};
static const struct end leg_b = {ROUTER_MAC, "10.2.0.1", 0};
static const struct end leg_a6 = {ROUTER_MAC, "fd01::1", 0};
static const struct end leg_b6 = {ROUTER_MAC, "fd02::1", 0};
// The far ends, as each side sees them: behind the router's MAC.
static const struct end b_via = {ROUTER_MAC, "10.2.0.20", 2000};
static const struct end a_via = {ROUTER_MAC, "10.1.0.10", 1000};
static const struct end b6_via = {ROUTER_MAC, "fd02::20", 2000};
static const struct end a6_via = {ROUTER_MAC, "fd01::10", 1000};

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, LAN_A);
	scenario_bridge(s, LAN_B);
	scenario_port(s, A, "a");
	scenario_port(s, B, "b");
	scenario_port(s, C, "c");
	scenario_member(s, 21, A, LAN_A, 0, false);
	scenario_member(s, 22, B, LAN_B, 0, false);
	scenario_member(s, 23, C, LAN_B, 0, false);
	scenario_vrf(s, VRF);
	scenario_interface(s, LEG_A, VRF, LAN_A, 0, WEFT__NAT_ROLE__NAT_NONE, "10.1.0.1/24",
	                   "fd01::1/64");
	scenario_interface(s, LEG_B, VRF, LAN_B, 0, WEFT__NAT_ROLE__NAT_NONE, "10.2.0.1/24",
	                   "fd02::1/64");
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

// Lets the router know both hosts, in both families.
static void introduce(struct scenario *s)
{
	scenario_send(s, A, frame_arp_request(&a, leg_a.ip));
	scenario_send(s, B, frame_arp_request(&b, leg_b.ip));
	scenario_send(s, A, frame_solicit(&a6, leg_a6.ip));
	scenario_send(s, B, frame_solicit(&b6, leg_b6.ip));
	scenario_send(s, A, frame_advert(&a6, &leg_a6, true));
	scenario_send(s, B, frame_advert(&b6, &leg_b6, true));
	scenario_discard(s);
}

// What the router makes of a frame on its way.
static struct frame routed(struct frame frame)
{
	size_t hops = frame.bytes[12] == 0x08 ? 14 + 8 : 14 + 7;

	return frame_ttl(frame, (uint8_t)(frame.bytes[hops] - 1));
}

static void arp_request_for_the_leg_is_answered(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_arp_request(&a, leg_a.ip));
	scenario_expect(s, A, frame_arp_reply(&leg_a, &a));
}

static void arp_request_for_another_host_is_flooded(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_arp_request(&b, "10.2.0.30");

	scenario_send(s, B, frame);
	scenario_expect(s, C, frame);
}

static void arp_for_the_other_leg_is_not_answered(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_arp_request(&a, leg_b.ip));
	scenario_expect_silence(s);
}

static void arp_probe_for_our_address_is_answered(void **user)
{
	struct scenario *s = *user;
	struct end probe = {A_MAC, "0.0.0.0", 0};

	scenario_send(s, A, frame_arp_request(&probe, leg_a.ip));
	scenario_expect(s, A, frame_arp_reply(&leg_a, &probe));
}

static void address_conflict_is_defended(void **user)
{
	struct scenario *s = *user;
	struct end thief = {B_MAC, leg_b.ip, 0};
	struct frame defence = frame_arp_request(&leg_b, leg_b.ip);

	scenario_send(s, B, frame_arp_request(&thief, leg_b.ip));
	scenario_expect(s, B, defence);
	scenario_expect(s, C, defence);
	scenario_expect_silence(s);
}

static void malformed_arp_is_dropped_by_name(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_arp_request(&a, leg_a.ip);

	frame.bytes[14 + 4] = 8;
	scenario_send(s, A, frame);
	frame = frame_arp_request(&a, leg_a.ip);
	frame.len = 30;
	scenario_send(s, A, frame);
	assert_int_equal(scenario_drops(s, A, DROP_ARP_MALFORMED), 2);
}

static void packet_is_routed_with_new_macs_and_ttl(void **user)
{
	struct scenario *s = *user;

	introduce(s);
	scenario_send(s, A, frame_udp(&a, &b_via, "hello"));
	scenario_expect(s, B, routed(frame_udp(&a_via, &b, "hello")));
}

static void packet6_is_routed_with_new_macs_and_hop_limit(void **user)
{
	struct scenario *s = *user;

	introduce(s);
	scenario_send(s, A, frame_tcp(&a6, &b6_via, TCP_S, ""));
	scenario_expect(s, B, routed(frame_tcp(&a6_via, &b6, TCP_S, "")));
}

static void routed_flow_hits_the_cache(void **user)
{
	struct scenario *s = *user;

	introduce(s);
	scenario_send(s, A, frame_udp(&a, &b_via, "1"));
	scenario_discard(s);

	uint64_t misses = scenario_worker(s, STATS_CACHE_MISSES);

	scenario_send(s, A, frame_udp(&a, &b_via, "2"));
	scenario_expect(s, B, routed(frame_udp(&a_via, &b, "2")));
	assert_int_equal(scenario_worker(s, STATS_CACHE_MISSES), misses);
}

static void unknown_neighbour_is_asked_and_packets_wait(void **user)
{
	struct scenario *s = *user;
	struct frame question = frame_arp_request(&leg_b, b.ip);

	scenario_send(s, A, frame_arp_request(&a, leg_a.ip));
	scenario_discard(s);
	scenario_send(s, A, frame_udp(&a, &b_via, "1"));
	scenario_send(s, A, frame_udp(&a, &b_via, "2"));
	scenario_expect(s, B, question);
	scenario_expect(s, C, question);
	scenario_expect_silence(s);
	scenario_send(s, B, frame_arp_reply(&b, &leg_b));
	scenario_expect(s, B, routed(frame_udp(&a_via, &b, "1")));
	scenario_expect(s, B, routed(frame_udp(&a_via, &b, "2")));
}

static void unknown_neighbour6_is_solicited_and_packets_wait(void **user)
{
	struct scenario *s = *user;
	struct frame question = frame_solicit(&leg_b6, b6.ip);

	scenario_send(s, A, frame_udp(&a6, &b6_via, "1"));
	scenario_expect(s, B, question);
	scenario_expect(s, C, question);
	scenario_send(s, B, frame_advert(&b6, &leg_b6, true));
	scenario_expect(s, B, routed(frame_udp(&a6_via, &b6, "1")));
}

static void question_is_repeated_each_second_then_given_up(void **user)
{
	struct scenario *s = *user;
	struct frame question = frame_arp_request(&leg_b, b.ip);
	struct frame lost = frame_udp(&a, &b_via, "lost");

	introduce(s);
	scenario_run_until(s, scenario_now(s) + 200000000000);
	scenario_discard(s);
	scenario_send(s, A, frame_arp_request(&a, leg_a.ip));
	scenario_discard(s);
	scenario_send(s, A, lost);
	for (unsigned i = 0; i < 3; i++) {
		scenario_expect(s, B, question);
		scenario_expect(s, C, question);
		scenario_expect_silence(s);
		scenario_run_seconds(s, i == 2 ? 1.5 : 1.0);
	}
	// Its sender is told: host unreachable.
	scenario_expect(s, A, frame_icmp_error(&leg_a, &a, 3, 1, 0, &lost, 548));
	assert_int_equal(scenario_drops(s, A, DROP_NEIGHBOUR_UNREACHABLE), 1);
}

static void only_so_many_packets_wait(void **user)
{
	struct scenario *s = *user;

	for (unsigned i = 0; i < 12; i++)
		scenario_send(s, A, frame_udp(&a, &b_via, "x"));
	assert_int_equal(scenario_drops(s, A, DROP_NEIGHBOUR_PENDING_FULL), 4);
	scenario_discard(s);
}

static void static_neighbour_needs_no_question(void **user)
{
	struct scenario *s = *user;
	struct frame frame = routed(frame_udp(&a_via, &b, "x"));

	scenario_neighbour(s, 50, LEG_B, b.ip, B_MAC);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &b_via, "x"));
	// Where that MAC lives is not known yet.
	scenario_expect(s, B, frame);
	scenario_expect(s, C, frame);
}

static void neighbour_that_changes_its_mac_is_followed(void **user)
{
	struct scenario *s = *user;
	struct end moved = {C_MAC, b.ip, b.port};

	introduce(s);
	scenario_send(s, A, frame_udp(&a, &b_via, "1"));
	scenario_discard(s);
	scenario_send(s, C, frame_arp_request(&moved, leg_b.ip));
	scenario_expect(s, C, frame_arp_reply(&leg_b, &moved));
	scenario_send(s, A, frame_udp(&a, &b_via, "2"));
	scenario_expect(s, C, routed(frame_udp(&a_via, &moved, "2")));
}

static void ttl_that_ends_is_told(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_ttl(frame_udp(&a, &b_via, "traceroute"), 1);

	introduce(s);
	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg_a, &a, 11, 0, 0, &frame, 548));
	assert_int_equal(scenario_drops(s, A, DROP_TTL_EXCEEDED), 1);
}

static void ttl_that_ends_is_told_also_in_a_cached_flow(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&a, &b_via, "x");

	introduce(s);
	scenario_send(s, A, frame);
	scenario_discard(s);
	frame = frame_ttl(frame, 1);
	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg_a, &a, 11, 0, 0, &frame, 548));
}

static void one_short_ttl_does_not_end_its_flow(void **user)
{
	struct scenario *s = *user;

	introduce(s);
	scenario_send(s, A, frame_ttl(frame_udp(&a, &b_via, "x"), 1));
	scenario_discard(s);
	scenario_send(s, A, frame_udp(&a, &b_via, "x"));
	scenario_expect(s, B, routed(frame_udp(&a_via, &b, "x")));
}

static void hop_limit_that_ends_is_told(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_ttl(frame_udp(&a6, &b6_via, "traceroute"), 1);

	introduce(s);
	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg_a6, &a6, 3, 0, 0, &frame, 1232));
}

static void destination_without_route_is_told(void **user)
{
	struct scenario *s = *user;
	struct end nowhere = {ROUTER_MAC, "192.0.2.1", 9};
	struct end nowhere6 = {ROUTER_MAC, "2001:db8::1", 9};
	struct frame frame = frame_udp(&a, &nowhere, "x");

	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg_a, &a, 3, 0, 0, &frame, 548));
	frame = frame_udp(&a6, &nowhere6, "x");
	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg_a6, &a6, 1, 0, 0, &frame, 1232));
	assert_int_equal(scenario_drops(s, A, DROP_NO_ROUTE), 2);
}

static void black_hole_swallows_in_silence(void **user)
{
	struct scenario *s = *user;
	struct end nowhere = {ROUTER_MAC, "192.0.2.1", 9};

	scenario_route(s, 60, VRF, "192.0.2.0/24", 0, NULL);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &nowhere, "x"));
	assert_int_equal(scenario_drops(s, A, DROP_BLACKHOLE), 1);
	scenario_expect_silence(s);
}

static void longest_prefix_decides_the_next_hop(void **user)
{
	struct scenario *s = *user;
	struct end far = {ROUTER_MAC, "192.0.2.129", 9};
	struct end by_b = {B_MAC, far.ip, 9};

	introduce(s);
	scenario_route(s, 60, VRF, "192.0.2.0/24", LEG_A, a.ip);
	scenario_route(s, 61, VRF, "192.0.2.128/25", LEG_B, b.ip);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &far, "x"));
	scenario_expect(s, B, routed(frame_udp(&a_via, &by_b, "x")));
}

static void changed_route_takes_effect_in_a_cached_flow(void **user)
{
	struct scenario *s = *user;
	struct end far = {ROUTER_MAC, "192.0.2.129", 9};
	struct end by_b = {B_MAC, far.ip, 9};

	introduce(s);
	scenario_route(s, 60, VRF, "192.0.2.0/24", LEG_B, b.ip);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &far, "1"));
	scenario_expect(s, B, routed(frame_udp(&a_via, &by_b, "1")));
	scenario_delete(s, WEFT__KIND__KIND_ROUTE, 60);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &far, "2"));
	assert_int_equal(scenario_drops(s, A, DROP_NO_ROUTE), 1);
	scenario_discard(s);
}

static void too_long_with_df_is_told_the_mtu(void **user)
{
	struct scenario *s = *user;
	char payload[1601];
	struct frame frame;

	memset(payload, 'x', 1600);
	payload[1600] = '\0';
	introduce(s);
	frame = frame_udp(&a, &b_via, payload);
	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg_a, &a, 3, 4, 1500, &frame, 548));
	assert_int_equal(scenario_drops(s, A, DROP_MTU_EXCEEDED), 1);
}

static void too_long_in_ipv6_is_told_the_mtu(void **user)
{
	struct scenario *s = *user;
	char payload[1601];
	struct frame frame;

	memset(payload, 'x', 1600);
	payload[1600] = '\0';
	introduce(s);
	frame = frame_udp(&a6, &b6_via, payload);
	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg_a6, &a6, 2, 0, 1500, &frame, 1232));
}

static void too_long_without_df_is_fragmented(void **user)
{
	struct scenario *s = *user;
	char payload[1601];
	struct frame whole;

	memset(payload, 'x', 1600);
	payload[1600] = '\0';
	introduce(s);
	scenario_send(s, A, frame_no_df(frame_udp(&a, &b_via, payload)));
	whole = frame_no_df(routed(frame_udp(&a_via, &b, payload)));
	for (unsigned i = 0; i < 2; i++) {
		struct frame part = scenario_take(s, B);
		struct frame expected = frame_fragment(&whole, i * 1480, i ? 128 : 1480);

		// The kit numbers fragments; ours keep the datagram's number.
		expected.bytes[18] = expected.bytes[19] = 0;
		frame_sum(&expected);
		assert_true(frame_equal(&expected, &part));
	}
}

static void super_packet_is_routed_whole(void **user)
{
	struct scenario *s;
	char payload[3001];

	memset(payload, 'x', 3000);
	payload[3000] = '\0';
	scenario_configure(0, PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6, 0);
	assert_int_equal(set_up((void **)&s), 0);
	introduce(s);
	scenario_send(s, A, frame_gso(frame_tcp(&a, &b_via, TCP_A, payload), 1448));

	struct frame got = scenario_take(s, B);

	assert_int_equal(got.len, 14 + 40 + 3000);
	assert_int_equal(got.meta.gso_size, 1448);
	assert_true(got.meta.flags & PACKET_CSUM_PARTIAL);
	scenario_free(s);
}

static void super_packet_of_too_long_segments_is_refused(void **user)
{
	struct scenario *s = *user;
	char payload[3001];

	memset(payload, 'x', 3000);
	payload[3000] = '\0';
	introduce(s);
	scenario_send(s, A, frame_gso(frame_tcp(&a, &b_via, TCP_A, payload), 2000));
	assert_int_equal(scenario_drops(s, A, DROP_MTU_EXCEEDED), 1);
	scenario_discard(s);
}

static void martian_addresses_are_dropped_by_name(void **user)
{
	struct scenario *s = *user;
	static const char *const sources[] = {"127.0.0.1", "224.0.0.1", "255.255.255.255",
	                                      "0.1.2.3", "10.1.0.1"};
	static const char *const destinations[] = {"127.0.0.1", "240.0.0.1", "0.0.0.0",
	                                           "10.2.0.255"};

	for (unsigned i = 0; i < 5; i++) {
		struct end from = {A_MAC, sources[i], 1};

		scenario_send(s, A, frame_udp(&from, &b_via, "x"));
	}
	for (unsigned i = 0; i < 4; i++) {
		struct end to = {ROUTER_MAC, destinations[i], 1};

		scenario_send(s, A, frame_udp(&a, &to, "x"));
	}
	assert_int_equal(scenario_drops(s, A, DROP_MARTIAN_SOURCE), 5);
	assert_int_equal(scenario_drops(s, A, DROP_MARTIAN_DESTINATION), 4);
	scenario_expect_silence(s);
}

static void link_local_source_stays_on_its_link(void **user)
{
	struct scenario *s = *user;
	struct end from6 = {A_MAC, "fe80::10", 1};
	struct end from4 = {A_MAC, "169.254.1.1", 1};

	scenario_send(s, A, frame_udp(&from6, &b6_via, "x"));
	scenario_send(s, A, frame_udp(&from4, &b_via, "x"));
	assert_int_equal(scenario_drops(s, A, DROP_MARTIAN_SOURCE), 2);
	scenario_expect_silence(s);
}

static void solicitation_for_the_leg_is_answered(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_solicit(&a6, leg_a6.ip));
	scenario_expect(s, A, frame_advert(&leg_a6, &a6, false));
}

static void link_local_address_of_the_leg_is_answered(void **user)
{
	struct scenario *s = *user;
	struct end host = {A_MAC, "fe80::10", 7};
	struct end leg = {ROUTER_MAC, LINK_LOCAL, 0};

	scenario_send(s, A, frame_solicit(&host, LINK_LOCAL));
	scenario_expect(s, A, frame_advert(&leg, &host, false));
	scenario_send(s, A, frame_ping(&host, &leg, 1, "hi"));
	scenario_expect(s, A, frame_pong(&leg, &host, 1, "hi"));
}

static void duplicate_address_detection_is_answered_to_all(void **user)
{
	struct scenario *s = *user;
	struct end nobody = {A_MAC, "::", 0};

	scenario_send(s, A, frame_solicit(&nobody, leg_a6.ip));

	struct frame advert = scenario_take(s, A);

	assert_int_equal(advert.bytes[54], 136);
	// Unsolicited, to all nodes.
	assert_int_equal(advert.bytes[54 + 4], 0xa0);
	assert_int_equal(advert.bytes[5], 1);
}

static void solicitation_from_afar_is_refused(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_ttl(frame_solicit(&a6, leg_a6.ip), 254));
	assert_int_equal(scenario_drops(s, A, DROP_ND_MALFORMED), 1);
}

static void solicitation_with_a_wrong_sum_is_refused(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_solicit(&a6, leg_a6.ip);

	frame.bytes[56] ^= 1;
	scenario_send(s, A, frame);
	assert_int_equal(scenario_drops(s, A, DROP_ICMP_CHECKSUM), 1);
}

static void stale_neighbour_is_used_and_asked_again(void **user)
{
	struct scenario *s = *user;

	introduce(s);
	scenario_run_seconds(s, 31);
	scenario_discard(s);
	scenario_send(s, A, frame_udp(&a, &b_via, "x"));
	scenario_expect(s, B, frame_arp_request(&leg_b, b.ip));
	scenario_expect(s, B, routed(frame_udp(&a_via, &b, "x")));
	scenario_discard(s);
}

static void two_vrfs_do_not_see_each_other(void **user)
{
	struct scenario *s = *user;

	introduce(s);
	scenario_vrf(s, 70);
	scenario_delete(s, WEFT__KIND__KIND_INTERFACE, LEG_B);
	scenario_interface(s, 71, 70, LAN_B, 0, WEFT__NAT_ROLE__NAT_NONE, "10.2.0.1/24", NULL);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &b_via, "x"));
	assert_int_equal(scenario_drops(s, A, DROP_NO_ROUTE), 1);
	scenario_discard(s);
}

static void trace_names_route_and_neighbour(void **user)
{
	struct scenario *s = *user;
	const char *text;

	introduce(s);
	text = trace_text(scenario_trace(s, A, frame_udp(&a, &b_via, "x")));
	assert_non_null(strstr(text, "router: route 10.2.0.0/24"));
	assert_non_null(strstr(text, "neighbour: 10.2.0.20 is at " B_MAC));
	assert_non_null(strstr(text, "out: port b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		SCENARIO(arp_request_for_the_leg_is_answered),
		SCENARIO(arp_request_for_another_host_is_flooded),
		SCENARIO(arp_for_the_other_leg_is_not_answered),
		SCENARIO(arp_probe_for_our_address_is_answered),
		SCENARIO(address_conflict_is_defended),
		SCENARIO(malformed_arp_is_dropped_by_name),
		SCENARIO(packet_is_routed_with_new_macs_and_ttl),
		SCENARIO(packet6_is_routed_with_new_macs_and_hop_limit),
		SCENARIO(routed_flow_hits_the_cache),
		SCENARIO(unknown_neighbour_is_asked_and_packets_wait),
		SCENARIO(unknown_neighbour6_is_solicited_and_packets_wait),
		SCENARIO(question_is_repeated_each_second_then_given_up),
		SCENARIO(only_so_many_packets_wait),
		SCENARIO(static_neighbour_needs_no_question),
		SCENARIO(neighbour_that_changes_its_mac_is_followed),
		SCENARIO(ttl_that_ends_is_told),
		SCENARIO(ttl_that_ends_is_told_also_in_a_cached_flow),
		SCENARIO(one_short_ttl_does_not_end_its_flow),
		SCENARIO(hop_limit_that_ends_is_told),
		SCENARIO(destination_without_route_is_told),
		SCENARIO(black_hole_swallows_in_silence),
		SCENARIO(longest_prefix_decides_the_next_hop),
		SCENARIO(changed_route_takes_effect_in_a_cached_flow),
		SCENARIO(too_long_with_df_is_told_the_mtu),
		SCENARIO(too_long_in_ipv6_is_told_the_mtu),
		SCENARIO(too_long_without_df_is_fragmented),
		cmocka_unit_test(super_packet_is_routed_whole),
		SCENARIO(super_packet_of_too_long_segments_is_refused),
		SCENARIO(martian_addresses_are_dropped_by_name),
		SCENARIO(link_local_source_stays_on_its_link),
		SCENARIO(solicitation_for_the_leg_is_answered),
		SCENARIO(link_local_address_of_the_leg_is_answered),
		SCENARIO(duplicate_address_detection_is_answered_to_all),
		SCENARIO(solicitation_from_afar_is_refused),
		SCENARIO(solicitation_with_a_wrong_sum_is_refused),
		SCENARIO(stale_neighbour_is_used_and_asked_again),
		SCENARIO(two_vrfs_do_not_see_each_other),
		SCENARIO(trace_names_route_and_neighbour),
#undef SCENARIO
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
