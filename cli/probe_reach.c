// SPDX-License-Identifier: BSD-3-Clause
//
// probe_reach: one socket a target, all asked at once, and one wait for all.
//
// TCP connects; a refusal by the target is an answer. UDP asks what probe_echo sends back; "port unreachable"
// is an answer too. ICMP sends echo requests by raw sockets, whose answers are told apart by the mark in
// identifier and sequence number (RFC 792, RFC 4443). A first packet may wait for an ARP or ND answer, or be
// lost to it, so what is silent is asked again each third of the time.

#include "cli/probe_reach.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "cli/probe_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 3, AT_ONCE = 512, PAYLOAD = 32 };

struct run {
	const struct probe_reach_question *question;
	struct probe_reach_answer *answers; // of this part
	const struct ip_addr *targets;
	unsigned count;
	int fds[AT_ONCE];
	uint64_t asked_ns[AT_ONCE];
	unsigned open; // without an answer
};

static void settle(struct run *run, unsigned i, enum probe_outcome outcome, int error)
{
	run->answers[i].outcome = outcome;
	run->answers[i].error = error;
	run->answers[i].rtt_ns = clock_now() - run->asked_ns[i];
	close(run->fds[i]);
	run->fds[i] = -1;
	run->open--;
}

// What the socket says went wrong: some of it is an answer.
static void settle_error(struct run *run, unsigned i, int error)
{
	if (error == ECONNREFUSED)
		settle(run, i, PROBE_REFUSED, error);
	else if (error == EHOSTUNREACH || error == ETIMEDOUT)
		// Nobody answered ARP, or the connect gave up: as silent as it gets.
		settle(run, i, PROBE_SILENT, error);
	else
		settle(run, i, PROBE_ERROR, error);
}

static int open_socket(enum probe_protocol protocol, const struct sockaddr_storage *to)
{
	bool v6 = to->ss_family == AF_INET6;

	switch (protocol) {
	case PROBE_TCP:
		return socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	case PROBE_UDP:
		return socket(to->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	default:
		return socket(to->ss_family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
		              v6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
	}
}

static void begin(struct run *run, unsigned i)
{
	struct sockaddr_storage to;
	socklen_t len = probe_sockaddr(&run->targets[i], run->question->port, &to);

	run->open++;
	run->asked_ns[i] = clock_now();
	run->fds[i] = open_socket(run->question->protocol, &to);
	if (run->fds[i] < 0) {
		settle(run, i, PROBE_ERROR, errno);
		return;
	}
	if (connect(run->fds[i], (struct sockaddr *)&to, len) == 0) {
		if (run->question->protocol == PROBE_TCP)
			settle(run, i, PROBE_ANSWERED, 0);
	} else if (errno != EINPROGRESS) {
		settle_error(run, i, errno);
	}
}

static void ask(struct run *run, unsigned i, unsigned round)
{
	uint8_t bytes[PROBE_ECHO_HEADER + PAYLOAD] = {0};
	size_t len = PAYLOAD;

	if (run->question->protocol == PROBE_TCP)
		return;
	if (run->question->protocol == PROBE_ICMP) {
		len = sizeof(bytes);
		probe_echo_request(ip_is4(run->targets[i]), run->question->mark, (uint16_t)round,
		                   bytes, len);
	}
	run->asked_ns[i] = clock_now();
	if (send(run->fds[i], bytes, len, 0) < 0 && errno != EAGAIN && errno != ENOBUFS)
		settle_error(run, i, errno);
}

static void hear(struct run *run, unsigned i)
{
	uint8_t bytes[2048];
	int error = 0;
	socklen_t size = sizeof(error);
	ssize_t len;
	uint16_t sequence;

	if (run->question->protocol == PROBE_TCP) {
		getsockopt(run->fds[i], SOL_SOCKET, SO_ERROR, &error, &size);
		if (error)
			settle_error(run, i, error);
		else
			settle(run, i, PROBE_ANSWERED, 0);
		return;
	}
	len = recv(run->fds[i], bytes, sizeof(bytes), 0);
	if (len < 0 && errno != EAGAIN)
		settle_error(run, i, errno);
	else if (len >= 0 && (run->question->protocol == PROBE_UDP ||
	                      probe_echo_is_reply(ip_is4(run->targets[i]), run->question->mark,
	                                          bytes, (size_t)len, &sequence)))
		settle(run, i, PROBE_ANSWERED, 0);
}

// Takes in answers until the time or until none is missing.
static void listen_until(struct run *run, uint64_t ends_ns)
{
	struct pollfd fds[AT_ONCE];

	while (run->open) {
		uint64_t now = clock_now();
		short events = run->question->protocol == PROBE_TCP ? POLLOUT : POLLIN;

		if (now >= ends_ns)
			return;
		for (unsigned i = 0; i < run->count; i++)
			fds[i] = (struct pollfd){.fd = run->fds[i], .events = events};
		if (poll(fds, run->count, (int)((ends_ns - now) / NSEC_PER_MSEC) + 1) < 0)
			return;
		for (unsigned i = 0; i < run->count; i++)
			if (fds[i].revents && run->fds[i] >= 0)
				hear(run, i);
	}
}

static void run_part(struct run *run)
{
	uint64_t round_ns = run->question->wait_ms * NSEC_PER_MSEC / ROUNDS;

	for (unsigned i = 0; i < run->count; i++)
		begin(run, i);
	for (unsigned round = 0; round < ROUNDS && run->open; round++) {
		for (unsigned i = 0; i < run->count; i++)
			if (run->fds[i] >= 0)
				ask(run, i, round);
		listen_until(run, clock_now() + round_ns);
	}
	for (unsigned i = 0; i < run->count; i++)
		if (run->fds[i] >= 0)
			settle(run, i, PROBE_SILENT, 0);
}

void probe_reach(const void *user, void *answers)
{
	const struct probe_reach_question *question = user;
	struct run run = {.question = question};

	for (unsigned at = 0; at < question->count; at += run.count) {
		run.targets = question->targets + at;
		run.answers = (struct probe_reach_answer *)answers + at;
		run.count = MIN(question->count - at, (unsigned)AT_ONCE);
		run.open = 0;
		run_part(&run);
	}
}

static int open_echo(int family, uint16_t port)
{
	struct sockaddr_storage any = {.ss_family = (sa_family_t)family};
	int one = 1, fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (family == AF_INET6) {
		((struct sockaddr_in6 *)&any)->sin6_port = htobe16(port);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	} else {
		((struct sockaddr_in *)&any)->sin_port = htobe16(port);
	}
	if (bind(fd, (struct sockaddr *)&any,
	         family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) <
	    0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static void echo_one(int fd)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	uint8_t bytes[2048];
	ssize_t len =
		recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &size);

	if (len >= 0)
		(void)sendto(fd, bytes, (size_t)len, MSG_DONTWAIT, (struct sockaddr *)&from, size);
}

void probe_echo(const void *port, void *user)
{
	struct probe_echo_state *state = user;
	struct pollfd fds[2] = {
		{.fd = open_echo(AF_INET, *(const uint16_t *)port), .events = POLLIN},
		{.fd = open_echo(AF_INET6, *(const uint16_t *)port), .events = POLLIN},
	};

	state->error = fds[0].fd < 0 ? -fds[0].fd : 0;
	atomic_store(&state->ready, true);
	while (poll(fds, 2, -1) >= 0)
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				echo_one(fds[i].fd);
}
