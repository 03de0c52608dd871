// SPDX-License-Identifier: BSD-3-Clause
//
// delay_wheel: entries, which are small numbers, that come out when their time has come.
//
// A hierarchical timing wheel with ticks of 1024 ns. An entry comes out at the first tick that is not
// before its time, so never early and at most 1.024 us late; those of one tick in the order in which they
// went in. Adding and taking cost the same however many there are. One thread at a time; nothing is
// allocated after init.

#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	DELAY_TICK_SHIFT = 10, // nanoseconds to ticks
	DELAY_DIGIT_BITS = 8,
	DELAY_SLOTS = 1 << DELAY_DIGIT_BITS,
	DELAY_LEVELS = 4,
};
#define DELAY_NONE UINT32_MAX
// What lies further ahead, some 73 minutes, comes out then.
#define DELAY_MOST_TICKS (UINT64_C(0xfeffffff))

struct delay_slot {
	uint32_t first, last;
	uint64_t soonest; // tick of the soonest entry
};

struct delay_link {
	uint64_t tick;
	uint32_t next;
};

struct delay_wheel {
	uint64_t now; // the tick up to which all has come out
	uint32_t count;
	uint32_t capacity;
	struct delay_link *links; // [capacity]; borrowed
	uint64_t used[DELAY_LEVELS][DELAY_SLOTS / 64];
	struct delay_slot slots[DELAY_LEVELS][DELAY_SLOTS];
};

// Entries are numbers below the capacity, which is how many links there are.
void delay_wheel_init(struct delay_wheel *wheel, struct delay_link *links, uint32_t capacity,
                      uint64_t now_ns);
// => The entry is not in the wheel.
void delay_wheel_add(struct delay_wheel *wheel, uint32_t entry, uint64_t due_ns);
// The next entry whose time has come, soonest first; DELAY_NONE: there is none.
uint32_t delay_wheel_take(struct delay_wheel *wheel, uint64_t now_ns);
// When the next entry comes out, in ns; UINT64_MAX: the wheel is empty.
uint64_t delay_wheel_next(const struct delay_wheel *wheel);
