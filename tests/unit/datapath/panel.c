// SPDX-License-Identifier: BSD-3-Clause
//
// panel: what apply does with a lot of objects, in a page.

#include "tests/unit/datapath/panel.h"

#include "base/clock.h"
#include "datapath/impair.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/socket.h>

struct panel_generation {
	struct generation generation;
	struct port_config ports[PANEL_DOORS];
	struct domain domain;
	struct domain_member members[PANEL_DOORS];
};

void panel_open(struct panel *panel, unsigned workers, uint64_t spin_ns)
{
	struct state_sizes sizes = {
		.fdb_entries = 1024,
		.neighbour_entries = 1024,
		.connections = 1024,
		.leases = 1024,
		.workers = workers,
	};
	struct workers_config config = {
		.count = workers,
		.flow_entries = 1024,
		.spin_ns = spin_ns,
	};

	memset(panel, 0, sizeof(*panel));
	panel->state = state_open(&sizes, -1, (uint32_t)(clock_now() / NSEC_PER_SEC));
	panel->stats = stats_open(-1, workers + 1);
	assert_non_null(panel->state);
	assert_non_null(panel->stats);
	config.state = panel->state;
	config.stats = panel->stats;
	panel->workers = workers_new(&config);
	assert_non_null(panel->workers);
	assert_int_equal(workers_start(panel->workers), 0);
}

static void free_generation(struct panel_generation *made)
{
	if (!made)
		return;
	pmap_fini(&made->generation.ports);
	pmap_fini(&made->generation.domains);
	// So that a worker that still looks is found out.
	memset(made, 0xee, sizeof(*made));
	free(made);
}

static void add_port(const struct panel *panel, struct panel_generation *made, struct edit *edit,
                     uint32_t slot, struct port *door)
{
	struct port_config *config = &made->ports[slot - 1];

	*config = (struct port_config){
		.id = 100 + slot,
		.slot = slot,
		.door = door,
		.untagged_domain = 1,
		.impair[IMPAIR_IN] = panel->in[slot - 1],
		.impair[IMPAIR_OUT] = panel->out[slot - 1],
	};
	made->members[slot - 1] = (struct domain_member){.port = slot};
	assert_int_equal(pmap_set(&made->generation.ports, edit, slot, config), 0);
}

uint64_t panel_connect(struct panel *panel, struct port *const *doors, unsigned count)
{
	struct panel_generation *made = calloc(1, sizeof(*made));
	struct panel_generation *before = panel->current;
	struct edit *edit = edit_new();

	assert_true(made && edit && count <= PANEL_DOORS);
	made->generation.number = ++panel->number;
	for (uint32_t slot = 1; slot <= count; slot++)
		add_port(panel, made, edit, slot, doors[slot - 1]);
	made->domain = (struct domain){
		.slot = 1,
		.ageing_seconds = 300,
		.member_count = count,
		.members = made->members,
	};
	assert_int_equal(pmap_set(&made->generation.domains, edit, 1, &made->domain), 0);
	edit_keep(edit);

	workers_publish(panel->workers, &made->generation);

	uint64_t settle_ns = workers_settle(panel->workers);

	panel->current = made;
	free_generation(before);
	return settle_ns;
}

void panel_close(struct panel *panel)
{
	workers_free(panel->workers);
	free_generation(panel->current);
	stats_close(panel->stats);
	state_close(panel->state);
}

struct wire {
	struct port port;
	int fd;
	_Atomic bool sending;
};

static unsigned wire_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                        struct batch *batch)
{
	struct wire *wire = (struct wire *)port;
	unsigned before = batch->count;

	while (batch->count < BATCH_SIZE) {
		struct packet *packet = packet_take(pool);
		ssize_t got = packet ? recv(wire->fd, packet->data, PACKET_HEAD, MSG_DONTWAIT) : -1;

		if (got <= 0) {
			if (packet)
				packet_give(pool, packet);
			// The far end has been closed.
			if (got == 0)
				atomic_store(&port->gone, true);
			break;
		}
		packet->len = packet->head_len = (uint16_t)got;
		packet->in_port = port->slot;
		packet->queue = (uint16_t)queue;
		batch->packets[batch->count++] = packet;
	}
	return batch->count - before;
}

static unsigned wire_tx(struct port *port, unsigned queue, struct packet *const *packets,
                        unsigned count, enum drop_reason *reason)
{
	struct wire *wire = (struct wire *)port;
	unsigned sent = 0;

	if (atomic_exchange(&wire->sending, true))
		abort();
	while (sent < count && send(wire->fd, packets[sent]->data, packets[sent]->head_len,
	                            MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		sent++;
	atomic_store(&wire->sending, false);
	*reason = errno == EAGAIN ? DROP_TX_QUEUE_FULL : DROP_TX_FAILED;
	return sent;
}

static int wire_rx_fd(const struct port *port, unsigned queue)
{
	return ((const struct wire *)port)->fd;
}

static void wire_close(struct port *port)
{
	struct wire *wire = (struct wire *)port;

	close(wire->fd);
	memset(wire, 0xee, sizeof(*wire));
	free(wire);
}

static const struct port_ops wire_ops = {
	.kind = "wire",
	.rx = wire_rx,
	.tx = wire_tx,
	.rx_fd = wire_rx_fd,
	.close = wire_close,
};

struct port *wire_open(uint32_t slot, int *ret_fd)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	int fds[2];

	assert_non_null(wire);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
	                 0);
	wire->fd = fds[0];
	wire->port.ops = &wire_ops;
	wire->port.slot = slot;
	wire->port.queue_count = 1;
	wire->port.offloads = PORT_TX_CSUM;
	wire->port.mtu = 1500;
	snprintf(wire->port.name, sizeof(wire->port.name), "wire%u", slot);
	*ret_fd = fds[1];
	return &wire->port;
}
