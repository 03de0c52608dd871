// SPDX-License-Identifier: BSD-3-Clause
//
// Many sessions in one set: what comes finds its own, watches share one, and time is kept in order.

#include "tests/unit/unit.h"

#include "tunnels/bfd_sessions.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/rand.h"
#include <errno.h>

enum { MANY = 600 };

#define START (1000 * NSEC_PER_SEC)

// What a session sends by: counts, and keeps the last.
struct way {
	struct bfd_path path;
	bool open;
	unsigned sent;
	struct bfd_packet last;
};

static struct way ways[MANY];
static unsigned way_count;
static int refusal; // of the next open

static int open_way(void *user, const struct bfd_path *path, void **ret, struct fail *fail)
{
	if (refusal)
		return fail_set(fail, refusal, "no");
	assert_true(way_count < MANY);
	ways[way_count] = (struct way){.path = *path, .open = true};
	*ret = &ways[way_count++];
	return 0;
}

static void send_by(void *user, void *way, const uint8_t *bytes, size_t len)
{
	struct way *to = way;

	assert_true(to->open);
	to->sent++;
	assert_int_equal(bfd_packet_read(bytes, len, &to->last), DROP_NONE);
}

static void close_way(void *user, void *way)
{
	((struct way *)way)->open = false;
}

static struct bfd_sessions *begin(void)
{
	way_count = 0;
	refusal = 0;
	rand_seed_for_tests(3);
	return bfd_sessions_new(
		&(struct bfd_carrier){.open = open_way, .send = send_by, .close = close_way});
}

static struct bfd_path path_to(unsigned n)
{
	return (struct bfd_path){.local = ip_from4(htobe32(0xc0000201)),
	                         .remote = ip_from4(htobe32(0x0a000000 + n))};
}

static unsigned changes;

static void on_change(struct bfd_watch *watch, uint64_t now)
{
	changes++;
}

static void watch_path(struct bfd_sessions *sessions, struct bfd_watch *watch, unsigned n,
                       uint32_t interval_us, uint64_t now)
{
	struct bfd_path path = path_to(n);
	struct fail fail = {0};

	*watch = (struct bfd_watch){.config = {interval_us, 3}, .changed = on_change};
	assert_int_equal(bfd_watch(sessions, watch, &path, now, &fail), 0);
}

// The other end's word to a session.
static enum drop_reason say(struct bfd_sessions *sessions, const struct bfd_path *path,
                            enum bfd_state state, uint32_t yours, unsigned ttl, uint64_t now)
{
	const struct bfd_packet packet = {.state = (uint8_t)state,
	                                  .multiplier = 3,
	                                  .my_discriminator = 77,
	                                  .your_discriminator = yours,
	                                  .desired_tx_us = 1000000,
	                                  .required_rx_us = 1000000};
	uint8_t bytes[BFD_BYTES];

	bfd_packet_write(&packet, bytes);
	return bfd_sessions_receive(sessions, path, ttl, bytes, sizeof(bytes), now);
}

static void watches_of_a_path_share_its_session(void **state)
{
	struct bfd_sessions *sessions = begin();
	struct bfd_watch a, b;
	struct bfd_path path = path_to(1);

	watch_path(sessions, &a, 1, 300000, START);
	watch_path(sessions, &b, 1, 50000, START);
	assert_int_equal(way_count, 1);
	assert_ptr_equal(bfd_watched(&a), bfd_watched(&b));
	assert_int_equal(bfd_watched(&a)->config.interval_us, 50000);
	changes = 0;
	assert_int_equal(say(sessions, &path, BFD_INIT, bfd_watched(&a)->discriminator, 255, START),
	                 DROP_NONE);
	assert_int_equal(changes, 2);
	bfd_unwatch(sessions, &b, START);
	assert_int_equal(bfd_watched(&a)->config.interval_us, 300000);
	assert_true(ways[0].open);
	bfd_unwatch(sessions, &a, START);
	assert_false(ways[0].open);
	// Its last word.
	assert_int_equal(ways[0].last.state, BFD_ADMIN_DOWN);
	bfd_unwatch(sessions, &a, START);
	assert_int_equal(bfd_sessions_run(sessions, START), UINT64_MAX);
	bfd_sessions_free(sessions);
}

static void what_comes_finds_its_session_or_none(void **state)
{
	struct bfd_sessions *sessions = begin();
	static struct bfd_watch watches[3];
	struct bfd_path one = path_to(1), two = path_to(2), many = path_to(1);
	struct fail fail = {0};
	uint32_t first;

	watch_path(sessions, &watches[0], 1, 300000, START);
	watch_path(sessions, &watches[1], 2, 300000, START);
	many.multihop = true;
	watches[2] = (struct bfd_watch){.config = {300000, 3}, .changed = on_change};
	assert_int_equal(bfd_watch(sessions, &watches[2], &many, START, &fail), 0);
	assert_int_equal(way_count, 3);
	first = bfd_watched(&watches[0])->discriminator;
	// Of one hop only from one hop away; of several from anywhere.
	assert_int_equal(say(sessions, &one, BFD_DOWN, 0, 254, START), DROP_BFD_TTL);
	assert_int_equal(say(sessions, &many, BFD_DOWN, 0, 3, START), DROP_NONE);
	assert_int_equal(bfd_watched(&watches[2])->state, BFD_INIT);
	assert_int_equal(bfd_watched(&watches[0])->state, BFD_DOWN);
	// A discriminator leads to its session only from the right address and to the right port.
	assert_int_equal(say(sessions, &two, BFD_INIT, first, 255, START), DROP_BFD_UNKNOWN);
	assert_int_equal(say(sessions, &many, BFD_INIT, first, 255, START), DROP_BFD_UNKNOWN);
	assert_int_equal(say(sessions, &one, BFD_INIT, first + (1 << 14), 255, START),
	                 DROP_BFD_UNKNOWN);
	assert_int_equal(say(sessions, &one, BFD_INIT, UINT32_MAX, 255, START), DROP_BFD_UNKNOWN);
	assert_int_equal(say(sessions, &one, BFD_INIT, first, 255, START), DROP_NONE);
	assert_int_equal(bfd_watched(&watches[0])->state, BFD_UP);
	for (unsigned i = 0; i < 3; i++)
		bfd_unwatch(sessions, &watches[i], START);
	assert_int_equal(say(sessions, &one, BFD_UP, first, 255, START), DROP_BFD_UNKNOWN);
	bfd_sessions_free(sessions);
}

// 500 sessions that come and go at random: each sends what it should, and the set is never late.
static void many_keep_their_time(void **state)
{
	static struct bfd_watch watches[500];
	struct bfd_sessions *sessions = begin();
	uint64_t now = START, due;

	for (unsigned i = 0; i < 500; i++)
		watch_path(sessions, &watches[i], i, 1000000, now);
	for (unsigned i = 0; i < 100; i++)
		bfd_unwatch(sessions, &watches[7 * i % 500], now);
	for (unsigned i = 0; i < way_count; i++)
		ways[i].sent = 0;
	while ((due = bfd_sessions_run(sessions, now)) < START + 60 * NSEC_PER_SEC) {
		assert_true(due > now);
		now = due;
	}
	for (unsigned i = 0; i < 500; i++) {
		if (ways[i].open)
			assert_in_range(ways[i].sent, 60, 81);
		else
			assert_int_equal(ways[i].sent, 0);
		bfd_unwatch(sessions, &watches[i], now);
	}
	bfd_sessions_free(sessions);
}

static void a_path_that_cannot_be_carried_is_refused(void **state)
{
	struct bfd_sessions *sessions = begin();
	struct bfd_watch watch = {.config = {300000, 3}, .changed = on_change};
	struct bfd_path path = path_to(1);
	struct fail fail = {0};

	refusal = -EADDRINUSE;
	assert_int_equal(bfd_watch(sessions, &watch, &path, START, &fail), -EADDRINUSE);
	assert_null(watch.session);
	bfd_unwatch(sessions, &watch, START);
	refusal = 0;
	assert_int_equal(bfd_watch(sessions, &watch, &path, START, &fail), 0);
	bfd_unwatch(sessions, &watch, START);
	bfd_sessions_free(sessions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watches_of_a_path_share_its_session),
		cmocka_unit_test(what_comes_finds_its_session_or_none),
		cmocka_unit_test(many_keep_their_time),
		cmocka_unit_test(a_path_that_cannot_be_carried_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
