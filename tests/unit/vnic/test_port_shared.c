// SPDX-License-Identifier: BSD-3-Clause
//
// Workers that share a queue send by it at once: nothing is lost, nothing is torn, nobody waits for ever.

#include "frames.h"
#include "test.h"
#include "vnic/memport.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { WORKERS = 4, ROUNDS = 100, BURST = 8, FRAME = 700 };

struct sender {
	pthread_t thread;
	struct port *port;
	uint8_t mark;
	unsigned sent;
};

static void *send_marked(void *user)
{
	struct sender *sender = user;
	struct packet_pool *pool = packet_pool_new(BURST, 0);
	uint8_t bytes[FRAME];
	struct packet *packets[BURST];

	memset(bytes, sender->mark, sizeof(bytes));
	for (unsigned i = 0; i < BURST; i++)
		packets[i] = frame_packet(pool, bytes, sizeof(bytes), PACKET_HEAD, 1);
	for (unsigned round = 0; round < ROUNDS; round++)
		sender->sent += port_tx(sender->port, 0, pool, packets, BURST);
	packet_pool_free(pool);
	return NULL;
}

static void test_nothing_is_torn(void **state)
{
	struct memport_config config = {.name = "m",
	                                .mtu = 1500,
	                                .offloads = PORT_TX_CSUM,
	                                .depth = WORKERS * ROUNDS * BURST};
	struct port *port = memport_open(&config);
	struct sender senders[WORKERS];
	unsigned counts[256] = {0};
	uint8_t out[2000];

	assert_non_null(port);
	port->tx_shared = true;
	for (unsigned i = 0; i < WORKERS; i++) {
		senders[i] = (struct sender){.port = port, .mark = (uint8_t)(0x10 + i)};
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_marked, &senders[i]),
		                 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(senders[i].thread, NULL);
		assert_int_equal(senders[i].sent, ROUNDS * BURST);
	}
	while (memport_take(port, out, sizeof(out), NULL) == FRAME) {
		for (unsigned i = 1; i < FRAME; i++)
			assert_int_equal(out[i], out[0]);
		counts[out[0]]++;
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(counts[0x10 + i], ROUNDS * BURST);
	port->ops->close(port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_torn)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
