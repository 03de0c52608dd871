// SPDX-License-Identifier: BSD-3-Clause
//
// meter: lets so many events a second pass, with a burst; one word, no timer (GCRA).
//
// Owning worker.

#pragma once

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct meter {
	uint64_t due; // when the bucket is full again
};

// Whether one more event may pass. The burst is a tenth of a second's worth, of 32 events at least.
static inline bool meter_take(struct meter *meter, uint64_t now_ns, uint32_t per_second)
{
	uint64_t interval = NSEC_PER_SEC / per_second;
	uint64_t burst = interval * (per_second / 10 > 32 ? per_second / 10 : 32);

	if (meter->due < now_ns)
		meter->due = now_ns;
	if (meter->due - now_ns >= burst)
		return false;
	meter->due += interval;
	return true;
}
