// SPDX-License-Identifier: BSD-3-Clause
//
// What a door lacks is done before it gets the frame, and the packet comes back as it was.

#include "base/bytes.h"
#include "frames.h"
#include "test.h"
#include "vnic/memport.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static struct frame frame;
static struct packet_pool *pool;
static uint8_t out[FRAME_SIZE];

static int open_pool(void **state)
{
	pool = packet_pool_new(80, 0);
	return pool ? 0 : -1;
}

static int close_pool(void **state)
{
	assert_int_equal(packet_pool_available(pool), 80);
	packet_pool_free(pool);
	return 0;
}

static struct port *open_port(uint32_t offloads, unsigned depth)
{
	struct memport_config config = {
		.name = "m", .mtu = 1500, .offloads = offloads, .depth = depth};
	struct port *port = memport_open(&config);

	assert_non_null(port);
	return port;
}

static struct packet *tcp_packet(int version, size_t payload, uint16_t gso_size)
{
	struct frame_spec spec = {.ip_version = version,
	                          .proto = IPPROTO_TCP,
	                          .payload = payload,
	                          .tcp_flags = TCP_ACK};
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_offset = 16, .gso_size = gso_size};

	frame_build(&spec, &frame);
	frame_make_partial(&frame, IPPROTO_TCP);
	header.csum_start = (uint16_t)frame.l4;
	if (gso_size)
		header.gso_type =
			version == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;

	struct packet *packet = frame_packet(pool, frame.bytes, frame.len, PACKET_HEAD, 1);

	assert_int_equal(offload_read(&header, packet), DROP_NONE);
	assert_int_equal(packet_parse(packet, PARSE_L2), DROP_NONE);
	return packet;
}

static void test_checksum_where_the_door_lacks_it(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct port *port = open_port(i ? PORT_TX_CSUM : 0, 4);
		struct packet *packet = tcp_packet(4, 700, 0);
		struct memport_meta meta;

		assert_int_equal(port_tx(port, 0, pool, &packet, 1), 1);

		int len = memport_take(port, out, sizeof(out), &meta);

		assert_int_equal(len, frame.len);
		assert_int_equal(meta.flags, i ? PACKET_CSUM_PARTIAL : PACKET_CSUM_VALID);
		assert_int_equal(frame_is_sound(out, (size_t)len), !i);
		packet_give(pool, packet);
		port->ops->close(port);
	}
}

static void test_tag_is_pushed_and_taken_back(void **state)
{
	struct port *port = open_port(PORT_TX_CSUM, 4);
	struct packet *packet = tcp_packet(4, 1460, 0);
	struct packet before = *packet;
	struct memport_meta meta;

	// A full frame: the tag does not count towards the MTU.
	packet->flags |= PACKET_VLAN;
	packet->vlan = 0x0014;
	assert_int_equal(packet->len, 1514);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(port_tx(port, 0, pool, &packet, 1), 1);
		assert_int_equal(memport_take(port, out, sizeof(out), &meta), 1518);
		assert_int_equal(load_be32(out + 12), 0x81000014);
		assert_memory_equal(out + 16, frame.bytes + 12, 1502);
		assert_int_equal(meta.csum_start, before.csum_start + VLAN_TAG);
		assert_ptr_equal(packet->data, packet->room + PACKET_HEADROOM);
		assert_int_equal(packet->flags, before.flags | PACKET_VLAN);
		assert_int_equal(packet->csum_start, before.csum_start);
		assert_memory_equal(packet->data, before.room + PACKET_HEADROOM, before.head_len);
	}
	packet_give(pool, packet);
	port->ops->close(port);
}

static void test_super_packet_is_cut(void **state)
{
	static const uint32_t offloads[] = {0, PORT_TX_CSUM, PORT_TX_TSO4,
	                                    PORT_TX_TSO6 | PORT_TX_CSUM};

	for (unsigned i = 0; i < ARRAY_SIZE(offloads); i++) {
		struct port *port = open_port(offloads[i], 64);
		struct packet *packet = tcp_packet(4, 60000, 1448);
		unsigned cuts = 0;
		size_t payload = 0;

		packet->flags |= PACKET_VLAN;
		packet->vlan = 20;
		assert_int_equal(port_tx(port, 0, pool, &packet, 1), 1);
		assert_int_equal(packet->gso, GSO_TCP4);
		for (;;) {
			struct memport_meta meta;
			int len = memport_take(port, out, sizeof(out), &meta);

			if (len < 0)
				break;
			cuts++;
			payload += (size_t)len - 58;
			assert_int_equal(load_be32(out + 12), 0x81000014);
			memmove(out + 12, out + 16, (size_t)len - 16);
			assert_int_equal(meta.gso, GSO_NONE);
			assert_int_equal(meta.flags & PACKET_CSUM_PARTIAL,
			                 offloads[i] & PORT_TX_CSUM ? PACKET_CSUM_PARTIAL : 0);
			assert_int_equal(frame_is_sound(out, (size_t)len - 4),
			                 !(offloads[i] & PORT_TX_CSUM));
		}
		assert_int_equal(cuts, 42);
		assert_int_equal(payload, 60000);
		packet_give(pool, packet);
		port->ops->close(port);
	}
}

static void test_super_packet_whole(void **state)
{
	struct port *port = open_port(PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6, 4);

	for (int version = 4; version <= 6; version += 2) {
		struct packet *packet = tcp_packet(version, 60000, 1428);
		struct memport_meta meta;

		assert_int_equal(port_tx(port, 0, pool, &packet, 1), 1);
		assert_int_equal(memport_take(port, out, sizeof(out), &meta), frame.len);
		assert_memory_equal(out, frame.bytes, frame.len);
		assert_int_equal(meta.gso, version == 4 ? GSO_TCP4 : GSO_TCP6);
		assert_int_equal(meta.gso_size, 1428);
		assert_int_equal(memport_take(port, out, sizeof(out), &meta), -EAGAIN);
		packet_give(pool, packet);
	}
	port->ops->close(port);
}

static void test_too_big(void **state)
{
	struct port *port = open_port(PORT_TX_CSUM | PORT_TX_TSO4, 8);
	struct packet *packets[5];

	packets[0] = tcp_packet(4, 1461, 0);
	packets[1] = tcp_packet(4, 9000, 1461);
	packets[2] = tcp_packet(4, 9000, 1460);
	packets[3] = tcp_packet(6, 9000, 1441);
	// Two tags: the inner one is let through beyond the MTU, as one that we push is.
	packets[4] = tcp_packet(4, 1464, 0);
	store_be16(packets[4]->data + 12, ETH_TYPE_SERVICE);
	assert_int_equal(port_tx(port, 0, pool, packets, 5), 2);
	assert_int_equal(packets[0]->drop, DROP_TX_TOO_BIG);
	assert_int_equal(packets[1]->drop, DROP_TX_TOO_BIG);
	assert_int_equal(packets[2]->drop, DROP_NONE);
	assert_int_equal(packets[3]->drop, DROP_TX_TOO_BIG);
	assert_int_equal(packets[4]->drop, DROP_NONE);
	assert_int_equal(memport_sent(port), 2);
	for (unsigned i = 0; i < 5; i++)
		packet_give(pool, packets[i]);
	port->ops->close(port);
}

// Plain frames, one to be cut, plain frames: they leave in that order.
static void test_order_is_kept(void **state)
{
	struct port *port = open_port(PORT_TX_CSUM, 16);
	struct packet *packets[3] = {tcp_packet(4, 10, 0), tcp_packet(4, 3000, 1000),
	                             tcp_packet(4, 20, 0)};
	static const int wanted[] = {64, 1054, 1054, 1054, 74};

	assert_int_equal(port_tx(port, 0, pool, packets, 3), 3);
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_int_equal(memport_take(port, out, sizeof(out), NULL), wanted[i]);
	for (unsigned i = 0; i < 3; i++)
		packet_give(pool, packets[i]);
	port->ops->close(port);
}

static void test_full_queue_refuses_the_rest(void **state)
{
	struct port *port = open_port(PORT_TX_CSUM, 3);
	struct packet *packets[3] = {tcp_packet(4, 10, 0), tcp_packet(4, 3000, 1000),
	                             tcp_packet(4, 20, 0)};

	// The super-packet is refused when not all of it went.
	assert_int_equal(port_tx(port, 0, pool, packets, 3), 1);
	assert_int_equal(packets[0]->drop, DROP_NONE);
	assert_int_equal(packets[1]->drop, DROP_TX_QUEUE_FULL);
	assert_int_equal(packets[2]->drop, DROP_TX_QUEUE_FULL);
	for (unsigned i = 0; i < 3; i++)
		packet_give(pool, packets[i]);
	port->ops->close(port);
}

static void test_no_buffer_for_cuts(void **state)
{
	struct packet_pool *dry = packet_pool_new(1, 0);
	struct port *port = open_port(PORT_TX_CSUM, 16);
	struct packet *packet = tcp_packet(4, 3000, 1000);
	struct packet *last = packet_take(dry);

	assert_int_equal(port_tx(port, 0, dry, &packet, 1), 0);
	assert_int_equal(packet->drop, DROP_NO_BUFFER);
	// One packet is enough, if slow.
	packet_give(dry, last);
	packet->drop = DROP_NONE;
	assert_int_equal(port_tx(port, 0, dry, &packet, 1), 1);
	assert_int_equal(memport_sent(port), 3);
	packet_give(pool, packet);
	port->ops->close(port);
	packet_pool_free(dry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksum_where_the_door_lacks_it),
		cmocka_unit_test(test_tag_is_pushed_and_taken_back),
		cmocka_unit_test(test_super_packet_is_cut),
		cmocka_unit_test(test_super_packet_whole),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_order_is_kept),
		cmocka_unit_test(test_full_queue_refuses_the_rest),
		cmocka_unit_test(test_no_buffer_for_cuts),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
