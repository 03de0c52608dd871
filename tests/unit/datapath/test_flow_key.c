// SPDX-License-Identifier: BSD-3-Clause
//
// test_flow_key: what each depth puts into a key.

#include "base/bytes.h"
#include "datapath/flow_key.h"
#include "tests/unit/unit.h"

static const uint8_t tcp4[54] = {
	2,    0, 0, 0,  0, 1, 2, 0, 0,  0, 0, 2, 8,  0, // Ethernet
	0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x12, 0x34, 0, 80,
};

static const uint8_t echo6[62] = {
	2,    0, 0, 0, 0, 1, 2,  0,  0,    0, 0,    2,    0x86, 0xdd, // Ethernet
	0x60, 0, 0, 0, 0, 8, 58, 64, 0x20, 1, 0x0d, 0xb8, 0,    0,    0, 0,
	0,    0, 0, 0, 0, 0, 0,  1,  0x20, 1, 0x0d, 0xb8, 0,    0,    0, 0,
	0,    0, 0, 0, 0, 0, 0,  2,  128,  0, 0,    0,    0xab, 0xcd, 0, 1,
};

static void fill(struct packet *packet, const uint8_t *frame, uint16_t len)
{
	memset(packet, 0, sizeof(*packet));
	packet_reset(packet);
	memcpy(packet->data, frame, len);
	packet->len = len;
	packet->head_len = len;
	packet->in_port = 7;
	packet->l3 = 14;
}

static void fill_tcp4(struct packet *packet)
{
	fill(packet, tcp4, sizeof(tcp4));
	packet->eth_type = 0x800;
	packet->ip_version = 4;
	packet->ip_proto = 6;
	packet->l4 = 34;
}

static void l2_has_no_more_than_l2(void **state)
{
	struct packet packet;
	struct flow_key key, zero = {0};

	fill_tcp4(&packet);
	flow_key_l2(&packet, &key);
	assert_int_equal(key.in_port, 7);
	assert_memory_equal(key.macs, tcp4, 12);
	key.in_port = 0;
	memset(key.macs, 0, sizeof(key.macs));
	assert_memory_equal(&key, &zero, sizeof(key));
}

static void a_tag_of_vlan_0_is_a_tag(void **state)
{
	struct packet packet;
	struct flow_key tagged, untagged;

	fill_tcp4(&packet);
	flow_key_l2(&packet, &untagged);
	packet.flags |= PACKET_VLAN;
	flow_key_l2(&packet, &tagged);
	assert_int_equal(tagged.vlan, FLOW_KEY_TAGGED);
	assert_false(flow_key_equal(&tagged, &untagged));
	packet.vlan = 0xa014;
	flow_key_l2(&packet, &tagged);
	assert_int_equal(tagged.vlan, 0xb014);
}

static void l4_of_tcp(void **state)
{
	struct packet packet;
	struct flow_key key;

	fill_tcp4(&packet);
	flow_key_l4(&packet, &key);
	assert_int_equal(key.eth_type, 0x800);
	assert_int_equal(key.ip_proto, 6);
	assert_int_equal(key.src_port, 0x1234);
	assert_int_equal(key.dst_port, 80);
	assert_true(ip_equal(key.src, ip_from4(htobe32(0x0a000001))));
	assert_true(ip_equal(key.dst, ip_from4(htobe32(0x0a000002))));
}

static void l4_of_an_echo(void **state)
{
	struct packet packet;
	struct flow_key key;

	fill(&packet, echo6, sizeof(echo6));
	packet.eth_type = 0x86dd;
	packet.ip_version = 6;
	packet.ip_proto = 58;
	packet.l4 = 54;
	flow_key_l4(&packet, &key);
	assert_int_equal(key.src_port, 0xabcd);
	assert_int_equal(key.dst_port, 128 << 8);
	assert_memory_equal(key.dst.b, echo6 + 38, 16);

	packet.data[54] = 1;
	flow_key_l4(&packet, &key);
	assert_int_equal(key.src_port, 0);
	assert_int_equal(key.dst_port, 1 << 8);
}

static void a_cut_header_gives_no_ports(void **state)
{
	struct packet packet;
	struct flow_key key;

	fill_tcp4(&packet);
	packet.head_len = 36;
	flow_key_l4(&packet, &key);
	assert_int_equal(key.src_port, 0);
	assert_int_equal(key.dst_port, 0);
}

static void hashes_spread(void **state)
{
	struct flow_key key = {.in_port = 1};
	unsigned buckets[16] = {0};

	for (unsigned i = 0; i < 1600; i++) {
		uint32_t hash;

		key.src_port = (uint16_t)i;
		hash = flow_key_hash(&key);
		assert_int_not_equal(hash, 0);
		assert_int_equal(hash, flow_key_hash(&key));
		buckets[hash % 16]++;
	}
	for (unsigned i = 0; i < 16; i++)
		assert_in_range(buckets[i], 40, 180);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(l2_has_no_more_than_l2),
		cmocka_unit_test(a_tag_of_vlan_0_is_a_tag),
		cmocka_unit_test(l4_of_tcp),
		cmocka_unit_test(l4_of_an_echo),
		cmocka_unit_test(a_cut_header_gives_no_ports),
		cmocka_unit_test(hashes_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
