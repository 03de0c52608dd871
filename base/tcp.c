// SPDX-License-Identifier: BSD-3-Clause
//
// tcp: sockets that notice when the machine at the other end is gone.
//
// A peer that loses its power says nothing. So every connection is probed when it is silent
// (TCP_KEEPALIVE, RFC 9293 3.8.4), and what is sent must be acknowledged in time (TCP_USER_TIMEOUT, RFC 5482).

#include "base/tcp.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	BACKLOG = 128,
	SILENT_SECONDS = 10, // Then a probe goes out, and another each
	PROBE_SECONDS = 5,
	PROBES = 3,
	UNACKNOWLEDGED_MS = 20000,
};

static int refuse(const char *text, struct fail *fail)
{
	fail_set(fail, -EINVAL, "'%s' is not an address with a port", text);
	fail_hint(fail, "write it in numbers, as 192.0.2.1:7411 or [2001:db8::1]:7411");
	return -EINVAL;
}

int tcp_parse(const char *text, struct tcp_address *ret, struct fail *fail)
{
	const struct addrinfo wanted = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	const char *colon = strrchr(text, ':');
	struct addrinfo *found;
	char host[TCP_TEXT];
	size_t len;

	if (!colon || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon) < 2 ||
	    strlen(colon) > 6 || atoi(colon + 1) > UINT16_MAX)
		return refuse(text, fail);
	len = (size_t)(colon - text);
	if (len > 2 && text[0] == '[' && colon[-1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return refuse(text, fail);
	}
	if (len == 0 || len >= sizeof(host))
		return refuse(text, fail);
	memcpy(host, text, len);
	host[len] = '\0';
	if (getaddrinfo(host, colon + 1, &wanted, &found) != 0)
		return refuse(text, fail);
	memset(ret, 0, sizeof(*ret));
	memcpy(&ret->address, found->ai_addr, found->ai_addrlen);
	ret->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

const char *tcp_format(const struct tcp_address *address, char buf[static TCP_TEXT])
{
	char host[TCP_TEXT - 16], port[8];

	if (getnameinfo((const struct sockaddr *)&address->address, address->len, host,
	                sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(buf, TCP_TEXT, "?");
	else if (address->address.ss_family == AF_INET6)
		snprintf(buf, TCP_TEXT, "[%s]:%s", host, port);
	else
		snprintf(buf, TCP_TEXT, "%s:%s", host, port);
	return buf;
}

bool tcp_is_loopback(const struct tcp_address *address)
{
	const struct sockaddr_in *in4 = (const void *)&address->address;
	const struct sockaddr_in6 *in6 = (const void *)&address->address;

	if (address->address.ss_family == AF_INET)
		return ntohl(in4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == 127);
}

uint16_t tcp_port(const struct tcp_address *address)
{
	const struct sockaddr_in *in4 = (const void *)&address->address;
	const struct sockaddr_in6 *in6 = (const void *)&address->address;

	return ntohs(address->address.ss_family == AF_INET ? in4->sin_port : in6->sin6_port);
}

bool tcp_is_any(const struct tcp_address *address)
{
	const struct sockaddr_in *in4 = (const void *)&address->address;
	const struct sockaddr_in6 *in6 = (const void *)&address->address;

	return address->address.ss_family == AF_INET ? in4->sin_addr.s_addr == INADDR_ANY
	                                             : IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

// None of it is vital: a kernel that lacks one of these notices later.
static void tune(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, SILENT_SECONDS},
		{IPPROTO_TCP, TCP_KEEPINTVL, PROBE_SECONDS},
		{IPPROTO_TCP, TCP_KEEPCNT, PROBES},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS},
		{IPPROTO_TCP, TCP_NODELAY, 1},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

int tcp_listen(struct tcp_address *address, struct fail *fail)
{
	auto_close int fd =
		socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[TCP_TEXT];
	int yes = 1;

	if (fd < 0)
		return fail_errno(fail, -errno, "cannot make a TCP socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (const struct sockaddr *)&address->address, address->len) < 0 ||
	    listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address->address, &address->len) < 0)
		return fail_errno(fail, -errno, "cannot listen at %s", tcp_format(address, text));
	return TAKE_FD(fd);
}

int tcp_connect(const struct tcp_address *address, struct fail *fail)
{
	auto_close int fd =
		socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[TCP_TEXT];

	if (fd < 0)
		return fail_errno(fail, -errno, "cannot make a TCP socket");
	tune(fd);
	if (connect(fd, (const struct sockaddr *)&address->address, address->len) < 0 &&
	    errno != EINPROGRESS)
		return fail_errno(fail, -errno, "cannot connect to %s", tcp_format(address, text));
	return TAKE_FD(fd);
}

int tcp_accept(int fd, struct tcp_address *ret_peer)
{
	struct tcp_address peer = {.len = sizeof(peer.address)};
	int accepted;

	do
		accepted = accept4(fd, (struct sockaddr *)&peer.address, &peer.len,
		                   SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (accepted < 0)
		return -errno;
	tune(accepted);
	*ret_peer = peer;
	return accepted;
}
