// SPDX-License-Identifier: BSD-3-Clause
//
// agent_impair: bounds that keep times and sums within their words, and combinations that make no sense.

#include "datapath/agent_impair.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { DELAY_MOST_SECONDS = 60, OVERHEAD_LEAST = -64, OVERHEAD_MOST = 1024 };

#define STEP_LEAST_NS NSEC_PER_MSEC
#define STEP_MOST_NS (UINT64_C(7) * 24 * 3600 * NSEC_PER_SEC)
#define RATE_LEAST UINT64_C(1000)
#define RATE_MOST UINT64_C(1000000000000)

struct chance {
	const char *field;
	uint32_t ppb;
};

static int check_chances(const struct agent_object *object, struct apply_result *result,
                         const Weft__ImpairEffects *effects)
{
	const struct chance chances[] = {
		{"loss_ppb", effects->loss_ppb},
		{"bad_enter_ppb", effects->bad_enter_ppb},
		{"bad_leave_ppb", effects->bad_leave_ppb},
		{"bad_loss_ppb", effects->bad_loss_ppb},
		{"good_loss_ppb", effects->good_loss_ppb},
		{"duplicate_ppb", effects->duplicate_ppb},
		{"corrupt_ppb", effects->corrupt_ppb},
		{"reorder_ppb", effects->reorder_ppb},
	};

	for (size_t i = 0; i < ARRAY_SIZE(chances); i++)
		if (chances[i].ppb > IMPAIR_PPB)
			return agent_object_refuse(object, result, -ERANGE, chances[i].field,
			                           "%u ppb are more than always, which is %d",
			                           chances[i].ppb, IMPAIR_PPB);
	if (effects->bad_enter_ppb && !effects->bad_leave_ppb)
		return agent_object_refuse(object, result, -EINVAL, "bad_leave_ppb",
		                           "the bad state is entered and never left");
	return 0;
}

static int check_times(const struct agent_object *object, struct apply_result *result,
                       const Weft__ImpairEffects *effects)
{
	if (effects->delay_ns > DELAY_MOST_SECONDS * NSEC_PER_SEC)
		return agent_object_refuse(object, result, -ERANGE, "delay_ns",
		                           "a delay of more than %d seconds", DELAY_MOST_SECONDS);
	if (effects->jitter_ns > effects->delay_ns)
		return agent_object_refuse(object, result, -EINVAL, "jitter_ns",
		                           "the jitter of %" PRIu64 " ns is more than the delay "
		                           "of %" PRIu64 " ns, and no frame can come before it "
		                           "was sent",
		                           effects->jitter_ns, effects->delay_ns);
	if (effects->has_jitter_shape &&
	    ((unsigned)effects->jitter_shape < WEFT__JITTER_SHAPE__JITTER_UNIFORM ||
	     (unsigned)effects->jitter_shape > WEFT__JITTER_SHAPE__JITTER_PARETO))
		return agent_object_refuse(object, result, -EINVAL, "jitter_shape",
		                           "%d is no shape of jitter", (int)effects->jitter_shape);
	if (effects->reorder_ppb && !effects->delay_ns)
		return agent_object_refuse(object, result, -EINVAL, "reorder_ppb",
		                           "a reordered frame skips the delay, and there is none");
	if (effects->has_rate_bps &&
	    (effects->rate_bps < RATE_LEAST || effects->rate_bps > RATE_MOST))
		return agent_object_refuse(object, result, -ERANGE, "rate_bps",
		                           "a rate of %" PRIu64 " bit/s is outside 1 kbit/s to "
		                           "1 Tbit/s",
		                           effects->rate_bps);
	if (effects->overhead < OVERHEAD_LEAST || effects->overhead > OVERHEAD_MOST)
		return agent_object_refuse(object, result, -ERANGE, "overhead",
		                           "%d bytes of overhead are outside %d to %d",
		                           effects->overhead, OVERHEAD_LEAST, OVERHEAD_MOST);
	return 0;
}

int agent_check_impairment(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Impairment *impairment = object->message->impairment;
	int code = 0;

	if (impairment->direction != WEFT__IMPAIR_DIRECTION__IMPAIR_IN &&
	    impairment->direction != WEFT__IMPAIR_DIRECTION__IMPAIR_OUT)
		return agent_object_refuse(object, result, -EINVAL, "direction",
		                           "%d is no direction", (int)impairment->direction);
	if (impairment->n_steps < 1 || impairment->n_steps > IMPAIR_STEPS_MAX)
		return agent_object_refuse(object, result, -E2BIG, "steps",
		                           "%zu steps; 1 to %d are possible", impairment->n_steps,
		                           IMPAIR_STEPS_MAX);
	if (impairment->hold_frames < 64 || impairment->hold_frames > IMPAIR_HOLD_MOST)
		return agent_object_refuse(object, result, -ERANGE, "hold_frames",
		                           "room for %u frames is outside 64 to %d",
		                           impairment->hold_frames, IMPAIR_HOLD_MOST);
	for (size_t i = 0; i < impairment->n_steps && code == 0; i++) {
		const Weft__ImpairStep *step = impairment->steps[i];

		if (step->has_duration_ns &&
		    (step->duration_ns < STEP_LEAST_NS || step->duration_ns > STEP_MOST_NS))
			return agent_object_refuse(object, result, -ERANGE, "steps.duration_ns",
			                           "a step of %" PRIu64 " ns is outside 1 ms to "
			                           "7 days",
			                           step->duration_ns);
		code = check_chances(object, result, step->effects);
		if (code == 0)
			code = check_times(object, result, step->effects);
	}
	return code;
}

static struct impair_effects effects_of(const Weft__ImpairEffects *effects)
{
	static const enum impair_shape shapes[] = {
		[WEFT__JITTER_SHAPE__JITTER_UNIFORM] = IMPAIR_UNIFORM,
		[WEFT__JITTER_SHAPE__JITTER_NORMAL] = IMPAIR_NORMAL,
		[WEFT__JITTER_SHAPE__JITTER_PARETO] = IMPAIR_PARETO,
	};

	return (struct impair_effects){
		.down = effects->down,
		.keep_order = effects->keep_order,
		.shape = effects->has_jitter_shape ? shapes[effects->jitter_shape] : IMPAIR_UNIFORM,
		.delay_ns = effects->delay_ns,
		.jitter_ns = effects->jitter_ns,
		.loss = effects->loss_ppb,
		.bad_enter = effects->bad_enter_ppb,
		.bad_leave = effects->bad_leave_ppb,
		.bad_loss = effects->bad_loss_ppb,
		.good_loss = effects->good_loss_ppb,
		.duplicate = effects->duplicate_ppb,
		.corrupt = effects->corrupt_ppb,
		.reorder = effects->reorder_ppb,
		.rate_bps = effects->rate_bps,
		.overhead = effects->overhead,
		.queue_frames = effects->queue_frames,
		.queue_bytes = effects->queue_bytes,
	};
}

int agent_impair_make(struct agent_object *object, const struct agent_object *held)
{
	const Weft__Impairment *impairment = object->message->impairment;
	const struct impair *old = held && held->impair ? held->impair->impair : NULL;
	struct impair_setting *setting;

	if (object->kind != WEFT__KIND__KIND_IMPAIRMENT)
		return 0;
	setting = object->impair = calloc(1, sizeof(*setting));
	if (!setting)
		return -ENOMEM;
	if (old && impair_hold_frames(old) == impairment->hold_frames)
		setting->impair = impair_take_reference(held->impair->impair);
	else
		setting->impair = impair_new(impairment->hold_frames);
	if (!setting->impair)
		return -ENOMEM;
	setting->plan.seed = impairment->seed;
	setting->plan.step_count = (unsigned)impairment->n_steps;
	for (size_t i = 0; i < impairment->n_steps; i++) {
		setting->plan.steps[i].duration_ns = impairment->steps[i]->duration_ns;
		setting->plan.steps[i].effects = effects_of(impairment->steps[i]->effects);
	}
	return 0;
}

void agent_impair_free(struct impair_setting *setting)
{
	if (!setting)
		return;
	impair_give(setting->impair);
	free(setting);
}
