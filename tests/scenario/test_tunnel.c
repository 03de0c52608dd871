// SPDX-License-Identifier: BSD-3-Clause
//
// Tunnels through the whole packet path: frames at ports, datagrams at the underlay.
//
//     h1 (11) ─┐                    ┌─ p1 (31) 192.0.2.2
//              ├─ bridge 1 ── t (30)┤
//     h2 (12) ─┘     vni 5001       └─ p2 (32) 192.0.2.3

#include "tests/scenario/scenario.h"

#include "base/bytes.h"
#include "tunnels/tunnel.h"
#include "tunnels/underlay_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { H1 = 11, H2 = 12, TUNNEL = 30, P1 = 31, P2 = 32, VNI = 5001, VXLAN = 8, ECN_MARK = 3 };

static const struct end h1 = {"02:00:00:00:00:01", "10.1.0.1", 1001};
static const struct end h2 = {"02:00:00:00:00:02", "10.1.0.2", 1002};
static const struct end far1 = {"02:00:00:00:00:f1", "10.1.0.101", 2001};
static const struct end far2 = {"02:00:00:00:00:f2", "10.1.0.102", 2002};

static struct scenario *joined(bool learn)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, 1);
	scenario_port(s, H1, "h1");
	scenario_port(s, H2, "h2");
	scenario_member(s, 21, H1, 1, 0, false);
	scenario_member(s, 22, H2, 1, 0, false);
	// Peers may come before their tunnel.
	scenario_peer(s, P1, TUNNEL, "192.0.2.2", learn);
	scenario_peer(s, P2, TUNNEL, "192.0.2.3", learn);
	scenario_tunnel(s, TUNNEL, WEFT__ENCAPSULATION__ENCAP_VXLAN, "192.0.2.1");
	scenario_member_vni(s, 41, P1, 1, 0, VNI);
	scenario_member_vni(s, 42, P2, 1, 0, VNI);
	scenario_commit(s);
	return s;
}

// The frame as VXLAN, in `bytes`. Returns its length.
static size_t wrap(uint8_t *bytes, uint32_t vni, const struct frame *frame)
{
	const uint8_t header[VXLAN] = {
		0x08, 0, 0, 0, (uint8_t)(vni >> 16), (uint8_t)(vni >> 8), (uint8_t)vni};

	memcpy(bytes, header, VXLAN);
	memcpy(bytes + VXLAN, frame->bytes, frame->len);
	return VXLAN + frame->len;
}

static void arrive(struct scenario *s, const char *from, uint8_t tos, uint32_t vni,
                   struct frame frame)
{
	static uint8_t bytes[VXLAN + FRAME_MAX];
	size_t len = wrap(bytes, vni, &frame);

	scenario_arrive(s, TUNNEL, from, tos, bytes, len);
}

static void expect_datagram(struct scenario *s, const char *to, struct frame frame)
{
	static uint8_t wanted[VXLAN + FRAME_MAX], got[VXLAN + FRAME_MAX];
	struct datagram datagram;
	size_t len = wrap(wanted, VNI, &frame);
	int got_len = scenario_datagram(s, TUNNEL, &datagram, got, sizeof(got));
	char text[IP_TEXT];

	assert_int_equal(got_len, len);
	assert_string_equal(ip_format(datagram.to, text), to);
	assert_memory_equal(got, wanted, len);
}

static void expect_no_datagram(struct scenario *s)
{
	uint8_t byte;

	assert_int_equal(scenario_datagram(s, TUNNEL, NULL, &byte, 1), -EAGAIN);
}

static void broadcast_goes_to_every_peer(void **state)
{
	struct scenario *s = joined(false);
	struct frame frame = frame_arp_request(&h1, "10.1.0.101");

	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	// In the order of their slots, which nobody promises.
	expect_datagram(s, "192.0.2.3", frame);
	expect_datagram(s, "192.0.2.2", frame);
	expect_no_datagram(s);
	assert_int_equal(scenario_counter(s, P1, STATS_TX_PACKETS), 1);
	scenario_free(s);
}

static void what_comes_from_a_peer_goes_to_ports_only(void **state)
{
	struct scenario *s = joined(false);
	struct frame frame = frame_arp_request(&far1, "10.1.0.1");

	arrive(s, "192.0.2.2", 0, VNI, frame);
	scenario_expect(s, H1, frame);
	scenario_expect(s, H2, frame);
	expect_no_datagram(s);
	assert_int_equal(scenario_counter(s, P1, STATS_RX_PACKETS), 1);
	assert_int_equal(scenario_counter(s, P2, STATS_RX_PACKETS), 0);
	scenario_free(s);
}

static void places_told_are_used_and_nothing_is_learnt(void **state)
{
	struct scenario *s = joined(false);
	struct frame there = frame_udp(&h1, &far2, "there");
	struct frame back = frame_udp(&far2, &h1, "back");

	scenario_fdb_entry(s, 51, 1, 0, far2.mac, P2);
	scenario_commit(s);
	for (int i = 0; i < 3; i++) {
		scenario_send(s, H1, there);
		expect_datagram(s, "192.0.2.3", there);
		arrive(s, "192.0.2.3", 0, VNI, back);
		scenario_expect(s, H1, back);
	}
	// A sender who claims another's address changes nothing.
	arrive(s, "192.0.2.2", 0, VNI, frame_udp(&h2, &h1, "forged"));
	scenario_discard(s);
	scenario_send(s, H1, there);
	expect_datagram(s, "192.0.2.3", there);
	expect_no_datagram(s);
	assert_true(scenario_worker(s, STATS_CACHE_HITS) > 0);
	scenario_free(s);
}

static void learning_is_a_policy(void **state)
{
	struct scenario *s = joined(true);
	struct frame there = frame_udp(&h1, &far1, "there");

	arrive(s, "192.0.2.2", 0, VNI, frame_arp_request(&far1, "10.1.0.1"));
	scenario_discard(s);
	scenario_send(s, H1, there);
	expect_datagram(s, "192.0.2.2", there);
	expect_no_datagram(s);
	scenario_free(s);
}

// A peer's member with a policy of its own.
static void set_policy(struct scenario *s, uint64_t id, uint64_t port, Weft__FloodPolicy flood,
                       bool learn_off)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;

	member.port = port;
	member.bridge = 1;
	member.has_vni = port >= TUNNEL;
	member.vni = VNI;
	member.has_flood = true;
	member.flood = flood;
	member.has_learn_off = member.learn_off = learn_off;
	object.id = id;
	object.body_case = WEFT__OBJECT__BODY_VLAN_MEMBER;
	object.vlan_member = &member;
	scenario_put(s, &object);
}

static void unknown_macs_go_by_policy(void **state)
{
	struct scenario *s = joined(true);
	struct frame stranger = frame_udp(&h1, &far1, "who?"),
		     all = frame_arp_request(&h1, far1.ip);
	const struct trace *trace;

	// To ports here, and to the peer where such a one may be.
	set_policy(s, 41, P1, WEFT__FLOOD_POLICY__FLOOD_GROUPS, false);
	scenario_commit(s);
	scenario_send(s, H1, stranger);
	scenario_expect(s, H2, stranger);
	expect_datagram(s, "192.0.2.3", stranger);
	expect_no_datagram(s);
	// Broadcasts go to all.
	scenario_send(s, H1, all);
	scenario_expect(s, H2, all);
	expect_datagram(s, "192.0.2.3", all);
	expect_datagram(s, "192.0.2.2", all);
	// To nobody, by name.
	set_policy(s, 42, P2, WEFT__FLOOD_POLICY__FLOOD_GROUPS, false);
	set_policy(s, 21, H1, WEFT__FLOOD_POLICY__FLOOD_GROUPS, false);
	set_policy(s, 22, H2, WEFT__FLOOD_POLICY__FLOOD_GROUPS, false);
	scenario_commit(s);
	scenario_send(s, H1, stranger);
	expect_no_datagram(s);
	assert_int_equal(scenario_drops(s, H1, DROP_UNKNOWN_MAC), 1);
	trace = scenario_trace(s, H1, stranger);
	assert_int_equal(trace->drop, DROP_UNKNOWN_MAC);
	assert_non_null(strstr(trace->hint, "--unknown"));
	// Who has spoken is known.
	arrive(s, "192.0.2.2", 0, VNI, frame_arp_request(&far1, h1.ip));
	scenario_discard(s);
	scenario_send(s, H1, stranger);
	expect_datagram(s, "192.0.2.2", stranger);
	expect_no_datagram(s);
	scenario_free(s);
}

static void learning_is_a_policy_of_each_net(void **state)
{
	struct scenario *s = joined(true);
	struct frame there = frame_udp(&h1, &far1, "there");

	set_policy(s, 41, P1, WEFT__FLOOD_POLICY__FLOOD_ALL, true);
	scenario_commit(s);
	for (int i = 0; i < 2; i++) {
		arrive(s, "192.0.2.2", 0, VNI, frame_udp(&far1, &h1, "hear me"));
		scenario_discard(s);
	}
	scenario_send(s, H1, there);
	scenario_expect(s, H2, there);
	expect_datagram(s, "192.0.2.3", there);
	expect_datagram(s, "192.0.2.2", there);
	// The other peer's are learnt.
	arrive(s, "192.0.2.3", 0, VNI, frame_udp(&far2, &h1, "hear me"));
	scenario_discard(s);
	scenario_send(s, H1, frame_udp(&h1, &far2, "there"));
	expect_datagram(s, "192.0.2.3", frame_udp(&h1, &far2, "there"));
	expect_no_datagram(s);
	scenario_free(s);
}

static void frames_never_go_from_peer_to_peer(void **state)
{
	struct scenario *s = joined(false);

	scenario_fdb_entry(s, 51, 1, 0, far2.mac, P2);
	scenario_commit(s);
	arrive(s, "192.0.2.2", 0, VNI, frame_udp(&far1, &far2, "over here"));
	expect_no_datagram(s);
	assert_int_equal(scenario_drops(s, P1, DROP_SPLIT_HORIZON), 1);
	scenario_free(s);
}

static void strangers_and_unknown_numbers_are_counted(void **state)
{
	struct scenario *s = joined(false);
	struct frame frame = frame_udp(&far1, &h1, "hello");
	const struct port *door = scenario_door(s, TUNNEL);

	arrive(s, "192.0.2.9", 0, VNI, frame);
	arrive(s, "192.0.2.2", 0, VNI + 1, frame);
	arrive(s, "192.0.2.2", 0, VNI, frame_tagged(frame, 7));
	scenario_arrive(s, TUNNEL, "192.0.2.2", 0, "\x08\0\0\0\0", 5);
	assert_int_equal(door->door_drops[DROP_TUNNEL_PEER_UNKNOWN], 1);
	assert_int_equal(door->door_drops[DROP_TUNNEL_MALFORMED], 1);
	assert_int_equal(scenario_drops(s, P1, DROP_VNI_UNKNOWN), 1);
	assert_int_equal(scenario_drops(s, P1, DROP_VLAN_NOT_ALLOWED), 1);
	scenario_free(s);
}

// Two networks whose hosts have the same addresses meet at one peer.
static void numbers_tell_networks_apart(void **state)
{
	struct scenario *s = joined(false);
	struct frame frame = frame_udp(&far1, &h1, "which?");

	scenario_bridge(s, 2);
	scenario_port(s, 13, "h3");
	scenario_member(s, 23, 13, 2, 0, false);
	scenario_member_vni(s, 43, P1, 2, 0, VNI + 1);
	scenario_commit(s);
	for (int i = 0; i < 2; i++) {
		arrive(s, "192.0.2.2", 0, VNI + 1, frame);
		scenario_expect(s, 13, frame);
		scenario_send(s, H1, frame_udp(&h1, &h2, "here"));
		scenario_discard(s);
		arrive(s, "192.0.2.2", 0, VNI, frame);
		scenario_expect(s, H1, frame);
	}
	while (scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0)
		continue;
	scenario_free(s);
}

static void a_mark_on_the_way_reaches_the_receiver(void **state)
{
	struct scenario *s = joined(false);
	struct frame frame = frame_tos(frame_udp(&far1, &h1, "marked"), 2);

	// Known, so that it is not flooded.
	scenario_send(s, H1, frame_arp_request(&h1, "10.1.0.2"));
	scenario_discard(s);
	while (scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0)
		continue;
	arrive(s, "192.0.2.2", ECN_MARK, VNI, frame);
	scenario_expect(s, H1, frame_tos(frame, ECN_MARK));
	arrive(s, "192.0.2.2", ECN_MARK, VNI, frame_tos(frame, 0));
	assert_int_equal(scenario_door(s, TUNNEL)->door_drops[DROP_TUNNEL_ECN], 1);
	scenario_free(s);
}

static void outer_header_follows_the_inner(void **state)
{
	struct scenario *s = joined(false);
	struct frame frame = frame_tos(frame_udp(&h1, &far1, "express"), 46 << 2 | 1);
	struct datagram datagram;
	uint8_t bytes[VXLAN + 200];

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_commit(s);
	scenario_send(s, H1, frame);
	assert_true(scenario_datagram(s, TUNNEL, &datagram, bytes, sizeof(bytes)) > 0);
	assert_int_equal(datagram.tos, 46 << 2 | 1);
	scenario_free(s);
}

static void put_peer_down(struct scenario *s)
{
	Weft__TunnelPeer peer = WEFT__TUNNEL_PEER__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;

	peer.tunnel = TUNNEL;
	peer.remote = (ProtobufCBinaryData){.len = 4, .data = (uint8_t *)"\xc0\x00\x02\x02"};
	port.type = WEFT__PORT_TYPE__PORT_PEER;
	port.peer = &peer;
	port.has_admin_down = port.admin_down = true;
	object.id = P1;
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = &port;
	scenario_put(s, &object);
	scenario_commit(s);
}

static void a_trace_says_number_and_drop(void **state)
{
	struct scenario *s = joined(false);
	struct frame frame = frame_udp(&h1, &far1, "traced");
	const struct trace *trace;

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_commit(s);
	trace = scenario_trace(s, H1, frame);
	assert_true(trace->forwarded);
	assert_int_equal(trace->vni, VNI);
	assert_non_null(strstr(trace_text(trace), "vni 5001"));
	put_peer_down(s);
	trace = scenario_trace(s, H1, frame);
	assert_false(trace->forwarded);
	assert_int_equal(trace->drop, DROP_PORT_DOWN);
	// A flood leaves it out.
	trace = scenario_trace(s, H1, frame_arp_request(&h1, "10.1.0.101"));
	assert_int_equal(trace->out_count, 2);
	scenario_free(s);
}

static void a_tunnel_with_peers_stays_as_it_is(void **state)
{
	struct scenario *s = joined(false);
	struct apply_result result = {0};

	scenario_tunnel(s, TUNNEL, WEFT__ENCAPSULATION__ENCAP_VXLAN, "192.0.2.77");
	assert_int_equal(scenario_try_commit(s, &result), -EBUSY);
	scenario_delete(s, WEFT__KIND__KIND_PORT, TUNNEL);
	assert_int_equal(scenario_try_commit(s, &result), -EBUSY);
	scenario_member(s, 49, P1, 1, 5, true);
	assert_int_equal(scenario_try_commit(s, &result), -EINVAL);
	scenario_member_vni(s, 49, H1, 1, 5, 9);
	assert_int_equal(scenario_try_commit(s, &result), -EINVAL);
	scenario_peer(s, 33, TUNNEL, "192.0.2.3", false);
	assert_int_equal(scenario_try_commit(s, &result), -EEXIST);
	scenario_peer(s, 33, TUNNEL, "2001:db8::3", false);
	assert_int_equal(scenario_try_commit(s, &result), -EAFNOSUPPORT);
	scenario_free(s);
}

static void a_peer_may_hand_its_address_on(void **state)
{
	struct scenario *s = joined(false);
	struct frame frame = frame_udp(&far1, &h1, "again");

	scenario_send(s, H1, frame_arp_request(&h1, "10.1.0.2"));
	scenario_discard(s);
	while (scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0)
		continue;
	scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, 41);
	scenario_delete(s, WEFT__KIND__KIND_PORT, P1);
	scenario_peer(s, 33, TUNNEL, "192.0.2.2", false);
	scenario_member_vni(s, 44, 33, 1, 0, VNI);
	scenario_commit(s);
	arrive(s, "192.0.2.2", 0, VNI, frame);
	scenario_expect(s, H1, frame);
	assert_int_equal(scenario_counter(s, 33, STATS_RX_PACKETS), 1);
	scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, 44);
	scenario_delete(s, WEFT__KIND__KIND_PORT, 33);
	scenario_commit(s);
	arrive(s, "192.0.2.2", 0, VNI, frame);
	assert_int_equal(scenario_door(s, TUNNEL)->door_drops[DROP_TUNNEL_PEER_UNKNOWN], 1);
	scenario_free(s);
}

static void a_super_packet_leaves_in_parts(void **state)
{
	struct scenario *s = joined(false);
	static const uint8_t payload[3500];
	struct frame frame =
		frame_gso(frame_tcp_at(&h1, &far1, TCP_A, 1, 1, payload, sizeof(payload)), 1000);
	struct datagram datagram;
	static uint8_t bytes[8192];
	int len;

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_commit(s);
	scenario_send(s, H1, frame);
	len = scenario_datagram(s, TUNNEL, &datagram, bytes, sizeof(bytes));
	assert_int_equal(datagram.part_size, VXLAN + 14 + 20 + 20 + 1000);
	assert_int_equal(len, 4 * datagram.part_size - 500);
	for (int at = 0; at < len; at += datagram.part_size)
		assert_memory_equal(bytes + at, "\x08\0\0\0\0\x13\x89\0", VXLAN);
	expect_no_datagram(s);
	scenario_free(s);
}

// What a switch sends for a super-packet of h1 to far1: datagrams in one piece. Returns their length.
static int sent_by_another(struct frame frame, uint8_t *bytes, size_t size, uint16_t *part_size)
{
	struct scenario *s = joined(false);
	struct datagram datagram;
	int len;

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_commit(s);
	scenario_send(s, H1, frame);
	len = scenario_datagram(s, TUNNEL, &datagram, bytes, size);
	expect_no_datagram(s);
	scenario_free(s);
	*part_size = datagram.part_size;
	return len;
}

static void put_parts(struct scenario *s, uint8_t tos, uint16_t part_size, const uint8_t *bytes,
                      int len)
{
	struct ip_addr from;

	ip_parse("192.0.2.2", &from);
	assert_int_equal(underlay_memory_put(tunnel_underlay(scenario_door(s, TUNNEL)), from, tos,
	                                     part_size, bytes, (size_t)len),
	                 0);
}

// At a switch whose guest H1 is far1. One more frame makes the tunnel look at what came.
static struct scenario *receive(unsigned offloads)
{
	struct scenario *s = joined(false);

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, H1);
	scenario_commit(s);
	scenario_door(s, H1)->offloads = offloads;
	return s;
}

static struct frame frame_of(const uint8_t *bytes, int len)
{
	struct frame frame = {.len = (size_t)len};

	memcpy(frame.bytes, bytes, frame.len);
	return frame;
}

static void what_was_cut_for_the_way_is_joined(void **state)
{
	static const uint8_t payload[3500];
	static uint8_t bytes[8192];
	struct frame frame = frame_gso(
		frame_tcp_at(&h1, &far1, TCP_A | TCP_P, 1, 1, payload, sizeof(payload)), 1000);
	struct frame last = frame_udp(&h1, &far1, "that is all");
	struct frame got;
	uint16_t part;
	int len = sent_by_another(frame, bytes, sizeof(bytes), &part);
	struct scenario *s = receive(PORT_TX_CSUM | PORT_TX_TSO4);

	// In one piece, and in several.
	put_parts(s, 0, part, bytes, len);
	for (int at = 0; at < len; at += part)
		put_parts(s, 0, 0, bytes + at, MIN(part, len - at));
	arrive(s, "192.0.2.2", 0, VNI, last);
	for (unsigned i = 0; i < 2; i++) {
		got = scenario_take(s, H1);
		assert_true(frame_equal(&frame, &got));
		assert_int_equal(got.meta.gso, GSO_TCP4);
		assert_int_equal(got.meta.gso_size, 1000);
	}
	scenario_expect(s, H1, last);
	assert_int_equal(scenario_counter(s, P1, STATS_RX_PACKETS), 3);
	scenario_free(s);
	// A door that cannot take it gets what came.
	s = receive(0);
	put_parts(s, 0, part, bytes, len);
	arrive(s, "192.0.2.2", 0, VNI, last);
	for (int at = 0; at < len; at += part)
		scenario_expect(s, H1, frame_of(bytes + at + VXLAN, MIN(part, len - at) - VXLAN));
	scenario_expect(s, H1, last);
	scenario_free(s);
}

static void segments_with_other_marks_stay_apart(void **state)
{
	static const uint8_t payload[2000];
	static uint8_t bytes[8192];
	struct frame frame = frame_gso(
		frame_tos(frame_tcp_at(&h1, &far1, TCP_A, 1, 1, payload, sizeof(payload)), 2),
		1000);
	uint16_t part;
	int len = sent_by_another(frame, bytes, sizeof(bytes), &part);
	struct scenario *s = receive(PORT_TX_CSUM | PORT_TX_TSO4);
	struct frame first, second;

	put_parts(s, 2, 0, bytes, part);
	put_parts(s, ECN_MARK, 0, bytes + part, len - part);
	arrive(s, "192.0.2.2", 0, VNI, frame_udp(&h1, &far1, "that is all"));
	first = scenario_take(s, H1);
	second = scenario_take(s, H1);
	assert_int_equal(first.meta.gso, GSO_NONE);
	assert_int_equal(first.bytes[15] & ECN_MARK, 2);
	assert_int_equal(second.bytes[15] & ECN_MARK, ECN_MARK);
	scenario_discard(s);
	scenario_free(s);
}

static const struct end h1v6 = {"02:00:00:00:00:01", "2001:db8::1", 1001};
static const struct end far1v6 = {"02:00:00:00:00:f1", "2001:db8::101", 2001};

// Told as by the far end, with the whole way's MTU in the message.
static void senders_learn_the_mtu_of_the_way(void **state)
{
	static const uint8_t payload[1440];
	struct scenario *s = joined(false);
	struct frame four = frame_udp_bytes(&h1, &far1, payload, sizeof(payload));
	struct frame six = frame_udp_bytes(&h1v6, &far1v6, payload, sizeof(payload));
	struct frame answer;

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_commit(s);
	for (unsigned i = 0; i < 2; i++) {
		scenario_send(s, H1, four);
		answer = frame_icmp_error(&far1, &h1, 3, 4, 1450, &four, 576 - 28);
		scenario_expect(s, H1, answer);
		scenario_send(s, H1, six);
		answer = frame_icmp_error(&far1v6, &h1v6, 2, 0, 1450, &six, 1280 - 48);
		scenario_expect(s, H1, answer);
	}
	expect_no_datagram(s);
	assert_int_equal(scenario_drops(s, H1, DROP_TUNNEL_MTU), 4);
	// What fits goes, in one piece.
	four = frame_udp_bytes(&h1, &far1, payload, 1450 - 28);
	scenario_send(s, H1, four);
	expect_datagram(s, "192.0.2.2", four);
	scenario_free(s);
}

// A router on the way tells our kernel, which then takes nothing that is longer.
static void a_way_that_narrows_is_measured(void **state)
{
	static const uint8_t payload[1450 - 28];
	struct scenario *s = joined(false);
	struct underlay *underlay = tunnel_underlay(scenario_door(s, TUNNEL));
	struct frame frame = frame_udp_bytes(&h1, &far1, payload, sizeof(payload));

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_commit(s);
	scenario_send(s, H1, frame);
	expect_datagram(s, "192.0.2.2", frame);
	underlay_memory_set(underlay, 1300, 64);
	// Nothing was refused yet.
	scenario_measure(s, false);
	scenario_send(s, H1, frame);
	assert_int_equal(scenario_drops(s, H1, DROP_TX_TOO_BIG), 1);
	scenario_measure(s, false);
	assert_int_equal(scenario_door(s, P1)->mtu, 1250);
	for (unsigned i = 0; i < 2; i++) {
		scenario_send(s, H1, frame);
		scenario_expect(s, H1, frame_icmp_error(&far1, &h1, 3, 4, 1250, &frame, 576 - 28));
	}
	expect_no_datagram(s);
	// Of a way that is wide again nobody tells.
	underlay_memory_set(underlay, 1500, 64);
	scenario_measure(s, false);
	assert_int_equal(scenario_door(s, P1)->mtu, 1250);
	scenario_measure(s, true);
	scenario_send(s, H1, frame);
	expect_datagram(s, "192.0.2.2", frame);
	scenario_free(s);
}

static void super_packets_learn_it_too(void **state)
{
	static const uint8_t payload[3500];
	struct scenario *s = joined(false);
	struct frame frame =
		frame_gso(frame_tcp_at(&h1, &far1, TCP_A, 1, 1, payload, sizeof(payload)), 1460);
	struct frame answer;

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_commit(s);
	// A flow that is cached already.
	scenario_send(s, H1, frame_tcp(&h1, &far1, TCP_A, "x"));
	while (scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0)
		continue;
	scenario_send(s, H1, frame);
	answer = scenario_take(s, H1);
	assert_int_equal(answer.bytes[14 + 20], 3);
	assert_int_equal(answer.bytes[14 + 21], 4);
	expect_no_datagram(s);
	assert_int_equal(scenario_drops(s, H1, DROP_TUNNEL_MTU), 1);
	scenario_free(s);
}

static void what_may_be_cut_is_cut(void **state)
{
	static const uint8_t payload[1440];
	struct scenario *s = joined(false);
	struct frame frame = frame_no_df(frame_udp_bytes(&h1, &far1, payload, sizeof(payload)));
	struct datagram datagram;
	uint8_t bytes[2048];

	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_commit(s);
	scenario_send(s, H1, frame);
	// Both go in one piece, which the underlay cuts.
	assert_int_equal(scenario_datagram(s, TUNNEL, &datagram, bytes, sizeof(bytes)),
	                 2 * (VXLAN + 14 + 20) + 1424 + 24);
	assert_int_equal(datagram.part_size, VXLAN + 14 + 20 + 1424);
	expect_no_datagram(s);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broadcast_goes_to_every_peer),
		cmocka_unit_test(what_comes_from_a_peer_goes_to_ports_only),
		cmocka_unit_test(places_told_are_used_and_nothing_is_learnt),
		cmocka_unit_test(learning_is_a_policy),
		cmocka_unit_test(unknown_macs_go_by_policy),
		cmocka_unit_test(learning_is_a_policy_of_each_net),
		cmocka_unit_test(frames_never_go_from_peer_to_peer),
		cmocka_unit_test(strangers_and_unknown_numbers_are_counted),
		cmocka_unit_test(numbers_tell_networks_apart),
		cmocka_unit_test(a_mark_on_the_way_reaches_the_receiver),
		cmocka_unit_test(outer_header_follows_the_inner),
		cmocka_unit_test(a_trace_says_number_and_drop),
		cmocka_unit_test(a_tunnel_with_peers_stays_as_it_is),
		cmocka_unit_test(a_peer_may_hand_its_address_on),
		cmocka_unit_test(a_super_packet_leaves_in_parts),
		cmocka_unit_test(what_was_cut_for_the_way_is_joined),
		cmocka_unit_test(segments_with_other_marks_stay_apart),
		cmocka_unit_test(senders_learn_the_mtu_of_the_way),
		cmocka_unit_test(a_way_that_narrows_is_measured),
		cmocka_unit_test(super_packets_learn_it_too),
		cmocka_unit_test(what_may_be_cut_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
