// SPDX-License-Identifier: BSD-3-Clause
//
// neighbour: buckets of four entries, two buckets to choose from, each entry a line under a
// sequence lock.
//
// Both buckets of an address lie in one stripe, whose lock serialises all changes. A reader takes
// no lock: it reads the sequence, the words, and the sequence again, and goes to the lock only if a
// writer keeps being in the way. The fields are loaded and stored one by one with acquire and
// release, so that a reader who saw a new word also sees the new sequence. A writer that was killed
// leaves a wrong check, which covers what an entry says: address and MAC. State and times may be
// written over without it, so that an entry which is only renewed survives a kill. Which slots are
// used is known from a bitmap beside the table too, so that walks (neighbour_walk.c) touch entries
// only.

#include "datapath/neighbour_priv.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"

#include <errno.h>

enum {
	STRIPE_BUCKETS = 64,
	MIN_ENTRIES = 16,
	MAX_ENTRIES = 1 << 20,
};

#define NEIGHBOUR_MAGIC UINT64_C(0x3130696574666577)

struct header {
	uint64_t magic;
	uint64_t seed;
	uint32_t entries;
	uint8_t spare[44];
};

static uint32_t bucket_count(uint32_t entries)
{
	return entries / SLOTS * 2;
}

size_t neighbour_bytes(uint32_t entries)
{
	return sizeof(struct header) + (size_t)bucket_count(entries) * SLOTS * sizeof(struct slot);
}

uint32_t neighbour_slots(const struct neighbour_table *table)
{
	return (table->bucket_mask + 1) * SLOTS;
}

static struct slot *slot_of(const struct neighbour_table *table, const struct place *place,
                            unsigned choice)
{
	return &table->slots[place->buckets[choice / SLOTS] * SLOTS + choice % SLOTS];
}

uint32_t neighbour_check(const struct neighbour_table *table, const struct record *record)
{
	struct {
		struct ip_addr ip;
		uint64_t interface, mac;
	} said = {.ip = record->ip, .interface = record->interface, .mac = record->mac};

	return (uint32_t)XXH3_64bits_withSeed(&said, sizeof(said), ~table->seed);
}

// => The stripe is locked.
void neighbour_write(struct neighbour_table *table, struct slot *slot, const struct record *record)
{
	uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
	uint32_t at = (uint32_t)(slot - table->slots);
	uint64_t bit = UINT64_C(1) << at % WORD_BITS;
	uint64_t words[WORDS];

	memcpy(words, record, sizeof(words));
	atomic_store_explicit(&slot->sequence, sequence | 1, memory_order_relaxed);
	for (unsigned i = 0; i < WORDS; i++)
		atomic_store_explicit(&slot->words[i], words[i], memory_order_release);
	atomic_store_explicit(&slot->check, neighbour_check(table, record), memory_order_release);
	atomic_store_explicit(&slot->sequence, (sequence | 1) + 1, memory_order_release);
	if (record->state == NEIGHBOUR_NONE)
		atomic_fetch_and(&table->used[at / WORD_BITS], ~bit);
	else
		atomic_fetch_or(&table->used[at / WORD_BITS], bit);
}

static bool is_of(const struct record *record, const struct place *place)
{
	return record->state != NEIGHBOUR_NONE && record->interface == place->interface &&
	       ip_equal(record->ip, place->ip);
}

// The place's entry. => The stripe is locked.
struct slot *neighbour_find(const struct neighbour_table *table, const struct place *place,
                            struct record *ret)
{
	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		struct slot *slot = slot_of(table, place, i);

		load_words(slot, ret);
		if (is_of(ret, place))
			return slot;
	}
	return NULL;
}

static bool find_unlocked(const struct neighbour_table *table, const struct place *place,
                          struct record *ret)
{
	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		struct slot *slot = slot_of(table, place, i);
		unsigned tries = 0;

		while (!try_read(slot, ret)) {
			if (++tries < READ_TRIES)
				continue;
			pthread_mutex_lock(place->lock);
			bool found = neighbour_find(table, place, ret) != NULL;
			pthread_mutex_unlock(place->lock);
			return found;
		}
		if (is_of(ret, place))
			return true;
	}
	return false;
}

static void change_epoch(struct neighbour_table *table, uint32_t interface)
{
	atomic_fetch_add_explicit(&table->epochs[interface], 1, memory_order_release);
}

void neighbour_erase(struct neighbour_table *table, struct slot *slot, const struct record *record)
{
	neighbour_write(table, slot, &(struct record){0});
	atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
	if (has_mac(record->state))
		change_epoch(table, record->interface);
}

// A free slot in the emptier of the two buckets; NULL when both are full. => The stripe is locked,
// as for the next two.
static struct slot *find_free(const struct neighbour_table *table, const struct place *place)
{
	struct slot *free_slots[2] = {NULL, NULL};
	unsigned counts[2] = {0, 0};

	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		struct slot *slot = slot_of(table, place, i);
		struct record record;

		load_words(slot, &record);
		if (record.state != NEIGHBOUR_NONE)
			continue;
		free_slots[i / SLOTS] = slot;
		counts[i / SLOTS]++;
	}
	return free_slots[counts[1] > counts[0]];
}

// A slot whose address nobody answered for, FAILED rather than INCOMPLETE; NULL: none.
static struct slot *find_weakest(const struct neighbour_table *table, const struct place *place)
{
	struct slot *weakest = NULL;

	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		struct slot *slot = slot_of(table, place, i);
		struct record record;

		load_words(slot, &record);
		if (record.state == NEIGHBOUR_FAILED)
			return slot;
		if (record.state == NEIGHBOUR_INCOMPLETE)
			weakest = slot;
	}
	return weakest;
}

// A slot for a new entry: a free one, or one that gives up an address nobody answered for. Only an
// entry whose MAC is known may go beyond the limit, into the spare slots: a guest that asks for a
// whole subnet keeps nobody out. NULL: full.
static struct slot *make_slot(struct neighbour_table *table, const struct place *place,
                              bool is_known)
{
	bool is_full = atomic_load_explicit(&table->count, memory_order_relaxed) >= table->limit;
	struct slot *slot = is_full && !is_known ? NULL : find_free(table, place);

	if (slot) {
		atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
		return slot;
	}
	slot = find_weakest(table, place);
	if (slot)
		neighbour_write(table, slot, &(struct record){0});
	return slot;
}

enum neighbour_state neighbour_lookup(const struct neighbour_table *table, uint32_t interface,
                                      const struct ip_addr *ip, uint32_t now, struct mac *mac)
{
	struct place place = place_of(table, interface, ip);
	struct record record;

	if (!find_unlocked(table, &place, &record))
		return NEIGHBOUR_NONE;
	if (has_mac(record.state))
		*mac = mac_from_u64(record.mac);
	return state_at(&record, now);
}

// Asks for an address of which nothing is known, or not any more.
static bool ask_first(struct neighbour_table *table, const struct place *place, struct slot *slot,
                      uint32_t now)
{
	if (!slot)
		slot = make_slot(table, place, false);
	if (!slot)
		return false;
	neighbour_write(table, slot,
	                &(struct record){
				.ip = place->ip,
				.interface = place->interface,
				.state = NEIGHBOUR_INCOMPLETE,
				.tries = 1,
				.since = now,
				.asked = now,
			});
	return true;
}

// Asks again, or gives up. Returns whether to ask.
bool neighbour_ask_again(struct neighbour_table *table, struct slot *slot, struct record *record,
                         uint32_t now)
{
	if (elapsed(record->asked, now) < NEIGHBOUR_RETRY_MS)
		return false;
	if (record->tries < NEIGHBOUR_TRIES) {
		record->tries++;
		record->asked = now;
		neighbour_write(table, slot, record);
		return true;
	}
	if (record->state == NEIGHBOUR_PROBE) {
		neighbour_erase(table, slot, record);
		return false;
	}
	record->state = NEIGHBOUR_FAILED;
	record->asked = now;
	neighbour_write(table, slot, record);
	return false;
}

void neighbour_start_probe(struct neighbour_table *table, struct slot *slot, struct record *record,
                           uint32_t now)
{
	record->state = NEIGHBOUR_PROBE;
	record->tries = 1;
	record->asked = now;
	neighbour_write(table, slot, record);
}

static bool ask_locked(struct neighbour_table *table, const struct place *place, uint32_t now)
{
	struct record record;
	struct slot *slot = neighbour_find(table, place, &record);

	if (!slot)
		return ask_first(table, place, NULL, now);

	switch (state_at(&record, now)) {
	case NEIGHBOUR_NONE:
		return ask_first(table, place, slot, now);
	case NEIGHBOUR_STALE:
		neighbour_start_probe(table, slot, &record, now);
		return true;
	case NEIGHBOUR_INCOMPLETE:
	case NEIGHBOUR_PROBE:
		return neighbour_ask_again(table, slot, &record, now);
	case NEIGHBOUR_REACHABLE:
	case NEIGHBOUR_FAILED:
	case NEIGHBOUR_STATIC:
		break;
	}
	return false;
}

bool neighbour_ask(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip,
                   uint32_t now)
{
	struct place place = place_of(table, interface, ip);

	pthread_mutex_lock(place.lock);
	bool asked = ask_locked(table, &place, now);
	pthread_mutex_unlock(place.lock);
	return asked;
}

// Writes the entry with a MAC. Returns whether that changes an answer.
static bool learn(struct neighbour_table *table, struct slot *slot, const struct record *before,
                  struct record *after)
{
	bool knew = has_mac(before->state);
	bool changed = !knew || before->mac != after->mac;

	neighbour_write(table, slot, after);
	if (knew && changed)
		change_epoch(table, after->interface);
	return changed;
}

static bool confirm_locked(struct neighbour_table *table, const struct place *place, uint64_t mac,
                           bool solicited, bool create, uint32_t now)
{
	struct record record;
	struct slot *slot = neighbour_find(table, place, &record);

	if (!slot) {
		slot = create ? make_slot(table, place, true) : NULL;
		record = (struct record){0};
	}
	if (!slot || record.state == NEIGHBOUR_STATIC)
		return false;
	if (!solicited && has_mac(record.state) && record.mac == mac)
		return false;

	struct record after = {
		.ip = place->ip,
		.interface = place->interface,
		.state = solicited ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE,
		.mac = mac,
		.since = now,
		.asked = now,
	};

	return learn(table, slot, &record, &after);
}

bool neighbour_confirm(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip,
                       const struct mac *mac, bool solicited, bool create, uint32_t now)
{
	struct place place = place_of(table, interface, ip);

	pthread_mutex_lock(place.lock);
	bool changed = confirm_locked(table, &place, mac_to_u64(*mac), solicited, create, now);
	pthread_mutex_unlock(place.lock);
	return changed;
}

int neighbour_set_static(struct neighbour_table *table, uint32_t interface,
                         const struct ip_addr *ip, const struct mac *mac)
{
	struct place place = place_of(table, interface, ip);
	struct record before = {0}, after = {
					    .ip = *ip,
					    .interface = interface,
					    .state = NEIGHBOUR_STATIC,
					    .mac = mac_to_u64(*mac),
				    };

	pthread_mutex_lock(place.lock);
	struct slot *slot = neighbour_find(table, &place, &before);

	if (!slot) {
		slot = make_slot(table, &place, true);
		before = (struct record){0};
	}
	if (slot)
		learn(table, slot, &before, &after);
	pthread_mutex_unlock(place.lock);
	return slot ? 0 : -ENOSPC;
}

void neighbour_remove(struct neighbour_table *table, uint32_t interface, const struct ip_addr *ip)
{
	struct place place = place_of(table, interface, ip);
	struct record record;

	pthread_mutex_lock(place.lock);
	struct slot *slot = neighbour_find(table, &place, &record);

	if (slot)
		neighbour_erase(table, slot, &record);
	pthread_mutex_unlock(place.lock);
}

uint32_t neighbour_epoch(const struct neighbour_table *table, uint32_t interface)
{
	assert(interface < MAX_INTERFACES);
	return atomic_load_explicit(&table->epochs[interface], memory_order_acquire);
}

uint32_t neighbour_count(const struct neighbour_table *table)
{
	return atomic_load_explicit(&table->count, memory_order_relaxed);
}

struct neighbour_table *neighbour_open(void *memory, uint32_t entries, bool recover)
{
	assert((uintptr_t)memory % 64 == 0);
	if (entries < MIN_ENTRIES || entries > MAX_ENTRIES || entries & (entries - 1)) {
		errno = EINVAL;
		return NULL;
	}

	size_t bitmap = (bucket_count(entries) * SLOTS + WORD_BITS - 1) / WORD_BITS * 8;
	struct neighbour_table *table = mem_block_new("neighbours", sizeof(*table) + bitmap, 0);
	struct header *header = memory;
	bool known = recover && header->magic == NEIGHBOUR_MAGIC && header->entries == entries;

	if (!table)
		return NULL;
	if (recover && !known)
		memset(memory, 0, neighbour_bytes(entries));
	if (!known)
		*header = (struct header){
			.magic = NEIGHBOUR_MAGIC, .seed = rand_u64(), .entries = entries};

	table->slots = (struct slot *)(header + 1);
	table->seed = header->seed;
	table->bucket_mask = bucket_count(entries) - 1;
	table->stripe_mask = MIN(STRIPES, MAX(bucket_count(entries) / STRIPE_BUCKETS, 1)) - 1;
	table->limit = entries;
	for (unsigned i = 0; i < STRIPES; i++)
		pthread_mutex_init(&table->stripes[i].lock, NULL);
	if (known)
		neighbour_recover(table);
	return table;
}

void neighbour_close(struct neighbour_table *table)
{
	if (!table)
		return;
	for (unsigned i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&table->stripes[i].lock);
	mem_block_free(table);
}
