// SPDX-License-Identifier: BSD-3-Clause
//
// probe_ping: the time of sending travels in the request, so an answer that comes late still tells how late.
//
// The pace is kept by the clock and not by answers. An answer counts once, the first time; which ones
// came is remembered for the last WINDOW requests, and one that is older is taken for lost.

#include "cli/probe_ping.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "cli/probe_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WINDOW = 4096, PAYLOAD = 56 };

struct run {
	const struct probe_ping_question *question;
	struct probe_ping_answer *answer;
	int fd;
	bool v4;
	bool open[WINDOW]; // asked and not answered
};

static void ask(struct run *run)
{
	uint8_t bytes[PROBE_ECHO_HEADER + PAYLOAD] = {0};
	uint16_t sequence = (uint16_t)run->answer->sent;

	store_be64(bytes + PROBE_ECHO_HEADER, clock_now());
	probe_echo_request(run->v4, run->question->mark, sequence, bytes, sizeof(bytes));
	run->open[sequence % WINDOW] = true;
	// What cannot be sent is lost, which shows.
	(void)send(run->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	run->answer->sent++;
}

static void take(struct run *run, const uint8_t *bytes, size_t len)
{
	struct probe_ping_answer *answer = run->answer;
	uint64_t now = clock_now(), rtt;
	uint16_t sequence;

	if (len < PROBE_ECHO_HEADER + PAYLOAD ||
	    !probe_echo_is_reply(run->v4, run->question->mark, bytes, len, &sequence) ||
	    !run->open[sequence % WINDOW])
		return;
	run->open[sequence % WINDOW] = false;
	rtt = now - load_be64(bytes + len - PAYLOAD);
	answer->rtt_sum_ns += rtt;
	answer->rtt_max_ns = MAX(answer->rtt_max_ns, rtt);
	answer->gap_ns = MAX(answer->gap_ns, now - answer->heard_ns);
	answer->heard_ns = now;
	answer->received++;
}

// Takes in answers until the time; early when none is missing and none will be asked for.
static void listen_until(struct run *run, uint64_t ends_ns, bool last)
{
	for (;;) {
		struct pollfd fd = {.fd = run->fd, .events = POLLIN};
		uint64_t now = clock_now();
		struct timespec wait;
		uint8_t bytes[2048];
		ssize_t len;

		if (now >= ends_ns || (last && run->answer->received == run->answer->sent))
			return;
		wait.tv_sec = (time_t)((ends_ns - now) / NSEC_PER_SEC);
		wait.tv_nsec = (long)((ends_ns - now) % NSEC_PER_SEC);
		if (ppoll(&fd, 1, &wait, NULL) <= 0)
			continue;
		len = recv(run->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (len > 0)
			take(run, bytes, (size_t)len);
	}
}

static int open_socket(const struct probe_ping_question *question)
{
	struct sockaddr_storage to;
	socklen_t len = probe_sockaddr(&question->target, 0, &to);
	int fd = socket(to.ss_family, SOCK_RAW | SOCK_CLOEXEC,
	                to.ss_family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, len) == 0)
		return fd;

	int error = -errno;

	if (fd >= 0)
		close(fd);
	return error;
}

void probe_ping(const void *question, void *answer)
{
	static struct run run;
	uint64_t next;

	run.question = question;
	run.answer = answer;
	run.v4 = ip_is4(run.question->target);
	run.answer->began_ns = run.answer->heard_ns = next = clock_now();
	run.fd = open_socket(run.question);
	if (run.fd < 0) {
		run.answer->error = -run.fd;
		return;
	}
	while (!run.question->count || run.answer->sent < run.question->count) {
		ask(&run);
		next += run.question->interval_us * NSEC_PER_USEC;
		if (run.answer->sent == run.question->count)
			break;
		listen_until(&run, next, false);
	}
	listen_until(&run, clock_now() + run.question->wait_ms * NSEC_PER_MSEC, true);
}

uint64_t probe_ping_gap(const struct probe_ping_answer *answer, uint64_t now_ns)
{
	return MAX(answer->gap_ns, now_ns > answer->heard_ns ? now_ns - answer->heard_ns : 0);
}
