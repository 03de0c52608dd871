// SPDX-License-Identifier: BSD-3-Clause
//
// neighbour_priv: what the table is made of, for its files; neighbour.c explains it.

#pragma once

#include "datapath/generation.h"
#include "datapath/neighbour.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	SLOTS = 4, // A bucket's.
	STRIPES = 64,
	WORDS = 5,
	READ_TRIES = 8,
	WORD_BITS = 64,
};

// An entry as people handle it; as words it is in struct slot.
struct record {
	struct ip_addr ip;
	uint32_t interface;
	uint8_t state; // enum neighbour_state
	uint8_t tries; // Questions sent since the last answer.
	uint16_t spare;
	uint64_t mac;
	uint32_t since; // Confirmed, or first asked.
	uint32_t asked; // Last time.
};

_Static_assert(sizeof(struct record) == WORDS * sizeof(uint64_t), "copied whole");

struct slot {
	_Atomic uint32_t sequence; // Odd while it is written.
	_Atomic uint32_t check;
	_Atomic uint64_t words[WORDS];
	uint8_t spare[16];
};

_Static_assert(sizeof(struct slot) == 64, "one line");

struct stripe {
	pthread_mutex_t lock;
} __attribute__((aligned(64)));

struct neighbour_table {
	struct slot *slots; // Borrowed, as is all of the shared memory.
	uint64_t seed;
	uint32_t bucket_mask;
	uint32_t stripe_mask;
	uint32_t limit;
	uint32_t tick_cursor;
	_Atomic uint32_t count;
	struct stripe stripes[STRIPES];
	_Atomic uint32_t epochs[MAX_INTERFACES];
	_Atomic uint64_t used[]; // One bit a slot.
};

struct place {
	struct ip_addr ip;
	uint32_t interface;
	uint32_t buckets[2];
	pthread_mutex_t *lock; // Borrowed: the stripe's.
};

static inline bool has_mac(uint8_t state)
{
	return state == NEIGHBOUR_REACHABLE || state == NEIGHBOUR_STALE ||
	       state == NEIGHBOUR_PROBE || state == NEIGHBOUR_STATIC;
}

// Time passed; another worker's clock may be ahead, which is none.
static inline uint32_t elapsed(uint32_t since, uint32_t now)
{
	uint32_t passed = now - since;

	return passed >> 31 ? 0 : passed;
}

// The state with what time alone did to it.
static inline enum neighbour_state state_at(const struct record *record, uint32_t now)
{
	uint32_t age = elapsed(record->since, now);

	if (record->state == NEIGHBOUR_REACHABLE && age >= NEIGHBOUR_REACHABLE_MS)
		return NEIGHBOUR_STALE;
	if (record->state == NEIGHBOUR_FAILED && elapsed(record->asked, now) >= NEIGHBOUR_FAILED_MS)
		return NEIGHBOUR_NONE;
	return record->state;
}

static inline struct place place_of(const struct neighbour_table *table, uint32_t interface,
                                    const struct ip_addr *ip)
{
	assert(interface < MAX_INTERFACES);

	uint64_t hash = XXH3_64bits_withSeed(ip, sizeof(*ip), table->seed + interface);
	uint32_t first = (uint32_t)hash & table->bucket_mask;
	uint32_t step = (uint32_t)(hash >> 32) & table->bucket_mask & ~table->stripe_mask;
	const struct stripe *stripe = &table->stripes[first & table->stripe_mask];

	if (step == 0)
		step = (table->stripe_mask + 1) & table->bucket_mask;
	return (struct place){
		.ip = *ip,
		.interface = interface,
		.buckets = {first, first ^ step},
		.lock = (pthread_mutex_t *)&stripe->lock,
	};
}

static inline void load_words(const struct slot *slot, struct record *ret)
{
	uint64_t words[WORDS];

	for (unsigned i = 0; i < WORDS; i++)
		words[i] = atomic_load_explicit(&slot->words[i], memory_order_acquire);
	memcpy(ret, words, sizeof(words));
}

// Whether the words were read in one piece.
static inline bool try_read(const struct slot *slot, struct record *ret)
{
	uint32_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);

	if (before & 1)
		return false;
	load_words(slot, ret);
	return atomic_load_explicit(&slot->sequence, memory_order_relaxed) == before;
}

// Of what a killed writer must not leave half done: address and MAC.
uint32_t neighbour_check(const struct neighbour_table *table, const struct record *record);

// The place's entry, NULL when there is none. => The stripe is locked, as for all that follow.
struct slot *neighbour_find(const struct neighbour_table *table, const struct place *place,
                            struct record *ret);
void neighbour_write(struct neighbour_table *table, struct slot *slot, const struct record *record);
void neighbour_erase(struct neighbour_table *table, struct slot *slot, const struct record *record);

// Asks again, or gives up. Returns whether to ask.
bool neighbour_ask_again(struct neighbour_table *table, struct slot *slot, struct record *record,
                         uint32_t now);
void neighbour_start_probe(struct neighbour_table *table, struct slot *slot, struct record *record,
                           uint32_t now);

// Keeps what verifies and has a MAC, clears the rest. => Nobody else uses the table yet.
void neighbour_recover(struct neighbour_table *table);
