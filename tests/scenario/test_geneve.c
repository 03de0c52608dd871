// SPDX-License-Identifier: BSD-3-Clause
//
// Options of Geneve through the whole packet path: on every frame that leaves, and known when they come back.
//
//     h1 (11) ── bridge 1 ── t (30) ── p (31) 192.0.2.2, vni 5001

#include "tests/scenario/scenario.h"

#include "base/bytes.h"
#include "tunnels/tunnel.h"
#include "tunnels/underlay_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { H1 = 11, TUNNEL = 30, PEER = 31, HEADER = 8, OPTIONS = 12, ETH = 14, OUTER = 28 };

static const struct end h1 = {"02:00:00:00:00:01", "10.1.0.1", 1001};
static const struct end far1 = {"02:00:00:00:00:f1", "10.1.0.101", 2001};

// RFC 8926, sections 3.4 and 3.5: three words of options, C set, Ethernet, VNI 5001. Class 0x0102 with the critical type
// 0x83 and four bytes, then type 4 with none.
static const uint8_t wire[HEADER + OPTIONS] = {3,    0x40, 0x65, 0x58, 0x00, 0x13, 0x89,
                                               0,    0x01, 0x02, 0x83, 0x01, 0xaa, 0xbb,
                                               0xcc, 0xdd, 0x01, 0x02, 0x04, 0x00};

static void put_tunnel(struct scenario *s, Weft__Encapsulation encapsulation,
                       const uint8_t *options, size_t len)
{
	Weft__Tunnel tunnel = WEFT__TUNNEL__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;

	tunnel.encapsulation = encapsulation;
	tunnel.local = (ProtobufCBinaryData){.len = 4, .data = (uint8_t *)"\xc0\x00\x02\x01"};
	tunnel.has_options = true;
	tunnel.options = (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)options};
	port.type = WEFT__PORT_TYPE__PORT_TUNNEL;
	port.tunnel = &tunnel;
	object.id = TUNNEL;
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = &port;
	scenario_put(s, &object);
}

static struct scenario *joined(const uint8_t *options, size_t len)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, 1);
	scenario_port(s, H1, "h1");
	scenario_member(s, 21, H1, 1, 0, false);
	put_tunnel(s, WEFT__ENCAPSULATION__ENCAP_GENEVE, options, len);
	scenario_peer(s, PEER, TUNNEL, "192.0.2.2", false);
	scenario_member_vni(s, 41, PEER, 1, 0, 5001);
	scenario_fdb_entry(s, 51, 1, 0, far1.mac, PEER);
	scenario_commit(s);
	return s;
}

static void every_frame_carries_the_options(void **state)
{
	static const uint8_t payload[1000]; // more than a packet holds inline
	struct scenario *s = joined(wire + HEADER, OPTIONS);
	const struct frame frames[] = {frame_udp(&h1, &far1, "short"),
	                               frame_udp_bytes(&h1, &far1, payload, sizeof(payload)),
	                               frame_arp_request(&h1, "10.1.0.101")};
	static uint8_t got[2000];

	for (unsigned i = 0; i < 3; i++) {
		scenario_send(s, H1, frames[i]);
		assert_int_equal(scenario_datagram(s, TUNNEL, NULL, got, sizeof(got)),
		                 sizeof(wire) + frames[i].len);
		assert_memory_equal(got, wire, sizeof(wire));
		assert_memory_equal(got + sizeof(wire), frames[i].bytes, frames[i].len);
	}
	scenario_free(s);
}

static void every_part_of_a_super_packet_does(void **state)
{
	static const uint8_t payload[3500];
	struct scenario *s = joined(wire + HEADER, OPTIONS);
	struct datagram datagram;
	static uint8_t got[8192];
	int len;

	scenario_send(
		s, H1,
		frame_gso(frame_tcp_at(&h1, &far1, TCP_A, 1, 1, payload, sizeof(payload)), 1000));
	len = scenario_datagram(s, TUNNEL, &datagram, got, sizeof(got));
	assert_int_equal(datagram.part_size, sizeof(wire) + ETH + 20 + 20 + 1000);
	assert_int_equal(len, 4 * (sizeof(wire) + ETH + 20 + 20) + 3500);
	for (int at = 0; at < len; at += datagram.part_size) {
		assert_memory_equal(got + at, wire, sizeof(wire));
		assert_memory_equal(got + at + sizeof(wire), "\x02\0\0\0\0\xf1", 6);
	}
	scenario_free(s);
}

static void arrive(struct scenario *s, const uint8_t *header, size_t len, const struct frame *frame)
{
	static uint8_t bytes[HEADER + ENCAP_OPTIONS_MAX + FRAME_MAX];

	memcpy(bytes, header, len);
	memcpy(bytes + len, frame->bytes, frame->len);
	scenario_arrive(s, TUNNEL, "192.0.2.2", 0, bytes, len + frame->len);
}

static void our_own_critical_options_are_known(void **state)
{
	struct scenario *s = joined(wire + HEADER, OPTIONS);
	const struct port *door = scenario_door(s, TUNNEL);
	struct frame frame = frame_arp_request(&far1, "10.1.0.1");
	uint8_t other[sizeof(wire)];

	arrive(s, wire, sizeof(wire), &frame);
	scenario_expect(s, H1, frame);
	// With other data, or none at all, it is as well known.
	memcpy(other, wire, sizeof(wire));
	other[12] = 0;
	arrive(s, other, sizeof(other), &frame);
	scenario_expect(s, H1, frame);
	arrive(s, (const uint8_t *)"\0\0\x65\x58\x00\x13\x89\0", HEADER, &frame);
	scenario_expect(s, H1, frame);
	assert_int_equal(door->door_drops[DROP_TUNNEL_OPTION], 0);
	// Of another class, and of a type that we send as one that is not critical.
	other[8] = 0x7f;
	arrive(s, other, sizeof(other), &frame);
	memcpy(other, wire, sizeof(wire));
	other[18] |= 0x80;
	arrive(s, other, sizeof(other), &frame);
	assert_int_equal(door->door_drops[DROP_TUNNEL_OPTION], 2);
	assert_int_equal(scenario_counter(s, PEER, STATS_RX_PACKETS), 3);
	scenario_free(s);
}

// As many as a header has room for: 1 of 128 bytes and 1 of 124, headers counted.
static void fill(uint8_t options[static ENCAP_OPTIONS_MAX])
{
	memset(options, 0x5a, ENCAP_OPTIONS_MAX);
	memcpy(options, "\x01\x02\x03\x1f", 4);
	memcpy(options + 128, "\x01\x02\x04\x1e", 4);
}

static void the_mtu_leaves_room_for_them(void **state)
{
	static const uint8_t payload[1500];
	uint8_t options[ENCAP_OPTIONS_MAX];
	static uint8_t got[2000];
	struct scenario *s;
	struct frame frame;
	uint32_t mtu = 1500 - OUTER - HEADER - ENCAP_OPTIONS_MAX - ETH;

	fill(options);
	s = joined(options, sizeof(options));
	underlay_memory_set(tunnel_underlay(scenario_door(s, TUNNEL)), 1500, 64);
	scenario_measure(s, true);
	assert_int_equal(scenario_door(s, PEER)->mtu, mtu);
	scenario_send(s, H1, frame_udp_bytes(&h1, &far1, payload, mtu - 28));
	assert_int_equal(scenario_datagram(s, TUNNEL, NULL, got, sizeof(got)), 1500 - OUTER);
	assert_int_equal(got[0], 63);
	assert_memory_equal(got + HEADER, options, sizeof(options));
	frame = frame_udp_bytes(&h1, &far1, payload, mtu - 27);
	scenario_send(s, H1, frame);
	assert_int_equal(scenario_datagram(s, TUNNEL, NULL, NULL, 0), -EAGAIN);
	scenario_expect(s, H1, frame_icmp_error(&far1, &h1, 3, 4, mtu, &frame, 576 - 28));
	scenario_free(s);
}

static void expect_refused(Weft__Encapsulation encapsulation, const uint8_t *options, size_t len,
                           int code, const char *words)
{
	struct scenario *s = scenario_new();
	struct apply_result result = {0};

	put_tunnel(s, encapsulation, options, len);
	assert_int_equal(scenario_try_commit(s, &result), code);
	assert_string_equal(result.field, "tunnel.options");
	assert_non_null(strstr(result.fail.what, words));
	scenario_free(s);
}

static void wrong_options_are_refused(void **state)
{
	const Weft__Encapsulation geneve = WEFT__ENCAPSULATION__ENCAP_GENEVE;
	uint8_t options[ENCAP_OPTIONS_MAX + 4];

	fill(options);
	memcpy(options + ENCAP_OPTIONS_MAX, "\x01\x02\x05\x00", 4);
	expect_refused(geneve, options, sizeof(options), -E2BIG, "256 bytes of options");
	expect_refused(geneve, options, 127, -EINVAL, "at byte 0 is malformed");
	expect_refused(geneve, options, 131, -EINVAL, "at byte 128 is malformed");
	options[130] = 3;
	expect_refused(geneve, options, ENCAP_OPTIONS_MAX, -EEXIST, "at byte 128");
	options[130] = 4;
	options[131] |= 0x20;
	expect_refused(geneve, options, ENCAP_OPTIONS_MAX, -EINVAL, "at byte 128");
	expect_refused(WEFT__ENCAPSULATION__ENCAP_VXLAN, wire + HEADER, OPTIONS, -EINVAL,
	               "only Geneve");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_carries_the_options),
		cmocka_unit_test(every_part_of_a_super_packet_does),
		cmocka_unit_test(our_own_critical_options_are_known),
		cmocka_unit_test(the_mtu_leaves_room_for_them),
		cmocka_unit_test(wrong_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
