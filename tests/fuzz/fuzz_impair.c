// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_impair: effects and timelines as anybody may write them: what is accepted, the datapath must accept too.
//
// The input is the effects and, behind a zero byte, the timeline.

#include "controller/impair_text.h"
#include "datapath/impair_fate.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void check(const Weft__ImpairEffects *effects)
{
	assert(effects->loss_ppb <= IMPAIR_PPB && effects->bad_enter_ppb <= IMPAIR_PPB);
	assert(effects->bad_leave_ppb <= IMPAIR_PPB && effects->bad_loss_ppb <= IMPAIR_PPB);
	assert(effects->good_loss_ppb <= IMPAIR_PPB && effects->duplicate_ppb <= IMPAIR_PPB);
	assert(effects->corrupt_ppb <= IMPAIR_PPB && effects->reorder_ppb <= IMPAIR_PPB);
	assert(effects->jitter_ns <= effects->delay_ns);
	assert(effects->delay_ns <= UINT64_C(60000000000));
	assert(!effects->has_rate_bps || effects->rate_bps >= 1000);
	assert(!effects->bad_enter_ppb || effects->bad_leave_ppb);
	assert(effects->overhead >= -64 && effects->overhead <= 1024);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct impair_text text;
	struct refusal refusal = {0};
	char *copy = malloc(size + 1);
	size_t len;

	if (!copy)
		return 0;
	memcpy(copy, input, size);
	copy[size] = '\0';
	len = strlen(copy);
	if (impair_text_parse("impair/x", copy, len < size ? copy + len + 1 : NULL, size % 2, &text,
	                      &refusal) == 0) {
		assert(text.count >= 1 && text.count <= IMPAIR_TEXT_STEPS);
		assert(text.count <= IMPAIR_STEPS_MAX);
		for (size_t i = 0; i < text.count; i++)
			check(&text.steps[i].effects);
	} else {
		assert(refusal.fail.what[0]);
	}
	free(copy);
	return 0;
}
