// SPDX-License-Identifier: BSD-3-Clause
//
// afpacket: frames of an interface that the kernel keeps, a batch per system call.
//
// Each of the 64 messages of a receive has a small place, which lies close to its neighbours', and a large
// one, which is only touched by the bytes of a super-packet that the small one does not hold. After large
// frames fewer are asked for, so that a batch stays within the cache until it has been sent. The places
// are the port's own: what a receive brought is overwritten by the next one.
//
// PACKET_QDISC_BYPASS is left alone: on that way the kernel discards a super-packet that the device cannot
// cut itself, and the interfaces meant here have no queue to speak of anyway.

#include "vnic/afpacket.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "vnic/link.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/utsname.h>

enum {
	SMALL = 1792, // A whole frame of the usual MTU lies in head and small place.
	LARGE = PACKET_MAX_LEN - PACKET_HEAD - SMALL,
	RX_BYTES = 256 << 10, // What a batch of large frames may sum up to, roughly.
	RX_LEAST = 4,
	RX_RETRIES = 16,
	TX_PARTS = 4 * BATCH_SIZE,
	RECEIVE_BUFFER = 16 << 20,
	SEND_BUFFER = 4 << 20,
	LOSS_INTERVAL = 64, // Batches between two looks at what the kernel had to discard.
};

struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

struct message {
	struct virtio_net_hdr header;
	struct iovec parts[4];
	struct control control;
};

struct places {
	uint8_t small[BATCH_SIZE][SMALL];
	uint8_t large[BATCH_SIZE][LARGE];
};

struct afpacket {
	struct port port;
	int fd;
	char ifname[IFNAMSIZ];
	char netns[256]; // Empty: ours.
	unsigned ask;    // how many frames the next receive asks for
	unsigned unread; // batches since the last look at the losses
	struct mmsghdr received[BATCH_SIZE];
	struct message messages[BATCH_SIZE];
	struct places *places;
};

static void note_error(struct afpacket *afpacket)
{
	struct sockaddr_ll name;
	socklen_t len = sizeof(name);

	// The kernel unbinds a socket whose interface was removed or moved away.
	if (getsockname(afpacket->fd, (struct sockaddr *)&name, &len) == 0 && name.sll_ifindex < 0)
		atomic_store_explicit(&afpacket->port.gone, true, memory_order_relaxed);
}

// Counts the frames that found the socket's buffer full; reading resets the kernel's counter.
static void count_losses(struct afpacket *afpacket)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	afpacket->unread = 0;
	if (getsockopt(afpacket->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		atomic_fetch_add_explicit(&afpacket->port.door_drops[DROP_NO_BUFFER],
		                          stats.tp_drops, memory_order_relaxed);
}

// Gives message i a packet's head and its places.
static void prepare_message(struct afpacket *afpacket, unsigned i, struct packet *packet)
{
	struct message *message = &afpacket->messages[i];
	struct msghdr *header = &afpacket->received[i].msg_hdr;

	message->parts[0] = (struct iovec){&message->header, offload_header_len()};
	message->parts[1] = (struct iovec){packet->data, PACKET_HEAD};
	message->parts[2] = (struct iovec){afpacket->places->small[i], SMALL};
	message->parts[3] = (struct iovec){afpacket->places->large[i], LARGE};
	*header = (struct msghdr){
		.msg_iov = message->parts,
		.msg_iovlen = ARRAY_SIZE(message->parts),
		.msg_control = &message->control,
		.msg_controllen = sizeof(message->control),
	};
}

// Where the bytes beyond the head lie; -1 when there is no entry left to say so.
static int place_payload(struct afpacket *afpacket, unsigned i, struct packet_pool *pool,
                         struct packet *packet, size_t rest)
{
	size_t sizes[] = {MIN(rest, SMALL), rest > SMALL ? rest - SMALL : 0};
	uint8_t *bases[] = {afpacket->places->small[i], afpacket->places->large[i]};
	struct segment *first = NULL;

	for (unsigned part = 0; part < ARRAY_SIZE(sizes) && sizes[part]; part++) {
		struct segment *segment = packet_arena_segment(pool);

		if (!segment)
			return -1;
		*segment = (struct segment){bases[part], (uint32_t)sizes[part]};
		first = first ? first : segment;
		packet->segment_count++;
	}
	packet->segments = first;
	return 0;
}

// The tag that the kernel took off, 0 if there was none; the return value is its TPID.
static uint16_t stripped_tag(struct msghdr *message, uint16_t *tci)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	struct tpacket_auxdata aux;

	if (!header || header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA)
		return 0;
	memcpy(&aux, CMSG_DATA(header), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return 0;
	*tci = aux.tp_vlan_tci;
	return aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETH_TYPE_VLAN;
}

static enum drop_reason read_message(struct afpacket *afpacket, unsigned i,
                                     struct packet_pool *pool, struct packet *packet)
{
	struct mmsghdr *received = &afpacket->received[i];
	size_t len = received->msg_len;

	if (len < offload_header_len() + ETH_HEADER)
		return DROP_FRAME_SHORT;
	if (received->msg_hdr.msg_flags & MSG_TRUNC)
		return DROP_FRAME_LONG;
	len -= offload_header_len();
	packet->len = (uint32_t)len;
	packet->head_len = (uint16_t)MIN(len, PACKET_HEAD);
	if (place_payload(afpacket, i, pool, packet, len - packet->head_len))
		return DROP_NO_BUFFER;

	uint16_t tpid = stripped_tag(&received->msg_hdr, &packet->vlan);

	if (tpid)
		packet->flags |= PACKET_VLAN;

	enum drop_reason refused = offload_read(&afpacket->messages[i].header, packet);

	// A service tag is nothing that we take off, so it goes back to where it was.
	if (!refused && tpid == ETH_TYPE_SERVICE) {
		packet_push_vlan(packet);
		store_be16(packet->data + 12, ETH_TYPE_SERVICE);
	}
	return refused;
}

// Receives into `packets`; returns how many frames came. A frame that the kernel cannot describe by a vnet
// header (a super-packet within a tunnel) is an error of this one call.
static unsigned receive(struct afpacket *afpacket, unsigned count)
{
	for (unsigned attempt = 0; attempt < RX_RETRIES; attempt++) {
		int got = recvmmsg(afpacket->fd, afpacket->received, count, MSG_DONTWAIT, NULL);

		if (got > 0)
			return (unsigned)got;
		if (got == 0 || errno == EAGAIN)
			return 0;
		if (errno == EINVAL)
			port_count_drop(&afpacket->port, DROP_OFFLOAD_INVALID);
		else
			note_error(afpacket);
	}
	return 0;
}

// From the size of the frames now to the number asked for next; traffic seldom changes its kind.
static void adapt(struct afpacket *afpacket, unsigned got, size_t bytes)
{
	size_t average = bytes / got + 1;

	afpacket->ask = (unsigned)MIN(MAX(RX_BYTES / average, RX_LEAST), BATCH_SIZE);
}

static unsigned afpacket_rx(struct port *port, unsigned queue, struct packet_pool *pool,
                            struct batch *batch)
{
	struct afpacket *afpacket = (struct afpacket *)port;
	unsigned before = batch->count;
	unsigned wanted = MIN(afpacket->ask, BATCH_SIZE - before);
	struct packet *packets[BATCH_SIZE];
	unsigned count = 0;
	size_t bytes = 0;

	while (count < wanted && (packets[count] = packet_take(pool))) {
		prepare_message(afpacket, count, packets[count]);
		count++;
	}

	unsigned got = count ? receive(afpacket, count) : 0;

	for (unsigned i = 0; i < count; i++) {
		enum drop_reason refused = DROP_NONE;

		if (i < got)
			refused = read_message(afpacket, i, pool, packets[i]);
		if (i >= got || refused) {
			packet_give(pool, packets[i]);
			if (refused)
				port_count_drop(port, refused);
			continue;
		}
		bytes += packets[i]->len;
		packets[i]->in_port = port->slot;
		packets[i]->queue = (uint16_t)queue;
		batch->packets[batch->count++] = packets[i];
	}
	if (got)
		adapt(afpacket, got, bytes);
	afpacket->unread += got > 0;
	if (afpacket->unread && (!got || afpacket->unread >= LOSS_INTERVAL))
		count_losses(afpacket);
	return batch->count - before;
}

static enum drop_reason reason_of(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
		return DROP_TX_QUEUE_FULL;
	case ENETDOWN:
	case ENXIO:
	case ENODEV:
		return DROP_PORT_DOWN;
	case EMSGSIZE:
		return DROP_TX_TOO_BIG;
	default:
		return DROP_TX_FAILED;
	}
}

// What one sendmmsg takes.
struct burst {
	unsigned count;
	unsigned part_count;
	struct mmsghdr messages[BATCH_SIZE];
	struct virtio_net_hdr headers[BATCH_SIZE];
	struct iovec parts[TX_PARTS];
};

// Returns whether the packet found room.
static bool burst_add(struct burst *burst, const struct packet *packet)
{
	unsigned needed = 2U + packet->segment_count;

	if (burst->count == BATCH_SIZE || burst->part_count + needed > TX_PARTS)
		return false;

	struct iovec *parts = &burst->parts[burst->part_count];
	struct virtio_net_hdr *header = &burst->headers[burst->count];

	offload_write(packet, header);
	parts[0] = (struct iovec){header, offload_header_len()};
	parts[1] = (struct iovec){packet->data, packet->head_len};
	for (unsigned i = 0; i < packet->segment_count; i++)
		parts[2 + i] = (struct iovec){(void *)(uintptr_t)packet->segments[i].base,
		                              packet->segments[i].len};
	burst->messages[burst->count++].msg_hdr =
		(struct msghdr){.msg_iov = parts, .msg_iovlen = needed};
	burst->part_count += needed;
	return true;
}

// Returns how many went; fewer than in the burst only with an error, whose number is in errno.
static unsigned burst_send(const struct afpacket *afpacket, struct burst *burst)
{
	unsigned sent = 0;

	// A call that sent some does not say why it stopped; the next one fails at once and does.
	while (sent < burst->count) {
		int more = sendmmsg(afpacket->fd, burst->messages + sent, burst->count - sent,
		                    MSG_DONTWAIT);

		if (more <= 0)
			break;
		sent += (unsigned)more;
	}
	return sent;
}

static unsigned afpacket_tx(struct port *port, unsigned queue, struct packet *const *packets,
                            unsigned count, enum drop_reason *reason)
{
	struct afpacket *afpacket = (struct afpacket *)port;
	unsigned done = 0;

	while (done < count) {
		struct burst burst;

		burst.count = 0;
		burst.part_count = 0;
		while (done + burst.count < count && burst_add(&burst, packets[done + burst.count]))
			;
		if (!burst.count) {
			*reason = DROP_TX_FAILED;
			return done;
		}

		unsigned sent = burst_send(afpacket, &burst);

		done += sent;
		if (sent < burst.count) {
			*reason = reason_of(errno);
			note_error(afpacket);
			return done;
		}
	}
	return count;
}

static int afpacket_rx_fd(const struct port *port, unsigned queue)
{
	return ((const struct afpacket *)port)->fd;
}

static void afpacket_close(struct port *port)
{
	struct afpacket *afpacket = (struct afpacket *)port;

	if (afpacket->fd >= 0)
		close(afpacket->fd);
	mem_block_free(afpacket->places);
	free(afpacket);
}

// The socket belongs to the namespace it is made in. Without a protocol it receives nothing until bound.
static int open_socket(void *user)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static void set_buffers(int fd)
{
	// Beyond the system's limit where we may, up to it where we may not.
	if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER))
		set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
}

// Binding comes last: from then on frames come in, and each one finds all options in force.
static int attach(int fd, unsigned ifindex)
{
	struct sockaddr_ll name = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)ifindex,
	};
	struct packet_mreq promiscuous = {
		.mr_ifindex = (int)ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};
	int error = set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1);

	if (!error)
		error = set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1);
	if (!error)
		error = set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (error)
		return error;
	set_buffers(fd);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) <
	            0 ||
	    bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		return -errno;
	return 0;
}

// Whether the kernel knows UDP segmentation in a vnet header: since Linux 6.2.
static bool kernel_has_uso(void)
{
	struct utsname name;
	unsigned major, minor;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 2));
}

// An interface that is down neither sends nor receives, and whoever names it to us wants both.
static int open_bound(const struct afpacket_config *config, struct link_state *link,
                      struct fail *fail)
{
	int error = link_set_up(config->netns, config->ifname, true, fail);

	if (!error)
		error = link_get(config->netns, config->ifname, link, fail);
	if (error) {
		fail_prefix(fail, "%s", config->name);
		return error;
	}

	auto_close int fd = link_in_netns(config->netns, open_socket, NULL, fail);

	if (fd < 0) {
		error = fd;
		fail_errno(fail, error, "%s: cannot open a packet socket", config->name);
		if (error == -EPERM)
			fail_hint(fail, "run as root, or give the program CAP_NET_RAW");
		return error;
	}
	error = attach(fd, link->ifindex);
	if (error)
		return fail_errno(fail, error, "%s: cannot attach to the interface '%s'",
		                  config->name, config->ifname);
	return TAKE_FD(fd);
}

// The socket outlives its interface: bound to the new one it works as before, and nobody who uses it has to
// be told.
static int afpacket_rejoin(struct port *port, struct fail *fail)
{
	struct afpacket *afpacket = (struct afpacket *)port;
	const char *netns = afpacket->netns[0] ? afpacket->netns : NULL;
	struct link_state link;
	int error = link_set_up(netns, afpacket->ifname, true, fail);

	if (!error)
		error = link_get(netns, afpacket->ifname, &link, fail);
	if (error)
		return error;
	error = attach(afpacket->fd, link.ifindex);
	if (error)
		return fail_errno(fail, error, "%s: cannot attach to the interface '%s' again",
		                  port->name, afpacket->ifname);
	atomic_store_explicit(&port->gone, false, memory_order_relaxed);
	return 0;
}

static const struct port_ops afpacket_ops = {
	.kind = "netdev",
	.rx = afpacket_rx,
	.tx = afpacket_tx,
	.rx_fd = afpacket_rx_fd,
	.rejoin = afpacket_rejoin,
	.close = afpacket_close,
};

int afpacket_open(const struct afpacket_config *config, struct port **ret, struct fail *fail)
{
	struct link_state link;
	auto_close int fd = open_bound(config, &link, fail);

	if (fd < 0)
		return fd;

	struct afpacket *afpacket = calloc(1, sizeof(*afpacket));

	if (afpacket)
		afpacket->places = mem_block_new("afpacket", sizeof(*afpacket->places), 0);
	if (!afpacket || !afpacket->places) {
		free(afpacket);
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	}
	afpacket->fd = TAKE_FD(fd);
	afpacket->ask = BATCH_SIZE;
	afpacket->port.ops = &afpacket_ops;
	afpacket->port.queue_count = 1;
	afpacket->port.mtu = config->mtu ? config->mtu : link.mtu;
	afpacket->port.offloads = PORT_TX_CSUM | PORT_TX_TSO4 | PORT_TX_TSO6;
	if (kernel_has_uso())
		afpacket->port.offloads |= PORT_TX_USO;
	snprintf(afpacket->port.name, sizeof(afpacket->port.name), "%s", config->name);
	snprintf(afpacket->ifname, sizeof(afpacket->ifname), "%s", config->ifname);
	snprintf(afpacket->netns, sizeof(afpacket->netns), "%s",
	         config->netns ? config->netns : "");
	*ret = &afpacket->port;
	return 0;
}
