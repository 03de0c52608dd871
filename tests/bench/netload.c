// SPDX-License-Identifier: BSD-3-Clause
//
// netload: a small UDP load for benches: blast and sink for packet rates, echo and ping for latency.
//
//   netload sink PORT SECONDS             prints "packets N seconds S"
//   netload blast ADDRESS PORT SECONDS N [FLOWS]
//                                         sends N-byte payloads as fast as sendmmsg goes, to as many addresses
//                                         that follow each other (default: one)
//   netload echo PORT                     answers until it is killed
//   netload ping ADDRESS PORT SECONDS     one packet in flight; prints "rtt_us p50 A p99 B count C lost D"
//
// The tools are deliberately dull: the same binary loads every switch that is compared, so only ratios
// within one run mean anything.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BURST = 64, PAYLOAD = 2048, SAMPLES = 1 << 21, TIMEOUT_MS = 200 };

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int udp_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int size = 8 << 20;

	if (fd < 0) {
		perror("netload: socket");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static struct sockaddr_in address_of(const char *text, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

	if (text && inet_pton(AF_INET, text, &to.sin_addr) != 1) {
		fprintf(stderr, "netload: '%s' is no IPv4 address\n", text);
		exit(2);
	}
	return to;
}

static int bound_socket(const char *port)
{
	int fd = udp_socket();
	struct sockaddr_in here = address_of(NULL, port);

	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0) {
		perror("netload: bind");
		exit(1);
	}
	return fd;
}

static int connected_socket(const char *address, const char *port)
{
	int fd = udp_socket();
	struct sockaddr_in to = address_of(address, port);

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror("netload: connect");
		exit(1);
	}
	return fd;
}

static int run_sink(const char *port, double seconds)
{
	int fd = bound_socket(port);
	static uint8_t bytes[BURST][PAYLOAD];
	struct mmsghdr messages[BURST] = {0};
	struct iovec parts[BURST];
	double end = now_seconds() + seconds, first = 0, last = 0;
	uint64_t packets = 0;

	for (unsigned i = 0; i < BURST; i++) {
		parts[i] = (struct iovec){bytes[i], PAYLOAD};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (now_seconds() < end) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int got;

		if (poll(&wait, 1, 50) <= 0)
			continue;
		got = recvmmsg(fd, messages, BURST, MSG_DONTWAIT, NULL);
		if (got <= 0)
			continue;
		last = now_seconds();
		if (!packets)
			first = last;
		packets += (uint64_t)got;
	}
	printf("packets %llu seconds %.3f\n", (unsigned long long)packets,
	       packets > 1 ? last - first : seconds);
	return 0;
}

static int run_blast(const char *address, const char *port, double seconds, size_t len,
                     unsigned flows)
{
	int fd = flows > 1 ? udp_socket() : connected_socket(address, port);
	struct sockaddr_in to[BURST];
	uint8_t bytes[PAYLOAD] = {0};
	unsigned next = 0;
	struct mmsghdr messages[BURST] = {0};
	struct iovec part = {bytes, len};
	double start = now_seconds(), end = start + seconds;
	uint64_t packets = 0;

	for (unsigned i = 0; i < BURST; i++) {
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
		to[i] = address_of(address, port);
		if (flows > 1) {
			messages[i].msg_hdr.msg_name = &to[i];
			messages[i].msg_hdr.msg_namelen = sizeof(to[i]);
		}
	}
	const uint32_t first = ntohl(to[0].sin_addr.s_addr);

	while (now_seconds() < end) {
		for (unsigned i = 0; flows > 1 && i < BURST; i++)
			to[i].sin_addr.s_addr = htonl(first + next++ % flows);

		int sent = sendmmsg(fd, messages, BURST, 0);

		if (sent > 0)
			packets += (uint64_t)sent;
	}
	printf("packets %llu seconds %.3f\n", (unsigned long long)packets, now_seconds() - start);
	return 0;
}

static _Noreturn void run_echo(const char *port)
{
	int fd = bound_socket(port);

	for (;;) {
		uint8_t bytes[PAYLOAD];
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		ssize_t len =
			recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len);

		if (len >= 0)
			sendto(fd, bytes, (size_t)len, 0, (struct sockaddr *)&from, from_len);
	}
}

static int by_value(const void *a, const void *b)
{
	float left = *(const float *)a, right = *(const float *)b;

	return (left > right) - (left < right);
}

static int run_ping(const char *address, const char *port, double seconds)
{
	int fd = connected_socket(address, port);
	float *samples = calloc(SAMPLES, sizeof(*samples));
	double end = now_seconds() + seconds;
	uint32_t sequence = 0, count = 0, lost = 0;

	while (samples && now_seconds() < end && count < SAMPLES) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		uint32_t echoed = 0, wanted = ++sequence;
		double start = now_seconds();
		uint8_t bytes[18] = {0};

		memcpy(bytes, &wanted, sizeof(wanted));
		if (send(fd, bytes, sizeof(bytes), 0) < 0)
			continue;
		while (echoed != wanted && poll(&wait, 1, TIMEOUT_MS) > 0)
			if (recv(fd, bytes, sizeof(bytes), 0) > 0)
				memcpy(&echoed, bytes, sizeof(echoed));
		if (echoed == wanted)
			samples[count++] = (float)((now_seconds() - start) * 1e6);
		else
			lost++;
	}
	if (!count) {
		fprintf(stderr, "netload: no answer from %s:%s\n", address, port);
		return 1;
	}
	qsort(samples, count, sizeof(*samples), by_value);
	printf("rtt_us p50 %.1f p99 %.1f count %u lost %u\n", (double)samples[count / 2],
	       (double)samples[(uint64_t)count * 99 / 100], count, lost);
	free(samples);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "sink"))
		return run_sink(argv[2], atof(argv[3]));
	if ((argc == 6 || argc == 7) && !strcmp(argv[1], "blast") && atoi(argv[5]) > 0 &&
	    atoi(argv[5]) <= PAYLOAD)
		return run_blast(argv[2], argv[3], atof(argv[4]), (size_t)atoi(argv[5]),
		                 argc == 7 ? (unsigned)atoi(argv[6]) : 1);
	if (argc == 3 && !strcmp(argv[1], "echo"))
		run_echo(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "ping"))
		return run_ping(argv[2], argv[3], atof(argv[4]));
	fprintf(stderr,
	        "usage: netload sink PORT SECONDS | blast ADDRESS PORT SECONDS BYTES [FLOWS] |"
	        " echo PORT | ping ADDRESS PORT SECONDS\n");
	return 2;
}
