// SPDX-License-Identifier: BSD-3-Clause
//
// test_impair: impairments of ports, by the clock of the test: each effect alone, then together.

#include "tests/scenario/scenario.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/impair.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { LAN = 1, A = 11, B = 12, BAD = 31, TICK = 1024, PERCENT = IMPAIR_PPB / 100 };

static const Weft__ImpairDirection OUT = WEFT__IMPAIR_DIRECTION__IMPAIR_OUT;
static const Weft__ImpairDirection IN = WEFT__IMPAIR_DIRECTION__IMPAIR_IN;

static const struct end a = {"02:00:00:00:00:0a", "10.1.0.1", 1000};
static const struct end b = {"02:00:00:00:00:0b", "10.1.0.2", 2000};

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, LAN);
	scenario_port(s, A, "a");
	scenario_port(s, B, "b");
	scenario_member(s, 21, A, LAN, 0, false);
	scenario_member(s, 22, B, LAN, 0, false);
	scenario_fdb_entry(s, 23, LAN, 0, a.mac, A);
	scenario_fdb_entry(s, 24, LAN, 0, b.mac, B);
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

static Weft__ImpairEffects nothing(void)
{
	return (Weft__ImpairEffects)WEFT__IMPAIR_EFFECTS__INIT;
}

static void impair(struct scenario *s, uint64_t port, Weft__ImpairDirection direction,
                   const Weft__ImpairEffects *effects)
{
	scenario_impair(s, BAD, port, direction, effects);
	scenario_commit(s);
}

static const struct impair *of_port(struct scenario *s, uint64_t port, int direction)
{
	uint32_t slot = slot_find(scenario_state(s), SLOT_PORT, port, 0);
	const struct port_config *config = pmap_get(&scenario_generation(s)->ports, slot);

	assert_non_null(config->impair[direction]);
	return config->impair[direction]->impair;
}

// A frame with a number in it.
static struct frame numbered(uint32_t number, size_t payload)
{
	uint8_t bytes[1500] = {0};

	assert_true(payload >= 4 && payload <= sizeof(bytes));
	store_be32(bytes, number);
	return frame_udp_bytes(&a, &b, bytes, payload);
}

static void a_delay_is_exact_in_each_direction(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	uint64_t sent = scenario_now(s);
	struct frame frame = numbered(1, 100);

	effects.has_delay_ns = true;
	effects.delay_ns = 20 * NSEC_PER_MSEC;
	scenario_impair(s, BAD, A, OUT, &effects);
	scenario_impair(s, BAD + 1, B, IN, &effects);
	scenario_commit(s);
	scenario_send(s, A, frame);
	scenario_run_until(s, sent + 40 * NSEC_PER_MSEC - 1);
	scenario_expect_silence(s);
	scenario_run_until(s, sent + 40 * NSEC_PER_MSEC + 2 * TICK);
	scenario_expect(s, B, frame);
	// The other way nothing is late.
	scenario_send(s, B, frame_udp(&b, &a, "back"));
	scenario_expect(s, A, frame_udp(&b, &a, "back"));
	assert_int_equal(scenario_counter(s, A, STATS_RX_PACKETS), 1);
	assert_int_equal(scenario_counter(s, B, STATS_TX_PACKETS), 1);
}

static void order_and_bytes_survive_a_delay(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();

	effects.has_delay_ns = true;
	effects.delay_ns = 3 * NSEC_PER_MSEC;
	impair(s, B, IN, &effects);
	for (uint32_t i = 0; i < 100; i++) {
		scenario_send(s, A, numbered(i, 4 + i * 14));
		scenario_run_until(s, scenario_now(s) + 777);
	}
	scenario_run_seconds(s, 0.01);
	for (uint32_t i = 0; i < 100; i++)
		scenario_expect(s, B, numbered(i, 4 + i * 14));
	assert_int_equal(impair_count(of_port(s, B, IMPAIR_IN), IMPAIR_SENT), 100);
}

// Sends frames one by one and says which came.
static unsigned fates(struct scenario *s, unsigned count, bool *came)
{
	unsigned arrived = 0;

	for (unsigned i = 0; i < count; i++) {
		scenario_send(s, A, numbered(i, 100));
		came[i] = memport_sent(scenario_door(s, B)) > arrived;
		arrived += came[i];
		scenario_discard(s);
	}
	return arrived;
}

static void loss_is_exact_by_its_seed(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	static bool came[20000];
	unsigned arrived = 0;

	effects.has_loss_ppb = true;
	effects.loss_ppb = 10 * PERCENT;
	impair(s, A, OUT, &effects);
	arrived = fates(s, 20000, came);
	assert_in_range(20000 - arrived, 1850, 2150);
	assert_int_equal(scenario_drops(s, A, DROP_IMPAIR_LOSS), 20000 - arrived);
	// The same by the numbers alone.
	const struct impair_effects twin = {.loss = 10 * PERCENT};

	for (unsigned i = 0; i < 20000; i++) {
		struct impair_fate fate;
		bool bad = false;

		impair_fate_draw(&twin, 1, i, &bad, &fate);
		assert_int_equal(came[i], fate.loss == IMPAIR_KEPT);
	}
}

static uint32_t number_of(const struct frame *frame)
{
	return load_be32(frame->bytes + 14 + 20 + 8);
}

// Sends `count` frames of `len` bytes at once, and says when each came, in ns from now.
static void burst(struct scenario *s, unsigned count, size_t len, uint64_t *arrivals)
{
	uint64_t began = scenario_now(s);
	unsigned before = (unsigned)memport_sent(scenario_door(s, B));

	for (unsigned i = 0; i < count; i++)
		scenario_send(s, A, numbered(i, len - 42));
	for (unsigned came = 0; came < count;) {
		unsigned now = (unsigned)memport_sent(scenario_door(s, B)) - before;

		for (; came < now; came++) {
			assert_int_equal(scenario_take(s, B).len, len);
			arrivals[came] = scenario_now(s) - began;
		}
		if (came < count)
			scenario_run_until(s, scenario_now(s) + TICK);
		assert_true(scenario_now(s) < began + 10 * NSEC_PER_SEC);
	}
}

static void a_rate_is_kept_to_the_tick(void **user)
{
	static const struct {
		uint64_t rate;
		size_t len;
	} cases[] = {
		{1000000, 64},    {1000000, 1500},    {10000000, 64},    {10000000, 1500},
		{1000000000, 64}, {1000000000, 1500}, {10000000000, 64}, {10000000000, 1500},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Weft__ImpairEffects effects = nothing();
		uint64_t arrivals[50];

		effects.has_rate_bps = true;
		effects.rate_bps = cases[i].rate;
		impair(*user, A, OUT, &effects);
		burst(*user, 50, cases[i].len, arrivals);
		for (unsigned k = 0; k < 50; k++) {
			double due = (double)(k + 1) * (double)cases[i].len * 8e9 /
			             (double)cases[i].rate;

			// The test looks once a tick.
			assert_true((double)arrivals[k] >= floor(due));
			assert_true((double)arrivals[k] <= due + 3 * TICK);
		}
	}
}

static void overhead_counts_for_the_rate(void **user)
{
	Weft__ImpairEffects effects = nothing();
	uint64_t arrivals[10];

	effects.has_rate_bps = effects.has_overhead = true;
	effects.rate_bps = 1000000;
	effects.overhead = 24;
	impair(*user, A, OUT, &effects);
	burst(*user, 10, 101, arrivals);
	assert_in_range(arrivals[9], 10 * 1000000, 10 * 1000000 + 3 * TICK);
}

static void a_full_queue_drops_by_name(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();

	effects.has_rate_bps = effects.has_queue_frames = true;
	effects.rate_bps = 1000000;
	effects.queue_frames = 5;
	impair(s, A, OUT, &effects);
	for (uint32_t i = 0; i < 20; i++)
		scenario_send(s, A, numbered(i, 100));
	assert_int_equal(scenario_drops(s, A, DROP_IMPAIR_QUEUE_FULL), 15);
	scenario_run_seconds(s, 1);
	for (uint32_t i = 0; i < 5; i++)
		scenario_expect(s, B, numbered(i, 100));
	scenario_expect_silence(s);

	// By bytes: the first is always taken.
	effects.has_queue_frames = false;
	effects.has_queue_bytes = true;
	effects.queue_bytes = 300;
	impair(s, A, OUT, &effects);
	for (uint32_t i = 0; i < 4; i++)
		scenario_send(s, A, numbered(i, 100));
	assert_int_equal(scenario_drops(s, A, DROP_IMPAIR_QUEUE_FULL), 15 + 2);
	scenario_run_seconds(s, 1);
	scenario_discard(s);
}

static void a_change_loses_nothing_and_takes_effect_at_once(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	uint64_t began = scenario_now(s);

	effects.has_rate_bps = true;
	effects.rate_bps = 8000; // 142 bytes take 142 ms.
	impair(s, A, OUT, &effects);
	for (uint32_t i = 0; i < 50; i++)
		scenario_send(s, A, numbered(i, 100));
	scenario_run_seconds(s, 0.213);
	scenario_expect(s, B, numbered(0, 100));
	scenario_expect_silence(s);
	// Half of the second frame is out; the rest of it, and of all others, goes a thousand times faster.
	effects.rate_bps = 8000000;
	impair(s, A, OUT, &effects);
	scenario_run_until(s, began + 213 * NSEC_PER_MSEC + 71000 + 2 * TICK);
	scenario_expect(s, B, numbered(1, 100));
	scenario_expect_silence(s);
	scenario_run_until(s, began + 213 * NSEC_PER_MSEC + 71000 + 48 * 142000 + 2 * TICK);
	for (uint32_t i = 2; i < 50; i++)
		scenario_expect(s, B, numbered(i, 100));
	assert_int_equal(impair_count(of_port(s, A, IMPAIR_OUT), IMPAIR_SENT), 50);
}

static void clearing_sends_what_was_held(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();

	effects.has_delay_ns = effects.has_rate_bps = true;
	effects.delay_ns = NSEC_PER_SEC;
	effects.rate_bps = 100000;
	impair(s, B, IN, &effects);
	for (uint32_t i = 0; i < 100; i++)
		scenario_send(s, A, numbered(i, 100));
	scenario_run_seconds(s, 0.1);
	scenario_delete(s, WEFT__KIND__KIND_IMPAIRMENT, BAD);
	scenario_commit(s);
	for (uint32_t i = 0; i < 100; i++)
		scenario_expect(s, B, numbered(i, 100));
	scenario_send(s, A, numbered(100, 100));
	scenario_expect(s, B, numbered(100, 100));
}

static void a_port_takes_what_it_held_with_it(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();

	effects.has_delay_ns = true;
	effects.delay_ns = NSEC_PER_SEC;
	impair(s, B, IN, &effects);
	for (uint32_t i = 0; i < 10; i++)
		scenario_send(s, A, numbered(i, 100));
	scenario_delete(s, WEFT__KIND__KIND_IMPAIRMENT, BAD);
	scenario_delete(s, WEFT__KIND__KIND_FDB_ENTRY, 24);
	scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, 22);
	scenario_delete(s, WEFT__KIND__KIND_PORT, B);
	scenario_commit(s);
	assert_int_equal(scenario_drops(s, A, DROP_PORT_DOWN), 10);
	scenario_run_seconds(s, 2);
}

struct moments {
	double mean, deviation, least, most;
};

// Of so many delays, in ms; frames come one by one and far apart.
static struct moments measure(struct scenario *s, unsigned count)
{
	struct moments ret = {.least = 1e9};
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t arrival;
		double ms;

		burst(s, 1, 142, &arrival);
		ms = (double)arrival / 1e6;
		sum += ms;
		squares += ms * ms;
		ret.least = fmin(ret.least, ms);
		ret.most = fmax(ret.most, ms);
	}
	ret.mean = sum / count;
	ret.deviation = sqrt(squares / count - ret.mean * ret.mean);
	return ret;
}

static void jitter_has_its_shape(void **user)
{
	Weft__ImpairEffects effects = nothing();
	struct moments got;

	// Short, since the test looks once a tick.
	effects.has_delay_ns = effects.has_jitter_ns = effects.has_jitter_shape = true;
	effects.delay_ns = 200000;
	effects.jitter_ns = 100000;
	effects.jitter_shape = WEFT__JITTER_SHAPE__JITTER_UNIFORM;
	impair(*user, A, OUT, &effects);
	got = measure(*user, 4000);
	assert_true(fabs(got.mean - 0.2) < 0.004);
	assert_true(fabs(got.deviation - 0.1 / sqrt(3)) < 0.003);
	assert_true(got.least >= 0.1 && got.most < 0.304);

	effects.jitter_ns = 40000;
	effects.jitter_shape = WEFT__JITTER_SHAPE__JITTER_NORMAL;
	impair(*user, A, OUT, &effects);
	got = measure(*user, 4000);
	assert_true(fabs(got.mean - 0.2) < 0.004);
	assert_true(fabs(got.deviation - 0.04) < 0.002);

	effects.jitter_shape = WEFT__JITTER_SHAPE__JITTER_PARETO;
	impair(*user, A, OUT, &effects);
	got = measure(*user, 4000);
	assert_true(fabs(got.mean - 0.2) < 0.004);
	// Nothing is much sooner than the mean; a few are far later.
	assert_true(got.least > 0.2 - 0.04 * 0.58 && got.most > 0.4);
}

static bool is_rising(struct scenario *s, unsigned count)
{
	bool rising = true;

	for (uint32_t last = 0, i = 0; i < count; i++) {
		struct frame frame = scenario_take(s, B);

		rising &= number_of(&frame) >= last;
		last = number_of(&frame);
	}
	return rising;
}

static void jitter_reorders_unless_order_is_kept(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();

	effects.has_delay_ns = effects.has_jitter_ns = effects.has_keep_order = true;
	effects.delay_ns = 10 * NSEC_PER_MSEC;
	effects.jitter_ns = 5 * NSEC_PER_MSEC;
	for (int keep = 0; keep < 2; keep++) {
		effects.keep_order = keep;
		impair(s, A, OUT, &effects);
		for (uint32_t i = 0; i < 100; i++)
			scenario_send(s, A, numbered(i, 100));
		scenario_run_seconds(s, 0.1);
		assert_int_equal(is_rising(s, 100), keep);
	}
}

static void a_reordered_frame_skips_the_delay(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	unsigned early = 0;

	effects.has_delay_ns = effects.has_reorder_ppb = true;
	effects.delay_ns = 10 * NSEC_PER_MSEC;
	effects.reorder_ppb = 25 * PERCENT;
	impair(s, A, OUT, &effects);
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t before = memport_sent(scenario_door(s, B));

		scenario_send(s, A, numbered(i, 100));
		scenario_run_until(s, scenario_now(s) + 2 * TICK);
		early += memport_sent(scenario_door(s, B)) > before;
		scenario_run_seconds(s, 0.02);
		scenario_discard(s);
	}
	assert_in_range(early, 200, 300);
	assert_int_equal(impair_count(of_port(s, A, IMPAIR_OUT), IMPAIR_REORDERED), early);
}

static void losses_come_in_bursts_of_their_length(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	static bool came[40000];
	unsigned lost = 0, bursts = 0;

	// Of the chain: 1 / leave frames in a row, enter / (enter + leave) in all.
	effects.has_bad_enter_ppb = effects.has_bad_leave_ppb = effects.has_bad_loss_ppb = true;
	effects.bad_enter_ppb = 2 * PERCENT;
	effects.bad_leave_ppb = 20 * PERCENT;
	effects.bad_loss_ppb = 100 * PERCENT;
	impair(s, A, OUT, &effects);
	fates(s, 40000, came);
	for (unsigned i = 0; i < 40000; i++) {
		lost += !came[i];
		bursts += !came[i] && (i == 0 || came[i - 1]);
	}
	assert_int_equal(scenario_drops(s, A, DROP_IMPAIR_BURST), lost);
	assert_true(fabs(lost / 40000. - 1 / 11.) < 0.01);
	assert_true(fabs((double)lost / bursts - 5) < 0.4);
}

static void a_duplicate_follows_its_frame(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	unsigned doubled = 0;

	effects.has_duplicate_ppb = true;
	effects.duplicate_ppb = 50 * PERCENT;
	impair(s, A, OUT, &effects);
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t before = memport_sent(scenario_door(s, B));

		scenario_send(s, A, numbered(i, 900));
		for (uint64_t n = memport_sent(scenario_door(s, B)) - before; n > 0; n--)
			scenario_expect(s, B, numbered(i, 900));
		doubled += memport_sent(scenario_door(s, B)) - before == 2;
	}
	assert_in_range(doubled, 440, 560);
	assert_int_equal(impair_count(of_port(s, A, IMPAIR_OUT), IMPAIR_DUPLICATED), doubled);
}

static unsigned bits_that_differ(const struct frame *one, const struct frame *other)
{
	unsigned bits = 0;

	assert_int_equal(one->len, other->len);
	for (size_t i = 0; i < one->len; i++)
		bits += (unsigned)__builtin_popcount(one->bytes[i] ^ other->bytes[i]);
	return bits;
}

static void damage_is_one_bit_that_can_be_noticed(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	struct frame frame = numbered(1, 1400);
	struct frame got;

	effects.has_corrupt_ppb = true;
	effects.corrupt_ppb = 100 * PERCENT;
	impair(s, A, OUT, &effects);
	for (unsigned i = 0; i < 50; i++) {
		static uint8_t bytes[FRAME_MAX];
		struct memport_meta meta;

		// A partial checksum is completed before, or else the damage would be summed with the rest.
		scenario_send(s, A, i % 2 ? frame_partial(frame) : frame);
		got.len = (size_t)memport_take(scenario_door(s, B), bytes, sizeof(bytes), &meta);
		memcpy(got.bytes, bytes, got.len);
		assert_int_equal(bits_that_differ(&frame, &got), 1);
		assert_memory_equal(frame.bytes, got.bytes, 14);
		assert_int_equal(meta.flags & (PACKET_CSUM_PARTIAL | PACKET_CSUM_VALID), 0);
	}
}

static void a_super_packet_is_cut_where_frames_matter(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	uint8_t bytes[3000] = {0};
	struct frame frame = frame_gso(
		frame_partial(frame_tcp_at(&a, &b, TCP_A, 1, 1, bytes, sizeof(bytes))), 100);
	unsigned came = 0;
	const struct impair *impairment;

	effects.has_loss_ppb = true;
	effects.loss_ppb = 50 * PERCENT;
	impair(s, A, OUT, &effects);
	impairment = of_port(s, A, IMPAIR_OUT);
	scenario_send(s, A, frame);
	came = (unsigned)memport_sent(scenario_door(s, B));
	for (unsigned i = 0; i < came; i++)
		assert_int_equal(scenario_take(s, B).len, 54 + 100);
	assert_int_equal(impair_count(impairment, IMPAIR_FRAMES), 30);
	assert_in_range(came, 5, 25);
	assert_int_equal(scenario_drops(s, A, DROP_IMPAIR_LOSS), 30 - came);
	assert_int_equal(impair_count(impairment, IMPAIR_SENT), came);

	// As 30 frames of 154 bytes by a rate that is slow.
	effects = nothing();
	effects.has_rate_bps = true;
	effects.rate_bps = 1232000;
	impair(s, A, OUT, &effects);
	scenario_send(s, A, frame);
	scenario_run_seconds(s, 0.0295);
	assert_int_equal(memport_sent(scenario_door(s, B)) - came, 29);
	scenario_run_seconds(s, 0.001);
	assert_int_equal(memport_sent(scenario_door(s, B)) - came, 30);
	scenario_discard(s);

	// In parts by one that is faster: ten frames take 60 us.
	effects.rate_bps = 205400000;
	impair(s, A, OUT, &effects);
	came = (unsigned)memport_sent(scenario_door(s, B));
	scenario_send(s, A, frame);
	impairment = of_port(s, A, IMPAIR_OUT);
	assert_int_equal(impair_count(impairment, IMPAIR_HELD), 3);
	assert_int_equal(impair_count(impairment, IMPAIR_QUEUED), 30);
	for (unsigned part = 1; part <= 3; part++) {
		scenario_run_until(s, scenario_now(s) + 57 * NSEC_PER_USEC);
		assert_int_equal(memport_sent(scenario_door(s, B)) - came, 10 * (part - 1));
		scenario_run_until(s, scenario_now(s) + 3 * NSEC_PER_USEC + (part == 1) * 2 * TICK);
		assert_int_equal(memport_sent(scenario_door(s, B)) - came, 10 * part);
	}
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(scenario_take(s, B).len, 54 + 100);
	assert_int_equal(impair_count(impairment, IMPAIR_SENT), came + 30);
	assert_int_equal(impair_count(impairment, IMPAIR_SENT_BYTES), (came + 30) * 154);

	// And whole by one that is fast, or when there is only a delay: the door cuts it.
	effects.rate_bps = 10000000000;
	effects.has_delay_ns = true;
	effects.delay_ns = NSEC_PER_MSEC;
	impair(s, A, OUT, &effects);
	scenario_send(s, A, frame);
	assert_int_equal(impair_count(of_port(s, A, IMPAIR_OUT), IMPAIR_HELD), 1);
	scenario_run_until(s, scenario_now(s) + NSEC_PER_MSEC + 30 * 154 * 8 / 10 - TICK);
	scenario_expect_silence(s);
	scenario_run_until(s, scenario_now(s) + 3 * TICK);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(scenario_take(s, B).len, 54 + 100);
}

static void put_timeline(struct scenario *s, const uint64_t *ms, const bool *down, size_t count)
{
	Weft__Impairment impairment = WEFT__IMPAIRMENT__INIT;
	Weft__ImpairStep steps[8], *list[8];
	Weft__ImpairEffects effects[8];
	Weft__Object object = WEFT__OBJECT__INIT;

	for (size_t i = 0; i < count; i++) {
		weft__impair_step__init(&steps[i]);
		effects[i] = nothing();
		effects[i].has_down = true;
		effects[i].down = down[i];
		steps[i].effects = &effects[i];
		steps[i].has_duration_ns = ms[i] != 0;
		steps[i].duration_ns = ms[i] * NSEC_PER_MSEC;
		list[i] = &steps[i];
	}
	impairment.port = A;
	impairment.direction = OUT;
	impairment.n_steps = count;
	impairment.steps = list;
	object.id = BAD;
	object.body_case = WEFT__OBJECT__BODY_IMPAIRMENT;
	object.impairment = &impairment;
	scenario_put(s, &object);
	scenario_commit(s);
}

static bool passes(struct scenario *s)
{
	uint64_t before = memport_sent(scenario_door(s, B));

	scenario_send(s, A, numbered(0, 100));
	scenario_discard(s);
	return memport_sent(scenario_door(s, B)) > before;
}

static void a_timeline_repeats_to_the_nanosecond(void **user)
{
	struct scenario *s = *user;
	uint64_t began = scenario_now(s);

	put_timeline(s, (const uint64_t[]){1000, 200}, (const bool[]){false, true}, 2);
	for (unsigned round = 0; round < 5; round++) {
		uint64_t at = began + round * 1200 * NSEC_PER_MSEC;

		scenario_run_until(s, at);
		assert_true(passes(s));
		scenario_run_until(s, at + NSEC_PER_SEC - 1);
		assert_true(passes(s));
		scenario_run_until(s, at + NSEC_PER_SEC);
		assert_false(passes(s));
		scenario_run_until(s, at + 1200 * NSEC_PER_MSEC - 1);
		assert_false(passes(s));
	}
	// Many rounds in which nothing came.
	scenario_run_until(s, began + 12000 * 1000 * NSEC_PER_MSEC + 1100 * NSEC_PER_MSEC);
	assert_false(passes(s));
	assert_int_equal(scenario_drops(s, A, DROP_IMPAIR_DOWN), 11);
}

static void a_timeline_that_ends_stays_at_its_end(void **user)
{
	struct scenario *s = *user;

	put_timeline(s, (const uint64_t[]){100, 0}, (const bool[]){true, false}, 2);
	assert_false(passes(s));
	scenario_run_seconds(s, 0.1);
	assert_true(passes(s));
	scenario_run_seconds(s, 1000);
	assert_true(passes(s));
}

static void what_waits_at_a_step_goes_by_the_next(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects slow = nothing(), fast = nothing();
	Weft__ImpairStep steps[2] = {WEFT__IMPAIR_STEP__INIT, WEFT__IMPAIR_STEP__INIT};
	Weft__ImpairStep *list[] = {&steps[0], &steps[1]};
	Weft__Impairment impairment = WEFT__IMPAIRMENT__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;

	slow.has_rate_bps = fast.has_rate_bps = true;
	slow.rate_bps = 1136000; // 142 bytes take 1 ms.
	fast.rate_bps = 11360000;
	steps[0].effects = &slow;
	steps[1].effects = &fast;
	steps[0].has_duration_ns = true;
	steps[0].duration_ns = 10 * NSEC_PER_MSEC;
	impairment.port = A;
	impairment.direction = OUT;
	impairment.n_steps = 2;
	impairment.steps = list;
	object.id = BAD;
	object.body_case = WEFT__OBJECT__BODY_IMPAIRMENT;
	object.impairment = &impairment;
	scenario_put(s, &object);
	scenario_commit(s);
	for (uint32_t i = 0; i < 30; i++)
		scenario_send(s, A, numbered(i, 100));
	scenario_run_until(s, scenario_now(s) + 12 * NSEC_PER_MSEC + 2 * TICK);
	assert_true(is_rising(s, 30));
}

static void memory_is_bounded_and_says_so(void **user)
{
	struct scenario *s = *user;
	Weft__Impairment impairment = WEFT__IMPAIRMENT__INIT;
	Weft__ImpairStep step = WEFT__IMPAIR_STEP__INIT, *list[] = {&step};
	Weft__ImpairEffects effects = nothing();
	Weft__Object object = WEFT__OBJECT__INIT;

	effects.has_delay_ns = true;
	effects.delay_ns = NSEC_PER_SEC;
	step.effects = &effects;
	impairment.port = A;
	impairment.direction = OUT;
	impairment.n_steps = 1;
	impairment.steps = list;
	impairment.has_hold_frames = true;
	impairment.hold_frames = 64;
	object.id = BAD;
	object.body_case = WEFT__OBJECT__BODY_IMPAIRMENT;
	object.impairment = &impairment;
	scenario_put(s, &object);
	scenario_commit(s);
	for (uint32_t i = 0; i < 100; i++)
		scenario_send(s, A, numbered(i, 100));
	assert_int_equal(scenario_drops(s, A, DROP_IMPAIR_NO_ROOM), 36);
	scenario_run_seconds(s, 1.1);
	for (uint32_t i = 0; i < 64; i++)
		scenario_expect(s, B, numbered(i, 100));
}

static void trace_says_what_is_impaired(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();
	const struct trace *trace;

	effects.has_delay_ns = effects.has_loss_ppb = true;
	effects.delay_ns = 20 * NSEC_PER_MSEC;
	effects.loss_ppb = PERCENT;
	impair(s, B, IN, &effects);
	trace = scenario_trace(s, A, numbered(1, 100));
	assert_true(trace->forwarded);
	assert_non_null(
		strstr(trace_text(trace), "what {12} gets is impaired: delay 20 ms, loss 1 %"));
	assert_null(strstr(trace_text(scenario_trace(s, B, frame_udp(&b, &a, "x"))), "impaired"));
}

static void refuse(struct scenario *s, const Weft__ImpairEffects *effects, const char *words)
{
	struct apply_result result = {0};

	scenario_impair(s, BAD, A, OUT, effects);
	assert_true(scenario_try_commit(s, &result) < 0);
	assert_non_null(strstr(result.fail.what, words));
}

static void what_cannot_be_is_refused(void **user)
{
	struct scenario *s = *user;
	Weft__ImpairEffects effects = nothing();

	effects.has_loss_ppb = true;
	effects.loss_ppb = IMPAIR_PPB + 1;
	refuse(s, &effects, "more than always");
	effects = nothing();
	effects.has_jitter_ns = true;
	effects.jitter_ns = 1;
	refuse(s, &effects, "before it was sent");
	effects = nothing();
	effects.has_rate_bps = true;
	refuse(s, &effects, "outside 1 kbit/s");
	effects = nothing();
	effects.has_bad_enter_ppb = true;
	effects.bad_enter_ppb = 1;
	refuse(s, &effects, "never left");
	effects = nothing();
	effects.has_reorder_ppb = true;
	effects.reorder_ppb = 1;
	refuse(s, &effects, "skips the delay");
	// Two for one direction.
	effects = nothing();
	scenario_impair(s, BAD, A, OUT, &effects);
	scenario_commit(s);
	scenario_impair(s, BAD + 1, A, OUT, &effects);
	struct apply_result result = {0};

	assert_int_equal(scenario_try_commit(s, &result), -EEXIST);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_delay_is_exact_in_each_direction),
		TEST(order_and_bytes_survive_a_delay),
		TEST(loss_is_exact_by_its_seed),
		TEST(a_rate_is_kept_to_the_tick),
		TEST(overhead_counts_for_the_rate),
		TEST(a_full_queue_drops_by_name),
		TEST(a_change_loses_nothing_and_takes_effect_at_once),
		TEST(clearing_sends_what_was_held),
		TEST(a_port_takes_what_it_held_with_it),
		TEST(jitter_has_its_shape),
		TEST(jitter_reorders_unless_order_is_kept),
		TEST(a_reordered_frame_skips_the_delay),
		TEST(losses_come_in_bursts_of_their_length),
		TEST(a_duplicate_follows_its_frame),
		TEST(damage_is_one_bit_that_can_be_noticed),
		TEST(a_super_packet_is_cut_where_frames_matter),
		TEST(a_timeline_repeats_to_the_nanosecond),
		TEST(a_timeline_that_ends_stays_at_its_end),
		TEST(what_waits_at_a_step_goes_by_the_next),
		TEST(memory_is_bounded_and_says_so),
		TEST(trace_says_what_is_impaired),
		TEST(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
