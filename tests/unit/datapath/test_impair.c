// SPDX-License-Identifier: BSD-3-Clause
//
// test_impair: several workers put into one impairment, whose owner takes out; the scenarios do the rest.

#include "datapath/impair.h"

#include "tests/unit/unit.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "vnic/drop.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PUTTERS = 3, BATCHES = 400, BATCH = 16, HOLD = 512 };

static struct impair *impair;
static _Atomic unsigned dropped, passed, done;

static struct impair_when at(uint64_t ns)
{
	return (struct impair_when){.now_ns = ns, .since_ns = ns};
}

// A frame is filled with its sender's number.
static void *put(void *user)
{
	struct packet_pool *pool = packet_pool_new(2 * BATCH, 4096);
	uint64_t drops[DROP_REASONS] = {0};
	uint8_t number = *(const uint8_t *)user;

	for (unsigned i = 0; i < BATCHES; i++) {
		struct packet *packets[BATCH];
		uint8_t verdicts[BATCH];

		for (unsigned k = 0; k < BATCH; k++) {
			packets[k] = packet_take(pool);
			packets[k]->len = packets[k]->head_len = 60;
			memset(packets[k]->data, number, 60);
		}
		impair_put(impair, packets, BATCH, pool, at(clock_now()), verdicts, drops);
		for (unsigned k = 0; k < BATCH; k++) {
			dropped += verdicts[k] == IMPAIR_DROP;
			passed += verdicts[k] == IMPAIR_PASS;
			packet_give(pool, packets[k]);
		}
	}
	done++;
	packet_pool_free(pool);
	return NULL;
}

static unsigned take(struct packet_pool *pool, uint64_t now, unsigned *of)
{
	struct packet *packets[BATCH_SIZE];
	unsigned count = impair_take(impair, pool, now, packets);

	for (unsigned i = 0; i < count; i++) {
		uint8_t number = packets[i]->data[0];

		assert_true(number < PUTTERS);
		assert_int_equal(packets[i]->data[59], number);
		of[number]++;
		packet_give(pool, packets[i]);
	}
	impair_finish(impair);
	packet_arena_reset(pool);
	return count;
}

static void nothing_is_lost_between_workers(void **state)
{
	static struct impair_plan plans[2] = {
		{.seed = 1,
	         .step_count = 1,
	         .steps[0].effects = {.delay_ns = 50000, .loss = IMPAIR_PPB / 10}},
		{.seed = 1, .step_count = 1, .steps[0].effects = {.rate_bps = 10000000000}},
	};
	struct packet_pool *pool = packet_pool_new(BATCH_SIZE, 4096);
	unsigned of[PUTTERS] = {0}, taken = 0, turns = 0;
	static uint8_t numbers[PUTTERS];
	pthread_t threads[PUTTERS];

	impair = impair_new(HOLD);
	assert_non_null(impair);
	impair_open(impair, &plans[0], clock_now());
	for (unsigned i = 0; i < PUTTERS; i++) {
		numbers[i] = (uint8_t)i;
		assert_int_equal(pthread_create(&threads[i], NULL, put, &numbers[i]), 0);
	}
	while (done < PUTTERS) {
		taken += take(pool, clock_now(), of);
		// The plan changes under way; frames that were held stay.
		if (++turns % 1000 == 0)
			impair_open(impair, &plans[turns / 1000 % 2], clock_now());
	}
	for (unsigned i = 0; i < PUTTERS; i++)
		pthread_join(threads[i], NULL);
	impair_close(impair);
	for (unsigned count = 1; count > 0; taken += count)
		count = take(pool, UINT64_MAX, of);
	assert_int_equal(taken + dropped + passed, PUTTERS * BATCHES * BATCH);
	assert_int_equal(impair_count(impair, IMPAIR_SENT), taken + passed);
	assert_int_equal(impair_count(impair, IMPAIR_HELD), 0);
	assert_true(taken > 0 && dropped > 0);
	impair_give(impair);
	packet_pool_free(pool);
}

static void a_closed_one_lets_pass(void **state)
{
	static const struct impair_plan plan = {.step_count = 1,
	                                        .steps[0].effects = {.down = true}};
	struct packet_pool *pool = packet_pool_new(2, 4096);
	struct packet *packet = packet_take(pool);
	uint64_t drops[DROP_REASONS] = {0};
	uint8_t verdict;

	impair = impair_new(HOLD);
	packet->len = packet->head_len = 60;
	impair_put(impair, &packet, 1, pool, at(5), &verdict, drops);
	assert_int_equal(verdict, IMPAIR_PASS);
	impair_open(impair, &plan, 6);
	impair_put(impair, &packet, 1, pool, at(7), &verdict, drops);
	assert_int_equal(verdict, IMPAIR_DROP);
	assert_int_equal(packet->drop, DROP_IMPAIR_DOWN);
	impair_close(impair);
	impair_put(impair, &packet, 1, pool, at(8), &verdict, drops);
	assert_int_equal(verdict, IMPAIR_PASS);
	impair_give(impair);
	packet_pool_free(pool);
}

// A frame of 125 bytes takes 1 ms at 1 Mbit/s. Looked at after 7 ms in which 5 frames came, the rate has sent
// them; after a second it has not sent more than the credit's worth.
static void a_late_look_lowers_no_rate(void **state)
{
	enum { BYTES = 125, FRAMES = 30 };
	static const struct impair_plan plan = {.step_count = 1,
	                                        .steps[0].effects = {.rate_bps = 1000000}};
	static const uint64_t ms = 1000000;
	struct packet_pool *pool = packet_pool_new(2 * FRAMES, 4096);
	struct packet *packets[FRAMES];
	uint64_t drops[DROP_REASONS] = {0};
	uint8_t verdicts[FRAMES];
	unsigned of[PUTTERS] = {0};

	(void)state;
	impair = impair_new(HOLD);
	for (unsigned i = 0; i < FRAMES; i++) {
		packets[i] = packet_take(pool);
		packets[i]->len = packets[i]->head_len = BYTES;
		memset(packets[i]->data, 0, BYTES);
	}
	impair_open(impair, &plan, 100 * ms);
	impair_put(impair, packets, 5, pool, (struct impair_when){107 * ms, 100 * ms}, verdicts,
	           drops);
	assert_int_equal(take(pool, 107 * ms, of), 5);
	assert_int_equal(impair_count(impair, IMPAIR_IDLE_NS), 0);
	impair_put(impair, packets, 1, pool, at(107 * ms), verdicts, drops);
	assert_int_equal(impair_count(impair, IMPAIR_IDLE_NS), 2 * ms);
	assert_int_equal(take(pool, 108 * ms - 1, of), 0);
	assert_int_equal(take(pool, 108 * ms + 1024, of), 1);
	impair_put(impair, packets, FRAMES, pool, (struct impair_when){1108 * ms, 108 * ms},
	           verdicts, drops);
	assert_int_equal(take(pool, 1108 * ms + 1024, of), IMPAIR_CREDIT_NS / ms);
	assert_int_equal(impair_count(impair, IMPAIR_IDLE_NS), 992 * ms);
	assert_int_equal(impair_count(impair, IMPAIR_QUEUED), FRAMES - IMPAIR_CREDIT_NS / ms);
	impair_close(impair);
	assert_int_equal(take(pool, UINT64_MAX, of), FRAMES - IMPAIR_CREDIT_NS / ms);
	for (unsigned i = 0; i < FRAMES; i++)
		packet_give(pool, packets[i]);
	impair_give(impair);
	packet_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_look_lowers_no_rate),
		cmocka_unit_test(nothing_is_lost_between_workers),
		cmocka_unit_test(a_closed_one_lets_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
