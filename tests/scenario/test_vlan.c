// SPDX-License-Identifier: BSD-3-Clause
//
// test_vlan: access, trunk and native ports of one VLAN-aware bridge, and flow rules on them.

#include "tests/scenario/scenario.h"

#include "datapath/flow_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// a10: access 10; b10: access 10; trunk: 10 and 20 tagged; hybrid: 10 native, 20 tagged; c20: access 20.
enum { LAN = 1, A10 = 11, B10 = 12, TRUNK = 13, HYBRID = 14, C20 = 15 };

static const struct end a = {"02:00:00:00:00:0a", "10.1.0.1", 1};
static const struct end b = {"02:00:00:00:00:0b", "10.1.0.2", 2};
static const struct end t = {"02:00:00:00:00:0c", "10.1.0.3", 3};
static const struct end c = {"02:00:00:00:00:0d", "10.1.0.5", 5};

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, LAN);
	scenario_port(s, A10, "a");
	scenario_port(s, B10, "b");
	scenario_port(s, TRUNK, "trunk");
	scenario_port(s, HYBRID, "hybrid");
	scenario_port(s, C20, "c");
	scenario_member(s, 21, A10, LAN, 10, false);
	scenario_member(s, 22, B10, LAN, 10, false);
	scenario_member(s, 23, TRUNK, LAN, 10, true);
	scenario_member(s, 24, TRUNK, LAN, 20, true);
	scenario_member(s, 25, HYBRID, LAN, 10, false);
	scenario_member(s, 26, HYBRID, LAN, 20, true);
	scenario_member(s, 27, C20, LAN, 20, false);
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

static void broadcast_stays_in_its_vlan_with_each_ports_tag(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_arp_request(&a, b.ip);

	scenario_send(s, A10, frame);
	scenario_expect(s, B10, frame);
	scenario_expect(s, TRUNK, frame_tagged(frame, 10));
	scenario_expect(s, HYBRID, frame);
	scenario_expect_silence(s);
}

static void tagged_frame_reaches_an_access_port_untagged(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&t, &a, "x");

	scenario_send(s, A10, frame_udp(&a, &t, "here"));
	scenario_discard(s);
	scenario_send(s, TRUNK, frame_tagged(frame, 10));
	scenario_expect(s, A10, frame);
	scenario_expect_silence(s);
}

static void trunk_keeps_vlans_apart(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_arp_request(&t, c.ip);

	scenario_send(s, TRUNK, frame_tagged(frame, 20));
	scenario_expect(s, C20, frame);
	scenario_expect(s, HYBRID, frame_tagged(frame, 20));
	scenario_expect_silence(s);
}

static void quiet_member(struct scenario *s, uint64_t id, uint64_t port, bool tagged)
{
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;

	member.port = port;
	member.bridge = LAN;
	member.vid = 10;
	member.has_tagged = true;
	member.tagged = tagged;
	member.has_flood = true;
	member.flood = WEFT__FLOOD_POLICY__FLOOD_GROUPS;
	object.id = id;
	object.body_case = WEFT__OBJECT__BODY_VLAN_MEMBER;
	object.vlan_member = &member;
	scenario_put(s, &object);
}

// VLAN 10 looks for nobody: who is told or has spoken is found, behind the trunk as well; VLAN 20 is as ever.
static void unknown_addresses_are_dropped_in_one_vlan_alone(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&a, &t, "x");

	quiet_member(s, 21, A10, false);
	quiet_member(s, 22, B10, false);
	quiet_member(s, 23, TRUNK, true);
	quiet_member(s, 25, HYBRID, false);
	scenario_commit(s);
	scenario_send(s, A10, frame);
	scenario_expect_silence(s);
	assert_int_equal(scenario_drops(s, A10, DROP_UNKNOWN_MAC), 1);
	scenario_send(s, C20, frame_udp(&c, &t, "x"));
	scenario_expect(s, TRUNK, frame_tagged(frame_udp(&c, &t, "x"), 20));
	scenario_expect(s, HYBRID, frame_tagged(frame_udp(&c, &t, "x"), 20));
	scenario_fdb_entry(s, 51, LAN, 10, b.mac, TRUNK);
	scenario_commit(s);
	scenario_send(s, A10, frame_udp(&a, &b, "told"));
	scenario_expect(s, TRUNK, frame_tagged(frame_udp(&a, &b, "told"), 10));
	scenario_send(s, TRUNK, frame_tagged(frame_arp_request(&t, a.ip), 10));
	scenario_discard(s);
	scenario_send(s, A10, frame);
	scenario_expect(s, TRUNK, frame_tagged(frame, 10));
	scenario_expect_silence(s);
}

static void same_address_may_live_in_two_vlans(void **user)
{
	struct scenario *s = *user;
	struct end twin = {a.mac, "10.2.0.1", 9};
	struct frame frame = frame_udp(&b, &a, "x");

	scenario_send(s, A10, frame_udp(&a, &b, "x"));
	scenario_send(s, C20, frame_udp(&twin, &t, "x"));
	scenario_discard(s);
	scenario_send(s, B10, frame);
	scenario_expect(s, A10, frame);
	scenario_expect_silence(s);
}

static void vlan_that_the_port_does_not_carry_is_dropped(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, TRUNK, frame_tagged(frame_udp(&t, &a, "x"), 30));
	scenario_send(s, A10, frame_tagged(frame_udp(&a, &b, "x"), 10));
	assert_int_equal(scenario_drops(s, TRUNK, DROP_VLAN_NOT_ALLOWED), 1);
	assert_int_equal(scenario_drops(s, A10, DROP_VLAN_NOT_ALLOWED), 1);
}

static void untagged_frame_needs_a_native_vlan(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_arp_request(&t, a.ip);

	scenario_send(s, TRUNK, frame);
	assert_int_equal(scenario_drops(s, TRUNK, DROP_UNTAGGED_NOT_ALLOWED), 1);
	scenario_send(s, HYBRID, frame);
	scenario_expect(s, A10, frame);
	scenario_discard(s);
}

static void priority_tag_counts_as_untagged(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_arp_request(&a, b.ip);

	scenario_send(s, A10, frame_tagged(frame, 5 << 13));
	scenario_expect(s, B10, frame);
	// The priority goes on where there is a tag to carry it.
	scenario_expect(s, TRUNK, frame_tagged(frame, 5 << 13 | 10));
	scenario_discard(s);
}

static void priority_survives_from_trunk_to_trunk(void **user)
{
	struct scenario *s = *user;
	struct end h = {"02:00:00:00:00:0e", "10.2.0.7", 7};
	struct frame frame = frame_udp(&t, &h, "x");

	scenario_send(s, HYBRID, frame_tagged(frame_udp(&h, &t, "x"), 20));
	scenario_discard(s);
	scenario_send(s, TRUNK, frame_tagged(frame, 3 << 13 | 20));
	scenario_expect(s, HYBRID, frame_tagged(frame, 3 << 13 | 20));
}

static void second_tag_passes_a_bridge_untouched(void **user)
{
	struct scenario *s = *user;
	struct frame inner = frame_tagged(frame_udp(&t, &a, "x"), 99);

	scenario_send(s, A10, frame_udp(&a, &t, "here"));
	scenario_discard(s);
	scenario_send(s, TRUNK, frame_tagged(inner, 10));
	scenario_expect(s, A10, inner);
}

static void membership_that_ends_is_felt_by_cached_flows(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&t, &a, "x");

	scenario_send(s, A10, frame_udp(&a, &t, "here"));
	scenario_discard(s);
	scenario_send(s, TRUNK, frame_tagged(frame, 10));
	scenario_expect(s, A10, frame);
	scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, 23);
	scenario_commit(s);
	scenario_send(s, TRUNK, frame_tagged(frame, 10));
	assert_int_equal(scenario_drops(s, TRUNK, DROP_VLAN_NOT_ALLOWED), 1);
}

static void trace_names_the_refused_vlan(void **user)
{
	struct scenario *s = *user;
	const struct trace *trace =
		scenario_trace(s, TRUNK, frame_tagged(frame_udp(&t, &a, "x"), 30));

	assert_int_equal(trace->drop, DROP_VLAN_NOT_ALLOWED);
	assert_non_null(strstr(trace_text(trace), "port trunk does not carry vlan 30"));
	assert_string_not_equal(trace->hint, "");
	assert_int_equal(scenario_drops(s, TRUNK, DROP_VLAN_NOT_ALLOWED), 0);
}

// Rules.

static void put_rule(struct scenario *s, uint64_t id, uint32_t priority, Weft__FlowMatch *match,
                     Weft__FlowAction *action)
{
	Weft__FlowRule rule = WEFT__FLOW_RULE__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;

	rule.hook = WEFT__HOOK__HOOK_INGRESS;
	rule.priority = priority;
	rule.match = match;
	rule.n_actions = 1;
	rule.actions = &action;
	object.id = id;
	object.body_case = WEFT__OBJECT__BODY_FLOW_RULE;
	object.flow_rule = &rule;
	scenario_put(s, &object);
	scenario_commit(s);
}

static void rule_drops_what_it_matches_and_nothing_else(void **user)
{
	struct scenario *s = *user;
	Weft__FlowMatch match = WEFT__FLOW_MATCH__INIT;
	Weft__FlowAction action = WEFT__FLOW_ACTION__INIT;
	struct end b99 = {b.mac, b.ip, 99};
	struct frame good = frame_udp(&a, &b, "x");

	scenario_send(s, B10, frame_udp(&b, &a, "x"));
	scenario_discard(s);
	match.has_ip_proto = match.has_l4_dst = true;
	match.ip_proto = 17;
	match.l4_dst = 99;
	action.has_drop = action.drop = true;
	put_rule(s, 50, 10, &match, &action);
	scenario_send(s, A10, good);
	scenario_expect(s, B10, good);
	scenario_send(s, A10, frame_udp(&a, &b99, "x"));
	assert_int_equal(scenario_drops(s, A10, DROP_FLOW_RULE), 1);
}

// Through the stages, then through the cache; what other frames do is nothing to the rule.
static void rule_counts_each_frame_it_matches(void **user)
{
	struct scenario *s = *user;
	Weft__FlowMatch match = WEFT__FLOW_MATCH__INIT;
	Weft__FlowAction action = WEFT__FLOW_ACTION__INIT;
	struct frame frame = frame_udp(&a, &b, "x");
	uint64_t packets, bytes;

	match.has_port = true;
	match.port = A10;
	action.has_normal = action.normal = true;
	put_rule(s, 50, 10, &match, &action);
	scenario_send(s, B10, frame_udp(&b, &a, "x"));
	for (int i = 0; i < 5; i++)
		scenario_send(s, A10, frame);
	flow_counts_sum(scenario_generation(s)->flow_rules->rules[0].counts, &packets, &bytes);
	assert_int_equal(packets, 5);
	assert_int_equal(bytes, 5 * frame.len);
	scenario_discard(s);
}

static void rule_of_higher_priority_wins(void **user)
{
	struct scenario *s = *user;
	Weft__FlowMatch match = WEFT__FLOW_MATCH__INIT;
	Weft__FlowAction drop = WEFT__FLOW_ACTION__INIT;
	Weft__FlowAction normal = WEFT__FLOW_ACTION__INIT;
	struct frame frame = frame_udp(&a, &b, "x");

	scenario_send(s, B10, frame_udp(&b, &a, "x"));
	scenario_discard(s);
	match.has_port = true;
	match.port = A10;
	drop.has_drop = drop.drop = true;
	normal.has_normal = normal.normal = true;
	put_rule(s, 50, 10, &match, &drop);
	put_rule(s, 51, 20, &match, &normal);
	scenario_send(s, A10, frame);
	scenario_expect(s, B10, frame);
}

static void rule_sends_out_by_another_port(void **user)
{
	struct scenario *s = *user;
	Weft__FlowMatch match = WEFT__FLOW_MATCH__INIT;
	Weft__FlowAction action = WEFT__FLOW_ACTION__INIT;
	struct frame frame = frame_udp(&a, &b, "x");

	match.has_port = true;
	match.port = A10;
	action.has_output = true;
	action.output = TRUNK;
	put_rule(s, 50, 10, &match, &action);
	scenario_send(s, A10, frame);
	scenario_expect(s, TRUNK, frame_tagged(frame, 10));
	scenario_expect_silence(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		SCENARIO(broadcast_stays_in_its_vlan_with_each_ports_tag),
		SCENARIO(tagged_frame_reaches_an_access_port_untagged),
		SCENARIO(trunk_keeps_vlans_apart),
		SCENARIO(unknown_addresses_are_dropped_in_one_vlan_alone),
		SCENARIO(same_address_may_live_in_two_vlans),
		SCENARIO(vlan_that_the_port_does_not_carry_is_dropped),
		SCENARIO(untagged_frame_needs_a_native_vlan),
		SCENARIO(priority_tag_counts_as_untagged),
		SCENARIO(priority_survives_from_trunk_to_trunk),
		SCENARIO(second_tag_passes_a_bridge_untouched),
		SCENARIO(membership_that_ends_is_felt_by_cached_flows),
		SCENARIO(trace_names_the_refused_vlan),
		SCENARIO(rule_drops_what_it_matches_and_nothing_else),
		SCENARIO(rule_counts_each_frame_it_matches),
		SCENARIO(rule_of_higher_priority_wins),
		SCENARIO(rule_sends_out_by_another_port),
#undef SCENARIO
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
