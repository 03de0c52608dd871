// SPDX-License-Identifier: BSD-3-Clause
//
// The port on top of a device: what the front end says reaches the workers, and what is wrong the caller.

#include "base/bytes.h"
#include "tests/unit/unit.h"
#include "vnic/parse.h"
#include "vnic/vhost/message.h"
#include "vnic/vhost/vhost_port.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

struct fixture {
	struct event_base *base;
	struct port *port;
	struct packet_pool *pool;
	int fd; // The front end's.
	unsigned disconnected, fds_before;
	char words[256];
};

static void settle(void *user)
{
}

static void on_event(void *user, enum vhost_port_event event, const char *what)
{
	struct fixture *fixture = user;

	fixture->disconnected += event == VHOST_PORT_DISCONNECTED;
	snprintf(fixture->words, sizeof(fixture->words), "%s", what);
}

static void set_up(struct fixture *fixture)
{
	struct vhost_port_config config = {.name = "web",
	                                   .pairs = 1,
	                                   .mtu = 1500,
	                                   .settle = settle,
	                                   .event = on_event,
	                                   .user = fixture};
	struct fail fail = {0};
	int fds[2];

	*fixture = (struct fixture){.fds_before = unit_open_fds()};
	config.base = fixture->base = event_base_new();
	fixture->pool = packet_pool_new(BATCH_SIZE, 4096);
	assert_non_null(fixture->pool);
	assert_int_equal(vhost_port_open(&config, &fixture->port, &fail), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(vhost_port_connect(fixture->port, fds[0], &fail), 0);
	fixture->fd = fds[1];
	fixture->port->slot = 7;
}

static void tear_down(struct fixture *fixture)
{
	fixture->port->ops->close(fixture->port);
	packet_pool_free(fixture->pool);
	event_base_free(fixture->base);
	close(fixture->fd);
	assert_int_equal(unit_open_fds(), fixture->fds_before);
}

static void say(struct fixture *fixture, uint32_t request, uint64_t value)
{
	const uint32_t header[] = {request, 1, sizeof(value)};

	assert_int_equal(write(fixture->fd, header, sizeof(header)), sizeof(header));
	assert_int_equal(write(fixture->fd, &value, sizeof(value)), sizeof(value));
	event_base_loop(fixture->base, EVLOOP_NONBLOCK);
}

static bool rings(const struct port *port)
{
	struct pollfd bell = {.fd = port->ops->rx_fd(port, 0), .events = POLLIN};

	return poll(&bell, 1, 0) == 1;
}

static unsigned take(struct fixture *fixture, struct batch *batch)
{
	batch->count = 0;
	return port_rx(fixture->port, 0, fixture->pool, batch);
}

// A machine that migrated and has no voice of its own: the port speaks in its name, once, and wakes its worker.
static void test_a_moved_guest_is_announced(void **state)
{
	static const uint8_t mac[] = {2, 0, 0, 0, 0x88, 5};
	struct fixture fixture;
	struct packet *packet;
	struct batch batch;
	uint64_t value = 0;

	set_up(&fixture);
	say(&fixture, VHOST_SET_PROTOCOL_FEATURES, UINT64_C(1) << VHOST_PROTOCOL_RARP);
	assert_false(fixture.port->ops->arm(fixture.port, 0));
	assert_false(rings(fixture.port));
	memcpy(&value, mac, sizeof(mac));
	say(&fixture, VHOST_SEND_RARP, value);
	assert_true(rings(fixture.port));
	assert_true(fixture.port->ops->arm(fixture.port, 0));
	assert_int_equal(take(&fixture, &batch), 1);
	packet = batch.packets[0];
	assert_int_equal(packet->len, 60);
	assert_int_equal(packet->in_port, 7);
	assert_memory_equal(packet->data, "\xff\xff\xff\xff\xff\xff", 6);
	assert_memory_equal(packet->data + 6, mac, 6);
	assert_int_equal(load_be16(packet->data + 12), 0x8035);
	assert_int_equal(load_be16(packet->data + 20), 3);
	assert_memory_equal(packet->data + 22, mac, 6);
	assert_memory_equal(packet->data + 32, mac, 6);
	packet_give(fixture.pool, packet);
	fixture.port->ops->finish(fixture.port, 0);
	assert_int_equal(take(&fixture, &batch), 0);
	assert_false(fixture.port->ops->arm(fixture.port, 0));
	tear_down(&fixture);
}

static void test_a_front_end_is_refused_with_a_reason(void **state)
{
	struct fixture fixture;

	set_up(&fixture);
	say(&fixture, VHOST_SET_PROTOCOL_FEATURES, UINT64_C(1) << 63);
	assert_int_equal(fixture.disconnected, 1);
	assert_non_null(strstr(fixture.words, "were not offered"));
	tear_down(&fixture);
}

static void test_nothing_goes_where_no_guest_is(void **state)
{
	struct fixture fixture;
	struct packet *packet;

	set_up(&fixture);
	packet = packet_take(fixture.pool);
	assert_non_null(packet);
	memset(packet->data, 0, 60);
	packet->data[0] = packet->data[6] = 2;
	packet->len = packet->head_len = 60;
	assert_int_equal(packet_parse(packet, PARSE_L2), DROP_NONE);
	assert_int_equal(port_tx(fixture.port, 0, fixture.pool, &packet, 1), 0);
	assert_int_equal(packet->drop, DROP_PORT_DOWN);
	packet_give(fixture.pool, packet);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_moved_guest_is_announced),
		cmocka_unit_test(test_a_front_end_is_refused_with_a_reason),
		cmocka_unit_test(test_nothing_goes_where_no_guest_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
