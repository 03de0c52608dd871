// SPDX-License-Identifier: BSD-3-Clause
//
// test_wire: a bridge that is a wire: what comes by one port leaves by the other, whatever it is.

#include "tests/scenario/scenario.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WIRE = 1, LAN = 2, A = 11, B = 12, C = 13 };

static const struct end a = {"02:00:00:00:00:0a", "10.1.0.1", 1000};
static const struct end b = {"02:00:00:00:00:0b", "10.1.0.2", 2000};

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	scenario_wire(s, WIRE);
	scenario_bridge(s, LAN);
	scenario_port(s, A, "a");
	scenario_port(s, B, "b");
	scenario_port(s, C, "c");
	scenario_member(s, 21, A, WIRE, 0, false);
	scenario_member(s, 22, B, WIRE, 0, false);
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

static void crosses(struct scenario *s, struct frame frame)
{
	scenario_send(s, A, frame);
	scenario_expect(s, B, frame);
	scenario_send(s, B, frame);
	scenario_expect(s, A, frame);
}

static void link_local_protocols_cross(void **user)
{
	static const struct {
		const char *dst;
		uint16_t type;
	} frames[] = {
		{"01:80:c2:00:00:0e", 0x88cc}, // LLDP
		{"01:80:c2:00:00:02", 0x8809}, // LACP
		{"01:80:c2:00:00:00", 0x0026}, // STP, a length
		{"01:80:c2:00:00:03", 0x888e}, // 802.1X
		{"01:80:c2:00:00:01", 0x8808}, // pause
		{"ff:ff:ff:ff:ff:ff", 0x1234},
	};
	uint8_t bytes[46] = {1, 2, 3};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		crosses(*user,
		        frame_eth(frames[i].dst, a.mac, frames[i].type, bytes, sizeof(bytes)));
}

static void tags_and_odd_frames_cross_as_they_are(void **user)
{
	struct frame frame = frame_udp(&a, &b, "hello");
	uint8_t junk[60];

	memset(junk, 0xff, sizeof(junk));
	crosses(*user, frame);
	crosses(*user, frame_tagged(frame, 7));
	crosses(*user, frame_tagged(frame, 0xe000 | 4094));
	crosses(*user, frame_tagged(frame_tagged(frame, 7), 8));
	// From a group and to nobody; an IP header that is none.
	crosses(*user, frame_eth("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", 0x0800, junk, 60));
	crosses(*user, frame_ttl(frame, 0));
	assert_int_equal(scenario_worker(*user, STATS_FLOODS), 0);
	assert_int_equal(scenario_counter(*user, A, STATS_RX_PACKETS), 6);
	assert_int_equal(scenario_counter(*user, A, STATS_TX_PACKETS), 6);
}

static void super_packets_cross_whole_or_are_cut(void **user)
{
	struct scenario *s = *user;
	uint8_t bytes[3000] = {0};
	struct frame frame = frame_gso(
		frame_partial(frame_tcp_at(&a, &b, TCP_A, 1, 1, bytes, sizeof(bytes))), 1000);

	scenario_send(s, A, frame);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(scenario_take(s, B).len, 14 + 20 + 20 + 1000);
}

static void a_wire_with_one_end_drops_by_name(void **user)
{
	struct scenario *s = *user;

	scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, 22);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &b, "lost"));
	assert_int_equal(scenario_drops(s, A, DROP_NO_MEMBER), 1);
	scenario_member(s, 23, C, WIRE, 0, false);
	scenario_commit(s);
	scenario_send(s, A, frame_udp(&a, &b, "found"));
	scenario_expect(s, C, frame_udp(&a, &b, "found"));
}

static void trace_tells_of_the_wire(void **user)
{
	const struct trace *trace = scenario_trace(*user, A, frame_udp(&a, &b, "x"));

	assert_true(trace->forwarded);
	assert_non_null(strstr(trace_text(trace), "crosses to the other end"));
}

static void a_bridge_turns_into_a_wire_and_back(void **user)
{
	struct scenario *s = *user;
	uint8_t bytes[46] = {0};
	struct frame lldp = frame_eth("01:80:c2:00:00:0e", a.mac, 0x88cc, bytes, sizeof(bytes));

	scenario_bridge(s, WIRE);
	scenario_commit(s);
	scenario_send(s, A, lldp);
	assert_int_equal(scenario_drops(s, A, DROP_RESERVED_MULTICAST), 1);
	scenario_wire(s, WIRE);
	scenario_commit(s);
	crosses(s, lldp);
}

static void refuse(struct scenario *s, int code, const char *words)
{
	struct apply_result result = {0};

	assert_int_equal(scenario_try_commit(s, &result), code);
	assert_non_null(strstr(result.fail.what, words));
}

static void what_is_no_wire_is_refused(void **user)
{
	struct scenario *s = *user;

	scenario_member(s, 23, C, WIRE, 0, false);
	refuse(s, -EEXIST, "two ports already");
	scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, 22);
	scenario_member(s, 23, C, WIRE, 7, true);
	refuse(s, -EINVAL, "no VLANs");
	scenario_member(s, 23, A, LAN, 7, true);
	refuse(s, -EBUSY, "no VLAN besides");
	scenario_vrf(s, 40);
	scenario_interface(s, 41, 40, WIRE, 0, WEFT__NAT_ROLE__NAT_NONE, "10.1.0.254/24", NULL);
	refuse(s, -EINVAL, "no place for a router");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(link_local_protocols_cross),
		TEST(tags_and_odd_frames_cross_as_they_are),
		TEST(super_packets_cross_whole_or_are_cut),
		TEST(a_wire_with_one_end_drops_by_name),
		TEST(trace_tells_of_the_wire),
		TEST(a_bridge_turns_into_a_wire_and_back),
		TEST(what_is_no_wire_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
