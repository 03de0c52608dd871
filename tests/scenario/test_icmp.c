// SPDX-License-Identifier: BSD-3-Clause
//
// test_icmp: the router as a host: pings, closed ports, and what it never answers.

#include "tests/scenario/scenario.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LAN = 1, A = 11, T = 12, VRF = 30, LEG = 31, LEG20 = 32 };

#define A_MAC "02:00:00:00:00:0a"
#define T_MAC "02:00:00:00:00:0c"

static const struct end a = {A_MAC, "10.1.0.10", 1000};
static const struct end a6 = {A_MAC, "fd01::10", 1000};
static const struct end leg = {ROUTER_MAC, "10.1.0.1", 9};
static const struct end leg6 = {ROUTER_MAC, "fd01::1", 9};
static const struct end nowhere = {ROUTER_MAC, "192.0.2.1", 9};

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, LAN);
	scenario_port(s, A, "a");
	scenario_port(s, T, "trunk");
	scenario_member(s, 21, A, LAN, 10, false);
	scenario_member(s, 22, T, LAN, 20, true);
	scenario_vrf(s, VRF);
	scenario_interface(s, LEG, VRF, LAN, 10, WEFT__NAT_ROLE__NAT_NONE, "10.1.0.1/24",
	                   "fd01::1/64");
	scenario_interface(s, LEG20, VRF, LAN, 20, WEFT__NAT_ROLE__NAT_NONE, "10.2.0.1/24", NULL);
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

static void ping_of_the_router_is_answered(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_ping(&a, &leg, 7, "payload"));
	scenario_expect(s, A, frame_pong(&leg, &a, 7, "payload"));
}

static void ping6_of_the_router_is_answered(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_ping(&a6, &leg6, 7, "payload"));
	scenario_expect(s, A, frame_pong(&leg6, &a6, 7, "payload"));
}

static void ping_of_the_far_leg_is_answered(void **user)
{
	struct scenario *s = *user;
	struct end far = {ROUTER_MAC, "10.2.0.1", 0};

	scenario_send(s, A, frame_ping(&a, &far, 1, "x"));
	scenario_expect(s, A, frame_pong(&far, &a, 1, "x"));
}

static void answer_wears_the_tag_of_the_question(void **user)
{
	struct scenario *s = *user;
	struct end host = {T_MAC, "10.2.0.10", 3};
	struct end far = {ROUTER_MAC, "10.2.0.1", 0};

	scenario_send(s, T, frame_tagged(frame_ping(&host, &far, 1, "x"), 20));
	scenario_expect(s, T, frame_tagged(frame_pong(&far, &host, 1, "x"), 20));
	scenario_send(s, T, frame_tagged(frame_arp_request(&host, far.ip), 20));
	scenario_expect(s, T, frame_tagged(frame_arp_reply(&far, &host), 20));
}

static void long_ping_is_answered_whole(void **user)
{
	struct scenario *s = *user;
	char payload[1401];

	memset(payload, 'p', 1400);
	payload[1400] = '\0';
	scenario_send(s, A, frame_ping(&a, &leg, 1, payload));
	scenario_expect(s, A, frame_pong(&leg, &a, 1, payload));
}

static void ping_with_a_ttl_of_one_is_answered(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_ttl(frame_ping(&a, &leg, 1, "x"), 1));
	scenario_expect(s, A, frame_pong(&leg, &a, 1, "x"));
}

static void closed_udp_port_is_told(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&a, &leg, "anybody?");

	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg, &a, 3, 3, 0, &frame, 548));
	frame = frame_udp(&a6, &leg6, "anybody?");
	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg6, &a6, 1, 4, 0, &frame, 1232));
	assert_int_equal(scenario_drops(s, A, DROP_PROTOCOL_UNREACHABLE), 2);
}

static void closed_tcp_port_is_reset(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_tcp_at(&a, &leg, TCP_S, 1000, 0, "", 0));

	struct frame got = scenario_take(s, A);

	assert_int_equal(got.bytes[14 + 20 + 13], TCP_R | TCP_A);
	assert_int_equal(load_be32(got.bytes + 14 + 20 + 8), 1001);
	assert_int_equal(load_be16(got.bytes + 14 + 20), leg.port);
}

static void closed_tcp_port_is_reset_in_ipv6(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_tcp_at(&a6, &leg6, TCP_A, 1000, 77, "data", 4));

	struct frame got = scenario_take(s, A);

	assert_int_equal(got.bytes[14 + 40 + 13], TCP_R);
	assert_int_equal(load_be32(got.bytes + 14 + 40 + 4), 77);
}

static void reset_is_not_answered_by_a_reset(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_tcp(&a, &leg, TCP_R, ""));
	scenario_expect_silence(s);
}

static void unknown_protocol_is_told(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_ip(&a, &leg, 132, "sctp.sctp", 9);

	scenario_send(s, A, frame);
	scenario_expect(s, A, frame_icmp_error(&leg, &a, 3, 2, 0, &frame, 548));
}

static void error_is_not_answered_by_an_error(void **user)
{
	struct scenario *s = *user;
	struct frame about = frame_udp(&nowhere, &a, "x");

	scenario_send(s, A, frame_icmp_error(&a, &nowhere, 3, 3, 0, &about, 548));
	assert_int_equal(scenario_drops(s, A, DROP_NO_ROUTE), 1);
	scenario_expect_silence(s);
}

static void later_fragment_is_not_answered(void **user)
{
	struct scenario *s = *user;
	struct frame whole = frame_udp(&a, &nowhere, "0123456789abcdef0123456789abcdef");

	scenario_send(s, A, frame_fragment(&whole, 24, 16));
	assert_int_equal(scenario_drops(s, A, DROP_NO_ROUTE), 1);
	scenario_expect_silence(s);
	// The first one is.
	scenario_send(s, A, frame_fragment(&whole, 0, 24));
	scenario_take(s, A);
}

static void broadcast_ping_is_not_answered(void **user)
{
	struct scenario *s = *user;
	struct end all = {"ff:ff:ff:ff:ff:ff", "10.1.0.255", 0};

	scenario_send(s, A, frame_ping(&a, &all, 1, "x"));
	assert_int_equal(scenario_drops(s, A, DROP_NO_MEMBER), 1);
}

static void long_packet_is_quoted_within_bounds(void **user)
{
	struct scenario *s = *user;
	char payload[1201];
	struct frame frame;

	memset(payload, 'q', 1200);
	payload[1200] = '\0';
	frame = frame_udp(&a, &nowhere, payload);
	scenario_send(s, A, frame);

	struct frame got = scenario_take(s, A);

	assert_int_equal(got.len, 14 + 576);
	assert_true(frame_equal(
		&(struct frame[]){frame_icmp_error(&leg, &a, 3, 0, 0, &frame, 548)}[0], &got));
}

static void errors_are_rate_limited(void **user)
{
	struct scenario *s = *user;
	unsigned answered = 0;

	for (unsigned i = 0; i < 200; i++) {
		scenario_send(s, A, frame_udp(&a, &nowhere, "x"));
		if (scenario_counter(s, A, STATS_TX_PACKETS) > answered) {
			answered++;
			scenario_take(s, A);
		}
	}
	assert_int_equal(answered, 100);
	assert_int_equal(scenario_drops(s, A, DROP_ICMP_RATE), 100);
	assert_int_equal(scenario_drops(s, A, DROP_NO_ROUTE), 200);

	// A second later there is room again.
	scenario_run_seconds(s, 1);
	scenario_send(s, A, frame_udp(&a, &nowhere, "x"));
	scenario_take(s, A);
}

static void foreign_ethertype_to_the_router_is_dropped_by_name(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, A, frame_eth(ROUTER_MAC, A_MAC, 0x88b5, "experimental", 12));
	assert_int_equal(scenario_drops(s, A, DROP_NOT_FOR_US), 1);
}

static void malformed_headers_are_dropped_by_name(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&a, &leg, "x");

	frame.bytes[14] = 0x41;
	scenario_send(s, A, frame);
	assert_int_equal(scenario_drops(s, A, DROP_IP4_MALFORMED), 1);

	frame = frame_udp(&a, &leg, "x");
	frame.bytes[24] ^= 1;
	scenario_send(s, A, frame);
	assert_int_equal(scenario_drops(s, A, DROP_IP4_CHECKSUM), 1);

	frame = frame_udp(&a6, &leg6, "x");
	frame.bytes[14] = 0x10;
	scenario_send(s, A, frame);
	assert_int_equal(scenario_drops(s, A, DROP_IP6_MALFORMED), 1);

	frame = frame_tcp(&a, &leg, TCP_S, "");
	frame.bytes[14 + 20 + 12] = 0x20;
	scenario_send(s, A, frame);
	assert_int_equal(scenario_drops(s, A, DROP_L4_MALFORMED), 1);
	scenario_expect_silence(s);
}

static void every_truncation_is_survived(void **user)
{
	struct scenario *s = *user;
	const struct frame whole[] = {
		frame_arp_request(&a, leg.ip),
		frame_solicit(&a6, leg6.ip),
		frame_ping(&a, &leg, 1, "x"),
		frame_ping(&a6, &leg6, 1, "x"),
		frame_tcp(&a, &leg, TCP_S, "x"),
		frame_udp(&a6, &leg6, "x"),
		frame_tagged(frame_udp(&a, &leg, "x"), 10),
	};

	for (unsigned i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		for (size_t len = 1; len < whole[i].len; len++) {
			struct frame frame = whole[i];

			frame.len = len;
			scenario_send(s, A, frame);
		}
	scenario_discard(s);
	// The router is as well as before.
	scenario_run_seconds(s, 1);
	scenario_discard(s);
	scenario_send(s, A, frame_ping(&a, &leg, 1, "x"));
	scenario_expect(s, A, frame_pong(&leg, &a, 1, "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		SCENARIO(ping_of_the_router_is_answered),
		SCENARIO(ping6_of_the_router_is_answered),
		SCENARIO(ping_of_the_far_leg_is_answered),
		SCENARIO(answer_wears_the_tag_of_the_question),
		SCENARIO(long_ping_is_answered_whole),
		SCENARIO(ping_with_a_ttl_of_one_is_answered),
		SCENARIO(closed_udp_port_is_told),
		SCENARIO(closed_tcp_port_is_reset),
		SCENARIO(closed_tcp_port_is_reset_in_ipv6),
		SCENARIO(reset_is_not_answered_by_a_reset),
		SCENARIO(unknown_protocol_is_told),
		SCENARIO(error_is_not_answered_by_an_error),
		SCENARIO(later_fragment_is_not_answered),
		SCENARIO(broadcast_ping_is_not_answered),
		SCENARIO(long_packet_is_quoted_within_bounds),
		SCENARIO(errors_are_rate_limited),
		SCENARIO(foreign_ethertype_to_the_router_is_dropped_by_name),
		SCENARIO(malformed_headers_are_dropped_by_name),
		SCENARIO(every_truncation_is_survived),
#undef SCENARIO
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
