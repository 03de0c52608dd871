// SPDX-License-Identifier: BSD-3-Clause
//
// A vnet header is believed as far as the frame bears it out, and comes out as it went in.

#include "base/bytes.h"
#include "frames.h"
#include "test.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <netinet/in.h>
#include <string.h>

static struct frame frame;
static struct packet_pool *pool;
static struct packet *packet;

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

static enum drop_reason read_header(const struct virtio_net_hdr *header)
{
	packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);

	enum drop_reason reason = offload_read(header, packet);

	packet_give(pool, packet);
	packet_arena_reset(pool);
	return reason;
}

static struct virtio_net_hdr build(int version, uint8_t proto, size_t payload, bool has_vlan)
{
	struct frame_spec spec = {.ip_version = version,
	                          .proto = proto,
	                          .payload = payload,
	                          .has_vlan = has_vlan,
	                          .vlan = 7,
	                          .tcp_flags = TCP_ACK};
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_size = 1400,
		.csum_offset = proto == IPPROTO_TCP ? 16 : 6,
	};

	frame_build(&spec, &frame);
	frame_make_partial(&frame, proto);
	header.csum_start = (uint16_t)frame.l4;
	if (proto == IPPROTO_UDP)
		header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	else
		header.gso_type =
			version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	return header;
}

static void test_plain(void **state)
{
	struct virtio_net_hdr header = {0};

	build(4, IPPROTO_TCP, 100, false);
	assert_int_equal(read_header(&header), DROP_NONE);
	assert_int_equal(packet->flags, 0);
	header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	assert_int_equal(read_header(&header), DROP_NONE);
	assert_int_equal(packet->flags, PACKET_CSUM_VALID);
}

static void test_super_packets_round_trip(void **state)
{
	static const uint8_t kinds[] = {GSO_TCP4, GSO_TCP6, GSO_UDP, GSO_UDP};

	for (unsigned i = 0; i < 8; i++) {
		uint8_t proto = i % 4 < 2 ? IPPROTO_TCP : IPPROTO_UDP;
		struct virtio_net_hdr in = build(i % 2 ? 6 : 4, proto, 60000, i / 4);
		struct virtio_net_hdr out;

		assert_int_equal(read_header(&in), DROP_NONE);
		assert_int_equal(packet->gso, kinds[i % 4]);
		assert_int_equal(packet->gso_size, 1400);
		assert_int_equal(packet->csum_start, packet->l4);
		if (packet->flags & PACKET_VLAN)
			packet_push_vlan(packet);
		offload_write(packet, &out);
		assert_int_equal(out.hdr_len, frame.payload);
		out.hdr_len = 0;
		assert_memory_equal(&in, &out, sizeof(in));
	}
}

static void test_ecn_follows_the_flag(void **state)
{
	struct virtio_net_hdr in = build(4, IPPROTO_TCP, 9000, false);
	struct virtio_net_hdr out;

	frame.bytes[frame.l4 + 13] |= TCP_CWR;
	in.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	assert_int_equal(read_header(&in), DROP_NONE);
	offload_write(packet, &out);
	assert_int_equal(out.gso_type, in.gso_type);
}

static void test_checksum_beyond_the_frame(void **state)
{
	struct virtio_net_hdr header = build(4, IPPROTO_TCP, 100, false);

	header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	assert_int_equal(read_header(&header), DROP_NONE);
	header.csum_start = (uint16_t)(frame.len - 17);
	assert_int_equal(read_header(&header), DROP_OFFLOAD_INVALID);
	header.csum_start = 13;
	assert_int_equal(read_header(&header), DROP_OFFLOAD_INVALID);
	header.csum_start = UINT16_MAX;
	header.csum_offset = UINT16_MAX;
	assert_int_equal(read_header(&header), DROP_OFFLOAD_INVALID);

	// Within the frame, but in bytes that are only borrowed.
	header = build(4, IPPROTO_TCP, 1000, false);
	header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	header.csum_start = 300;
	assert_int_equal(read_header(&header), DROP_OFFLOAD_INVALID);
}

static void expect_invalid(const struct virtio_net_hdr *header)
{
	assert_int_equal(read_header(header), DROP_OFFLOAD_INVALID);
	assert_int_equal(packet->gso, GSO_NONE);
}

static void test_contradictions(void **state)
{
	struct virtio_net_hdr right = build(4, IPPROTO_TCP, 9000, false);
	struct virtio_net_hdr header = right;

	header.gso_size = 0;
	expect_invalid(&header);
	header.gso_size = 1;
	expect_invalid(&header);
	header = right;
	header.flags = 0;
	expect_invalid(&header);
	header = right;
	header.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	expect_invalid(&header);
	header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	expect_invalid(&header);
	header.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	expect_invalid(&header);
	header.gso_type = 77;
	expect_invalid(&header);
	header = right;
	header.csum_start += 20;
	expect_invalid(&header);
	header = right;
	header.csum_offset = 6;
	expect_invalid(&header);
	// Bytes behind the packet cannot be told from payload once it is cut.
	frame.len++;
	expect_invalid(&right);
}

static void test_malformed_keeps_its_own_name(void **state)
{
	struct virtio_net_hdr header = build(4, IPPROTO_TCP, 9000, false);

	frame.bytes[frame.l3 + 10] ^= 1;
	assert_int_equal(read_header(&header), DROP_IP4_CHECKSUM);
}

static void test_one_cut_is_no_super_packet(void **state)
{
	struct virtio_net_hdr header = build(4, IPPROTO_TCP, 1400, false);

	assert_int_equal(read_header(&header), DROP_NONE);
	assert_int_equal(packet->gso, GSO_NONE);
	assert_int_equal(packet->flags & PACKET_CSUM_PARTIAL, PACKET_CSUM_PARTIAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_super_packets_round_trip),
		cmocka_unit_test(test_ecn_follows_the_flag),
		cmocka_unit_test(test_checksum_beyond_the_frame),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_malformed_keeps_its_own_name),
		cmocka_unit_test(test_one_cut_is_no_super_packet),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
