// SPDX-License-Identifier: BSD-3-Clause
//
// bench_channel: what transactions cost, through the real channel into a real weft-datapath.
// Usage: bench_channel PROGRAM. One line of JSON a figure.

#include "base/clock.h"
#include "tests/channel/stand_in.h"

#include <stdio.h>
#include <stdlib.h>

enum { SMALL_TXS = 2000, MANY_OBJECTS = 100000, ADDED = 200, WINDOW = 32 };

static const char *const arguments[] = {"--connections", "65536", NULL};

static void die(const char *what, const struct tx_answer *answer)
{
	fprintf(stderr, "bench_channel: %s: %s\n", what, answer ? answer->what : "no answer");
	exit(1);
}

static void commit(struct stand_in *stand_in, struct objects *list, struct tx_answer *answer)
{
	if (stand_in_commit(stand_in, list, NULL, answer) != 0)
		die("refused", answer);
	objects_clear(list);
}

static int compare(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one < other ? -1 : one > other;
}

// One object each, WINDOW of them on their way at a time.
static void small_transactions(struct stand_in *stand_in)
{
	uint64_t start = clock_now();
	struct tx_answer answer;
	unsigned sent = 0, answered = 0;

	while (answered < SMALL_TXS) {
		struct objects list = {0};

		if (sent < SMALL_TXS && sent - answered < WINDOW) {
			objects_vrf(&list, 1000 + sent % 900);
			// Every second round takes away what the first brought.
			if (sent / 900 % 2) {
				objects_clear(&list);
				objects_delete(&list, WEFT__KIND__KIND_VRF, 1000 + sent % 900);
			}
			stand_in_send(stand_in, &list, NULL);
			objects_clear(&list);
			sent++;
			continue;
		}
		if (stand_in_wait(stand_in, &answer) < 0 || answer.code != 0)
			die("a small transaction failed", &answer);
		answered++;
	}
	printf("{\"bench\": \"channel\", \"what\": \"transactions\", \"per_second\": %.0f}\n",
	       SMALL_TXS * 1e9 / (double)(clock_now() - start));
}

static void one_by_one(struct stand_in *stand_in)
{
	static uint64_t ns[SMALL_TXS];
	struct tx_answer answer;

	for (unsigned i = 0; i < SMALL_TXS; i++) {
		struct objects list = {0};
		uint64_t start;

		if (i % 2)
			objects_delete(&list, WEFT__KIND__KIND_VRF, 9000);
		else
			objects_vrf(&list, 9000);
		start = clock_now();
		commit(stand_in, &list, &answer);
		ns[i] = clock_now() - start;
	}
	qsort(ns, SMALL_TXS, sizeof(ns[0]), compare);
	printf("{\"bench\": \"channel\", \"what\": \"round_trip\", \"median_us\": %.1f, "
	       "\"p99_us\": %.1f}\n",
	       (double)ns[SMALL_TXS / 2] / 1e3, (double)ns[SMALL_TXS * 99 / 100] / 1e3);
}

// Routes, since nothing else comes in such numbers.
static void many_objects(struct stand_in *stand_in)
{
	struct objects list = {0};
	struct tx_answer answer;
	uint64_t start;
	char text[32];

	objects_bridge(&list, 1);
	objects_vrf(&list, 2);
	objects_interface(&list, 3, 2, 1, 0, "10.0.0.1/16");
	for (uint64_t i = 0; i < MANY_OBJECTS; i++) {
		snprintf(text, sizeof(text), "%u.%u.%u.0/24", (unsigned)(20 + (i >> 16)),
		         (unsigned)(i >> 8 & 255), (unsigned)(i & 255));
		objects_route(&list, 100000 + i, 2, text, "10.0.0.9", 3);
	}
	start = clock_now();
	commit(stand_in, &list, &answer);
	printf("{\"bench\": \"channel\", \"what\": \"objects\", \"count\": %d, \"per_second\": %.0f, "
	       "\"seconds\": %.3f}\n",
	       MANY_OBJECTS, MANY_OBJECTS * 1e9 / (double)(clock_now() - start),
	       (double)(clock_now() - start) / 1e9);
}

static void add_ports(struct objects *list, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++) {
		objects_port(list, 300000 + i, NULL);
		objects_member(list, 400000 + i, 300000 + i, 4, 0, false);
	}
}

// One port more (and one less) in a bridge that has `ports`.
static void one_port_more(struct stand_in *stand_in, unsigned ports)
{
	static uint64_t ns[ADDED], settle[ADDED];
	struct tx_answer answer;
	struct objects list = {0};

	for (unsigned i = 0; i < ADDED; i++) {
		uint64_t start;

		add_ports(&list, ports, ports + 1);
		start = clock_now();
		commit(stand_in, &list, &answer);
		ns[i] = clock_now() - start;
		settle[i] = answer.settle_ns;
		objects_delete(&list, WEFT__KIND__KIND_VLAN_MEMBER, 400000 + ports);
		objects_delete(&list, WEFT__KIND__KIND_PORT, 300000 + ports);
		commit(stand_in, &list, &answer);
	}
	qsort(ns, ADDED, sizeof(ns[0]), compare);
	qsort(settle, ADDED, sizeof(settle[0]), compare);
	printf("{\"bench\": \"channel\", \"what\": \"add_port\", \"at\": %u, \"median_us\": %.1f, "
	       "\"p99_us\": %.1f, \"settle_median_us\": %.1f}\n",
	       ports, (double)ns[ADDED / 2] / 1e3, (double)ns[ADDED * 99 / 100] / 1e3,
	       (double)settle[ADDED / 2] / 1e3);
}

int main(int argc, char **argv)
{
	struct stand_in *stand_in;
	struct objects list = {0};
	struct tx_answer answer;

	if (argc < 2)
		return 2;
	stand_in = stand_in_new(argv[1]);
	if (!stand_in || stand_in_start(stand_in, arguments) < 0 || stand_in_greet(stand_in) < 0)
		die("the datapath did not come up", NULL);
	small_transactions(stand_in);
	one_by_one(stand_in);
	many_objects(stand_in);
	objects_bridge(&list, 4);
	add_ports(&list, 0, 10);
	commit(stand_in, &list, &answer);
	one_port_more(stand_in, 10);
	add_ports(&list, 10, 10000);
	commit(stand_in, &list, &answer);
	one_port_more(stand_in, 10000);
	stand_in_free(stand_in);
	return 0;
}
