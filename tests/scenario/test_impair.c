// SPDX-License-Identifier: BSD-3-Clause
//
// test_impair: impairments of ports, by the clock of the test: each effect alone, then together.

#include "tests/scenario/scenario.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/impair.h"

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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_delay_is_exact_in_each_direction),
		TEST(order_and_bytes_survive_a_delay),
		TEST(loss_is_exact_by_its_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
