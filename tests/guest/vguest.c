// SPDX-License-Identifier: BSD-3-Clause
//
// vguest: the order in which a front end says things, as QEMU says them.
//
// Connection: features, protocol features, queues, owner, in-flight area. Start: features, memory, and per
// ring size, base, addresses, descriptors, then enable. A back end that died is greeted again the same way with
// the rings as they are: its base is what it had used, and the in-flight area, which we kept, says what it was at.

#include "tests/guest/vguest.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/sock.h"
#include "tests/guest/vguest_net.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PROTOCOL_FEATURES = 30 };

const uint64_t VGUEST_FEATURES =
	VGUEST_BIT(VIRTIO_NET_F_CSUM) | VGUEST_BIT(VIRTIO_NET_F_GUEST_CSUM) |
	VGUEST_BIT(VIRTIO_NET_F_MTU) | VGUEST_BIT(VIRTIO_NET_F_GUEST_TSO4) |
	VGUEST_BIT(VIRTIO_NET_F_GUEST_TSO6) | VGUEST_BIT(VIRTIO_NET_F_GUEST_ECN) |
	VGUEST_BIT(VIRTIO_NET_F_HOST_TSO4) | VGUEST_BIT(VIRTIO_NET_F_HOST_TSO6) |
	VGUEST_BIT(VIRTIO_NET_F_HOST_ECN) | VGUEST_BIT(VIRTIO_NET_F_MRG_RXBUF) |
	VGUEST_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | VGUEST_BIT(VIRTIO_NET_F_MQ) |
	VGUEST_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VGUEST_BIT(VIRTIO_RING_F_EVENT_IDX) |
	VGUEST_BIT(VIRTIO_F_VERSION_1) | VGUEST_BIT(VGUEST_F_GUEST_USO4) |
	VGUEST_BIT(VGUEST_F_GUEST_USO6) | VGUEST_BIT(VGUEST_F_HOST_USO);

const uint64_t VGUEST_PROTOCOL =
	VGUEST_BIT(VGUEST_P_MQ) | VGUEST_BIT(VGUEST_P_LOG_SHMFD) | VGUEST_BIT(VGUEST_P_RARP) |
	VGUEST_BIT(VGUEST_P_REPLY_ACK) | VGUEST_BIT(VGUEST_P_MTU) |
	VGUEST_BIT(VGUEST_P_BACKEND_REQ) | VGUEST_BIT(VGUEST_P_INFLIGHT_SHMFD) |
	VGUEST_BIT(VGUEST_P_RESET_DEVICE) | VGUEST_BIT(VGUEST_P_CONFIGURE_MEM_SLOTS) |
	VGUEST_BIT(VGUEST_P_STATUS);

static bool is_answered(uint32_t request)
{
	switch (request) {
	case VGUEST_GET_FEATURES:
	case VGUEST_GET_PROTOCOL_FEATURES:
	case VGUEST_GET_VRING_BASE:
	case VGUEST_GET_QUEUE_NUM:
	case VGUEST_GET_INFLIGHT_FD:
	case VGUEST_GET_MAX_MEM_SLOTS:
		return true;
	default:
		return false;
	}
}

static bool speaks(const struct vguest *guest, unsigned feature)
{
	return guest->protocol >> feature & 1;
}

// One request, with an answer where the protocol has one or acknowledgements were agreed upon; the message then
// holds it, and one descriptor of it is taken. Returns 0, -errno, or -EREMOTEIO when the back end says no.
static int ask_fd(struct vguest *guest, struct vguest_message *message, const int *fds,
                  unsigned count, int *ret_fd)
{
	uint32_t request = message->request;
	bool answered = is_answered(request), acked = false;
	unsigned got = 0;
	int fd = -1;

	message->flags = VGUEST_VERSION;
	if (!answered && speaks(guest, VGUEST_P_REPLY_ACK)) {
		message->flags |= VGUEST_NEED_REPLY;
		acked = true;
	}

	int done = vguest_message_send(guest->fd, message, fds, count);

	if (done < 0 || (!answered && !acked))
		return done;
	done = vguest_message_receive(guest->fd, message, &fd, ret_fd ? 1 : 0, &got,
	                              VGUEST_TIMEOUT_MS);
	if (done < 0)
		return done;
	if (message->request != request || !(message->flags & VGUEST_REPLY)) {
		if (got)
			close(fd);
		return -EPROTO;
	}
	if (ret_fd)
		*ret_fd = got ? fd : -1;
	return acked && message->u64 ? -EREMOTEIO : 0;
}

static int ask(struct vguest *guest, struct vguest_message *message, const int *fds, unsigned count)
{
	return ask_fd(guest, message, fds, count, NULL);
}

static int ask_u64(struct vguest *guest, enum vguest_request request, uint64_t *value)
{
	struct vguest_message message = {.request = request};
	int done = ask(guest, &message, NULL, 0);

	if (done < 0)
		return done;
	if (message.size != sizeof(*value))
		return -EPROTO;
	*value = message.u64;
	return 0;
}

static int set_u64(struct vguest *guest, enum vguest_request request, uint64_t value)
{
	struct vguest_message message = {.request = request, .size = 8, .u64 = value};

	return ask(guest, &message, NULL, 0);
}

static int set_state(struct vguest *guest, enum vguest_request request, uint32_t index,
                     uint32_t num)
{
	struct vguest_message message = {.request = request, .size = 8, .state = {index, num}};

	return ask(guest, &message, NULL, 0);
}

static int set_plain(struct vguest *guest, enum vguest_request request)
{
	struct vguest_message message = {.request = request};

	return ask(guest, &message, NULL, 0);
}

static int set_fd(struct vguest *guest, enum vguest_request request, uint32_t index, int fd)
{
	struct vguest_message message = {.request = request, .size = 8, .u64 = index};

	if (fd < 0)
		message.u64 |= VGUEST_NO_FD;
	return ask(guest, &message, &fd, fd >= 0);
}

static struct vguest_message_region describe(const struct vguest *guest, unsigned region)
{
	const struct vguest_region *from = &guest->memory.regions[region];

	return (struct vguest_message_region){
		.guest = from->guest,
		.size = from->size,
		.user = (uint64_t)(uintptr_t)(guest->memory.base + from->guest),
		.offset = from->offset,
	};
}

static int send_region(struct vguest *guest, unsigned region)
{
	struct vguest_message message = {.request = VGUEST_ADD_MEM_REG};

	message.size = sizeof(message.slot);
	message.slot.region = describe(guest, region);
	return ask(guest, &message, &guest->memory.regions[region].fd, 1);
}

static int send_memory(struct vguest *guest)
{
	unsigned count = guest->memory.region_count;
	struct vguest_message message = {.request = VGUEST_SET_MEM_TABLE};
	int fds[VGUEST_REGIONS], done = 0;

	if (guest->options.slots && speaks(guest, VGUEST_P_CONFIGURE_MEM_SLOTS)) {
		for (unsigned i = 0; i < count && done == 0; i++)
			done = send_region(guest, i);
		return done;
	}
	if (count > VGUEST_TABLE)
		return -E2BIG;
	message.size = 8 + count * (uint32_t)sizeof(message.table.regions[0]);
	message.table.count = count;
	for (unsigned i = 0; i < count; i++) {
		message.table.regions[i] = describe(guest, i);
		fds[i] = guest->memory.regions[i].fd;
	}
	return ask(guest, &message, fds, count);
}

static int send_addresses(struct vguest *guest, const struct vguest_ring *ring)
{
	struct vguest_message message = {.request = VGUEST_SET_VRING_ADDR};

	message.size = sizeof(message.ring);
	message.ring.index = ring->index;
	message.ring.desc = (uint64_t)(uintptr_t)ring->desc;
	message.ring.avail = (uint64_t)(uintptr_t)ring->driver;
	message.ring.used = (uint64_t)(uintptr_t)ring->device;
	return ask(guest, &message, NULL, 0);
}

static int start_ring(struct vguest *guest, unsigned index, uint32_t base)
{
	const struct vguest_ring *ring = &guest->rings[index];
	int done = set_state(guest, VGUEST_SET_VRING_NUM, index, ring->size);

	if (done == 0)
		done = set_state(guest, VGUEST_SET_VRING_BASE, index, base);
	if (done == 0)
		done = send_addresses(guest, ring);
	if (done == 0)
		done = set_fd(guest, VGUEST_SET_VRING_ERR, index, ring->error_fd);
	if (done == 0)
		done = set_fd(guest, VGUEST_SET_VRING_KICK, index, ring->kick_fd);
	if (done == 0)
		done = set_fd(guest, VGUEST_SET_VRING_CALL, index, ring->call_fd);
	if (done == 0 && guest->offered >> PROTOCOL_FEATURES & 1)
		done = set_state(guest, VGUEST_SET_VRING_ENABLE, index, 1);
	guest->bases[index] = base;
	return done;
}

static int get_inflight(struct vguest *guest)
{
	struct vguest_message message = {.request = VGUEST_GET_INFLIGHT_FD};

	message.size = sizeof(message.inflight);
	message.inflight.queues = (uint16_t)guest->ring_count;
	message.inflight.queue_size = guest->options.size;

	int fd = -1, done = ask_fd(guest, &message, NULL, 0, &fd);

	if (done < 0)
		return done;
	if (fd < 0)
		return -EPROTO;
	guest->inflight =
		(struct vguest_inflight){fd, message.inflight.size, message.inflight.offset};
	return 0;
}

static int set_inflight(struct vguest *guest)
{
	struct vguest_message message = {.request = VGUEST_SET_INFLIGHT_FD};
	int done = 0;

	if (!speaks(guest, VGUEST_P_INFLIGHT_SHMFD))
		return 0;
	if (guest->inflight.fd < 0)
		done = get_inflight(guest);
	if (done < 0)
		return done;
	message.size = sizeof(message.inflight);
	message.inflight.size = guest->inflight.size;
	message.inflight.offset = guest->inflight.offset;
	message.inflight.queues = (uint16_t)guest->ring_count;
	message.inflight.queue_size = guest->options.size;
	return ask(guest, &message, &guest->inflight.fd, 1);
}

static uint64_t virtio_bits(const struct vguest *guest)
{
	return guest->features | (guest->offered & VGUEST_BIT(PROTOCOL_FEATURES));
}

static int tell_device(struct vguest *guest)
{
	int done = set_u64(guest, VGUEST_SET_FEATURES, virtio_bits(guest));

	if (done == 0)
		done = set_inflight(guest);
	if (done == 0)
		done = send_memory(guest);
	if (done == 0 && guest->options.mtu && speaks(guest, VGUEST_P_MTU) &&
	    vguest_has(guest, VIRTIO_NET_F_MTU))
		done = set_u64(guest, VGUEST_NET_SET_MTU, guest->options.mtu);
	return done;
}

int vguest_start(struct vguest *guest, struct fail *fail)
{
	int done = tell_device(guest);

	for (unsigned i = 0; i < guest->ring_count && done == 0; i++)
		done = start_ring(guest, i, guest->bases[i]);
	if (done == 0 && speaks(guest, VGUEST_P_STATUS))
		done = set_u64(guest, VGUEST_SET_STATUS,
		               VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		                       VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	if (done < 0)
		return fail_errno(fail, done, "%s: the back end did not start",
		                  guest->options.path);
	// A ring starts at its first kick, and there may be buffers from before.
	for (unsigned i = 0; i < guest->ring_count; i++)
		vguest_ring_kick(&guest->rings[i]);
	return 0;
}

int vguest_stop(struct vguest *guest, struct fail *fail)
{
	int done = speaks(guest, VGUEST_P_STATUS) ? set_u64(guest, VGUEST_SET_STATUS, 0) : 0;

	for (unsigned i = 0; i < guest->ring_count && done == 0; i++) {
		struct vguest_message message = {
			.request = VGUEST_GET_VRING_BASE, .size = 8, .state = {i, 0}};

		done = ask(guest, &message, NULL, 0);
		if (done == 0 && (message.size != 8 || message.state.index != i))
			done = -EPROTO;
		guest->bases[i] = message.state.num;
	}
	return done < 0 ? fail_errno(fail, done, "%s: the rings did not stop", guest->options.path)
	                : 0;
}

static int open_channel(struct vguest *guest)
{
	int ends[2];

	if (!speaks(guest, VGUEST_P_BACKEND_REQ))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;

	struct vguest_message message = {.request = VGUEST_SET_BACKEND_REQ_FD};
	int done = ask(guest, &message, &ends[1], 1);

	close(ends[1]);
	if (guest->requests >= 0)
		close(guest->requests);
	guest->requests = ends[0];
	return done;
}

static int negotiate_protocol(struct vguest *guest)
{
	int done = 0;

	guest->protocol = 0;
	if (!(guest->offered >> PROTOCOL_FEATURES & 1))
		return 0;
	done = ask_u64(guest, VGUEST_GET_PROTOCOL_FEATURES, &guest->protocol_offered);
	if (done == 0) {
		uint64_t agreed = guest->protocol_offered & guest->options.protocol;

		done = set_u64(guest, VGUEST_SET_PROTOCOL_FEATURES, agreed);
		guest->protocol = agreed;
	}
	if (done == 0 && speaks(guest, VGUEST_P_MQ))
		done = ask_u64(guest, VGUEST_GET_QUEUE_NUM, &guest->queues_offered);
	if (done == 0 && speaks(guest, VGUEST_P_CONFIGURE_MEM_SLOTS))
		done = ask_u64(guest, VGUEST_GET_MAX_MEM_SLOTS, &guest->slots_offered);
	return done;
}

static int greet(struct vguest *guest, struct fail *fail)
{
	int done = ask_u64(guest, VGUEST_GET_FEATURES, &guest->offered);

	if (done == 0)
		done = negotiate_protocol(guest);
	if (done == 0)
		done = set_plain(guest, VGUEST_SET_OWNER);
	if (done == 0)
		done = open_channel(guest);
	if (done < 0)
		return fail_errno(fail, done, "%s: negotiation", guest->options.path);
	if (guest->options.pairs > 1 && guest->options.pairs > guest->queues_offered)
		return fail_set(fail, -ENOTSUP, "%s: %u queues wanted, the back end has %llu",
		                guest->options.path, guest->options.pairs,
		                (unsigned long long)guest->queues_offered);
	return 0;
}

static void pause_ms(unsigned ms)
{
	struct timespec pause = {.tv_nsec = (long)ms * 1000 * 1000};

	nanosleep(&pause, NULL);
}

// Waits for the back end: to come, or to listen.
static int connect_within(struct vguest *guest, int timeout_ms, struct fail *fail)
{
	const struct vguest_options *options = &guest->options;
	uint64_t end = clock_now() + (uint64_t)timeout_ms * NSEC_PER_MSEC;

	if (options->listen && guest->listener < 0) {
		guest->listener = sock_listen(options->path, 0600, fail);
		if (guest->listener < 0)
			return guest->listener;
	}
	do {
		guest->fd = options->listen ? sock_accept(guest->listener)
		                            : sock_connect(options->path, fail);
		if (guest->fd >= 0) {
			guest->connections++;
			return 0;
		}
		pause_ms(2);
	} while (clock_now() < end);
	return fail_set(fail, -ETIMEDOUT, "%s: no back end within %d ms", options->path,
	                timeout_ms);
}

static int make_rings(struct vguest *guest, struct fail *fail)
{
	unsigned regions = guest->memory.region_count;

	guest->ring_count = 2u * guest->options.pairs;
	for (unsigned i = 0; i < guest->ring_count; i++) {
		const struct vguest_ring_setup setup = {
			.index = (uint16_t)i,
			.size = guest->options.size,
			.features = guest->features,
			.region = i % regions,
		};

		if (vguest_ring_init(&guest->rings[i], &guest->memory, &setup) < 0)
			return fail_set(fail, -ENOMEM, "no memory for ring %u", i);
		guest->bases[i] = vguest_ring_base(&guest->rings[i]);
	}
	return 0;
}

int vguest_open(struct vguest *guest, const struct vguest_options *options, struct fail *fail)
{
	struct vguest_region regions[VGUEST_REGIONS];

	*guest = (struct vguest){
		.options = *options,
		.fd = -1,
		.listener = -1,
		.requests = -1,
		.inflight.fd = -1,
	};
	vguest_memory_plan(regions, options->regions, options->memory);

	int done = vguest_memory_init(&guest->memory, regions, options->regions, fail);

	if (done == 0)
		done = connect_within(guest, VGUEST_TIMEOUT_MS, fail);
	if (done == 0)
		done = greet(guest, fail);
	if (done == 0) {
		guest->features = guest->offered & options->features;
		done = make_rings(guest, fail);
	}
	if (done < 0)
		vguest_close(guest);
	return done;
}

void vguest_close(struct vguest *guest)
{
	for (unsigned i = 0; i < guest->ring_count; i++)
		vguest_ring_fini(&guest->rings[i]);
	if (guest->listener >= 0) {
		close(guest->listener);
		unlink(guest->options.path);
	}
	if (guest->fd >= 0)
		close(guest->fd);
	if (guest->requests >= 0)
		close(guest->requests);
	if (guest->inflight.fd >= 0)
		close(guest->inflight.fd);
	vguest_memory_fini(&guest->memory);
	*guest = (struct vguest){.fd = -1, .listener = -1, .requests = -1, .inflight.fd = -1};
}

// What the back end asks of us is granted without looking.
static void answer_requests(struct vguest *guest)
{
	struct vguest_message message;

	while (guest->requests >= 0 &&
	       vguest_message_receive(guest->requests, &message, NULL, 0, NULL, 0) == 0) {
		if (!(message.flags & VGUEST_NEED_REPLY))
			continue;
		message.flags = VGUEST_VERSION | VGUEST_REPLY;
		message.size = 8;
		message.u64 = 0;
		vguest_message_send(guest->requests, &message, NULL, 0);
	}
}

int vguest_service(struct vguest *guest)
{
	struct pollfd watch[] = {
		{.fd = guest->fd, .events = POLLIN | POLLRDHUP},
		{.fd = guest->requests, .events = POLLIN},
	};

	if (poll(watch, ARRAY_SIZE(watch), 0) <= 0)
		return 0;
	if (watch[1].revents & POLLIN)
		answer_requests(guest);
	// We read every answer that we ask for: anything else is the end.
	return watch[0].revents ? -ECONNRESET : 0;
}

int vguest_reconnect(struct vguest *guest, int timeout_ms, struct fail *fail)
{
	if (guest->fd >= 0)
		close(guest->fd);
	guest->fd = -1;

	int done = connect_within(guest, timeout_ms, fail);

	if (done == 0)
		done = greet(guest, fail);
	if (done == 0 && guest->features & ~guest->offered)
		return fail_set(fail, -ENOTSUP, "%s: the back end lost features %llx",
		                guest->options.path,
		                (unsigned long long)(guest->features & ~guest->offered));
	if (done < 0)
		return done;

	bool stale = guest->options.stale_base && vguest_has(guest, VIRTIO_F_RING_PACKED);

	for (unsigned i = 0; i < guest->ring_count && !stale; i++)
		guest->bases[i] = vguest_ring_base(&guest->rings[i]);
	return vguest_start(guest, fail);
}
