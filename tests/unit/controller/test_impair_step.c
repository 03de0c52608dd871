// SPDX-License-Identifier: BSD-3-Clause

#include "controller/impair_step.h"

#include "tests/unit/unit.h"

static char text[300];

static void steps_are_told_as_they_were_written(void **state)
{
	Weft__Impair impair = WEFT__IMPAIR__INIT;

	impair.timeline = (char *)" up 10s; down 2s ;; loss 30% 5s";
	assert_string_equal(impair_step_text(&impair, 0, 0, text, sizeof(text)),
	                    "step 1 of 3: up 10s");
	assert_string_equal(impair_step_text(&impair, 1, 1, text, sizeof(text)),
	                    "step 2 of 3: down 2s (1 step was passed over)");
	impair.effects = (char *)"delay 20ms";
	assert_string_equal(
		impair_step_text(&impair, 2, 40, text, sizeof(text)),
		"step 3 of 3: loss 30% 5s, besides delay 20ms (40 steps were passed over)");
}

static void a_timeline_that_ends_says_what_remains(void **state)
{
	Weft__Impair impair = WEFT__IMPAIR__INIT;

	impair.timeline = (char *)"down 2s;";
	impair.once = true;
	assert_string_equal(impair_step_text(&impair, 0, 0, text, sizeof(text)),
	                    "step 1 of 2: down 2s");
	assert_string_equal(impair_step_text(&impair, 1, 0, text, sizeof(text)),
	                    "step 2 of 2: the timeline is over, nothing remains");
	impair.effects = (char *)"loss 1%";
	assert_string_equal(impair_step_text(&impair, 1, 0, text, sizeof(text)),
	                    "step 2 of 2: the timeline is over, besides loss 1%");
	// A datapath can say anything.
	impair.timeline = NULL;
	assert_non_null(impair_step_text(&impair, UINT32_MAX, UINT64_MAX, text, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_told_as_they_were_written),
		cmocka_unit_test(a_timeline_that_ends_says_what_remains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
