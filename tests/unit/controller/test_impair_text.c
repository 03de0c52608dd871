// SPDX-License-Identifier: BSD-3-Clause

#include "controller/impair_text.h"

#include "tests/unit/unit.h"

#include <errno.h>

static struct impair_text text;

static const Weft__ImpairEffects *read_one(const char *effects)
{
	struct refusal refusal = {0};

	assert_int_equal(impair_text_parse("impair/x", effects, NULL, false, &text, &refusal), 0);
	assert_int_equal(text.count, 1);
	assert_int_equal(text.steps[0].duration_ns, 0);
	return &text.steps[0].effects;
}

static void every_effect_is_read_with_its_units(void **state)
{
	const Weft__ImpairEffects *effects = read_one(
		"delay 20ms jitter 1500us pareto ordered loss 0.25% burst 1% 12.5% 90% 1ppm duplicate "
		"3ppb corrupt 100% rate 2.5gbit overhead -14 queue 100packets queue 64KiB");

	assert_int_equal(effects->delay_ns, 20000000);
	assert_int_equal(effects->jitter_ns, 1500000);
	assert_int_equal(effects->jitter_shape, WEFT__JITTER_SHAPE__JITTER_PARETO);
	assert_true(effects->keep_order);
	assert_int_equal(effects->loss_ppb, 2500000);
	assert_int_equal(effects->bad_enter_ppb, 10000000);
	assert_int_equal(effects->bad_leave_ppb, 125000000);
	assert_int_equal(effects->bad_loss_ppb, 900000000);
	assert_int_equal(effects->good_loss_ppb, 1000);
	assert_int_equal(effects->duplicate_ppb, 3);
	assert_int_equal(effects->corrupt_ppb, 1000000000);
	assert_int_equal(effects->rate_bps, 2500000000);
	assert_int_equal(effects->overhead, -14);
	assert_int_equal(effects->queue_frames, 100);
	assert_int_equal(effects->queue_bytes, 65536);
	assert_int_equal(read_one("burst 1% 20%")->bad_loss_ppb, 1000000000);
	assert_int_equal(read_one("delay 1.000000001s reorder 5%")->delay_ns, 1000000001);
	assert_int_equal(read_one("rate 10Mbit")->rate_bps, 10000000);
	assert_true(read_one(" down ")->down);
	assert_false(read_one("")->has_delay_ns);
}

static void a_timeline_is_laid_over_the_effects(void **state)
{
	struct refusal refusal = {0};

	assert_int_equal(impair_text_parse("impair/x", "delay 10ms",
	                                   "up 10s; down 2s;loss 30% 500ms;", false, &text,
	                                   &refusal),
	                 0);
	assert_int_equal(text.count, 3);
	assert_int_equal(text.steps[0].duration_ns, 10000000000);
	assert_int_equal(text.steps[1].duration_ns, 2000000000);
	assert_true(text.steps[1].effects.down);
	assert_int_equal(text.steps[2].effects.loss_ppb, 300000000);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(text.steps[i].effects.delay_ns, 10000000);
	assert_int_equal(impair_text_parse("impair/x", "loss 1%", "down 1s", true, &text, &refusal),
	                 0);
	assert_int_equal(text.count, 2);
	assert_int_equal(text.steps[1].duration_ns, 0);
	assert_int_equal(text.steps[1].effects.loss_ppb, 10000000);
}

static const struct {
	const char *effects, *timeline, *words;
} wrong[] = {
	{"delay 5ms delay 6ms", NULL, "'delay' is said twice"},
	{"rate 1mbit queue 9packets queue 8packets", NULL, "'queue' is said twice"},
	{"delay 5ms", "loss 1% loss 2% 3s", "'loss' is said twice"},
	{"loss 120%", NULL, "more than always"},
	{"loss 100.0000001%", NULL, "more than always"},
	{"loss 5", NULL, "cannot be the value of 'loss'"},
	{"loss", NULL, "'loss' has no value"},
	{"delay -1ms", NULL, "cannot be the value of 'delay'"},
	{"delay 1e3ms", NULL, "cannot be the value of 'delay'"},
	{"delay 1.2.3ms", NULL, "cannot be the value of 'delay'"},
	{"delay 99999999999999999999s", NULL, "cannot be the value of 'delay'"},
	{"delay 61s", NULL, "more than 60 seconds"},
	{"jitter 5ms", NULL, "jitter needs a delay"},
	{"delay 4ms jitter 5ms", NULL, "before it was sent"},
	{"reorder 1%", NULL, "skips the delay"},
	{"delay 1ms reorder 1% ordered", NULL, "contradict"},
	{"rate 0bit", NULL, "no frame would ever arrive"},
	{"rate 10", NULL, "cannot be the value of 'rate'"},
	{"rate 999bit", NULL, "below 1 kbit"},
	{"rate 1001gbit", NULL, "above 1000 gbit"},
	{"queue 5packets", NULL, "needs a rate"},
	{"burst 1%", NULL, "needs two"},
	{"burst 1% 0%", NULL, "never left"},
	{"burst 0% 5%", NULL, "never entered"},
	{"overhead 2000", NULL, "cannot be the value of 'overhead'"},
	{"overhead -65", NULL, "cannot be the value of 'overhead'"},
	{"lag 5ms", NULL, "is no effect"},
	{"", "", "has no steps"},
	{"", " ; ;", "has no steps"},
	{"", "down", "how long it lasts"},
	{"", "down 2", "how long it lasts"},
	{"", "down 0.5ms", "from 1ms to a week"},
	{"", "2s", "how long it lasts"},
	{"", "jitter 5ms 2s", "jitter needs a delay"},
};

static void what_cannot_be_is_refused_with_a_sentence(void **state)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct refusal refusal = {0};

		if (impair_text_parse("impair/x", wrong[i].effects, wrong[i].timeline, false, &text,
		                      &refusal) == 0 ||
		    !strstr(refusal.fail.what, wrong[i].words))
			fail_msg("'%s' '%s': %s", wrong[i].effects,
			         wrong[i].timeline ? wrong[i].timeline : "", refusal.fail.what);
		assert_non_null(strstr(refusal.fail.what, "impair/x"));
	}
}

static void a_word_that_is_nearly_right_is_named(void **state)
{
	struct refusal refusal = {0};

	assert_true(impair_text_parse("impair/x", "dealy 5ms", NULL, false, &text, &refusal) < 0);
	assert_non_null(strstr(refusal.fail.hint, "'delay'"));
}

static void length_is_bounded(void **state)
{
	char words[3000] = "", steps[3000] = "";
	struct refusal refusal = {0};

	for (unsigned i = 0; i < 100; i++)
		strcat(words, "ordered ");
	assert_true(impair_text_parse("impair/x", words, NULL, false, &text, &refusal) < 0);
	for (unsigned i = 0; i < 64; i++)
		strcat(steps, "down 1s;");
	assert_true(impair_text_parse("impair/x", "", steps, false, &text, &refusal) < 0);
	steps[63 * 8] = '\0';
	assert_int_equal(impair_text_parse("impair/x", "", steps, true, &text, &refusal), 0);
	assert_int_equal(text.count, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_effect_is_read_with_its_units),
		cmocka_unit_test(a_timeline_is_laid_over_the_effects),
		cmocka_unit_test(what_cannot_be_is_refused_with_a_sentence),
		cmocka_unit_test(a_word_that_is_nearly_right_is_named),
		cmocka_unit_test(length_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
