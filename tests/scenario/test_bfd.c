// SPDX-License-Identifier: BSD-3-Clause
//
// Peers that BFD watches, through the whole packet path, to the tick.
//
//     h1 (11) ── bridge 1 ──┬─ t (30) 192.0.2.1 ────┬─ p1 (31) 192.0.2.2
//                vni 5001   │                       └─ p2 (32) 192.0.2.3
//                           └─ u (33) 198.51.100.1 ─── p1's backup 198.51.100.2

#include "tests/scenario/scenario_bfd.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "tunnels/bfd_packet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { H1 = 11, TUNNEL = 30, P1 = 31, P2 = 32, OTHER = 33, VNI = 5001, VXLAN = 8 };

static const char first[] = "192.0.2.2", second[] = "192.0.2.3", backup[] = "198.51.100.2";
static const struct end h1 = {"02:00:00:00:00:01", "10.1.0.1", 1001};
static const struct end far1 = {"02:00:00:00:00:f1", "10.1.0.101", 2001};
static const struct end far2 = {"02:00:00:00:00:f2", "10.1.0.102", 2002};

static struct scenario *joined(void)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, 1);
	scenario_port(s, H1, "h1");
	scenario_member(s, 21, H1, 1, 0, false);
	scenario_tunnel(s, TUNNEL, WEFT__ENCAPSULATION__ENCAP_VXLAN, "192.0.2.1");
	return s;
}

// Two peers, each with one way.
static struct scenario *two_peers(void)
{
	struct scenario *s = joined();

	scenario_peer_bfd(s, P1, TUNNEL, first, NULL, 0, 100, 0);
	scenario_peer_bfd(s, P2, TUNNEL, second, NULL, 0, 100, 0);
	scenario_member_vni(s, 41, P1, 1, 0, VNI);
	scenario_member_vni(s, 42, P2, 1, 0, VNI);
	scenario_commit(s);
	return s;
}

// One peer, reached two ways, by two ends of ours.
static struct scenario *two_ways(uint32_t hold_ms)
{
	struct scenario *s = joined();

	scenario_tunnel(s, OTHER, WEFT__ENCAPSULATION__ENCAP_VXLAN, "198.51.100.1");
	scenario_peer_bfd(s, P1, TUNNEL, first, backup, OTHER, 100, hold_ms);
	scenario_member_vni(s, 41, P1, 1, 0, VNI);
	scenario_commit(s);
	return s;
}

// Sends a broadcast; returns whether it left by the tunnel, and to the address.
static bool went_to(struct scenario *s, uint64_t tunnel, const char *remote)
{
	struct datagram datagram;
	uint8_t bytes[2000];
	char text[IP_TEXT];

	scenario_send(s, H1, frame_arp_request(&h1, "10.1.0.101"));
	if (scenario_datagram(s, tunnel, &datagram, bytes, sizeof(bytes)) < 0)
		return false;
	return strcmp(ip_format(datagram.to, text), remote) == 0;
}

static unsigned copies(struct scenario *s)
{
	uint8_t bytes[2000];
	unsigned count = 0;

	scenario_send(s, H1, frame_arp_request(&h1, "10.1.0.200"));
	while (scenario_datagram(s, TUNNEL, NULL, bytes, sizeof(bytes)) >= 0)
		count++;
	return count;
}

static void arrive(struct scenario *s, uint64_t tunnel, const char *from, struct frame frame)
{
	uint8_t bytes[VXLAN + FRAME_MAX] = {0x08, 0, 0, 0, VNI >> 16, VNI >> 8 & 0xff, VNI & 0xff};

	memcpy(bytes + VXLAN, frame.bytes, frame.len);
	scenario_arrive(s, tunnel, from, 0, bytes, VXLAN + frame.len);
}

static void a_peer_that_is_down_gets_no_floods(void **state)
{
	struct scenario *s = two_peers();

	scenario_run_seconds(s, 5);
	assert_int_equal(copies(s), 2);
	scenario_cut(s, first, true);
	scenario_run_seconds(s, 0.190);
	scenario_expect_no_event(s);
	assert_int_equal(copies(s), 2);
	scenario_run_seconds(s, 0.112);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, P1,
	                      "192.0.2.2 is down: nothing heard for 300 ms");
	assert_int_equal(copies(s), 1);
	scenario_cut(s, first, false);
	scenario_run_seconds(s, 1.1);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_UP, P1, "192.0.2.2 is up again");
	assert_int_equal(copies(s), 2);
	scenario_free(s);
}

static void what_is_for_a_peer_that_is_down_has_a_reason(void **state)
{
	struct scenario *s = two_peers();
	struct frame there = frame_udp(&h1, &far2, "there");

	scenario_fdb_entry(s, 51, 1, 0, far2.mac, P2);
	scenario_commit(s);
	scenario_run_seconds(s, 5);
	scenario_send(s, H1, there);
	scenario_cut(s, second, true);
	scenario_run_seconds(s, 0.5);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, P2, "192.0.2.3 is down");
	assert_int_equal(scenario_drops(s, H1, DROP_TUNNEL_PEER_DOWN), 0);
	for (int i = 0; i < 3; i++)
		scenario_send(s, H1, there);
	assert_int_equal(scenario_drops(s, H1, DROP_TUNNEL_PEER_DOWN), 3);
	assert_int_equal(scenario_counter(s, P2, STATS_TX_PACKETS), 1);
	assert_int_equal(scenario_trace(s, H1, there)->drop, DROP_TUNNEL_PEER_DOWN);
	// No flood has anywhere to go, and that has the same reason.
	scenario_cut(s, first, true);
	scenario_run_seconds(s, 0.5);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, P1, "192.0.2.2 is down");
	scenario_send(s, H1, frame_arp_request(&h1, "10.1.0.101"));
	assert_int_equal(scenario_drops(s, H1, DROP_TUNNEL_PEER_DOWN), 4);
	assert_int_equal(scenario_trace(s, H1, frame_arp_request(&h1, "10.1.0.7"))->drop,
	                 DROP_TUNNEL_PEER_DOWN);
	scenario_free(s);
}

// A host that moved from one peer to another is found there without waiting for its age.
static void what_was_learnt_there_is_forgotten(void **state)
{
	struct scenario *s = two_peers();
	struct frame there = frame_udp(&h1, &far1, "there");

	scenario_run_seconds(s, 5);
	arrive(s, TUNNEL, first, frame_arp_request(&far1, "10.1.0.1"));
	scenario_discard(s);
	scenario_send(s, H1, there);
	assert_int_equal(scenario_counter(s, P1, STATS_TX_PACKETS), 1);
	assert_int_equal(scenario_counter(s, P2, STATS_TX_PACKETS), 0);
	scenario_cut(s, first, true);
	scenario_run_seconds(s, 0.5);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, P1, "is down");
	scenario_send(s, H1, there);
	assert_int_equal(scenario_counter(s, P2, STATS_TX_PACKETS), 1);
	scenario_free(s);
}

static void traffic_goes_by_the_backup_and_back(void **state)
{
	struct scenario *s = two_ways(2000);
	struct frame hello = frame_arp_request(&far1, "10.1.0.1");

	scenario_run_seconds(s, 5);
	assert_true(went_to(s, TUNNEL, first));
	assert_false(went_to(s, OTHER, backup));
	scenario_cut(s, first, true);
	scenario_run_seconds(s, 0.302);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, P1, "192.0.2.2 is down");
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_FAILOVER, P1,
	                      "reached at 198.51.100.2 now, and no longer at 192.0.2.2");
	while (scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0)
		continue;
	assert_true(went_to(s, OTHER, backup));
	assert_false(went_to(s, TUNNEL, first));
	// It is one peer, whichever way its frames come.
	arrive(s, OTHER, backup, hello);
	scenario_expect(s, H1, hello);
	arrive(s, TUNNEL, first, hello);
	scenario_expect(s, H1, hello);
	assert_int_equal(scenario_counter(s, P1, STATS_RX_PACKETS), 2);

	scenario_cut(s, first, false);
	scenario_run_seconds(s, 1.1);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_UP, P1, "192.0.2.2 is up again");
	scenario_run_seconds(s, 0.8);
	scenario_expect_no_event(s);
	scenario_run_seconds(s, 1.3);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_FAILOVER, P1,
	                      "reached at 192.0.2.2 now, and no longer at 198.51.100.2");
	while (scenario_datagram(s, OTHER, NULL, NULL, 0) >= 0)
		continue;
	assert_true(went_to(s, TUNNEL, first));
	scenario_free(s);
}

static void both_ways_may_be_down(void **state)
{
	struct scenario *s = two_ways(0);

	scenario_run_seconds(s, 5);
	scenario_cut(s, backup, true);
	scenario_run_seconds(s, 1);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, P1, "198.51.100.2 is down");
	assert_true(went_to(s, TUNNEL, first));
	scenario_cut(s, first, true);
	scenario_run_seconds(s, 1);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, P1, "192.0.2.2 is down");
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_FAILOVER, P1, "no way is left");
	scenario_send(s, H1, frame_arp_request(&h1, "10.1.0.101"));
	assert_int_equal(scenario_drops(s, H1, DROP_TUNNEL_PEER_DOWN), 1);
	scenario_cut(s, backup, false);
	scenario_run_seconds(s, 1.1);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_UP, P1, "198.51.100.2 is up again");
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_FAILOVER, P1,
	                      "reached at 198.51.100.2 again");
	assert_true(went_to(s, OTHER, backup));
	scenario_free(s);
}

// A datapath that was killed is back in less than the detection time.
static void a_far_end_that_began_anew_keeps_its_traffic(void **state)
{
	struct scenario *s = two_ways(2000);

	scenario_run_seconds(s, 5);
	scenario_far_restart(s, first);
	scenario_far_restart(s, backup);
	for (int i = 0; i < 20; i++) {
		scenario_run_seconds(s, 0.1);
		assert_true(went_to(s, TUNNEL, first));
	}
	scenario_free(s);
}

static void an_end_that_speaks_no_bfd_is_reached(void **state)
{
	struct scenario *s = two_peers();

	scenario_cut(s, first, true);
	scenario_run_seconds(s, 60);
	assert_int_equal(copies(s), 2);
	scenario_free(s);
}

static void a_way_that_never_works_gives_way_to_one_that_does(void **state)
{
	struct scenario *s = two_ways(2000);

	scenario_cut(s, first, true);
	scenario_run_seconds(s, 1.9);
	assert_true(went_to(s, TUNNEL, first));
	scenario_run_seconds(s, 0.2);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_FAILOVER, P1,
	                      "reached at 198.51.100.2 now");
	assert_true(went_to(s, OTHER, backup));
	scenario_free(s);
}

// Another interval replaces the door; neither the session nor a datagram is lost for it.
static void a_change_of_settings_keeps_the_session(void **state)
{
	struct scenario *s = two_ways(2000);
	struct frame hello = frame_arp_request(&far1, "10.1.0.1");

	scenario_run_seconds(s, 5);
	scenario_cut(s, first, true);
	scenario_run_seconds(s, 1);
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_PEER_DOWN, P1, "192.0.2.2 is down");
	scenario_expect_event(s, WEFT__EVENT_TYPE__EVENT_FAILOVER, P1, "198.51.100.2 now");
	scenario_peer_bfd(s, P1, TUNNEL, first, backup, OTHER, 200, 2000);
	scenario_commit(s);
	assert_true(went_to(s, OTHER, backup));
	arrive(s, TUNNEL, first, hello);
	scenario_expect(s, H1, hello);
	scenario_run_seconds(s, 5);
	assert_true(went_to(s, OTHER, backup));
	// And without a backup there is nothing to go by.
	scenario_peer_bfd(s, P1, TUNNEL, first, NULL, 0, 200, 2000);
	scenario_commit(s);
	assert_false(went_to(s, TUNNEL, first));
	assert_int_equal(scenario_drops(s, H1, DROP_TUNNEL_PEER_DOWN), 1);
	scenario_free(s);
}

static void what_is_no_packet_of_a_session_is_counted(void **state)
{
	struct scenario *s = two_peers();
	const struct port *peer = scenario_door(s, P1), *tunnel = scenario_door(s, TUNNEL);
	const struct bfd_packet down = {
		.state = BFD_DOWN, .multiplier = 3, .my_discriminator = 7, .required_rx_us = 1};
	struct bfd_packet stray = down;
	uint8_t bytes[BFD_BYTES];

	bfd_packet_write(&down, bytes);
	scenario_bfd_packet(s, "192.0.2.1", first, 254, bytes, sizeof(bytes));
	assert_int_equal(peer->door_drops[DROP_BFD_TTL], 1);
	scenario_bfd_packet(s, "192.0.2.1", "192.0.2.99", 255, bytes, sizeof(bytes));
	assert_int_equal(tunnel->door_drops[DROP_BFD_UNKNOWN], 1);
	stray.your_discriminator = 12345;
	bfd_packet_write(&stray, bytes);
	scenario_bfd_packet(s, "192.0.2.1", first, 255, bytes, sizeof(bytes));
	assert_int_equal(peer->door_drops[DROP_BFD_UNKNOWN], 1);
	bytes[1] |= 4;
	scenario_bfd_packet(s, "192.0.2.1", first, 255, bytes, sizeof(bytes));
	assert_int_equal(peer->door_drops[DROP_BFD_AUTHENTICATION], 1);
	scenario_bfd_packet(s, "192.0.2.1", first, 255, bytes, 5);
	assert_int_equal(peer->door_drops[DROP_BFD_MALFORMED], 1);
	scenario_free(s);
}

static void settings_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *remote, *backup;
		uint32_t interval, hold;
		const char *field;
	} wrong[] = {
		{first, NULL, 9, 0, "peer.bfd.interval_ms"},
		{first, NULL, 60001, 0, "peer.bfd.interval_ms"},
		{first, NULL, 100, 3600001, "peer.bfd.hold_ms"},
		{first, first, 100, 0, "peer.backup"},
		{first, "192.0.2.1", 100, 0, "peer.backup"},
		{first, "224.0.0.1", 100, 0, "peer.backup"},
		{first, "2001:db8::2", 100, 0, "peer.backup"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct scenario *s = joined();
		struct apply_result result = {0};

		scenario_peer_bfd(s, P1, TUNNEL, wrong[i].remote, wrong[i].backup, 0,
		                  wrong[i].interval, wrong[i].hold);
		assert_true(scenario_try_commit(s, &result) < 0);
		assert_string_equal(result.field, wrong[i].field);
		scenario_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_is_down_gets_no_floods),
		cmocka_unit_test(what_is_for_a_peer_that_is_down_has_a_reason),
		cmocka_unit_test(what_was_learnt_there_is_forgotten),
		cmocka_unit_test(traffic_goes_by_the_backup_and_back),
		cmocka_unit_test(both_ways_may_be_down),
		cmocka_unit_test(a_far_end_that_began_anew_keeps_its_traffic),
		cmocka_unit_test(an_end_that_speaks_no_bfd_is_reached),
		cmocka_unit_test(a_way_that_never_works_gives_way_to_one_that_does),
		cmocka_unit_test(a_change_of_settings_keeps_the_session),
		cmocka_unit_test(what_is_no_packet_of_a_session_is_counted),
		cmocka_unit_test(settings_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
