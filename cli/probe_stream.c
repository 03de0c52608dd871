// SPDX-License-Identifier: BSD-3-Clause
//
// probe_stream: the sink counts, since only what arrived came through.
//
// The first buffer of TCP and its slow start count too, so very short streams show less than the path can
// do. Datagrams are sent in bursts of a millisecond; what the sender's own queue refuses is not sent.

#include "cli/probe_stream.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "cli/probe_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 128 << 10, DATAGRAM = 1200, BITS = 8, TICK_NS = 1000000 };

static uint8_t chunk[CHUNK]; // Of zeroes, to send; or what was received, which nobody reads.

static int listen_at(const struct probe_sink_question *question, uint16_t *ret_port)
{
	// Both families by one socket.
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htobe16(question->port)};
	int zero = 0, one = 1;
	int fd = socket(AF_INET6, (question->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(any);

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    (!question->udp && listen(fd, 1) < 0) ||
	    getsockname(fd, (struct sockaddr *)&any, &size) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	*ret_port = be16toh(any.sin6_port);
	return fd;
}

void probe_sink(const void *user, void *result)
{
	const struct probe_sink_question *question = user;
	struct probe_sink_answer *answer = result;
	int fd = listen_at(question, &answer->port);
	ssize_t len;

	answer->error = fd < 0 ? -fd : 0;
	atomic_store(&answer->ready, true);
	if (fd >= 0 && !question->udp)
		fd = accept(fd, NULL, NULL);
	if (fd < 0)
		return;
	answer->first_ns = clock_now();
	while ((len = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		if (question->udp && answer->bytes == 0)
			answer->first_ns = clock_now();
		answer->bytes += (uint64_t)len;
		answer->last_ns = clock_now();
	}
}

static int wait_connected(int fd, uint32_t wait_ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	int error = ETIMEDOUT;
	socklen_t size = sizeof(error);

	if (poll(&ready, 1, (int)wait_ms) == 1)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static void send_stream(int fd, uint64_t ends_ns, struct probe_source_answer *answer)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};

	while (clock_now() < ends_ns) {
		ssize_t len = send(fd, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (len > 0)
			answer->bytes += (uint64_t)len;
		else if (errno != EAGAIN)
			return;
		else
			poll(&ready, 1, 10);
	}
}

static void send_datagrams(int fd, uint64_t bps, uint64_t ends_ns,
                           struct probe_source_answer *answer)
{
	uint64_t began = clock_now(), now;

	while ((now = clock_now()) < ends_ns) {
		double due = (double)(now - began) / (double)NSEC_PER_SEC * (double)bps / BITS;

		while ((double)answer->bytes < due && clock_now() < ends_ns) {
			// One that is refused was due as well, or it would be tried for ever.
			(void)send(fd, chunk, DATAGRAM, MSG_DONTWAIT);
			answer->bytes += DATAGRAM;
		}
		nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
	}
}

void probe_source(const void *user, void *result)
{
	const struct probe_source_question *question = user;
	struct probe_source_answer *answer = result;
	struct sockaddr_storage to;
	socklen_t len = probe_sockaddr(&question->target, question->port, &to);
	int fd = socket(to.ss_family,
	                (question->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
	                0);
	uint64_t ends;

	if (fd < 0 || (connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS))
		answer->error = errno;
	else if (!question->udp)
		answer->error = wait_connected(fd, question->wait_ms);
	if (answer->error)
		return;
	ends = clock_now() + question->duration_ms * NSEC_PER_MSEC;
	if (question->udp)
		send_datagrams(fd, question->udp_bps, ends, answer);
	else
		send_stream(fd, ends, answer);
}
