// SPDX-License-Identifier: BSD-3-Clause
//
// What is put in comes out of rx, what tx takes can be taken, and refusals are counted.

#include "frames.h"
#include "test.h"
#include "vnic/memport.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static struct frame frame;

static const struct memport_config config = {
	.name = "m0", .mtu = 1500, .offloads = PORT_TX_CSUM, .depth = 4};

static void test_put_to_rx(void **state)
{
	struct packet_pool *pool = packet_pool_new(8, 0);
	struct port *port = memport_open(&config);
	struct batch batch = {0};
	uint8_t out[FRAME_SIZE];
	struct frame_spec spec = {.ip_version = 4, .proto = IPPROTO_UDP, .payload = 1000};

	port->slot = 9;
	for (unsigned i = 0; i < 4; i++) {
		spec.first = (uint8_t)i;
		frame_build(&spec, &frame);
		assert_int_equal(memport_put(port, frame.bytes, frame.len, NULL), 0);
	}
	assert_int_equal(memport_put(port, frame.bytes, frame.len, NULL), -ENOBUFS);
	assert_int_equal(port_rx(port, 0, pool, &batch), 4);
	assert_int_equal(port_rx(port, 0, pool, &batch), 0);
	for (unsigned i = 0; i < 4; i++) {
		spec.first = (uint8_t)i;
		frame_build(&spec, &frame);
		assert_int_equal(batch.packets[i]->in_port, 9);
		assert_int_equal(batch.packets[i]->head_len, PACKET_HEAD);
		assert_int_equal(packet_copy(batch.packets[i], 0, FRAME_SIZE, out), frame.len);
		assert_memory_equal(out, frame.bytes, frame.len);
	}
	port->ops->close(port);
	packet_pool_free(pool);
}

static void test_refused_at_the_door(void **state)
{
	struct packet_pool *pool = packet_pool_new(8, 0);
	struct port *port = memport_open(&config);
	struct batch batch = {0};
	struct memport_meta meta = {.flags = PACKET_CSUM_PARTIAL, .csum_start = 5000};
	uint8_t bytes[60] = {0};

	memport_put(port, bytes, sizeof(bytes), &meta);
	memport_put(port, bytes, 3, NULL);
	memport_put(port, bytes, sizeof(bytes), NULL);
	assert_int_equal(port_rx(port, 0, pool, &batch), 1);
	assert_int_equal(port->door_drops[DROP_OFFLOAD_INVALID], 1);
	assert_int_equal(port->door_drops[DROP_FRAME_SHORT], 1);
	assert_int_equal(packet_pool_available(pool), 7);
	port->ops->close(port);
	packet_pool_free(pool);
}

static void test_tx_to_take(void **state)
{
	struct packet_pool *pool = packet_pool_new(8, 0);
	struct port *port = memport_open(&config);
	struct packet *packets[5];
	uint8_t out[200];
	uint8_t bytes[200];

	for (unsigned i = 0; i < 5; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		packets[i] = frame_packet(pool, bytes, sizeof(bytes), 256, 0);
	}
	assert_int_equal(port_tx(port, 0, pool, packets, 5), 4);
	assert_int_equal(packets[3]->drop, DROP_NONE);
	assert_int_equal(packets[4]->drop, DROP_TX_QUEUE_FULL);
	assert_int_equal(memport_take(port, out, 100, NULL), -ENOSPC);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(memport_take(port, out, sizeof(out), NULL), 200);
		assert_int_equal(out[199], i);
	}
	assert_int_equal(memport_take(port, out, sizeof(out), NULL), -EAGAIN);
	assert_int_equal(memport_sent(port), 4);
	port->ops->close(port);
	packet_pool_free(pool);
}

static void test_loop(void **state)
{
	struct packet_pool *pool = packet_pool_new(BATCH_SIZE, 0);
	struct port *port = memport_open(&config);
	uint8_t bytes[60] = {0};

	for (unsigned i = 0; i < 3; i++) {
		bytes[0] = (uint8_t)i;
		memport_put(port, bytes, sizeof(bytes), NULL);
	}
	memport_loop(port, true);
	for (unsigned round = 0, n = 0; round < 3; round++) {
		struct batch batch = {0};

		assert_int_equal(port_rx(port, 0, pool, &batch), BATCH_SIZE);
		for (unsigned i = 0; i < BATCH_SIZE; i++, n++)
			assert_int_equal(batch.packets[i]->data[0], n % 3);
		assert_int_equal(port_tx(port, 0, pool, batch.packets, BATCH_SIZE), BATCH_SIZE);
		for (unsigned i = 0; i < BATCH_SIZE; i++)
			packet_give(pool, batch.packets[i]);
	}
	assert_int_equal(memport_sent(port), 3 * BATCH_SIZE);
	port->ops->close(port);
	packet_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_to_rx),
		cmocka_unit_test(test_refused_at_the_door),
		cmocka_unit_test(test_tx_to_take),
		cmocka_unit_test(test_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
