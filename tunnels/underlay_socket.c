// SPDX-License-Identifier: BSD-3-Clause
//
// underlay_socket: one socket for each queue to receive by, and SENDERS of them to send by.
//
// A UDP socket has one source port, and routers and network cards spread what they carry by it. So there are several
// senders, each bound to a port of the dynamic range (RFC 7348, section 5), and the inner flow chooses one of
// them; nothing is ever read from those, and a filter in the kernel keeps them empty. All receiving
// sockets share the tunnel's port (SO_REUSEPORT), and the kernel keeps a sender's flow on one of them.
//
// The kernel cuts what goes (UDP_SEGMENT) and joins what comes (UDP_GRO), so that one call carries up to
// 64 KB of datagrams each way. DF is set: an endpoint must not fragment (RFC 7348, section 4.3).
//
// Each message of a receive has a place of 64 KB, of which only as much is touched as comes; their stride
// is odd in lines, or all beginnings would meet in the same sets of the cache.

#include "tunnels/underlay_socket.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/rand.h"
#include "tunnels/encap.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
	SENDERS = 16,
	QUEUES_MAX = 16,
	PARTS_MAX = 64, // UDP_MAX_SEGMENTS of kernels before 6.9
	PLACES = 32,
	PLACE = (64 << 10) + 4096 + 192,
	RX_BYTES = 512 << 10, // What a receive may sum up to, roughly, to stay within the cache.
	RX_LEAST = 4,
	RECEIVE_BUFFER = 16 << 20,
	SEND_BUFFER = 4 << 20,
	DYNAMIC_FIRST = 49152,
	DYNAMIC_COUNT = 65536 - DYNAMIC_FIRST,
	BIND_TRIES = 64,
	IP_HEADER_LEAST = 20,
};

union name {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

// Room for a TOS and for a size of parts, either way.
struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[2 * CMSG_SPACE(sizeof(int))];
};

struct receiver {
	int fd;
	unsigned ask; // how many messages the next receive asks for
	uint8_t *places;
	struct mmsghdr messages[PLACES];
	union name names[PLACES];
	struct control controls[PLACES];
	struct iovec parts[PLACES];
};

struct socket_underlay {
	struct underlay underlay;
	uint16_t udp_port;
	bool is_raw;
	unsigned sender_count;
	int senders[SENDERS];
	struct receiver *receivers[QUEUES_MAX]; // [underlay.queue_count]
};

static socklen_t make_name(union name *name, struct ip_addr addr, uint16_t port)
{
	memset(name, 0, sizeof(*name));
	if (ip_is4(addr)) {
		name->in.sin_family = AF_INET;
		name->in.sin_port = htobe16(port);
		name->in.sin_addr.s_addr = ip_to4(addr);
		return sizeof(name->in);
	}
	name->in6.sin6_family = AF_INET6;
	name->in6.sin6_port = htobe16(port);
	memcpy(&name->in6.sin6_addr, addr.b, sizeof(addr.b));
	return sizeof(name->in6);
}

static struct ip_addr addr_of(const union name *name)
{
	return name->any.sa_family == AF_INET ? ip_from4(name->in.sin_addr.s_addr)
	                                      : ip_from6(&name->in6.sin6_addr);
}

static int ask(struct receiver *receiver)
{
	for (unsigned i = 0; i < receiver->ask; i++) {
		receiver->parts[i] = (struct iovec){receiver->places + (size_t)i * PLACE, PLACE};
		receiver->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &receiver->names[i],
			.msg_namelen = sizeof(receiver->names[i]),
			.msg_iov = &receiver->parts[i],
			.msg_iovlen = 1,
			.msg_control = &receiver->controls[i],
			.msg_controllen = sizeof(receiver->controls[i]),
		};
	}
	return recvmmsg(receiver->fd, receiver->messages, receiver->ask, MSG_DONTWAIT, NULL);
}

static void read_control(struct msghdr *message, struct arrival *arrival)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		int value = 0;

		if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TOS) {
			arrival->tos = *CMSG_DATA(at);
			continue;
		}
		memcpy(&value, CMSG_DATA(at), sizeof(value));
		if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_TCLASS)
			arrival->tos = (uint8_t)value;
		else if (at->cmsg_level == IPPROTO_UDP && at->cmsg_type == UDP_GRO && value > 0 &&
		         (uint32_t)value < arrival->len)
			arrival->part_size = (uint16_t)value;
	}
}

// A raw socket of IPv4 gives the IP header too.
static void strip_header(struct arrival *arrival)
{
	uint32_t header = arrival->len ? (arrival->bytes[0] & 0xfU) * 4 : 0;

	if (header < IP_HEADER_LEAST || header > arrival->len)
		header = arrival->len;
	arrival->bytes += header;
	arrival->len -= header;
}

static unsigned socket_receive(struct underlay *underlay, unsigned queue, struct arrival *ret,
                               unsigned most)
{
	struct socket_underlay *sockets = (struct socket_underlay *)underlay;
	struct receiver *receiver = sockets->receivers[queue];
	size_t bytes = 1;
	int got;

	receiver->ask = MIN(receiver->ask, most);
	got = ask(receiver);
	// An error is that of one datagram that we sent (a peer that is away), and is over with being told.
	if (got <= 0)
		return 0;
	for (int i = 0; i < got; i++) {
		ret[i] = (struct arrival){
			.from = addr_of(&receiver->names[i]),
			.len = receiver->messages[i].msg_len,
			.bytes = receiver->parts[i].iov_base,
		};
		bytes += ret[i].len;
		read_control(&receiver->messages[i].msg_hdr, &ret[i]);
		if (sockets->is_raw && !underlay->is6)
			strip_header(&ret[i]);
	}
	receiver->ask =
		(unsigned)MIN(MAX(RX_BYTES / (bytes / (unsigned)got + 1), RX_LEAST), PLACES);
	return (unsigned)got;
}

static enum drop_reason reason_of(int error)
{
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return DROP_TX_QUEUE_FULL;
	case EMSGSIZE:
		return DROP_TX_TOO_BIG;
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL:
	case EACCES:
	case EPERM:
		return DROP_TUNNEL_UNREACHABLE;
	default:
		return DROP_TX_FAILED;
	}
}

static void add_control(struct msghdr *message, int level, int type, const void *value, size_t len)
{
	void *room = (uint8_t *)message->msg_control + message->msg_controllen;
	struct cmsghdr *at = room;

	at->cmsg_level = level;
	at->cmsg_type = type;
	at->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(at), value, len);
	message->msg_controllen += CMSG_SPACE(len);
}

// What one sendmmsg takes.
struct burst {
	unsigned count;
	struct datagram *datagrams[UNDERLAY_BATCH];
	struct mmsghdr messages[UNDERLAY_BATCH];
	union name names[UNDERLAY_BATCH];
	struct control controls[UNDERLAY_BATCH];
};

static void burst_add(const struct socket_underlay *sockets, struct burst *burst,
                      struct datagram *datagram)
{
	struct msghdr *message = &burst->messages[burst->count].msg_hdr;
	union name *name = &burst->names[burst->count];
	bool is6 = sockets->underlay.is6;
	int tos = datagram->tos;

	*message = (struct msghdr){
		.msg_name = name,
		.msg_namelen = make_name(name, datagram->to, sockets->udp_port),
		.msg_iov = datagram->iov,
		.msg_iovlen = datagram->iov_count,
		.msg_control = &burst->controls[burst->count],
	};
	if (tos)
		add_control(message, is6 ? IPPROTO_IPV6 : IPPROTO_IP, is6 ? IPV6_TCLASS : IP_TOS,
		            &tos, sizeof(tos));
	if (datagram->part_size)
		add_control(message, IPPROTO_UDP, UDP_SEGMENT, &datagram->part_size,
		            sizeof(datagram->part_size));
	burst->datagrams[burst->count++] = datagram;
}

// Returns whether all went. What fails is passed over, since those behind it may be for somebody else.
static bool burst_send(int fd, struct burst *burst)
{
	unsigned done = 0;
	bool all = true;

	while (done < burst->count) {
		int sent = sendmmsg(fd, burst->messages + done, burst->count - done, MSG_DONTWAIT);

		if (sent > 0) {
			done += (unsigned)sent;
			continue;
		}
		// So say kernels before 6.11 of parts that are longer than the way.
		if (errno == EINVAL && burst->datagrams[done]->part_size)
			errno = EMSGSIZE;
		burst->datagrams[done++]->drop = reason_of(errno);
		all = false;
	}
	return all;
}

static bool socket_send(struct underlay *underlay, struct datagram *datagrams, unsigned count)
{
	struct socket_underlay *sockets = (struct socket_underlay *)underlay;
	uint64_t left = count < 64 ? (UINT64_C(1) << count) - 1 : UINT64_MAX;
	bool all = true;

	// One call for each sender that is needed, in the order in which they come up.
	while (left) {
		unsigned first = (unsigned)__builtin_ctzll(left);
		unsigned sender = datagrams[first].entropy % sockets->sender_count;
		struct burst burst;

		burst.count = 0;
		for (uint64_t look = left; look; look &= look - 1) {
			unsigned i = (unsigned)__builtin_ctzll(look);

			if (datagrams[i].entropy % sockets->sender_count != sender)
				continue;
			burst_add(sockets, &burst, &datagrams[i]);
			left &= ~(UINT64_C(1) << i);
		}
		all &= burst_send(sockets->senders[sender], &burst);
	}
	return all;
}

static int socket_fd(const struct underlay *underlay, unsigned queue)
{
	return ((const struct socket_underlay *)underlay)->receivers[queue]->fd;
}

// What a socket that is connected to the peer is told of the way there.
static uint32_t socket_mtu(const struct underlay *underlay, struct ip_addr to)
{
	union name name;
	socklen_t name_len = make_name(&name, to, 9);
	auto_close int fd = socket(name.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int mtu = 0;
	socklen_t len = sizeof(mtu);

	if (fd < 0 || connect(fd, &name.any, name_len) < 0 ||
	    getsockopt(fd, underlay->is6 ? IPPROTO_IPV6 : IPPROTO_IP,
	               underlay->is6 ? IPV6_MTU : IP_MTU, &mtu, &len) < 0)
		return 0;
	return mtu > 0 ? (uint32_t)mtu : 0;
}

static void receiver_free(struct receiver *receiver)
{
	if (!receiver)
		return;
	if (receiver->fd >= 0)
		close(receiver->fd);
	mem_block_free(receiver->places);
	free(receiver);
}

static void socket_close(struct underlay *underlay)
{
	struct socket_underlay *sockets = (struct socket_underlay *)underlay;

	for (unsigned i = 0; i < sockets->sender_count; i++)
		close(sockets->senders[i]);
	for (unsigned i = 0; i < QUEUES_MAX; i++)
		receiver_free(sockets->receivers[i]);
	free(sockets);
}

static const struct underlay_ops socket_ops = {
	.receive = socket_receive,
	.send = socket_send,
	.fd = socket_fd,
	.mtu = socket_mtu,
	.close = socket_close,
};

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int open_socket(const struct underlay_config *config)
{
	int type = config->udp_port ? SOCK_DGRAM : SOCK_RAW;
	int fd = socket(ip_is4(config->local) ? AF_INET : AF_INET6,
	                type | SOCK_CLOEXEC | SOCK_NONBLOCK,
	                config->udp_port ? 0 : config->encap->protocol);

	return fd < 0 ? -errno : fd;
}

// What both directions share. Buffers go beyond the system's limit where we may, up to it where not.
static int set_common(int fd, const struct underlay_config *config)
{
	bool is4 = ip_is4(config->local);
	int error;

	if (!is4 && (error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)))
		return error;
	error = is4 ? set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
	            : set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
	if (error)
		return error;
	if (config->udp_port && config->checksum_off && !is4) {
		set_option(fd, IPPROTO_UDP, UDP_NO_CHECK6_TX, 1);
		set_option(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
	} else if (config->udp_port && config->checksum_off) {
		set_option(fd, SOL_SOCKET, SO_NO_CHECK, 1);
	}
	return is4 ? set_option(fd, IPPROTO_IP, IP_TTL, config->ttl)
	           : set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, config->ttl);
}

// Discards whatever comes to a socket that only sends.
static int refuse_all(int fd)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &refuse};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
	                                                                                   : 0;
}

// A port of the dynamic range that is free, or else any.
static int bind_sender(int fd, const struct underlay_config *config)
{
	for (unsigned i = 0; i < BIND_TRIES; i++) {
		uint16_t port = (uint16_t)(DYNAMIC_FIRST + rand_below(DYNAMIC_COUNT));
		union name name;
		socklen_t len = make_name(&name, config->local,
		                          config->udp_port && i + 1 < BIND_TRIES ? port : 0);

		if (bind(fd, &name.any, len) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -errno;
	}
	return -EADDRINUSE;
}

static int open_senders(struct socket_underlay *sockets, const struct underlay_config *config)
{
	unsigned wanted = config->udp_port ? SENDERS : 1;

	while (sockets->sender_count < wanted) {
		auto_close int fd = open_socket(config);
		int error = fd < 0 ? fd : refuse_all(fd);

		if (!error)
			error = set_common(fd, config);
		if (!error)
			error = bind_sender(fd, config);
		if (error)
			return error;
		if (set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER))
			set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
		sockets->senders[sockets->sender_count++] = TAKE_FD(fd);
	}
	return 0;
}

static int prepare_receiver(int fd, const struct underlay_config *config)
{
	union name name;
	socklen_t len = make_name(&name, config->local, config->udp_port);
	bool is4 = ip_is4(config->local);
	int error = set_common(fd, config);

	if (!error)
		error = is4 ? set_option(fd, IPPROTO_IP, IP_RECVTOS, 1)
		            : set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	// Several may have the port: the queues of this tunnel, and one that this one replaces.
	if (!error && config->udp_port)
		error = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (error)
		return error;
	// Without it the kernel gives every datagram alone, which is slower and works as well.
	if (config->udp_port)
		set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
	if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	return bind(fd, &name.any, len) < 0 ? -errno : 0;
}

static int open_receiver(const struct underlay_config *config, struct receiver **ret)
{
	struct receiver *receiver = calloc(1, sizeof(*receiver));
	int error;

	if (!receiver)
		return -ENOMEM;
	receiver->ask = PLACES;
	receiver->places = mem_block_new("underlay", (size_t)PLACES * PLACE, 0);
	receiver->fd = receiver->places ? open_socket(config) : -ENOMEM;
	error = receiver->fd < 0 ? receiver->fd : prepare_receiver(receiver->fd, config);
	if (error)
		receiver_free(receiver);
	else
		*ret = receiver;
	return error;
}

static int refuse(const struct underlay_config *config, int error, struct fail *fail)
{
	char text[IP_TEXT];

	ip_format(config->local, text);
	if (config->udp_port)
		fail_errno(fail, error, "%s: cannot use UDP port %u of %s", config->name,
		           config->udp_port, text);
	else
		fail_errno(fail, error, "%s: cannot receive %s at %s", config->name,
		           config->encap->kind, text);
	if (error == -EADDRNOTAVAIL)
		fail_hint(fail, "give the address to an interface of this host first");
	else if (error == -EADDRINUSE)
		fail_hint(fail, "another program has it; stop that, or choose another --port");
	return error;
}

int underlay_socket_open(void *user, const struct underlay_config *config, struct underlay **ret,
                         struct fail *fail)
{
	struct socket_underlay *sockets = calloc(1, sizeof(*sockets));
	unsigned queues = config->udp_port ? MIN(config->queues, QUEUES_MAX) : 1;
	int error = 0;

	if (!sockets)
		return fail_set(fail, -ENOMEM, "%s: out of memory", config->name);
	sockets->underlay = (struct underlay){
		.ops = &socket_ops,
		.queue_count = queues,
		// The kernel cuts only what it may sum.
		.parts_max = config->udp_port && !config->checksum_off ? PARTS_MAX : 1,
		.is6 = !ip_is4(config->local),
	};
	sockets->udp_port = config->udp_port;
	sockets->is_raw = !config->udp_port;
	for (unsigned i = 0; !error && i < queues; i++)
		error = open_receiver(config, &sockets->receivers[i]);
	if (!error)
		error = open_senders(sockets, config);
	if (error) {
		socket_close(&sockets->underlay);
		return refuse(config, error, fail);
	}
	*ret = &sockets->underlay;
	return 0;
}
