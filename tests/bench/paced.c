// SPDX-License-Identifier: BSD-3-Clause
//
// paced: UDP packets at a rate, and how long each took; both ends on one machine, whose clock they share.
//
//   paced receive PORT SECONDS               prints "delay_us p1 A p50 B p99 C p999 D max E count N"
//   paced pauses SECONDS                     spins, and prints for how long it was kept from it: the machine's own
//   paced send ADDRESS PORT SECONDS RATE     RATE packets a second, 18 bytes each
//
// A packet carries the time just before it was handed to the kernel; its delay ends when the kernel of the
// receiver has it (SO_TIMESTAMPNS), so that the waking of the receiver is not counted. The sender sleeps from
// group to group, ten thousand of them a second at most.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 64, PAYLOAD = 18, SAMPLES = 1 << 23, GROUPS_MOST = 10000 };

static uint64_t now_ns(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int udp_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int size = 16 << 20, on = 1;

	if (fd < 0) {
		perror("paced: socket");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	return fd;
}

static int by_value(const void *a, const void *b)
{
	float left = *(const float *)a, right = *(const float *)b;

	return (left > right) - (left < right);
}

// When the kernel got the packet; 0: it does not say.
static uint64_t arrival(struct msghdr *message)
{
	struct timespec at;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
	}
	return 0;
}

static int run_receive(const char *port, double seconds)
{
	static struct {
		uint8_t bytes[PAYLOAD];
		_Alignas(struct cmsghdr) uint8_t control[64];
	} rooms[BURST];
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = udp_socket();
	float *samples = calloc(SAMPLES, sizeof(*samples));
	uint64_t end = now_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9), count = 0;
	struct mmsghdr messages[BURST];
	struct iovec parts[BURST];

	if (!samples || bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0)
		return 1;
	while (now_ns(CLOCK_MONOTONIC) < end && count < SAMPLES - BURST) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int got;

		if (poll(&wait, 1, 100) <= 0)
			continue;
		for (unsigned i = 0; i < BURST; i++) {
			parts[i] = (struct iovec){rooms[i].bytes, PAYLOAD};
			messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i],
			                                      .msg_iovlen = 1,
			                                      .msg_control = rooms[i].control,
			                                      .msg_controllen = 64};
		}
		got = recvmmsg(fd, messages, BURST, MSG_DONTWAIT, NULL);
		for (int i = 0; i < got; i++) {
			uint64_t sent, came = arrival(&messages[i].msg_hdr);

			memcpy(&sent, rooms[i].bytes, sizeof(sent));
			if (came)
				samples[count++] = (float)(int64_t)(came - sent) / 1e3F;
		}
	}
	if (!count)
		return 1;
	qsort(samples, count, sizeof(*samples), by_value);
	printf("delay_us p1 %.1f p50 %.1f p99 %.1f p999 %.1f max %.1f count %llu\n",
	       (double)samples[count / 100], (double)samples[count / 2],
	       (double)samples[count * 99 / 100], (double)samples[count * 999 / 1000],
	       (double)samples[count - 1], (unsigned long long)count);
	return 0;
}

// How late an instant is noticed by who does nothing but look at the clock: within a pause of p it is late by p at
// first, and by nothing at its end.
static int run_pauses(double seconds)
{
	static const double limits_us[] = {10, 100, 1000, 10000};
	uint64_t start = now_ns(CLOCK_MONOTONIC), last = start;
	double beyond[4] = {0}, most = 0;

	while (last - start < (uint64_t)(seconds * 1e9)) {
		uint64_t now = now_ns(CLOCK_MONOTONIC);
		double pause_us = (double)(now - last) / 1e3;

		for (unsigned i = 0; i < 4; i++)
			beyond[i] += pause_us > limits_us[i] ? pause_us - limits_us[i] : 0;
		most = pause_us > most ? pause_us : most;
		last = now;
	}
	printf("late by more than 10us %.3f %%, 100us %.3f %%, 1ms %.3f %%, 10ms %.3f %%; most %.0f us\n",
	       beyond[0] / seconds / 1e4, beyond[1] / seconds / 1e4, beyond[2] / seconds / 1e4,
	       beyond[3] / seconds / 1e4, most);
	return 0;
}

static void send_group(int fd, unsigned count)
{
	static uint8_t bytes[BURST][PAYLOAD];
	struct mmsghdr messages[BURST] = {0};
	struct iovec parts[BURST];

	for (unsigned i = 0; i < count; i++) {
		uint64_t now = now_ns(CLOCK_REALTIME);

		memcpy(bytes[i], &now, sizeof(now));
		parts[i] = (struct iovec){bytes[i], PAYLOAD};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	if (sendmmsg(fd, messages, count, 0) < 0)
		perror("paced: send");
}

static int run_send(const char *address, const char *port, double seconds, unsigned rate)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	unsigned groups = rate < GROUPS_MOST ? rate : GROUPS_MOST;
	uint64_t start = now_ns(CLOCK_MONOTONIC), step = 1000000000 / groups;
	int fd = udp_socket();

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return 1;
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	for (uint64_t i = 0; i < (uint64_t)(seconds * groups); i++) {
		uint64_t at = start + i * step;
		struct timespec until = {.tv_sec = (time_t)(at / 1000000000),
		                         .tv_nsec = (long)(at % 1000000000)};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		send_group(fd, rate / groups);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "receive"))
		return run_receive(argv[2], atof(argv[3]));
	if (argc == 3 && !strcmp(argv[1], "pauses"))
		return run_pauses(atof(argv[2]));
	if (argc == 6 && !strcmp(argv[1], "send") && atoi(argv[5]) > 0 &&
	    atoi(argv[5]) <= BURST * GROUPS_MOST)
		return run_send(argv[2], argv[3], atof(argv[4]), (unsigned)atoi(argv[5]));
	fprintf(stderr,
	        "usage: paced receive PORT SECONDS | pauses SECONDS | send ADDRESS PORT SECONDS RATE\n");
	return 2;
}
