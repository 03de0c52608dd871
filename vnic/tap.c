// SPDX-License-Identifier: BSD-3-Clause
//
// tap: frames of a TAP, one read or write each, whole up to 64 KB and never copied in between.
//
// A read scatters into the packet's head and into the arena, whose bytes stay where they are until the
// batch ends; a write gathers from there. The vnet header tells both sides what is still owed to a frame
// (checksum, cuts), so a super-packet of one guest reaches the next in one read and one write. A batch
// ends at 64 frames or when the arena has no room for another super-packet, which keeps large payloads
// within the cache between their read and their write. Where a guest's own memory is lent (vnic/port.h), the
// read scatters into that, and there is no write.

#include "vnic/tap.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "vnic/link.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

// Linux 6.2; the headers of the reference system are older.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum {
	TAP_QUEUES = 64,
	TX_SEGMENTS = 62,
};

struct tap {
	struct port port;
	int fds[TAP_QUEUES];
};

// What an error of a queue says about the interface behind it.
static bool is_gone(int error)
{
	return error == EBADFD || error == ENODEV || error == ENXIO || error == EBADF;
}

// A guest's namespace may end at any time and takes its interface along; the worker then lets go of us.
static void note_error(struct port *port, int error)
{
	if (is_gone(error))
		atomic_store_explicit(&port->gone, true, memory_order_relaxed);
}

// Says where the bytes of a read lie. `len` counts the frame alone.
static void place(struct packet *packet, struct segment *segment, struct packet_pool *pool,
                  size_t len)
{
	packet->len = (uint32_t)len;
	packet->head_len = (uint16_t)MIN(len, PACKET_HEAD);
	if (len <= PACKET_HEAD)
		return;
	segment->len = (uint32_t)(len - PACKET_HEAD);
	packet->segments = segment;
	packet->segment_count = 1;
	packet_arena_commit(pool, ALIGN_UP(segment->len, 64));
}

static unsigned tap_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                       struct batch *batch)
{
	const struct tap *tap = (const struct tap *)port;
	unsigned before = batch->count;
	struct segment *segment = NULL;

	// Bounded by what is read, so that a guest gains nothing by frames that are refused.
	for (unsigned reads = batch->count; reads < BATCH_SIZE; reads++) {
		uint8_t *room = packet_arena_reserve(pool, ALIGN_UP(PORT_LOAN_ROOM, 64));

		segment = segment ? segment : packet_arena_segment(pool);

		struct packet *packet = room && segment ? packet_take(pool) : NULL;

		if (!packet)
			break;

		struct virtio_net_hdr header;
		struct iovec parts[] = {
			{&header, offload_header_len()},
			{packet->data, PACKET_HEAD},
			{room, PORT_LOAN_ROOM},
		};
		ssize_t got = readv(tap->fds[queue], parts, ARRAY_SIZE(parts));
		enum drop_reason refused = DROP_FRAME_SHORT;

		if (got < 0) {
			packet_give(pool, packet);
			note_error(port, errno);
			break;
		}
		segment->base = room;
		if ((size_t)got >= offload_header_len() + ETH_HEADER) {
			place(packet, segment, pool, (size_t)got - offload_header_len());
			refused = offload_read(&header, packet);
		}
		if (refused) {
			port_count_drop(port, refused);
			packet_give(pool, packet);
			continue;
		}
		// A frame that fitted the head leaves its entry to the next one.
		if (packet->segment_count)
			segment = NULL;
		packet->in_port = port->slot;
		packet->queue = (uint16_t)queue;
		batch->packets[batch->count++] = packet;
	}
	return batch->count - before;
}

// Cuts the parts to `len` bytes, and says how many are left.
static uint16_t fit(struct segment *parts, unsigned count, size_t len)
{
	uint16_t used = 0;

	for (; used < count && len; used++) {
		parts[used].len = (uint32_t)MIN(len, parts[used].len);
		len -= parts[used].len;
	}
	return used;
}

static unsigned tap_rx_into(struct port *port, unsigned queue, struct packet_pool *pool,
                            struct batch *batch, struct segment *parts, unsigned count)
{
	const struct tap *tap = (const struct tap *)port;
	struct packet *packet = batch->count < BATCH_SIZE ? packet_take(pool) : NULL;
	struct virtio_net_hdr header;
	struct iovec room[2 + PORT_LOAN_PARTS];
	enum drop_reason refused = DROP_FRAME_SHORT;

	if (!packet)
		return 0;
	room[0] = (struct iovec){&header, offload_header_len()};
	room[1] = (struct iovec){packet->data, PACKET_HEAD};
	for (unsigned i = 0; i < count; i++)
		room[2 + i] = (struct iovec){(void *)(uintptr_t)parts[i].base, parts[i].len};

	ssize_t got = readv(tap->fds[queue], room, (int)(2 + count));

	if (got < 0) {
		packet_give(pool, packet);
		// The guest has cut its memory under the kernel's feet, and the frame is lost with it.
		if (errno == EFAULT)
			port_count_drop(port, DROP_TX_FAILED);
		note_error(port, errno);
		return 0;
	}
	if ((size_t)got >= offload_header_len() + ETH_HEADER) {
		packet->len = (uint32_t)((size_t)got - offload_header_len());
		packet->head_len = (uint16_t)MIN(packet->len, PACKET_HEAD);
		packet->segment_count = fit(parts, count, packet->len - packet->head_len);
		packet->segments = packet->segment_count ? parts : NULL;
		refused = offload_read(&header, packet);
	}
	if (refused) {
		port_count_drop(port, refused);
		packet_give(pool, packet);
		return 0;
	}
	packet->in_port = port->slot;
	packet->queue = (uint16_t)queue;
	batch->packets[batch->count++] = packet;
	return 1;
}

// Words for what the kernel says; a frame that it calls wrong is not a full queue.
static enum drop_reason reason_of(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
		return DROP_TX_QUEUE_FULL;
	case EIO: // the guest's end is down
	case EBADFD:
	case ENODEV:
		return DROP_PORT_DOWN;
	case EMSGSIZE:
		return DROP_TX_TOO_BIG;
	default:
		return DROP_TX_FAILED;
	}
}

static int write_frame(int fd, const struct packet *packet)
{
	struct virtio_net_hdr header;
	struct iovec parts[2 + TX_SEGMENTS];

	if (packet->segment_count > TX_SEGMENTS)
		return -EINVAL;
	offload_write(packet, &header);
	parts[0] = (struct iovec){&header, offload_header_len()};
	parts[1] = (struct iovec){packet->data, packet->head_len};
	for (unsigned i = 0; i < packet->segment_count; i++)
		parts[2 + i] = (struct iovec){(void *)(uintptr_t)packet->segments[i].base,
		                              packet->segments[i].len};
	return writev(fd, parts, 2 + packet->segment_count) < 0 ? -errno : 0;
}

static unsigned tap_tx(struct port *port, unsigned queue, struct packet *const *packets,
                       unsigned count, enum drop_reason *reason)
{
	const struct tap *tap = (const struct tap *)port;

	for (unsigned i = 0; i < count; i++) {
		int error = write_frame(tap->fds[queue], packets[i]);

		if (error) {
			note_error(port, -error);
			*reason = reason_of(-error);
			return i;
		}
	}
	return count;
}

static int tap_rx_fd(const struct port *port, unsigned queue)
{
	return tap_queue_fd(port, queue);
}

static void tap_close(struct port *port)
{
	struct tap *tap = (struct tap *)port;

	for (unsigned i = 0; i < port->queue_count; i++)
		close(tap->fds[i]);
	free(tap);
}

static const struct port_ops tap_ops = {
	.kind = "tap",
	.rx = tap_rx,
	.rx_into = tap_rx_into,
	.tx = tap_tx,
	.rx_fd = tap_rx_fd,
	.close = tap_close,
};

int tap_queue_fd(const struct port *port, unsigned queue)
{
	return ((const struct tap *)port)->fds[queue];
}

int tap_persist(const struct port *port)
{
	return ioctl(tap_queue_fd(port, 0), TUNSETPERSIST, 1) < 0 ? -errno : 0;
}

// Settles with the kernel what frames may look like, from the most we can take downward. A write may
// always carry what we ask for here; only UDP segmentation depends on the kernel's age.
static int negotiate(const struct tap_config *config, int fd, _Atomic uint32_t *offloads)
{
	static const unsigned large = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int header_len = (int)offload_header_len();
	bool has_uso = ioctl(fd, TUNSETOFFLOAD, large | TUN_F_USO4 | TUN_F_USO6) == 0;

	if (ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0)
		return -errno;
	if (config->offload_off) {
		*offloads = 0;
		return ioctl(fd, TUNSETOFFLOAD, 0) < 0 ? -errno : 0;
	}
	*offloads = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6 | (has_uso ? PORT_TX_USO : 0);
	return !has_uso && ioctl(fd, TUNSETOFFLOAD, large) < 0 ? -errno : 0;
}

// The descriptor remembers the namespace it was opened in, and makes its interface there.
static int open_tun(void *user)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_control(const struct tap_config *config, struct fail *fail)
{
	struct fail entering = {0};
	int fd = link_in_netns(config->netns, open_tun, NULL, &entering);

	if (fd >= 0)
		return fd;
	if (entering.code) {
		if (fail)
			*fail = entering;
		fail_prefix(fail, "%s", config->name);
		return fd;
	}
	fail_errno(fail, fd, "%s: cannot open /dev/net/tun", config->name);
	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
		fail_hint(fail, "load the kernel's tun module: modprobe tun");
	else
		fail_hint(fail, "run as root, or give the program CAP_NET_ADMIN and the device");
	return fd;
}

static int open_queue(const struct tap_config *config, bool is_first, struct fail *fail)
{
	auto_close int fd = open_control(config, fail);
	struct ifreq request = {0};

	if (fd < 0)
		return fd;
	// Exclusive: an interface of that name that is there already belongs to somebody else.
	request.ifr_flags =
		(short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
	                (config->queues > 1 ? IFF_MULTI_QUEUE : 0) | (is_first ? IFF_TUN_EXCL : 0));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", config->ifname);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		int error = errno;

		fail_errno(fail, error, "%s: cannot make the TAP '%s'", config->name,
		           config->ifname);
		if (error == EBUSY)
			fail_hint(fail, "an interface of that name is there already; remove it");
		else if (error == EPERM)
			fail_hint(fail, "run as root, or give the program CAP_NET_ADMIN");
		return -error;
	}
	return TAKE_FD(fd);
}

// Refuses what is not one of our TAPs, and makes sure of what the flags do not say.
static int check_inherited(const struct tap_config *config, int fd, struct fail *fail)
{
	static const int wanted = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct ifreq request = {0};
	int flags = fcntl(fd, F_GETFL);

	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return fail_errno(fail, errno, "%s: the TAP that was kept is gone", config->name);
	if ((request.ifr_flags & (wanted | IFF_TUN)) != wanted)
		return fail_set(fail, -EINVAL, "%s: '%s' is no TAP with vnet headers", config->name,
		                request.ifr_name);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return fail_errno(fail, errno, "%s: cannot use the TAP's descriptor", config->name);
	return 0;
}

static int settle(struct tap *tap, const struct tap_config *config, struct fail *fail)
{
	int error = negotiate(config, tap->fds[0], &tap->port.offloads);

	if (error)
		return fail_errno(fail, error, "%s: the kernel refuses vnet headers on '%s'",
		                  config->name, config->ifname);
	tap->port.ops = &tap_ops;
	tap->port.mtu = config->mtu;
	snprintf(tap->port.name, sizeof(tap->port.name), "%s", config->name);
	return 0;
}

static int check_queues(const struct tap_config *config, unsigned queues, struct fail *fail)
{
	if (queues >= 1 && queues <= TAP_QUEUES)
		return 0;
	return fail_set(fail, -EINVAL, "%s: a TAP has 1 to %d queues, not %u", config->name,
	                TAP_QUEUES, queues);
}

int tap_open(const struct tap_config *config, struct port **ret, struct fail *fail)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int error = check_queues(config, config->queues, fail);

	if (!tap)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	while (!error && tap->port.queue_count < config->queues) {
		int fd = open_queue(config, tap->port.queue_count == 0, fail);

		if (fd < 0)
			error = fd;
		else
			tap->fds[tap->port.queue_count++] = fd;
	}
	if (!error)
		error = settle(tap, config, fail);
	if (!error) {
		error = link_set_mtu(config->netns, config->ifname, config->mtu, fail);
		if (error)
			fail_prefix(fail, "%s", config->name);
	}
	if (error) {
		tap_close(&tap->port);
		return error;
	}
	*ret = &tap->port;
	return 0;
}

int tap_adopt(const struct tap_config *config, const int *fds, unsigned count, struct port **ret,
              struct fail *fail)
{
	int error = check_queues(config, count, fail);

	for (unsigned i = 0; i < count && !error; i++)
		error = check_inherited(config, fds[i], fail);
	if (error)
		return error;

	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	// Every ioctl that follows may be repeated, so a keeper can hand out the same TAP any number of times.
	memcpy(tap->fds, fds, count * sizeof(*fds));
	error = settle(tap, config, fail);
	if (error) {
		// The descriptors stay the caller's.
		free(tap);
		return error;
	}
	tap->port.queue_count = count;
	*ret = &tap->port;
	return 0;
}
