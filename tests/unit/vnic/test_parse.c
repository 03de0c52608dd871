// SPDX-License-Identifier: BSD-3-Clause
//
// Headers are found where they are, and refused by name where they lie.

#include "base/bytes.h"
#include "base/rand.h"
#include "frames.h"
#include "test.h"
#include "vnic/parse.h"

#include <netinet/in.h>
#include <string.h>

static struct frame frame;
static struct packet_pool *pool;

static int open_pool(void **state)
{
	pool = packet_pool_new(4, 0);
	return pool ? 0 : -1;
}

static int close_pool(void **state)
{
	packet_pool_free(pool);
	return 0;
}

static const struct frame_spec tcp4 = {
	.ip_version = 4, .proto = IPPROTO_TCP, .tcp_flags = TCP_ACK, .payload = 100};
static const struct frame_spec udp6 = {.ip_version = 6, .proto = IPPROTO_UDP, .payload = 100};

// Parses the frame and gives the packet back; its fields stay readable for the test.
static struct packet *parsed;

static enum drop_reason parse_frame(enum parse_depth depth)
{
	parsed = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);

	enum drop_reason reason = packet_parse(parsed, depth);

	packet_give(pool, parsed);
	packet_arena_reset(pool);
	return reason;
}

static void put16(size_t at, size_t value)
{
	store_be16(frame.bytes + at, (uint16_t)value);
}

static void fix_ip4_checksum(void)
{
	uint8_t *ip = frame.bytes + frame.l3;

	put16(frame.l3 + 10, 0);
	put16(frame.l3 + 10, twin_checksum(ip, (ip[0] & 0xf) * 4U, 0));
}

static void test_finds_headers(void **state)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	for (int version = 4; version <= 6; version += 2) {
		for (unsigned i = 0; i < 3 * 2 * 2; i++) {
			struct frame_spec spec = {
				.ip_version = version,
				.proto = protos[i % 3],
				.has_vlan = i / 3 % 2,
				.vlan = 0x6014,
				.options = i / 6 ? 16 : 0,
				.tcp_options = 12,
				.payload = 33,
			};
			if (version == 6 && spec.proto == IPPROTO_ICMP)
				spec.proto = IPPROTO_ICMPV6;
			frame_build(&spec, &frame);

			unsigned tag = spec.has_vlan ? VLAN_TAG : 0;

			assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
			assert_int_equal(parsed->ip_version, version);
			assert_int_equal(parsed->ip_proto, spec.proto);
			assert_int_equal(parsed->eth_type, version == 4 ? 0x0800 : 0x86dd);
			assert_int_equal(parsed->l3, frame.l3 - tag);
			assert_int_equal(parsed->l4, frame.l4 - tag);
			assert_int_equal(parsed->payload, frame.payload - tag);
			assert_int_equal(parsed->len, frame.len - tag);
			assert_int_equal(!!(parsed->flags & PACKET_VLAN), spec.has_vlan);
			assert_memory_equal(parsed->data, frame.bytes, 12);
			if (spec.has_vlan)
				assert_int_equal(parsed->vlan, 0x6014);
			assert_int_equal(!!(parsed->flags & PACKET_IP_OPTIONS),
			                 version == 4 && spec.options);
		}
	}
}

static void test_depths(void **state)
{
	frame_build(&tcp4, &frame);
	assert_int_equal(parse_frame(PARSE_L2), DROP_NONE);
	assert_int_equal(parsed->ip_version, 0);
	assert_int_equal(parse_frame(PARSE_L3), DROP_NONE);
	assert_int_equal(parsed->ip_version, 4);
	assert_int_equal(parsed->ip_proto, IPPROTO_TCP);
	assert_int_equal(parsed->l4, 0);
	assert_int_equal(parsed->payload, 34);

	// A broken IP header is no concern of L2, a broken TCP header none of L3.
	frame.bytes[frame.l4 + 12] = 0x40;
	assert_int_equal(parse_frame(PARSE_L3), DROP_NONE);
	assert_int_equal(parse_frame(PARSE_L4), DROP_L4_MALFORMED);
	frame.bytes[frame.l3] = 0x44;
	assert_int_equal(parse_frame(PARSE_L2), DROP_NONE);
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP4_MALFORMED);
}

static void test_ethernet(void **state)
{
	frame_build(&tcp4, &frame);
	frame.len = 13;
	assert_int_equal(parse_frame(PARSE_L2), DROP_FRAME_SHORT);
	frame.len = 14;
	assert_int_equal(parse_frame(PARSE_L2), DROP_NONE);
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP4_MALFORMED);
	frame.bytes[6] |= 1;
	assert_int_equal(parse_frame(PARSE_L2), DROP_SOURCE_MAC_INVALID);
	memset(frame.bytes + 6, 0, 6);
	assert_int_equal(parse_frame(PARSE_L2), DROP_SOURCE_MAC_INVALID);
	frame.bytes[11] = 1;
	put16(12, 0x88cc);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	assert_int_equal(parsed->ip_version, 0);
}

static void test_vlan(void **state)
{
	struct frame_spec spec = tcp4;

	spec.has_vlan = true;
	spec.vlan = 20;
	frame_build(&spec, &frame);
	frame.len = 17;
	assert_int_equal(parse_frame(PARSE_L2), DROP_FRAME_SHORT);

	// The second tag stays; only who needs L3 minds.
	frame_build(&spec, &frame);
	put16(16, 0x8100);
	assert_int_equal(parse_frame(PARSE_L2), DROP_NONE);
	assert_int_equal(parsed->vlan, 20);
	assert_int_equal(parsed->eth_type, ETH_TYPE_VLAN);
	assert_int_equal(packet_parse(parsed, PARSE_L2), DROP_NONE);
	assert_int_equal(parsed->vlan, 20);
	assert_int_equal(packet_parse(parsed, PARSE_L3), DROP_VLAN_NESTED);

	put16(12, 0x88a8);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	assert_false(parsed->flags & PACKET_VLAN);
	assert_int_equal(parsed->ip_version, 0);
}

static void test_push_and_pop(void **state)
{
	struct frame_spec spec = tcp4;

	spec.has_vlan = true;
	spec.vlan = 0xa00a;
	frame_build(&spec, &frame);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	parsed->flags |= PACKET_CSUM_PARTIAL;
	parsed->csum_start = parsed->l4;
	packet_push_vlan(parsed);
	assert_int_equal(parsed->len, frame.len);
	assert_int_equal(parsed->csum_start, frame.l4);
	assert_int_equal(parsed->l4, frame.l4);
	assert_memory_equal(parsed->data, frame.bytes, parsed->head_len);
	assert_false(parsed->flags & PACKET_VLAN);
	packet_pop_vlan(parsed);
	assert_int_equal(parsed->vlan, 0xa00a);
	assert_int_equal(parsed->l3, 14);
	assert_int_equal(parsed->csum_start, frame.l4 - 4);
	assert_memory_equal(parsed->data + 12, frame.bytes + 16, parsed->head_len - 12);
	assert_memory_equal(parsed->data, frame.bytes, 12);
}

static void test_ip4_refused(void **state)
{
	frame_build(&tcp4, &frame);
	frame.bytes[frame.l3 + 8] ^= 1;
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP4_CHECKSUM);

	frame_build(&tcp4, &frame);
	frame.bytes[frame.l3] = 0x55;
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP4_MALFORMED);

	frame_build(&tcp4, &frame);
	put16(frame.l3 + 2, 141);
	fix_ip4_checksum();
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP4_MALFORMED);
	put16(frame.l3 + 2, 19);
	fix_ip4_checksum();
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP4_MALFORMED);

	// Cut within its options.
	struct frame_spec spec = tcp4;

	spec.options = 40;
	frame_build(&spec, &frame);
	frame.len = frame.l3 + 59;
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP4_MALFORMED);
}

static void test_padding_is_fine(void **state)
{
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 2};

	frame_build(&spec, &frame);
	memset(frame.bytes + frame.len, 0xcc, 60 - frame.len);
	frame.len = 60;
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	// But padding is not payload.
	put16(frame.l4 + 4, 11);
	assert_int_equal(parse_frame(PARSE_L4), DROP_L4_MALFORMED);
}

static void set_fragment(unsigned field)
{
	put16(frame.l3 + 6, field);
	fix_ip4_checksum();
}

static void test_ip4_fragments(void **state)
{
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 96};

	frame_build(&spec, &frame);
	put16(frame.l4 + 4, 3000);
	set_fragment(0x2000);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	assert_int_equal(parsed->flags & (PACKET_FRAGMENT | PACKET_LATER_FRAGMENT),
	                 PACKET_FRAGMENT);
	assert_int_equal(parsed->l4, 34);

	set_fragment(0x2010);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	assert_true(parsed->flags & PACKET_LATER_FRAGMENT);
	assert_int_equal(parsed->l4, 0);
	assert_int_equal(parsed->ip_proto, IPPROTO_UDP);

	// Beyond 64 KB once put together; and a piece in the middle that is no multiple of eight.
	set_fragment(0x1fff);
	assert_int_equal(parse_frame(PARSE_L4), DROP_IP4_MALFORMED);
	spec.payload = 97;
	frame_build(&spec, &frame);
	set_fragment(0x2010);
	assert_int_equal(parse_frame(PARSE_L4), DROP_IP4_MALFORMED);
	set_fragment(0x0010);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
}

static void test_ip6_refused(void **state)
{
	frame_build(&udp6, &frame);
	put16(frame.l3 + 4, 109);
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP6_MALFORMED);

	frame_build(&udp6, &frame);
	memset(frame.bytes + frame.l3 + 8, 0, 12);
	put16(frame.l3 + 18, 0xffff);
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP6_MALFORMED);

	// A jumbogram: length 0 and a hop-by-hop header.
	frame_build(&udp6, &frame);
	put16(frame.l3 + 4, 0);
	frame.bytes[frame.l3 + 6] = IPPROTO_HOPOPTS;
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP6_MALFORMED);

	// No next header needs no payload.
	frame.bytes[frame.l3 + 6] = IPPROTO_NONE;
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
}

// Writes a chain of extension headers before the transport header of an IPv6 UDP frame.
static void build_chain(const uint8_t *types, unsigned count)
{
	struct frame_spec spec = {.ip_version = 6, .proto = IPPROTO_UDP, .payload = 8 * count + 8};

	frame_build(&spec, &frame);
	frame.bytes[frame.l3 + 6] = count ? types[0] : IPPROTO_UDP;
	for (unsigned i = 0; i < count; i++) {
		uint8_t *header = frame.bytes + frame.l4 + 8 * i;

		memset(header, 0, 8);
		header[0] = i + 1 < count ? types[i + 1] : IPPROTO_UDP;
	}
	put16(frame.l4 + 8 * count + 4, 16);
}

static void test_ip6_extensions(void **state)
{
	static const uint8_t usual[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
	                                IPPROTO_FRAGMENT, IPPROTO_DSTOPTS};
	static const uint8_t late_hop[] = {IPPROTO_DSTOPTS, IPPROTO_HOPOPTS};
	uint8_t many[9];

	build_chain(usual, 5);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	assert_int_equal(parsed->ip_proto, IPPROTO_UDP);
	assert_int_equal(parsed->l4, 54 + 40);
	assert_true(parsed->flags & PACKET_IP_OPTIONS);
	assert_false(parsed->flags & PACKET_FRAGMENT);

	build_chain(late_hop, 2);
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP6_MALFORMED);

	memset(many, IPPROTO_DSTOPTS, sizeof(many));
	build_chain(many, PARSE_MAX_EXTENSIONS);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	build_chain(many, PARSE_MAX_EXTENSIONS + 1);
	assert_int_equal(parse_frame(PARSE_L4), DROP_IP6_MALFORMED);

	// One that is longer than our copy of the headers.
	struct frame_spec spec = {
		.ip_version = 6, .proto = IPPROTO_TCP, .options = 240, .payload = 100};

	frame_build(&spec, &frame);
	assert_int_equal(parse_frame(PARSE_L3), DROP_IP6_MALFORMED);
}

static void test_ip6_fragments(void **state)
{
	static const uint8_t fragment[] = {IPPROTO_FRAGMENT};

	build_chain(fragment, 1);
	put16(frame.l4 + 2, 0x0001);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	assert_int_equal(parsed->flags & (PACKET_FRAGMENT | PACKET_LATER_FRAGMENT),
	                 PACKET_FRAGMENT);
	assert_int_equal(parsed->l4, 62);

	put16(frame.l4 + 2, 0x0100);
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	assert_true(parsed->flags & PACKET_LATER_FRAGMENT);
	assert_int_equal(parsed->l4, 0);
	assert_int_equal(parsed->ip_proto, IPPROTO_UDP);

	put16(frame.l4 + 2, 0xfff8);
	assert_int_equal(parse_frame(PARSE_L4), DROP_IP6_MALFORMED);
}

static void test_l4_refused(void **state)
{
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 0};

	frame_build(&spec, &frame);
	put16(frame.l4 + 4, 7);
	assert_int_equal(parse_frame(PARSE_L4), DROP_L4_MALFORMED);
	put16(frame.l4 + 4, 9);
	assert_int_equal(parse_frame(PARSE_L4), DROP_L4_MALFORMED);

	// TCP, ICMP and UDP headers that the packet does not hold whole.
	frame.bytes[frame.l3 + 9] = IPPROTO_TCP;
	fix_ip4_checksum();
	assert_int_equal(parse_frame(PARSE_L4), DROP_L4_MALFORMED);
	put16(frame.l3 + 2, 27);
	frame.bytes[frame.l3 + 9] = IPPROTO_ICMP;
	fix_ip4_checksum();
	assert_int_equal(parse_frame(PARSE_L4), DROP_L4_MALFORMED);
	frame.bytes[frame.l3 + 9] = IPPROTO_UDP;
	fix_ip4_checksum();
	assert_int_equal(parse_frame(PARSE_L4), DROP_L4_MALFORMED);
	frame.bytes[frame.l3 + 9] = IPPROTO_GRE;
	fix_ip4_checksum();
	assert_int_equal(parse_frame(PARSE_L4), DROP_NONE);
	assert_int_equal(parsed->l4, 34);
	assert_int_equal(parsed->payload, 34);
}

// A sender cannot have its checksum written over what was decided upon.
static void test_partial_checksum_place(void **state)
{
	frame_build(&tcp4, &frame);
	for (uint16_t start = 14; start < 120; start++) {
		for (uint16_t offset = 0; offset < 20; offset++) {
			struct packet *packet =
				frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);
			bool is_right = start == 34 ? offset == 16 : start >= 54;

			packet->flags = PACKET_CSUM_PARTIAL;
			packet->csum_start = start;
			packet->csum_offset = offset;
			assert_int_equal(packet_parse(packet, PARSE_L4),
			                 is_right ? DROP_NONE : DROP_OFFLOAD_INVALID);
			packet_give(pool, packet);
		}
	}
}

// Whatever the bytes and wherever they end, offsets stay within the head.
static void test_random_bytes(void **state)
{
	rand_seed_for_tests(11);
	for (int round = 0; round < 200000; round++) {
		struct frame_spec spec = {
			.ip_version = round % 2 ? 4 : 6,
			.proto = round % 3 ? IPPROTO_TCP : IPPROTO_UDP,
			.has_vlan = round % 5 == 0,
			.options = round % 7 == 0 ? 8 : 0,
			.payload = rand_below(20),
		};

		if (round % 100 == 0)
			frame_build(&spec, &frame);
		frame.bytes[rand_below(70)] = (uint8_t)rand_u64();
		if (round % 4)
			fix_ip4_checksum();

		size_t whole = frame.len;

		frame.len = rand_below((uint32_t)whole + 1);
		if (parse_frame(PARSE_L4) == DROP_NONE && parsed->l4) {
			assert_true(parsed->l4 >= 14 && parsed->payload >= parsed->l4);
			assert_true(parsed->payload <= parsed->head_len);
		}
		frame.len = whole;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_headers),
		cmocka_unit_test(test_depths),
		cmocka_unit_test(test_ethernet),
		cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_push_and_pop),
		cmocka_unit_test(test_ip4_refused),
		cmocka_unit_test(test_padding_is_fine),
		cmocka_unit_test(test_ip4_fragments),
		cmocka_unit_test(test_ip6_refused),
		cmocka_unit_test(test_ip6_extensions),
		cmocka_unit_test(test_ip6_fragments),
		cmocka_unit_test(test_l4_refused),
		cmocka_unit_test(test_partial_checksum_place),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
