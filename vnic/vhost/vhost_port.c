// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_port: ties a device, its socket and its rings to the ops of a port.
//
// The main thread speaks with the front end: the socket finds one, the device negotiates with it, and each
// time the device says that something differs, what workers look at (offloads, number of pairs) follows.
// Between such a moment and their next turn workers may still send under the terms of before; tx checks each
// packet against those of now. Queue n of the port is pair n: its bell is the queue's descriptor, its sending
// ring the queue's rx. To the guest, frames are spread over the pairs by flow, the same way in both
// directions, whichever worker sends.

#include "vnic/vhost/vhost_port.h"

#include "base/bytes.h"
#include "vnic/parse.h"
#include "vnic/vhost/socket.h"
#include "vnic/vhost/vhost_rx.h"
#include "vnic/vhost/vhost_tx.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RARP_LEN = 60, ETH_TYPE_RARP = 0x8035, SILENCE_S = 5 };

struct vhost_port {
	struct port port;
	_Atomic unsigned pairs; // that the guest has enabled
	// A MAC address that the door announces in its guest's name, with ANNOUNCE; 0: none.
	_Atomic uint64_t announce;
	struct vhost_rx rx[VHOST_PAIRS_MAX];
	struct vhost_tx tx[VHOST_PAIRS_MAX];

	// Main thread.
	struct vhost_device *device;
	struct vhost_socket *socket;
	struct vhost_keeper keeper;
	struct vhost_port_config config; // its strings are not kept
	char path[108];
	struct event *readable; // the connection
	struct event *alarm;
	bool complained;                          // of this front end
	struct event *silence;                    // a driver that has started is given some time
	enum virtq_fault faults[VHOST_RINGS_MAX]; // that were told
	struct fail waits; // why there is no front end, if it is more than that none came
};

#define ANNOUNCE (UINT64_C(1) << 48)

static void tell(struct vhost_port *vhost, enum vhost_port_event event, const char *what)
{
	if (vhost->config.event)
		vhost->config.event(vhost->config.user, event, what);
}

// The guest's own voice, so that every bridge on the way learns where it lives now.
static unsigned take_announcement(struct vhost_port *vhost, struct packet_pool *pool,
                                  struct batch *batch)
{
	uint64_t announce = atomic_exchange(&vhost->announce, 0);
	struct packet *packet = batch->count < BATCH_SIZE ? packet_take(pool) : NULL;
	uint8_t mac[6], *frame;

	if (!announce || !packet) {
		if (packet)
			packet_give(pool, packet);
		return 0;
	}
	for (unsigned i = 0; i < sizeof(mac); i++)
		mac[i] = (uint8_t)(announce >> (40 - 8 * i));
	frame = packet->data;
	memset(frame, 0, RARP_LEN);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	store_be16(frame + 12, ETH_TYPE_RARP);
	store_be16(frame + 14, 1); // Ethernet
	store_be16(frame + 16, ETH_TYPE_IP4);
	frame[18] = 6;
	frame[19] = 4;
	store_be16(frame + 20, 3); // reverse request
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 32, mac, 6);
	packet->len = packet->head_len = RARP_LEN;
	packet->in_port = vhost->port.slot;
	packet->queue = 0;
	batch->packets[batch->count++] = packet;
	return 1;
}

static bool has_announcement(struct vhost_port *vhost, unsigned queue)
{
	return queue == 0 && atomic_load_explicit(&vhost->announce, memory_order_relaxed);
}

static unsigned port_op_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                           struct batch *batch)
{
	struct vhost_port *vhost = (struct vhost_port *)port;

	if (has_announcement(vhost, queue))
		return take_announcement(vhost, pool, batch);
	return vhost_rx_take(&vhost->rx[queue], port, queue, pool, batch);
}

static void port_op_finish(struct port *port, unsigned queue)
{
	vhost_rx_finish(&((struct vhost_port *)port)->rx[queue]);
}

static int port_op_rx_fd(const struct port *port, unsigned queue)
{
	return ((const struct vhost_port *)port)->rx[queue].ring->bell_fd;
}

static bool port_op_arm(struct port *port, unsigned queue)
{
	struct vhost_port *vhost = (struct vhost_port *)port;

	return vhost_rx_arm(&vhost->rx[queue]) || has_announcement(vhost, queue);
}

static void port_op_disarm(struct port *port, unsigned queue)
{
	vhost_rx_disarm(&((struct vhost_port *)port)->rx[queue]);
}

// The ports of TCP and UDP, xored; 0 for everything else, and for fragments.
static uint32_t l4_ports(const struct packet *packet, unsigned l3, bool is_v4)
{
	const uint8_t *ip = packet->data + l3;
	uint8_t proto = is_v4 ? ip[9] : ip[6];
	unsigned l4 = l3 + (is_v4 ? (ip[0] & 15U) * 4 : 40);

	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) || l4 + 4 > packet->head_len ||
	    (is_v4 && load_be16(ip + 6) & 0x3fff))
		return 0;
	return (uint32_t)load_be16(packet->data + l4) ^ load_be16(packet->data + l4 + 2);
}

// Of a flow, the same for both directions: with equal numbers of pairs, a guest's answers go the way
// of its questions.
static uint32_t flow_of(const struct packet *packet)
{
	const uint8_t *frame = packet->data;
	unsigned l3 = load_be16(frame + 12) == ETH_TYPE_VLAN ? ETH_HEADER + VLAN_TAG : ETH_HEADER;
	uint16_t type = packet->head_len > l3 ? load_be16(frame + l3 - 2) : 0;
	uint32_t flow = 0;

	if (type == ETH_TYPE_IP4 && packet->head_len >= l3 + 20) {
		flow = load_be32(frame + l3 + 12) ^ load_be32(frame + l3 + 16) ^
		       l4_ports(packet, l3, true);
	} else if (type == ETH_TYPE_IP6 && packet->head_len >= l3 + 40) {
		for (unsigned at = l3 + 8; at < l3 + 40; at += 4)
			flow ^= load_be32(frame + at);
		flow ^= l4_ports(packet, l3, false);
	} else {
		flow = load_be32(frame + 2) ^ load_be32(frame + 8);
	}
	flow *= UINT32_C(0x9e3779b1);
	return flow >> 16;
}

// Sorts the packets by pair and sends each pair's in one go. All count as gone; those that were refused
// say so themselves.
static unsigned spread(struct vhost_port *vhost, unsigned pairs, struct packet *const *packets,
                       unsigned count, enum drop_reason *reason)
{
	struct packet *sorted[VHOST_PAIRS_MAX][BATCH_SIZE];
	unsigned counts[VHOST_PAIRS_MAX] = {0};

	count = MIN(count, BATCH_SIZE);
	for (unsigned i = 0; i < count; i++) {
		unsigned pair = flow_of(packets[i]) % pairs;

		sorted[pair][counts[pair]++] = packets[i];
	}
	for (unsigned pair = 0; pair < pairs; pair++) {
		struct packet *const *mine = sorted[pair];
		unsigned left = counts[pair];

		while (left) {
			unsigned sent = vhost_tx_send(&vhost->tx[pair], mine, left, reason);

			mine += sent;
			left -= sent;
			if (!left)
				break;
			do {
				(*mine++)->drop = (uint16_t)*reason;
				left--;
			} while (left &&
			         (*reason == DROP_TX_QUEUE_FULL || *reason == DROP_PORT_DOWN));
		}
	}
	return count;
}

static unsigned port_op_tx(struct port *port, unsigned queue, struct packet *const *packets,
                           unsigned count, enum drop_reason *reason)
{
	struct vhost_port *vhost = (struct vhost_port *)port;
	unsigned pairs = atomic_load_explicit(&vhost->pairs, memory_order_relaxed);

	if (pairs > 1)
		return spread(vhost, pairs, packets, count, reason);
	return vhost_tx_send(&vhost->tx[0], packets, count, reason);
}

// With more pairs than one, a flow's pair is known only with its headers, and another pair would reorder it.
static unsigned port_op_lend(struct port *port, struct segment **ret)
{
	struct vhost_port *vhost = (struct vhost_port *)port;

	if (atomic_load_explicit(&vhost->pairs, memory_order_relaxed) != 1)
		return 0;
	return vhost_tx_lend(&vhost->tx[0], ret);
}

static void port_op_unlend(struct port *port)
{
	vhost_tx_unlend(&((struct vhost_port *)port)->tx[0]);
}

static const char empty_rings[] =
	"the guest's driver has started, but no buffer of it was seen: its interface is down, or its "
	"memory is private to the machine; start it with memory-backend-memfd and share=on";

// What is missing before frames can pass.
static void write_waiting(const struct vhost_port *vhost, const struct vhost_info *info,
                          char text[static FAIL_TEXT])
{
	if (info->connected && info->pairs == 0)
		snprintf(text, FAIL_TEXT, "the guest's driver has not started its queues yet%s",
		         info->regions ? ""
		                       : "; of memory that is not shared it never will, see weft "
		                         "attach");
	else if (info->connected && !info->has_buffers)
		snprintf(text, FAIL_TEXT, "%s", empty_rings);
	else if (!info->connected && vhost->config.server && !vhost->waits.code)
		snprintf(text, FAIL_TEXT, "no front end has connected to '%s' yet", vhost->path);
	else if (!info->connected)
		fail_text(&vhost->waits, text);
}

static void port_op_link(const struct port *port, struct port_link *ret)
{
	const struct vhost_port *vhost = (const struct vhost_port *)port;
	struct vhost_info info;

	vhost_device_info(vhost->device, &info);
	ret->connected = info.connected;
	ret->packed = info.packed;
	ret->pairs = info.pairs;
	ret->features = info.features;
	ret->kicks = info.kicks;
	ret->calls = info.calls;
	memcpy(ret->last_fault, info.last_fault, sizeof(ret->last_fault));
	write_waiting(vhost, &info, ret->waiting);
	for (unsigned i = 0; i < port->queue_count; i++) {
		ret->delivered +=
			atomic_load_explicit(&vhost->tx[i].delivered, memory_order_relaxed);
		ret->copied += atomic_load_explicit(&vhost->tx[i].copied, memory_order_relaxed);
	}
}

static void shut(struct vhost_port *vhost, bool forget)
{
	if (vhost->readable)
		event_free(vhost->readable);
	if (vhost->alarm)
		event_free(vhost->alarm);
	if (vhost->silence)
		event_free(vhost->silence);
	// Its event is for what happens by itself, not for this.
	vhost->config.event = NULL;
	if (vhost->socket && forget && vhost->keeper.drop)
		vhost->keeper.drop(vhost->keeper.user, "listen");
	vhost_socket_close(vhost->socket, forget);
	if (vhost->device)
		vhost_device_free(vhost->device, forget);
	free(vhost);
}

static void port_op_close(struct port *port)
{
	shut((struct vhost_port *)port, true);
}

static const struct port_ops vhost_ops = {
	.kind = "vhost",
	.rx = port_op_rx,
	.finish = port_op_finish,
	.tx = port_op_tx,
	.lend = port_op_lend,
	.unlend = port_op_unlend,
	.rx_fd = port_op_rx_fd,
	.arm = port_op_arm,
	.disarm = port_op_disarm,
	.link = port_op_link,
	.close = port_op_close,
};

// Tells of rings that broke since the last look, and counts what a predecessor did not finish.
static void tell_losses(struct vhost_port *vhost)
{
	struct vhost_info info;

	vhost_device_info(vhost->device, &info);
	atomic_store_explicit(&vhost->port.door_drops[DROP_IN_FLIGHT], info.in_flight_lost,
	                      memory_order_relaxed);
	for (unsigned i = 0; i < 2 * vhost->port.queue_count; i++) {
		char what[128];

		if (info.faults[i] == vhost->faults[i])
			continue;
		vhost->faults[i] = info.faults[i];
		if (info.faults[i] == VIRTQ_SOUND)
			continue;
		snprintf(what, sizeof(what), "queue %u (%s) was lost: %s", i / 2,
		         i % 2 ? "the guest sends" : "the guest receives",
		         virtq_fault_name(info.faults[i]));
		tell(vhost, VHOST_PORT_QUEUE_LOST, what);
	}
}

// The guest's driver has had time to do something.
static void on_silence(evutil_socket_t fd, short events, void *user)
{
	struct vhost_port *vhost = user;
	struct vhost_info info;

	vhost_device_info(vhost->device, &info);
	if (info.connected && info.pairs && !info.has_buffers && !vhost->complained)
		tell(vhost, VHOST_PORT_COMPLAINT, empty_rings);
}

static void on_changed(void *user)
{
	struct vhost_port *vhost = user;

	// While the device is being made.
	if (!vhost->device)
		return;
	atomic_store_explicit(&vhost->pairs, vhost_device_pairs(vhost->device),
	                      memory_order_relaxed);
	atomic_store_explicit(&vhost->port.offloads, vhost_device_terms(vhost->device)->offloads,
	                      memory_order_relaxed);
	tell_losses(vhost);
	if (atomic_load(&vhost->pairs) && !evtimer_pending(vhost->silence, NULL))
		event_add(vhost->silence, &(struct timeval){.tv_sec = SILENCE_S});
}

static void on_complaint(void *user, const struct fail *why)
{
	struct vhost_port *vhost = user;
	char text[FAIL_TEXT];

	vhost->complained = true;
	tell(vhost, VHOST_PORT_COMPLAINT, fail_text(why, text));
}

static void on_announce(void *user, struct mac mac)
{
	struct vhost_port *vhost = user;
	uint64_t announce = ANNOUNCE;

	for (unsigned i = 0; i < sizeof(mac.b); i++)
		announce |= (uint64_t)mac.b[i] << (40 - 8 * i);
	atomic_store(&vhost->announce, announce);
	if (vhost->device)
		vhost_device_wake(vhost->device, 1);
}

static void on_settle(void *user)
{
	struct vhost_port *vhost = user;

	vhost->config.settle(vhost->config.user);
}

static void on_alarm(evutil_socket_t fd, short events, void *user)
{
	vhost_device_note_alarm(((struct vhost_port *)user)->device);
}

static void forget_connection(struct vhost_port *vhost)
{
	if (vhost->readable)
		event_free(vhost->readable);
	vhost->readable = NULL;
}

static void on_readable(evutil_socket_t fd, short events, void *user)
{
	struct vhost_port *vhost = user;
	struct fail fail = {0};
	char text[FAIL_TEXT];
	int code = vhost_device_receive(vhost->device, &fail);

	if (code == 0)
		return;
	forget_connection(vhost);
	if (!fail.code)
		fail_set(&fail, code, "the front end has gone");
	tell(vhost, VHOST_PORT_DISCONNECTED, fail_text(&fail, text));
	if (vhost->socket)
		vhost_socket_seek(vhost->socket);
}

// Listens to the connection that the device has.
static int watch_connection(struct vhost_port *vhost)
{
	vhost->readable = event_new(vhost->config.base, vhost_device_fd(vhost->device),
	                            EV_READ | EV_PERSIST, on_readable, vhost);
	return vhost->readable && event_add(vhost->readable, NULL) == 0 ? 0 : -ENOMEM;
}

static int take_connection(struct vhost_port *vhost, int fd, struct fail *fail)
{
	int code = vhost_device_connect(vhost->device, fd, fail);

	return code ? code : watch_connection(vhost);
}

static void on_connected(void *user, int fd)
{
	struct vhost_port *vhost = user;
	struct fail fail = {0};

	vhost->waits = (struct fail){0};
	vhost->complained = false;
	if (take_connection(vhost, fd, &fail) == 0)
		tell(vhost, VHOST_PORT_CONNECTED, "a front end has connected");
	else
		tell(vhost, VHOST_PORT_DISCONNECTED, fail.what);
}

static void on_waiting(void *user, const struct fail *why)
{
	struct vhost_port *vhost = user;
	char text[FAIL_TEXT];

	vhost->waits = *why;
	tell(vhost, VHOST_PORT_WAITING, fail_text(why, text));
}

static int make_device(struct vhost_port *vhost, const struct vhost_port_config *config,
                       struct fail *fail)
{
	const struct vhost_device_config device = {
		.name = vhost->port.name,
		.pairs = config->pairs,
		.mtu = config->mtu,
		.mac = config->mac,
		.offload_off = config->offload_off,
		.settle = on_settle,
		.changed = on_changed,
		.complain = on_complaint,
		.announce = on_announce,
		.user = vhost,
	};
	int code;

	vhost->silence = evtimer_new(config->base, on_silence, vhost);
	if (!vhost->silence)
		return -ENOMEM;
	code = vhost_device_new(&device, config->keeper ? &vhost->keeper : NULL, &vhost->device,
	                        fail);

	if (code)
		return code;
	for (unsigned i = 0; i < config->pairs; i++) {
		vhost_rx_init(&vhost->rx[i], vhost->device, i);
		vhost_tx_init(&vhost->tx[i], vhost->device, i);
	}
	on_changed(vhost);
	vhost->alarm = event_new(config->base, vhost_device_alarm_fd(vhost->device),
	                         EV_READ | EV_PERSIST, on_alarm, vhost);
	if (!vhost->alarm || event_add(vhost->alarm, NULL) < 0)
		return -ENOMEM;
	return vhost_device_fd(vhost->device) < 0 ? 0 : watch_connection(vhost);
}

int vhost_port_open(const struct vhost_port_config *config, struct port **ret, struct fail *fail)
{
	struct vhost_port *vhost;
	int code;

	if (config->pairs < 1 || config->pairs > VHOST_PAIRS_MAX)
		return fail_set(fail, -EINVAL, "%s: a vhost-user port has 1 to %d queues, not %u",
		                config->name, VHOST_PAIRS_MAX, config->pairs);
	vhost = calloc(1, sizeof(*vhost));
	if (!vhost)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	vhost->config = *config;
	if (config->keeper)
		vhost->keeper = *config->keeper;
	vhost->port.ops = &vhost_ops;
	vhost->port.queue_count = config->pairs;
	vhost->port.mtu = config->mtu;
	snprintf(vhost->port.name, sizeof(vhost->port.name), "%s", config->name);
	snprintf(vhost->path, sizeof(vhost->path), "%s", config->path ? config->path : "");
	code = make_device(vhost, config, fail);
	if (code) {
		if (code == -ENOMEM)
			fail_set(fail, code, "%s: out of memory", config->name);
		shut(vhost, false);
		return code;
	}
	*ret = &vhost->port;
	return 0;
}

int vhost_port_arrive(struct port *port, struct fail *fail)
{
	struct vhost_port *vhost = (struct vhost_port *)port;
	const struct vhost_keeper *keeper = vhost->keeper.claim ? &vhost->keeper : NULL;
	struct vhost_socket_config config = {
		.base = vhost->config.base,
		.name = port->name,
		.path = vhost->path,
		.server = vhost->config.server,
		.group = vhost->config.group,
		.listen_fd =
			keeper && vhost->config.server ? keeper->claim(keeper->user, "listen") : -1,
		.connected = on_connected,
		.waiting = on_waiting,
		.user = vhost,
	};
	int code;

	if (vhost->socket || !vhost->path[0])
		return 0;
	code = vhost_socket_open(&config, &vhost->socket, fail);
	if (code)
		return code;
	if (keeper && vhost_socket_listen_fd(vhost->socket) >= 0)
		keeper->lend(keeper->user, "listen", vhost_socket_listen_fd(vhost->socket));
	if (vhost_device_fd(vhost->device) < 0)
		vhost_socket_seek(vhost->socket);
	return 0;
}

void vhost_port_leave(struct port *port)
{
	shut((struct vhost_port *)port, false);
}

int vhost_port_connect(struct port *port, int fd, struct fail *fail)
{
	return take_connection((struct vhost_port *)port, fd, fail);
}

void vhost_port_info(const struct port *port, struct vhost_info *info)
{
	vhost_device_info(((const struct vhost_port *)port)->device, info);
}
