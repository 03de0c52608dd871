// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_bfd: packets as anybody may send them to the port of BFD, and time that goes on in between.
//
// Input: records of a byte for the milliseconds that pass (times 8), one for who sends (bit 0: a stranger, bit 1: by
// several hops, bit 2: with the discriminator of our session put in, bit 3: another TTL), one for the length, and so many
// bytes. What must hold is that a packet which was refused changed nothing, that each packet brings out two at most (an
// answer to a poll, and news), and that time never runs away.

#include "tests/fuzz/fuzz.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/rand.h"
#include "tunnels/bfd_sessions.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD = 3, PACKET_MAX = 64, OUT_MAX = 2 };

static unsigned sent;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static int open_way(void *user, const struct bfd_path *path, void **ret, struct fail *fail)
{
	*ret = user;
	return 0;
}

static void send_by(void *user, void *way, const uint8_t *bytes, size_t len)
{
	struct bfd_packet packet;

	// Whatever came, we say nothing that we should refuse ourselves.
	must(bfd_packet_read(bytes, len, &packet) == DROP_NONE);
	must(!(packet.poll && packet.final));
	sent++;
}

static void close_way(void *user, void *way)
{
}

static void on_change(struct bfd_watch *watch, uint64_t now)
{
	must(bfd_watched(watch)->changed_at == now);
}

static void receive(struct bfd_sessions *sessions, const struct bfd_watch *watch,
                    const uint8_t *record, uint64_t now)
{
	struct bfd_path path = *bfd_watched_path(watch);
	const struct bfd before = *bfd_watched(watch);
	uint8_t bytes[PACKET_MAX];
	size_t len = record[2] % PACKET_MAX;
	enum drop_reason refused;

	memcpy(bytes, record + RECORD, len);
	if (record[1] & 1)
		path.remote = ip_from4(htobe32(0xc0000263));
	path.multihop = record[1] & 2;
	if (record[1] & 4 && len >= BFD_BYTES)
		store_be32(bytes + 8, before.discriminator);
	refused = bfd_sessions_receive(sessions, &path, record[1] & 8 ? 64 : BFD_TTL, bytes, len,
	                               now);
	must(!refused == (bfd_watched(watch)->received == before.received + 1));
	must(!refused || memcmp(&before, bfd_watched(watch), sizeof(before)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bfd_carrier carrier = {.open = open_way, .send = send_by, .close = close_way};
	struct bfd_watch watch = {.config = {.interval_us = 50000, .multiplier = 3},
	                          .changed = on_change};
	struct bfd_path path = {.local = ip_from4(htobe32(0xc0000201)),
	                        .remote = ip_from4(htobe32(0xc0000202))};
	uint64_t now = NSEC_PER_SEC, due;
	struct bfd_sessions *sessions;
	struct fail fail = {0};

	rand_seed_for_tests(1);
	sessions = bfd_sessions_new(&carrier);
	must(sessions && bfd_watch(sessions, &watch, &path, now, &fail) == 0);
	while (size >= RECORD && size - RECORD >= data[2] % PACKET_MAX) {
		uint64_t until = now + data[0] * 8 * NSEC_PER_MSEC;

		while ((due = bfd_sessions_run(sessions, now)) <= until) {
			must(due > now);
			now = due;
		}
		now = until;
		bfd_sessions_run(sessions, now);
		sent = 0;
		receive(sessions, &watch, data, now);
		bfd_sessions_run(sessions, now);
		must(sent <= OUT_MAX);
		size -= RECORD + data[2] % PACKET_MAX;
		data += RECORD + data[2] % PACKET_MAX;
	}
	bfd_unwatch(sessions, &watch, now);
	bfd_sessions_free(sessions);
	return 0;
}
