// SPDX-License-Identifier: BSD-3-Clause
//
// bfd_socket: every session has a source port of its own in the dynamic range, as RFC 5881 wants it; a filter in the
// kernel keeps such a socket empty. TTL 255 goes out whatever the number of hops: the receiver decides what it takes.

#include "tunnels/bfd_socket.h"

#include "base/bytes.h"
#include "base/rand.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DYNAMIC_FIRST = 49152,
	DYNAMIC_COUNT = 65536 - DYNAMIC_FIRST,
	BIND_TRIES = 64,
	RECEIVE_BUFFER = 1 << 20,
	TOS = 0xc0, // CS6: network control
};

union name {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
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

static uint16_t port_of(const struct bfd_path *path)
{
	return path->multihop ? BFD_UDP_PORT_MULTIHOP : BFD_UDP_PORT;
}

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int open_socket(struct ip_addr local)
{
	bool is4 = ip_is4(local);
	int fd = socket(is4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return -errno;
	error = is4 ? 0 : set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static int give_up(int fd, const struct bfd_path *path, int error, struct fail *fail)
{
	char text[IP_TEXT];

	if (fd >= 0)
		close(fd);
	fail_errno(fail, error, "no BFD: cannot use UDP port %u of %s", port_of(path),
	           ip_format(path->local, text));
	if (error == -EADDRINUSE)
		fail_hint(fail, "another program speaks BFD here; stop it, or leave BFD off");
	return error;
}

int bfd_socket_receiver(const struct bfd_path *path, struct fail *fail)
{
	int fd = open_socket(path->local);
	bool is4 = ip_is4(path->local);
	union name name;
	socklen_t len = make_name(&name, path->local, port_of(path));
	int error = fd < 0 ? fd : 0;

	if (!error)
		error = is4 ? set_option(fd, IPPROTO_IP, IP_RECVTTL, 1)
		            : set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	if (!error && bind(fd, &name.any, len) < 0)
		error = -errno;
	if (error)
		return give_up(fd, path, error, fail);
	// Many sessions may speak while the main thread has other work.
	if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER))
		set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	return fd;
}

static int bind_dynamic(int fd, struct ip_addr local)
{
	for (unsigned i = 0; i < BIND_TRIES; i++) {
		union name name;
		socklen_t len = make_name(&name, local,
		                          (uint16_t)(DYNAMIC_FIRST + rand_below(DYNAMIC_COUNT)));

		if (bind(fd, &name.any, len) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -errno;
	}
	return -EADDRINUSE;
}

static int prepare_sender(int fd, struct ip_addr local)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &refuse};
	bool is4 = ip_is4(local);
	int error;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	error = is4 ? set_option(fd, IPPROTO_IP, IP_TTL, BFD_TTL)
	            : set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, BFD_TTL);
	if (!error)
		error = is4 ? set_option(fd, IPPROTO_IP, IP_TOS, TOS)
		            : set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, TOS);
	return error ? error : bind_dynamic(fd, local);
}

int bfd_socket_sender(const struct bfd_path *path, struct fail *fail)
{
	int fd = open_socket(path->local);
	int error = fd < 0 ? fd : prepare_sender(fd, path->local);

	return error ? give_up(fd, path, error, fail) : fd;
}

void bfd_socket_send(int fd, const struct bfd_path *path, const uint8_t *bytes, size_t len)
{
	union name name;
	socklen_t name_len = make_name(&name, path->remote, port_of(path));

	// Whether it goes is what the session finds out.
	if (sendto(fd, bytes, len, MSG_DONTWAIT, &name.any, name_len) < 0)
		return;
}

static void read_ttl(struct msghdr *message, struct bfd_arrival *ret)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		int value;

		if (!(at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TTL) &&
		    !(at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_HOPLIMIT))
			continue;
		memcpy(&value, CMSG_DATA(at), sizeof(value));
		ret->ttl = (unsigned)value;
	}
}

int bfd_socket_receive(int fd, struct bfd_arrival *ret)
{
	_Alignas(struct cmsghdr) uint8_t control[2 * CMSG_SPACE(sizeof(int))];
	struct iovec part = {ret->bytes, sizeof(ret->bytes)};
	union name name;
	struct msghdr message = {
		.msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &message, MSG_DONTWAIT);

	if (len < 0)
		return -EAGAIN;
	ret->from = name.any.sa_family == AF_INET ? ip_from4(name.in.sin_addr.s_addr)
	                                          : ip_from6(&name.in6.sin6_addr);
	ret->len = (size_t)len;
	ret->ttl = 0;
	read_ttl(&message, ret);
	return 0;
}
