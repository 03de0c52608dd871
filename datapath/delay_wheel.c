// SPDX-License-Identifier: BSD-3-Clause
//
// delay_wheel: four wheels of 256 slots; each digit of a tick, in base 256, chooses a slot of one of them.
//
// An entry lies at the level of the highest digit in which its tick differs from the wheel's own. All
// entries of a level so are sooner than those of the next, and within a level slots come in the order
// of their numbers: the soonest entry is in the first used slot of the lowest used level. When the
// wheel's tick enters a slot of a higher level, its entries move down: each at most three times in its life,
// and before anything new can be put behind them, so that entries of one tick keep their order.

#include "datapath/delay_wheel.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

void delay_wheel_init(struct delay_wheel *wheel, struct delay_link *links, uint32_t capacity,
                      uint64_t now_ns)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->now = now_ns >> DELAY_TICK_SHIFT;
	wheel->capacity = capacity;
	wheel->links = links;
}

static unsigned digit(uint64_t tick, unsigned level)
{
	return tick >> (level * DELAY_DIGIT_BITS) & (DELAY_SLOTS - 1);
}

static void put(struct delay_wheel *wheel, uint32_t entry)
{
	struct delay_link *link = &wheel->links[entry];
	uint64_t differs = link->tick ^ wheel->now;
	unsigned level = differs ? (63 - (unsigned)__builtin_clzll(differs)) / DELAY_DIGIT_BITS : 0;
	unsigned at;
	struct delay_slot *slot;

	// Only the distance is bounded, so the highest digit may come round, but never to its own again.
	if (level >= DELAY_LEVELS)
		level = DELAY_LEVELS - 1;
	at = digit(link->tick, level);
	slot = &wheel->slots[level][at];
	link->next = DELAY_NONE;
	if (wheel->used[level][at / 64] >> at % 64 & 1) {
		wheel->links[slot->last].next = entry;
		if (link->tick < slot->soonest)
			slot->soonest = link->tick;
	} else {
		wheel->used[level][at / 64] |= UINT64_C(1) << at % 64;
		slot->first = entry;
		slot->soonest = link->tick;
	}
	slot->last = entry;
}

void delay_wheel_add(struct delay_wheel *wheel, uint32_t entry, uint64_t due_ns)
{
	uint64_t tick =
		(due_ns >> DELAY_TICK_SHIFT) + ((due_ns & ((1 << DELAY_TICK_SHIFT) - 1)) != 0);

	assert(entry < wheel->capacity);
	if (tick < wheel->now)
		tick = wheel->now;
	if (tick - wheel->now > DELAY_MOST_TICKS)
		tick = wheel->now + DELAY_MOST_TICKS;
	wheel->links[entry].tick = tick;
	wheel->count++;
	put(wheel, entry);
}

// The first used slot of the level, from the wheel's own digit on and round; -1: none is used.
static int first_used(const struct delay_wheel *wheel, unsigned level)
{
	unsigned from = digit(wheel->now, level);

	for (unsigned i = 0; i <= DELAY_SLOTS / 64; i++) {
		unsigned word = (from / 64 + i) % (DELAY_SLOTS / 64);
		uint64_t bits = wheel->used[level][word];

		if (i == 0)
			bits &= UINT64_MAX << from % 64;
		if (bits)
			return (int)(word * 64 + (unsigned)__builtin_ctzll(bits));
	}
	return -1;
}

static const struct delay_slot *soonest(const struct delay_wheel *wheel)
{
	for (unsigned level = 0; wheel->count && level < DELAY_LEVELS; level++) {
		int at = first_used(wheel, level);

		if (at >= 0)
			return &wheel->slots[level][at];
	}
	return NULL;
}

uint64_t delay_wheel_next(const struct delay_wheel *wheel)
{
	const struct delay_slot *slot = soonest(wheel);

	return slot ? slot->soonest << DELAY_TICK_SHIFT : UINT64_MAX;
}

// Moves on to a tick before which nothing is due; what lies in the slots that it enters moves down.
static void move_to(struct delay_wheel *wheel, uint64_t tick)
{
	uint64_t before = wheel->now;

	wheel->now = tick;
	for (unsigned level = DELAY_LEVELS - 1; level > 0; level--) {
		unsigned at = digit(tick, level);
		struct delay_slot *slot = &wheel->slots[level][at];
		uint32_t entry = slot->first;

		if (before >> (level * DELAY_DIGIT_BITS) == tick >> (level * DELAY_DIGIT_BITS) ||
		    !(wheel->used[level][at / 64] >> at % 64 & 1))
			continue;
		wheel->used[level][at / 64] &= ~(UINT64_C(1) << at % 64);
		while (entry != DELAY_NONE) {
			uint32_t next = wheel->links[entry].next;

			put(wheel, entry);
			entry = next;
		}
	}
}

uint32_t delay_wheel_take(struct delay_wheel *wheel, uint64_t now_ns)
{
	uint64_t now = now_ns >> DELAY_TICK_SHIFT;
	const struct delay_slot *next = soonest(wheel);

	if (!next || next->soonest > now) {
		if (now > wheel->now)
			move_to(wheel, now);
		return DELAY_NONE;
	}
	if (next->soonest > wheel->now)
		move_to(wheel, next->soonest);

	unsigned at = digit(wheel->now, 0);
	struct delay_slot *slot = &wheel->slots[0][at];
	uint32_t entry = slot->first;

	slot->first = wheel->links[entry].next;
	if (slot->first == DELAY_NONE)
		wheel->used[0][at / 64] &= ~(UINT64_C(1) << at % 64);
	wheel->count--;
	return entry;
}
