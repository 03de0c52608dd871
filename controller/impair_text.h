// SPDX-License-Identifier: BSD-3-Clause
//
// impair_text: effects as users write them: "delay 20ms jitter 5ms normal loss 1% rate 10mbit", and timelines
// of them: "up 10s; down 2s; loss 30% 5s". Any thread.

#pragma once

#include "controller/refusal.h"
#include "proto/objects.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMPAIR_TEXT_STEPS = 64, IMPAIR_TEXT_MAX = 4096 };

struct impair_text {
	size_t count;
	struct {
		uint64_t duration_ns; // 0: for ever
		Weft__ImpairEffects effects;
	} steps[IMPAIR_TEXT_STEPS];
};

// Reads the effects, and the timeline (or NULL) whose steps are laid over them; with `once` the effects
// alone remain after its last step. Refuses what is not understood and what cannot be, naming `key`.
int impair_text_parse(const char *key, const char *effects, const char *timeline, bool once,
                      struct impair_text *ret, struct refusal *refusal);
