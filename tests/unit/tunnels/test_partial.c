// SPDX-License-Identifier: BSD-3-Clause
//
// Checksums that are still to be made are found, and others left alone.

#include "tests/unit/unit.h"

#include "tunnels/partial.h"

#include "base/bytes.h"
#include "vnic/checksum.h"

enum { PAYLOAD = 10 };

static unsigned fill(struct packet *packet, bool is4, uint8_t proto)
{
	unsigned l4 = 14 + (is4 ? 20 : 40);
	unsigned l4_len = (proto == 6 ? 20 : 8) + PAYLOAD;
	uint8_t *ip = packet->room + PACKET_HEADROOM + 14;

	memset(packet, 0, sizeof(*packet));
	packet_reset(packet);
	store_be16(packet->data + 12, is4 ? 0x0800 : 0x86dd);
	for (unsigned i = 0; i < 8; i++)
		ip[(is4 ? 12 : 8) + i] = (uint8_t)(i + 1);
	if (is4) {
		ip[0] = 0x45;
		store_be16(ip + 2, (uint16_t)(20 + l4_len));
		ip[9] = proto;
	} else {
		ip[0] = 0x60;
		store_be16(ip + 4, (uint16_t)l4_len);
		ip[6] = proto;
	}
	packet->data[l4] = 77;
	packet->head_len = (uint16_t)(l4 + l4_len);
	packet->len = packet->head_len;
	store_be16(packet->data + l4 + (proto == 6 ? 16 : 6),
	           checksum_partial(is4 ? checksum_pseudo4(ip, proto, l4_len)
	                                : checksum_pseudo6(ip, proto, l4_len)));
	return l4;
}

static void a_pending_checksum_is_found(void **state)
{
	const uint8_t protocols[] = {6, 17};

	for (unsigned i = 0; i < 4; i++) {
		uint8_t proto = protocols[i & 1];
		struct packet packet;
		unsigned l4 = fill(&packet, i & 2, proto);

		partial_find(&packet);
		assert_true(packet.flags & PACKET_CSUM_PARTIAL);
		assert_int_equal(packet.csum_start, l4);
		assert_int_equal(packet.csum_offset, proto == 6 ? 16 : 6);
		// One that is made stays as it is.
		checksum_complete(&packet);
		assert_false(packet.flags & PACKET_CSUM_PARTIAL);
		partial_find(&packet);
		assert_false(packet.flags & PACKET_CSUM_PARTIAL);
	}
}

static void others_are_left_alone(void **state)
{
	struct packet packet;

	fill(&packet, true, 6);
	packet.data[14 + 6] = 0x20; // a fragment
	partial_find(&packet);
	assert_false(packet.flags & PACKET_CSUM_PARTIAL);
	fill(&packet, true, 1);
	partial_find(&packet);
	assert_false(packet.flags & PACKET_CSUM_PARTIAL);
	for (uint16_t len = 0; len < 14 + 20 + 18; len++) {
		fill(&packet, true, 6);
		packet.head_len = len;
		partial_find(&packet);
		assert_false(packet.flags & PACKET_CSUM_PARTIAL);
	}
}

static void what_no_wire_carries_is_a_super_packet(void **state)
{
	for (unsigned is4 = 0; is4 < 2; is4++) {
		struct packet packet;
		unsigned l4 = fill(&packet, is4, 6);
		uint32_t l4_len = 20000;

		packet.data[l4 + 12] = 0x50;
		packet.len = l4 + l4_len;
		store_be16(packet.data + 14 + (is4 ? 2 : 4),
		           (uint16_t)(is4 ? l4_len + 20 : l4_len));
		store_be16(packet.data + l4 + 16,
		           checksum_partial(is4 ? checksum_pseudo4(packet.data + 14, 6, l4_len)
		                                : checksum_pseudo6(packet.data + 14, 6, l4_len)));
		partial_find(&packet);
		assert_int_equal(packet.gso, is4 ? GSO_TCP4 : GSO_TCP6);
		assert_int_equal(packet.gso_size, 1280 + 14 - l4 - 20);
		// With something behind the IP packet it is none.
		packet.gso = GSO_NONE;
		packet.len++;
		partial_find(&packet);
		assert_int_equal(packet.gso, GSO_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pending_checksum_is_found),
		cmocka_unit_test(others_are_left_alone),
		cmocka_unit_test(what_no_wire_carries_is_a_super_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
