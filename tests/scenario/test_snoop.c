// SPDX-License-Identifier: BSD-3-Clause
//
// What hosts say to routers of multicast and of IPv6: who hears it, and for how long.
//
//     h1 (11) ─┐              ┌─ up (14): an interface, behind which is anybody
//     h2 (12) ─┼─ bridge 1 ───┤
//     h3 (13) ─┘   vni 5001   └─ t (30) ── p1 (31) 192.0.2.2
//
// h1, h2 and h3 are guests. All of them start without knowing a router.

#include "tests/scenario/scenario.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { H1 = 11, H2 = 12, H3 = 13, UP = 14, TUNNEL = 30, P1 = 31, VNI = 5001 };
enum { M_H1 = 21, M_H2, M_H3, M_UP, M_P1 };
enum { IGMP = 2, PIM = 103, HOP_BY_HOP = 0 };
enum { MLD_QUERY = 130, MLD_REPORT = 131, MLD_DONE = 132, MLD_ROUTER = 151 };
enum { SOLICIT = 133, ADVERT = 134 };
enum { QUERIER_SECONDS = 255 };

static const struct end h1 = {"02:00:00:00:00:01", "10.1.0.1", 0};
static const struct end h2 = {"02:00:00:00:00:02", "10.1.0.2", 0};
static const struct end h1_6 = {"02:00:00:00:00:01", "fe80::1", 0};
static const struct end h2_6 = {"02:00:00:00:00:02", "fe80::2", 0};
static const struct end far_6 = {"02:00:00:00:00:f1", "fe80::f1", 0};
static const struct end nowhere = {"02:00:00:00:00:02", "0.0.0.0", 0};
static const struct end nowhere6 = {"02:00:00:00:00:02", "::", 0};

static const struct end all_hosts = {"01:00:5e:00:00:01", "224.0.0.1", 0};
static const struct end all_igmp = {"01:00:5e:00:00:16", "224.0.0.22", 0};
static const struct end group = {"01:00:5e:01:02:03", "239.1.2.3", 0};
static const struct end all_pim = {"01:00:5e:00:00:0d", "224.0.0.13", 0};
static const struct end all_pim6 = {"33:33:00:00:00:0d", "ff02::d", 0};
static const struct end all_nodes = {"33:33:00:00:00:01", "ff02::1", 0};
static const struct end all_routers = {"33:33:00:00:00:02", "ff02::2", 0};
static const struct end all_mld = {"33:33:00:00:00:16", "ff02::16", 0};
static const struct end group6 = {"33:33:ff:00:00:01", "ff02::1:ff00:1", 0};

static const uint8_t routers[16] = {0xff, 2, [15] = 2};
static const uint8_t solicited_node[16] = {0xff, 2, [11] = 1, 0xff, [15] = 1};

static void member(struct scenario *s, uint64_t id, uint64_t port, bool snooped)
{
	Weft__VlanMember message = WEFT__VLAN_MEMBER__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;

	message.port = port;
	message.bridge = 1;
	message.has_vni = port == P1;
	message.vni = VNI;
	message.has_snooped = true;
	message.snooped = snooped;
	object.id = id;
	object.body_case = WEFT__OBJECT__BODY_VLAN_MEMBER;
	object.vlan_member = &message;
	scenario_put(s, &object);
}

static struct scenario *guests(void)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, 1);
	scenario_port(s, H1, "h1");
	scenario_port(s, H2, "h2");
	scenario_port(s, H3, "h3");
	member(s, M_H1, H1, true);
	member(s, M_H2, H2, true);
	member(s, M_H3, H3, true);
	scenario_commit(s);
	return s;
}

// One's complement sum of what is 16 bits wide.
static uint32_t sum(uint32_t so_far, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		so_far += load_be16(bytes + i);
	while (so_far >> 16)
		so_far = (so_far & 0xffff) + (so_far >> 16);
	return so_far;
}

static struct frame igmp(const struct end *from, const struct end *to, uint8_t type)
{
	uint8_t message[8] = {type};
	struct frame frame;

	if (type == 0x16 || type == 0x12)
		memcpy(message + 4, "\xef\x01\x02\x03", 4);
	store_be16(message + 2, (uint16_t)~sum(0, message, sizeof(message)));
	frame = frame_ip(from, to, IGMP, message, sizeof(message));
	return frame_ttl(frame, 1);
}

// As MLD comes: with a router alert before it, and one hop to go.
static struct frame mld_bytes(const struct end *from, const struct end *to, const uint8_t *message,
                              size_t len)
{
	uint8_t bytes[512] = {58, 0, 5, 2, [6] = 1};
	uint8_t pseudo[4] = {(uint8_t)(len >> 8), (uint8_t)len, 0, 58};
	struct frame frame;
	uint32_t check;

	memcpy(bytes + 8, message, len);
	store_be16(bytes + 8 + 2, 0);
	frame = frame_ip(from, to, HOP_BY_HOP, bytes, 8 + len);
	check = sum(sum(0, frame.bytes + 14 + 8, 32), pseudo, sizeof(pseudo));
	store_be16(frame.bytes + 14 + 40 + 8 + 2,
	           (uint16_t)~sum(check, frame.bytes + 14 + 40 + 8, len));
	frame.bytes[14 + 7] = 1;
	return frame;
}

static struct frame mld(const struct end *from, const struct end *to, uint8_t type,
                        const uint8_t *about)
{
	uint8_t message[24] = {type};

	if (about)
		memcpy(message + 8, about, 16);
	return mld_bytes(from, to, message, sizeof(message));
}

// An MLDv2 report of the groups, `count` times about solicited nodes and then `about`.
static struct frame report2(const struct end *from, unsigned count, uint8_t record,
                            const uint8_t *about)
{
	uint8_t message[504] = {143, [7] = (uint8_t)(count + 1)};
	size_t len = 8;

	for (unsigned i = 0; i <= count; i++, len += 20) {
		message[len] = i < count ? 4 : record;
		memcpy(message + len + 4, i < count ? solicited_node : about, 16);
	}
	return mld_bytes(from, &all_mld, message, len);
}

static struct frame advert(const struct end *from, uint16_t lifetime)
{
	static const uint8_t times[8];

	return frame_ttl(
		frame_icmp(from, &all_nodes, ADVERT, 0, 64u << 24 | lifetime, times, sizeof(times)),
		255);
}

static struct frame solicit(const struct end *from)
{
	return frame_ttl(frame_icmp(from, &all_routers, SOLICIT, 0, 0, NULL, 0), 255);
}

static struct frame hello(const struct end *from, const struct end *to)
{
	static const uint8_t message[8] = {0x20, 0, 0xdf, 0xff};
	static const uint8_t message6[8] = {0x20};
	struct frame frame;

	if (strchr(from->ip, '.'))
		return frame_ttl(frame_ip(from, to, PIM, message, sizeof(message)), 1);
	frame = frame_ip(from, to, PIM, message6, sizeof(message6));
	uint8_t pseudo[4] = {0, 8, 0, PIM};
	uint32_t check = sum(sum(0, frame.bytes + 14 + 8, 32), pseudo, sizeof(pseudo));

	store_be16(frame.bytes + 14 + 40 + 2, (uint16_t)~sum(check, message6, 8));
	return frame;
}

// Sent by h1; only those of the ports that are named hear it, and whether it counts as kept from guests.
static void expect_at(struct scenario *s, struct frame frame, bool kept, const uint64_t *ports)
{
	uint64_t before = scenario_worker(s, STATS_SNOOPED);

	scenario_send(s, H1, frame);
	for (; *ports; ports++)
		scenario_expect(s, *ports, frame);
	scenario_expect_silence(s);
	assert_int_equal(scenario_worker(s, STATS_SNOOPED) - before, kept);
}

#define NOBODY ((const uint64_t[]){0})
#define AT(...) ((const uint64_t[]){__VA_ARGS__, 0})

// Sent by h2, a router as it seems: all guests hear it.
static void say(struct scenario *s, struct frame frame)
{
	scenario_send(s, H2, frame);
	scenario_expect(s, H1, frame);
	scenario_expect(s, H3, frame);
	scenario_expect_silence(s);
}

static void what_is_for_routers_is_kept_from_guests(void **state)
{
	struct scenario *s = guests();
	const struct frame frames[] = {
		igmp(&h1, &group, 0x12),
		igmp(&h1, &group, 0x16),
		igmp(&h1, &all_hosts, 0x17),
		igmp(&h1, &all_igmp, 0x22),
		mld(&h1_6, &group6, MLD_REPORT, solicited_node),
		mld(&h1_6, &all_routers, MLD_DONE, solicited_node),
		report2(&h1_6, 3, 4, solicited_node),
		report2(&nowhere6, 0, 4, solicited_node),
		solicit(&h1_6),
	};

	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
		expect_at(s, frames[i], true, NOBODY);
	// That is no loss: nobody wanted it.
	for (int reason = DROP_NONE + 1; reason < DROP_REASONS; reason++)
		assert_int_equal(scenario_drops(s, H1, (enum drop_reason)reason), 0);
	scenario_free(s);
}

static void all_else_goes_to_guests(void **state)
{
	static const struct end trying = {"02:00:00:00:00:01", "::", 0};
	struct scenario *s = guests();
	const struct frame frames[] = {
		frame_solicit(&trying, "fe80::1"),
		frame_udp(&h1, &group, "to a group"),
		frame_udp(&h1_6, &all_nodes, "to all"),
		frame_ping(&h1_6, &all_routers, 1, "who routes"),
		frame_arp_request(&h1, "10.1.0.9"),
		igmp(&h1, &all_hosts, 0x13),
		igmp(&nowhere, &all_hosts, 0x11),
	};

	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
		expect_at(s, frames[i], false, AT(H2, H3));
	scenario_free(s);
}

static void who_asks_hears_for_as_long_as_other_queriers_believe_it(void **state)
{
	const struct frame asks[] = {
		igmp(&h2, &all_hosts, 0x11), mld(&h2_6, &all_nodes, MLD_QUERY, NULL),
		hello(&h2, &all_pim),        hello(&h2_6, &all_pim6),
		igmp(&h2, &all_hosts, 0x30), mld(&h2_6, &all_nodes, MLD_ROUTER, NULL),
	};
	const struct frame report = report2(&h1_6, 0, 4, solicited_node);

	for (unsigned i = 0; i < ARRAY_SIZE(asks); i++) {
		struct scenario *s = guests();

		expect_at(s, report, true, NOBODY);
		say(s, asks[i]);
		expect_at(s, report, true, AT(H2));
		expect_at(s, igmp(&h1, &all_igmp, 0x22), true, AT(H2));
		scenario_run_seconds(s, QUERIER_SECONDS - 1);
		expect_at(s, report, true, AT(H2));
		// Asked again: believed for as long again.
		say(s, asks[i]);
		scenario_run_seconds(s, QUERIER_SECONDS - 1);
		expect_at(s, report, true, AT(H2));
		scenario_run_seconds(s, 2);
		expect_at(s, report, true, NOBODY);
		scenario_free(s);
	}
}

static void a_querier_from_nowhere_or_damaged_is_none(void **state)
{
	struct frame damaged = igmp(&h2, &all_hosts, 0x11);
	struct frame damaged6 = mld(&h2_6, &all_nodes, MLD_QUERY, NULL);
	struct scenario *s = guests();

	damaged.bytes[14 + 20 + 1] ^= 1;
	damaged6.bytes[14 + 40 + 8 + 4] ^= 1;
	say(s, igmp(&nowhere, &all_hosts, 0x11));
	say(s, mld(&nowhere6, &all_nodes, MLD_QUERY, NULL));
	say(s, damaged);
	say(s, damaged6);
	say(s, frame_ttl(advert(&h2_6, 1800), 64));
	expect_at(s, igmp(&h1, &all_igmp, 0x22), true, NOBODY);
	expect_at(s, solicit(&h1_6), true, NOBODY);
	scenario_free(s);
}

static void an_advertising_router_is_solicited_for_its_lifetime(void **state)
{
	struct scenario *s = guests();

	say(s, advert(&h2_6, 1800));
	scenario_run_seconds(s, 1799);
	expect_at(s, solicit(&h1_6), true, AT(H2));
	scenario_run_seconds(s, 2);
	expect_at(s, solicit(&h1_6), true, NOBODY);
	scenario_free(s);
}

static void who_is_in_the_group_of_all_routers_is_solicited(void **state)
{
	struct scenario *s = guests();
	const struct frame joins[] = {mld(&h2_6, &all_routers, MLD_REPORT, routers),
	                              report2(&h2_6, 2, 4, routers), report2(&h2_6, 0, 2, routers)};
	const struct frame leaves[] = {mld(&h2_6, &all_routers, MLD_DONE, routers),
	                               report2(&h2_6, 2, 3, routers)};

	for (unsigned i = 0; i < ARRAY_SIZE(joins); i++) {
		scenario_send(s, H2, joins[i]);
		scenario_run_seconds(s, 100000);
		expect_at(s, solicit(&h1_6), true, AT(H2));
		// It may be a querier yet.
		scenario_send(s, H2, leaves[i % ARRAY_SIZE(leaves)]);
		expect_at(s, solicit(&h1_6), true, AT(H2));
		scenario_run_seconds(s, QUERIER_SECONDS + 1);
		expect_at(s, solicit(&h1_6), true, NOBODY);
	}
	// Of more groups than can be read at once this may be one.
	scenario_send(s, H2, report2(&h2_6, 20, 4, routers));
	expect_at(s, solicit(&h1_6), true, AT(H2));
	scenario_free(s);
}

static void two_routers_both_hear(void **state)
{
	struct scenario *s = guests();

	say(s, igmp(&h2, &all_hosts, 0x11));
	scenario_send(s, H3, advert(&(struct end){"02:00:00:00:00:03", "fe80::3", 0}, 600));
	scenario_discard(s);
	// Then nobody is spared.
	expect_at(s, igmp(&h1, &all_igmp, 0x22), false, AT(H2, H3));
	scenario_free(s);
}

static void a_router_is_known_after_a_restart(void **state)
{
	struct scenario *s = guests();

	say(s, igmp(&h2, &all_hosts, 0x11));
	scenario_restart(s);
	expect_at(s, igmp(&h1, &all_igmp, 0x22), true, AT(H2));
	scenario_free(s);
}

static void a_port_is_not_a_router_for_the_one_before_it(void **state)
{
	struct scenario *s = guests();

	say(s, igmp(&h2, &all_hosts, 0x11));
	scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, M_H2);
	scenario_delete(s, WEFT__KIND__KIND_PORT, H2);
	scenario_commit(s);
	expect_at(s, igmp(&h1, &all_igmp, 0x22), true, NOBODY);
	// As if any slot had been that of a router once.
	for (uint32_t slot = 1; slot < MAX_PORTS; slot++)
		if (!pmap_get(&scenario_generation(s)->ports, slot))
			router_ports_hear(scenario_state(s)->routers, slot, ROUTER_PORT_STAYS);
	scenario_port(s, H2, "another");
	member(s, M_H2, H2, true);
	scenario_commit(s);
	expect_at(s, igmp(&h1, &all_igmp, 0x22), true, NOBODY);
	scenario_free(s);
}

static void where_anybody_may_be_all_is_heard(void **state)
{
	struct scenario *s = guests();

	scenario_port(s, UP, "up");
	member(s, M_UP, UP, false);
	scenario_commit(s);
	expect_at(s, igmp(&h1, &all_igmp, 0x22), true, AT(UP));
	expect_at(s, solicit(&h1_6), true, AT(UP));
	// A query from there does not make the other guests routers.
	scenario_send(s, UP, igmp(&h2, &all_hosts, 0x11));
	scenario_discard(s);
	expect_at(s, igmp(&h1, &all_igmp, 0x22), true, AT(UP));
	scenario_free(s);
}

static void a_net_may_do_without(void **state)
{
	struct scenario *s = guests();

	member(s, M_H2, H2, false);
	member(s, M_H3, H3, false);
	scenario_commit(s);
	expect_at(s, igmp(&h1, &all_igmp, 0x22), false, AT(H2, H3));
	expect_at(s, solicit(&h1_6), false, AT(H2, H3));
	scenario_free(s);
}

// The other host's guests are spared there.
static void peers_hear_and_their_reports_go_to_routers_alone(void **state)
{
	static const uint8_t vxlan[8] = {8, 0, 0, 0, VNI >> 16, VNI >> 8 & 0xff, VNI & 0xff, 0};
	struct scenario *s = guests();
	struct frame report = report2(&far_6, 0, 4, solicited_node);
	uint8_t bytes[FRAME_MAX + 8];

	scenario_tunnel(s, TUNNEL, WEFT__ENCAPSULATION__ENCAP_VXLAN, "192.0.2.1");
	scenario_peer(s, P1, TUNNEL, "192.0.2.2", false);
	member(s, M_P1, P1, false);
	scenario_commit(s);
	expect_at(s, igmp(&h1, &all_igmp, 0x22), true, NOBODY);
	assert_true(scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0);
	assert_true(scenario_datagram(s, TUNNEL, NULL, NULL, 0) < 0);

	memcpy(bytes, vxlan, 8);
	memcpy(bytes + 8, report.bytes, report.len);
	scenario_arrive(s, TUNNEL, "192.0.2.2", 0, bytes, 8 + report.len);
	scenario_expect_silence(s);
	say(s, igmp(&h2, &all_hosts, 0x11));
	assert_true(scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0);
	scenario_arrive(s, TUNNEL, "192.0.2.2", 0, bytes, 8 + report.len);
	scenario_expect(s, H2, report);
	scenario_expect_silence(s);
	scenario_free(s);
}

static void a_trace_tells_who_hears(void **state)
{
	struct scenario *s = guests();
	const struct trace *trace = scenario_trace(s, H1, igmp(&h1, &all_igmp, 0x22));

	assert_non_null(strstr(trace_text(trace), "snoop: for routers, and none was heard"));
	assert_false(trace->forwarded);
	assert_int_equal(trace->drop, DROP_NONE);
	// A trace teaches nothing.
	trace = scenario_trace(s, H2, igmp(&h2, &all_hosts, 0x11));
	assert_non_null(strstr(trace_text(trace), "a router speaks behind port h2"));
	assert_int_equal(trace->out_count, 2);
	expect_at(s, igmp(&h1, &all_igmp, 0x22), true, NOBODY);
	say(s, igmp(&h2, &all_hosts, 0x11));
	trace = scenario_trace(s, H1, igmp(&h1, &all_igmp, 0x22));
	assert_non_null(strstr(trace_text(trace), "for routers: 1 of 2 ports hear it"));
	assert_null(strstr(trace_text(trace), "flooded"));
	assert_int_equal(trace->out_count, 1);
	assert_int_equal(scenario_worker(s, STATS_SNOOPED), 1);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_for_routers_is_kept_from_guests),
		cmocka_unit_test(all_else_goes_to_guests),
		cmocka_unit_test(who_asks_hears_for_as_long_as_other_queriers_believe_it),
		cmocka_unit_test(a_querier_from_nowhere_or_damaged_is_none),
		cmocka_unit_test(an_advertising_router_is_solicited_for_its_lifetime),
		cmocka_unit_test(who_is_in_the_group_of_all_routers_is_solicited),
		cmocka_unit_test(two_routers_both_hear),
		cmocka_unit_test(a_router_is_known_after_a_restart),
		cmocka_unit_test(a_port_is_not_a_router_for_the_one_before_it),
		cmocka_unit_test(where_anybody_may_be_all_is_heard),
		cmocka_unit_test(a_net_may_do_without),
		cmocka_unit_test(peers_hear_and_their_reports_go_to_routers_alone),
		cmocka_unit_test(a_trace_tells_who_hears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
