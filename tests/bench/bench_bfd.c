// SPDX-License-Identifier: BSD-3-Clause
//
// bench_bfd: one host that watches PEERS others; its sessions and theirs in one process, under a clock of the bench's own.
// Prints what a second of it costs the host's processor (the sessions alone; sockets come on top), how many packets that is,
// and how long after the last word of a peer that falls silent the host calls it down.
//
//	bench_bfd [PEERS [INTERVAL_MS [MULTIPLIER]]]

#include "base/bytes.h"
#include "base/clock.h"
#include "tunnels/bfd_packet.h"
#include "tunnels/bfd_sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { HOST, FAR, SIDES, SECONDS = 20, PEERS_MOST = 60000, WAITING = 4 * PEERS_MOST };

#define BEGIN (1000 * NSEC_PER_SEC)

struct peer {
	struct bfd_watch watches[SIDES];
	struct bfd_path paths[SIDES]; // as the side sees it
	bool silent;
	uint64_t heard, down; // by the host
};

struct letter {
	unsigned to, peer;
	uint8_t bytes[BFD_BYTES];
};

static struct bfd_sessions *sets[SIDES];
static struct peer *peers;
static unsigned count, waiting;
static struct letter letters[WAITING];
static uint64_t packets, spent, now = BEGIN;

static uint64_t processor(void)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (uint64_t)at.tv_sec * NSEC_PER_SEC + (uint64_t)at.tv_nsec;
}

// The peer's number is in the last bytes of its address.
static int open_way(void *user, const struct bfd_path *path, void **ret, struct fail *fail)
{
	bool is_host = user == &sets[HOST];
	unsigned number = load_be16((is_host ? path->remote : path->local).b + 14);

	*ret = &peers[number].paths[is_host ? HOST : FAR];
	return 0;
}

static void close_way(void *user, void *way)
{
}

static void put_letter(void *user, void *way, const uint8_t *bytes, size_t len)
{
	bool is_host = user == &sets[HOST];
	const struct bfd_path *path = way;
	struct letter *letter = &letters[waiting];

	if (waiting == WAITING || len != BFD_BYTES)
		exit(1);
	letter->to = is_host ? FAR : HOST;
	letter->peer = load_be16((is_host ? path->remote : path->local).b + 14);
	memcpy(letter->bytes, bytes, len);
	waiting++;
}

static void deliver(void)
{
	uint64_t began = processor(), ended;

	for (unsigned i = 0; i < waiting; i++) {
		const struct letter *letter = &letters[i];
		struct peer *peer = &peers[letter->peer];

		if (peer->silent)
			continue;
		bfd_sessions_receive(sets[letter->to], &peer->paths[letter->to], BFD_TTL,
		                     letter->bytes, BFD_BYTES, now);
		if (letter->to == HOST)
			peer->heard = now;
		packets++;
	}
	ended = processor();
	// Letters of one turn are all for one side.
	if (waiting && letters[0].to == HOST)
		spent += ended - began;
	waiting = 0;
}

static void on_change(struct bfd_watch *watch, uint64_t at)
{
	struct peer *peer = watch->user;

	if (watch == &peer->watches[HOST] && bfd_watched(watch)->verdict == BFD_DEAD)
		peer->down = at;
}

static void watch(struct peer *peer, unsigned side, const struct bfd_config *config)
{
	struct fail fail = {0};

	peer->watches[side] =
		(struct bfd_watch){.config = *config, .changed = on_change, .user = peer};
	if (bfd_watch(sets[side], &peer->watches[side], &peer->paths[side], now, &fail) < 0)
		exit(1);
}

static void make_peers(const struct bfd_config *config)
{
	struct ip_addr own = ip_from4(htobe32(0xc0000201));

	for (unsigned side = 0; side < SIDES; side++)
		sets[side] = bfd_sessions_new(&(struct bfd_carrier){.user = &sets[side],
		                                                    .open = open_way,
		                                                    .send = put_letter,
		                                                    .close = close_way});
	peers = calloc(count, sizeof(*peers));
	if (!peers || !sets[HOST] || !sets[FAR])
		exit(1);
	for (unsigned i = 0; i < count; i++) {
		struct ip_addr its = ip_from4(htobe32(0x0a000000 + i));

		peers[i].paths[HOST] = (struct bfd_path){own, its, true};
		peers[i].paths[FAR] = (struct bfd_path){its, own, true};
		watch(&peers[i], HOST, config);
		watch(&peers[i], FAR, config);
	}
}

static void run_until(uint64_t end)
{
	uint64_t due[SIDES] = {0};

	while (now < end) {
		for (unsigned side = 0; side < SIDES; side++) {
			uint64_t began = processor();

			due[side] = bfd_sessions_run(sets[side], now);
			if (side == HOST)
				spent += processor() - began;
			deliver();
		}
		// What was delivered to the host last may have made it wait longer, or answer at once.
		due[HOST] = bfd_sessions_run(sets[HOST], now);
		deliver();
		now = MAX(now + 1, MIN(MIN(due[HOST], due[FAR]), end));
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_detection(void)
{
	uint64_t *took = calloc(count, sizeof(*took));
	unsigned found = 0;

	for (unsigned i = 0; took && i < count; i++)
		if (peers[i].silent && peers[i].down > peers[i].heard)
			took[found++] = (peers[i].down - peers[i].heard) / NSEC_PER_MSEC;
	if (!found)
		exit(1);
	qsort(took, found, sizeof(*took), compare);
	printf("silent %u, called down %u, after ms: least %lu median %lu most %lu\n", count / 2,
	       found, (unsigned long)took[0], (unsigned long)took[found / 2],
	       (unsigned long)took[found - 1]);
	free(took);
}

int main(int argc, char **argv)
{
	unsigned interval_ms = argc > 2 ? (unsigned)atoi(argv[2]) : 300;
	struct bfd_config config = {
		.interval_us = interval_ms * 1000,
		.multiplier = (uint8_t)(argc > 3 ? atoi(argv[3]) : 3),
	};
	unsigned up = 0;

	count = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	if (!count || count > PEERS_MOST || !interval_ms || !config.multiplier)
		return 2;
	make_peers(&config);
	run_until(now + SECONDS * NSEC_PER_SEC);
	for (unsigned i = 0; i < count; i++)
		up += bfd_watched(&peers[i].watches[HOST])->state == BFD_UP;
	packets = spent = 0;
	run_until(now + SECONDS * NSEC_PER_SEC);
	printf("peers %u, up %u, every %u ms: %.0f packets/s, both ways; %.3f ms of the processor a second\n",
	       count, up, interval_ms, (double)packets / SECONDS,
	       (double)spent / NSEC_PER_MSEC / SECONDS);
	for (unsigned i = 0; i < count; i += 2)
		peers[i].silent = true;
	run_until(now + SECONDS * NSEC_PER_SEC);
	print_detection();
	return 0;
}
