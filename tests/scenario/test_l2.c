// SPDX-License-Identifier: BSD-3-Clause
//
// test_l2: one bridge without VLANs: learning, flooding, ageing, limits, static addresses.

#include "tests/scenario/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LAN = 1, H1 = 11, H2 = 12, H3 = 13 };

static const struct end h1 = {"02:00:00:00:00:01", "10.1.0.1", 1001};
static const struct end h2 = {"02:00:00:00:00:02", "10.1.0.2", 1002};
static const struct end h3 = {"02:00:00:00:00:03", "10.1.0.3", 1003};

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, LAN);
	scenario_port(s, H1, "h1");
	scenario_port(s, H2, "h2");
	scenario_port(s, H3, "h3");
	scenario_member(s, 21, H1, LAN, 0, false);
	scenario_member(s, 22, H2, LAN, 0, false);
	scenario_member(s, 23, H3, LAN, 0, false);
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

// Lets the bridge know where everybody is.
static void introduce(struct scenario *s)
{
	scenario_send(s, H1, frame_udp(&h1, &h2, "x"));
	scenario_send(s, H2, frame_udp(&h2, &h1, "x"));
	scenario_send(s, H3, frame_udp(&h3, &h1, "x"));
	scenario_discard(s);
}

static void unknown_unicast_is_flooded_to_all_others(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello");

	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	scenario_expect(s, H3, frame);
	scenario_expect_silence(s);
}

static void learnt_address_is_reached_at_its_port_only(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello");

	introduce(s);
	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	scenario_expect_silence(s);
}

static void broadcast_reaches_all_others(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_arp_request(&h1, "10.1.0.2");

	introduce(s);
	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	scenario_expect(s, H3, frame);
}

static void second_packet_of_a_flow_hits_the_cache(void **user)
{
	struct scenario *s = *user;

	introduce(s);
	scenario_send(s, H1, frame_udp(&h1, &h2, "one"));

	uint64_t misses = scenario_worker(s, STATS_CACHE_MISSES);
	uint64_t hits = scenario_worker(s, STATS_CACHE_HITS);

	scenario_send(s, H1, frame_udp(&h1, &h2, "two"));
	scenario_send(s, H1, frame_tcp(&h1, &h2, TCP_S, ""));
	assert_int_equal(scenario_worker(s, STATS_CACHE_MISSES), misses);
	assert_int_equal(scenario_worker(s, STATS_CACHE_HITS), hits + 2);
	scenario_discard(s);
}

static void moved_address_is_followed_at_once(void **user)
{
	struct scenario *s = *user;
	struct end moved = {h2.mac, "10.1.0.2", 5};
	struct frame frame = frame_udp(&h1, &h2, "hello");

	introduce(s);
	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	scenario_send(s, H3, frame_udp(&moved, &h1, "moved"));
	scenario_discard(s);
	scenario_send(s, H1, frame);
	scenario_expect(s, H3, frame);
	assert_int_equal(scenario_worker(s, STATS_MOVED), 1);
}

static void silent_address_ages_and_is_flooded_again(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello");

	introduce(s);
	scenario_run_seconds(s, 302);
	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	scenario_expect(s, H3, frame);
}

static void addresses_wait_for_the_controller_after_a_restart(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello");

	introduce(s);
	scenario_run_seconds(s, 2);
	scenario_restart_alone(s, 10);
	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	scenario_expect_silence(s);
}

static void cached_flow_keeps_its_address_young(void **user)
{
	struct scenario *s = *user;
	struct frame back = frame_udp(&h1, &h2, "back");

	introduce(s);
	for (unsigned i = 0; i < 10; i++) {
		scenario_run_seconds(s, 60);
		scenario_send(s, H2, frame_udp(&h2, &h1, "here"));
	}
	scenario_discard(s);
	scenario_send(s, H1, back);
	scenario_expect(s, H2, back);
}

static void frame_for_its_own_port_is_dropped(void **user)
{
	struct scenario *s = *user;
	struct end twin = {"02:00:00:00:00:09", "10.1.0.9", 9};

	introduce(s);
	scenario_send(s, H2, frame_udp(&twin, &h1, "x"));
	scenario_discard(s);
	scenario_send(s, H2, frame_udp(&h2, &twin, "x"));
	assert_int_equal(scenario_drops(s, H2, DROP_SAME_PORT), 1);
}

static void link_local_groups_stay_on_their_link(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, H1, frame_eth("01:80:c2:00:00:0e", h1.mac, 0x88cc, "lldp", 4));
	scenario_send(s, H1, frame_eth("01:80:c2:00:00:00", h1.mac, 39, "stp", 3));
	assert_int_equal(scenario_drops(s, H1, DROP_RESERVED_MULTICAST), 2);
}

static void group_address_as_source_is_refused(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, H1, frame_eth(h2.mac, "03:00:00:00:00:01", 0x0800, "x", 1));
	scenario_send(s, H1, frame_eth(h2.mac, "00:00:00:00:00:00", 0x0800, "x", 1));
	assert_int_equal(scenario_drops(s, H1, DROP_SOURCE_MAC_INVALID), 2);
}

static void static_address_is_found_and_not_stolen(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello");

	scenario_fdb_entry(s, 31, LAN, 0, h2.mac, H2);
	scenario_commit(s);
	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	scenario_send(s, H3, frame_udp(&h2, &h1, "thief"));
	assert_int_equal(scenario_drops(s, H3, DROP_MAC_MOVE_STATIC), 1);
	scenario_expect_silence(s);
}

static void port_limit_on_addresses_holds(void **user)
{
	struct scenario *s = *user;
	Weft__Port port = WEFT__PORT__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;
	struct end second = {"02:00:00:00:00:99", "10.1.0.9", 9};

	port.type = WEFT__PORT_TYPE__PORT_MEMORY;
	port.has_mac_limit = true;
	port.mac_limit = 1;
	object.id = H1;
	object.name = "h1";
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = &port;
	scenario_put(s, &object);
	scenario_commit(s);
	scenario_send(s, H1, frame_udp(&h1, &h2, "first"));
	scenario_discard(s);
	scenario_send(s, H1, frame_udp(&second, &h2, "second"));
	assert_int_equal(scenario_drops(s, H1, DROP_MAC_LIMIT), 1);
	scenario_expect_silence(s);
}

static void counters_tell_what_passed(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello");

	introduce(s);

	uint64_t in = scenario_counter(s, H1, STATS_RX_BYTES);
	uint64_t out = scenario_counter(s, H2, STATS_TX_PACKETS);

	scenario_send(s, H1, frame);
	assert_int_equal(scenario_counter(s, H1, STATS_RX_BYTES), in + frame.len);
	assert_int_equal(scenario_counter(s, H2, STATS_TX_PACKETS), out + 1);
	scenario_discard(s);
}

static void batch_keeps_its_order(void **user)
{
	struct scenario *s = *user;
	const struct frame frames[3] = {frame_udp(&h1, &h2, "1"), frame_udp(&h1, &h2, "2"),
	                                frame_udp(&h1, &h2, "3")};

	introduce(s);
	scenario_send_batch(s, H1, frames, 3);
	for (unsigned i = 0; i < 3; i++)
		scenario_expect(s, H2, frames[i]);
}

// Frames of one flow share a lookup; not those on both sides of one that changes where the flow goes.
static void run_ends_where_an_address_moves(void **user)
{
	struct scenario *s = *user;
	const struct frame to_h2 = frame_udp(&h1, &h2, "to h2");
	const struct frame frames[] = {to_h2, to_h2, frame_udp(&h2, &h3, "moved"), to_h2, to_h2};
	uint64_t hits, misses;

	introduce(s);
	scenario_send(s, H1, to_h2);
	scenario_discard(s);
	hits = scenario_worker(s, STATS_CACHE_HITS);
	misses = scenario_worker(s, STATS_CACHE_MISSES);
	scenario_send_batch(s, H1, frames, 5);
	scenario_expect(s, H2, to_h2);
	scenario_expect(s, H2, to_h2);
	scenario_expect(s, H3, frames[2]);
	scenario_expect_silence(s);
	assert_int_equal(scenario_drops(s, H1, DROP_SAME_PORT), 2);
	// The second of the new run is served by what the first one left.
	assert_int_equal(scenario_worker(s, STATS_CACHE_HITS), hits + 3);
	assert_int_equal(scenario_worker(s, STATS_CACHE_MISSES), misses + 2);
}

static void removed_port_gets_nothing_more(void **user)
{
	struct scenario *s = *user;

	introduce(s);
	scenario_send(s, H1, frame_udp(&h1, &h2, "x"));
	scenario_discard(s);
	scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, 22);
	scenario_delete(s, WEFT__KIND__KIND_PORT, H2);
	scenario_commit(s);

	struct frame frame = frame_udp(&h1, &h2, "y");

	scenario_send(s, H1, frame);
	scenario_expect(s, H3, frame);
	scenario_expect_silence(s);
}

static void flood_of_new_addresses_is_metered(void **user)
{
	struct scenario *s;

	scenario_configure(100, 0, 0);
	assert_int_equal(set_up((void **)&s), 0);
	for (unsigned i = 0; i < 100; i++) {
		char mac[18];
		struct end from = {mac, "10.1.0.1", 1};

		snprintf(mac, sizeof(mac), "02:00:00:00:01:%02x", i);
		scenario_send(s, H1, frame_udp(&from, &h2, "x"));
		scenario_discard(s);
	}
	assert_int_equal(scenario_drops(s, H1, DROP_MISS_LIMIT), 100 - 32);

	// Its neighbours notice nothing.
	scenario_send(s, H2, frame_udp(&h2, &h3, "x"));
	assert_int_equal(scenario_drops(s, H2, DROP_MISS_LIMIT), 0);
	scenario_discard(s);
	scenario_free(s);
}

static void super_packet_passes_whole_to_a_door_that_takes_it(void **user)
{
	struct scenario *s;
	char payload[3001];

	memset(payload, 'x', 3000);
	payload[3000] = '\0';
	scenario_configure(0, PORT_TX_CSUM | PORT_TX_TSO4, 0);
	assert_int_equal(set_up((void **)&s), 0);
	introduce(s);

	struct frame frame = frame_gso(frame_tcp(&h1, &h2, TCP_A, payload), 1448);

	scenario_send(s, H1, frame);

	struct frame got = scenario_take(s, H2);

	assert_int_equal(got.len, frame.len);
	assert_int_equal(got.meta.gso_size, 1448);
	scenario_free(s);
}

static void trace_tells_the_way_and_changes_nothing(void **user)
{
	struct scenario *s = *user;

	introduce(s);

	const struct trace *trace = scenario_trace(s, H1, frame_udp(&h1, &h2, "x"));

	assert_true(trace->forwarded);
	assert_non_null(strstr(trace_text(trace), "out: port h2"));
	assert_int_equal(trace->out_count, 1);

	struct end stranger = {"02:00:00:00:00:77", "10.1.0.7", 7};

	scenario_trace(s, H1, frame_udp(&stranger, &h2, "x"));
	scenario_send(s, H2, frame_udp(&h2, &stranger, "x"));
	// The stranger was not learnt, so all get it.
	scenario_take(s, H1);
	scenario_take(s, H3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		SCENARIO(unknown_unicast_is_flooded_to_all_others),
		SCENARIO(learnt_address_is_reached_at_its_port_only),
		SCENARIO(broadcast_reaches_all_others),
		SCENARIO(second_packet_of_a_flow_hits_the_cache),
		SCENARIO(moved_address_is_followed_at_once),
		SCENARIO(silent_address_ages_and_is_flooded_again),
		SCENARIO(addresses_wait_for_the_controller_after_a_restart),
		SCENARIO(cached_flow_keeps_its_address_young),
		SCENARIO(frame_for_its_own_port_is_dropped),
		SCENARIO(link_local_groups_stay_on_their_link),
		SCENARIO(group_address_as_source_is_refused),
		SCENARIO(static_address_is_found_and_not_stolen),
		SCENARIO(port_limit_on_addresses_holds),
		SCENARIO(counters_tell_what_passed),
		SCENARIO(batch_keeps_its_order),
		SCENARIO(run_ends_where_an_address_moves),
		SCENARIO(removed_port_gets_nothing_more),
		cmocka_unit_test(flood_of_new_addresses_is_metered),
		cmocka_unit_test(super_packet_passes_whole_to_a_door_that_takes_it),
		SCENARIO(trace_tells_the_way_and_changes_nothing),
#undef SCENARIO
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
