// SPDX-License-Identifier: BSD-3-Clause
//
// fdb: buckets of four entries, two buckets to choose from, in which an entry never moves.
//
// An entry is two words. `key` holds MAC and domain; `info` holds port, time, flags and a check of
// both words, and is 0 while the slot is free. A writer clears info, writes key, then writes info;
// a reader reads info, key, and info again. So a reader believes only a pair that was together, and
// a process that was killed between two stores leaves a free slot. The check is for the reader that
// slept through a whole reuse of the slot, and for memory that was damaged.
//
// Both buckets of a key lie in one stripe, whose lock serialises all changes of the key. Only the
// time is renewed without the lock, by compare-and-swap of info. There are twice as many slots as
// entries are allowed, so at the limit a bucket pair is practically never full; if it is, the entry
// is refused like any other for which there is no room. A lookup reads at most two lines.

#include "datapath/fdb.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"
#include "datapath/generation.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	SLOTS = 4, // A bucket's.
	FDB_STRIPES = 64,
	STRIPE_BUCKETS = 64, // Small tables have fewer stripes, so that each offers a choice.
	MIN_ENTRIES = 16,
	MAX_ENTRIES = 1 << 24,
};

// The fields of info, from the low end.
enum {
	PORT_BITS = 16,
	SEEN_SHIFT = 16,
	SEEN_BITS = 24,
	FLAGS_SHIFT = 40,
	CHECK_SHIFT = 48,
};

enum { FLAG_USED = 1 << 7 };

#define SEEN_MASK ((UINT64_C(1) << SEEN_BITS) - 1)
#define FDB_MAGIC UINT64_C(0x3130626466746577)

struct slot {
	_Atomic uint64_t key;
	_Atomic uint64_t info;
};

struct bucket {
	struct slot slots[SLOTS];
};

_Static_assert(sizeof(struct bucket) == 64, "one line");
_Static_assert(MAX_DOMAINS <= 1 << 16 && MAX_PORTS <= 1 << PORT_BITS, "fields of the words");

// In front of the buckets.
struct header {
	uint64_t magic;
	uint64_t seed; // Of hash and check.
	uint32_t entries;
	uint8_t spare[44];
};

_Static_assert(sizeof(struct header) == 64, "one line");

struct stripe {
	pthread_mutex_t lock;
} __attribute__((aligned(64)));

struct fdb {
	struct bucket *buckets; // Borrowed, as is all of the shared memory.
	uint64_t seed;
	uint32_t bucket_mask;
	uint32_t stripe_mask;
	uint32_t limit; // Entries.
	uint32_t age_cursor;
	_Atomic uint32_t count;
	struct stripe stripes[FDB_STRIPES];
	_Atomic uint32_t epochs[MAX_DOMAINS];
	_Atomic uint32_t domain_counts[MAX_DOMAINS];
	_Atomic uint32_t port_counts[MAX_PORTS];
};

// Where a key may be: its two buckets and their stripe.
struct place {
	uint64_t key;
	uint32_t buckets[2];
	uint32_t stripe;
};

static uint32_t bucket_count(uint32_t entries)
{
	return entries / SLOTS * 2;
}

size_t fdb_bytes(uint32_t entries)
{
	return sizeof(struct header) + (size_t)bucket_count(entries) * sizeof(struct bucket);
}

uint32_t fdb_slots(const struct fdb *fdb)
{
	return (fdb->bucket_mask + 1) * SLOTS;
}

static uint64_t key_of(uint32_t domain, const struct mac *mac)
{
	assert(domain < MAX_DOMAINS);
	return mac_to_u64(*mac) << 16 | domain;
}

static uint32_t domain_of(uint64_t key)
{
	return key & 0xffff;
}

static uint32_t port_of(uint64_t info)
{
	return info & ((1 << PORT_BITS) - 1);
}

static uint32_t seen_of(uint64_t info)
{
	return info >> SEEN_SHIFT & SEEN_MASK;
}

static bool is_static(uint64_t info)
{
	return info >> FLAGS_SHIFT & FDB_STATIC;
}

static uint64_t check_of(const struct fdb *fdb, uint64_t key, uint64_t info)
{
	uint64_t low = info & ((UINT64_C(1) << CHECK_SHIFT) - 1);
	uint64_t mixed = (key ^ fdb->seed) * UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 32 ^ low) * UINT64_C(0xd6e8feb86659fd93);
	return mixed >> CHECK_SHIFT;
}

static uint64_t info_of(const struct fdb *fdb, uint64_t key, uint32_t port, uint32_t seen,
                        uint32_t flags)
{
	uint64_t info = port | (seen & SEEN_MASK) << SEEN_SHIFT |
	                (uint64_t)(flags | FLAG_USED) << FLAGS_SHIFT;

	return info | check_of(fdb, key, info) << CHECK_SHIFT;
}

static bool is_valid(const struct fdb *fdb, uint64_t key, uint64_t info)
{
	return info >> FLAGS_SHIFT & FLAG_USED && info >> CHECK_SHIFT == check_of(fdb, key, info);
}

// Seconds since the entry was seen; the clock of another worker may be ahead, which is no age.
static uint32_t age_of_info(uint64_t info, uint32_t now)
{
	uint32_t age = (now - seen_of(info)) & SEEN_MASK;

	return age >> (SEEN_BITS - 1) ? 0 : age;
}

static struct place place_of(const struct fdb *fdb, uint64_t key)
{
	uint64_t hash = XXH3_64bits_withSeed(&key, sizeof(key), fdb->seed);
	uint32_t first = (uint32_t)hash & fdb->bucket_mask;
	uint32_t step = (uint32_t)(hash >> 32) & fdb->bucket_mask & ~fdb->stripe_mask;

	// Tables of one stripe of buckets still get a second one, as long as there are two.
	if (step == 0)
		step = (fdb->stripe_mask + 1) & fdb->bucket_mask;
	return (struct place){
		.key = key,
		.buckets = {first, first ^ step},
		.stripe = first & fdb->stripe_mask,
	};
}

static struct slot *slot_at(const struct fdb *fdb, uint32_t at)
{
	return &fdb->buckets[at / SLOTS].slots[at % SLOTS];
}

// Reads a slot that others may be changing. Returns its info, or 0 when nothing valid is there.
static uint64_t read_slot(const struct fdb *fdb, struct slot *slot, uint64_t *key)
{
	uint64_t info = atomic_load_explicit(&slot->info, memory_order_acquire);

	if (!info)
		return 0;
	*key = atomic_load_explicit(&slot->key, memory_order_acquire);
	if (atomic_load_explicit(&slot->info, memory_order_relaxed) != info)
		return 0;
	return is_valid(fdb, *key, info) ? info : 0;
}

// The slot of the place's key, its info in *info; NULL when it is not there.
static struct slot *find(const struct fdb *fdb, const struct place *place, uint64_t *info)
{
	for (unsigned i = 0; i < 2 * SLOTS; i++) {
		struct slot *slot = &fdb->buckets[place->buckets[i / SLOTS]].slots[i % SLOTS];
		uint64_t key;

		if (atomic_load_explicit(&slot->key, memory_order_relaxed) != place->key)
			continue;
		*info = read_slot(fdb, slot, &key);
		if (*info && key == place->key)
			return slot;
	}
	return NULL;
}

// A slot with nothing valid in it, in the emptier of the two buckets; NULL when both are full.
static struct slot *find_free(const struct fdb *fdb, const struct place *place)
{
	struct slot *best = NULL;
	unsigned most = 0;

	for (unsigned choice = 0; choice < 2; choice++) {
		struct bucket *bucket = &fdb->buckets[place->buckets[choice]];
		struct slot *free_slot = NULL;
		unsigned count = 0;

		for (unsigned i = 0; i < SLOTS; i++) {
			uint64_t key;

			if (read_slot(fdb, &bucket->slots[i], &key))
				continue;
			free_slot = &bucket->slots[i];
			count++;
		}
		if (count > most) {
			most = count;
			best = free_slot;
		}
	}
	return best;
}

static void lock(struct fdb *fdb, const struct place *place)
{
	pthread_mutex_lock(&fdb->stripes[place->stripe].lock);
}

static void unlock(struct fdb *fdb, const struct place *place)
{
	pthread_mutex_unlock(&fdb->stripes[place->stripe].lock);
}

static void add_to(_Atomic uint32_t *counter, uint32_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static uint32_t read_counter(const _Atomic uint32_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void change_epoch(struct fdb *fdb, uint64_t key)
{
	atomic_fetch_add_explicit(&fdb->epochs[domain_of(key)], 1, memory_order_release);
}

// Counts one more if that stays within the limit (0: none).
static bool count_up(_Atomic uint32_t *counter, uint32_t limit)
{
	uint32_t before = atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);

	if (limit == 0 || before < limit)
		return true;
	add_to(counter, -1U);
	return false;
}

// Counts a new entry in all three counters, or in none when a limit is reached.
static bool count_entry(struct fdb *fdb, uint64_t key, uint32_t port, uint32_t domain_limit,
                        uint32_t port_limit)
{
	if (!count_up(&fdb->count, fdb->limit))
		return false;
	if (count_up(&fdb->domain_counts[domain_of(key)], domain_limit)) {
		if (count_up(&fdb->port_counts[port], port_limit))
			return true;
		add_to(&fdb->domain_counts[domain_of(key)], -1U);
	}
	add_to(&fdb->count, -1U);
	return false;
}

static void uncount_entry(struct fdb *fdb, uint64_t key, uint32_t port)
{
	add_to(&fdb->count, -1U);
	add_to(&fdb->domain_counts[domain_of(key)], -1U);
	add_to(&fdb->port_counts[port], -1U);
}

// => The stripe is locked, as for all that change a slot.
static void write_slot(struct slot *slot, uint64_t key, uint64_t info)
{
	atomic_store_explicit(&slot->info, 0, memory_order_relaxed);
	// Release, so that no reader that sees this key still sees the info before it.
	atomic_store_explicit(&slot->key, key, memory_order_release);
	atomic_store_explicit(&slot->info, info, memory_order_release);
}

// Takes the entry out and returns its last info, which a worker may just have renewed.
static void clear_slot(struct fdb *fdb, struct slot *slot, uint64_t key)
{
	uint64_t info = atomic_exchange_explicit(&slot->info, 0, memory_order_acq_rel);

	uncount_entry(fdb, key, port_of(info));
	change_epoch(fdb, key);
}

// The newest time of any valid entry; times wrap, so they are compared by their distance.
static uint32_t newest_time(const struct fdb *fdb)
{
	uint32_t slots = fdb_slots(fdb), newest = 0;
	bool any = false;

	for (uint32_t at = 0; at < slots; at++) {
		uint64_t key, info = read_slot(fdb, slot_at(fdb, at), &key);

		if (!info || is_static(info))
			continue;
		if (!any || age_of_info(info, newest) == 0)
			newest = seen_of(info);
		any = true;
	}
	return newest;
}

// Whether the slot holds an entry that lookups find, and no second one of its key.
static bool is_settled(const struct fdb *fdb, struct slot *slot, uint64_t key, uint64_t info)
{
	if (!info || domain_of(key) >= MAX_DOMAINS || port_of(info) >= MAX_PORTS)
		return false;

	struct place place = place_of(fdb, key);

	return find(fdb, &place, &info) == slot;
}

static void recover_entries(struct fdb *fdb)
{
	uint32_t slots = fdb_slots(fdb), newest = newest_time(fdb);

	for (uint32_t at = 0; at < slots; at++) {
		struct slot *slot = slot_at(fdb, at);
		uint64_t key, info = read_slot(fdb, slot, &key);

		if (!is_settled(fdb, slot, key, info) ||
		    !count_entry(fdb, key, port_of(info), 0, 0)) {
			atomic_store_explicit(&slot->info, 0, memory_order_relaxed);
			continue;
		}
		if (is_static(info))
			atomic_store_explicit(&slot->info,
			                      info_of(fdb, key, port_of(info), newest, 0),
			                      memory_order_relaxed);
	}
}

struct fdb *fdb_open(void *memory, uint32_t entries, bool recover)
{
	assert((uintptr_t)memory % 64 == 0);
	if (entries < MIN_ENTRIES || entries > MAX_ENTRIES || entries & (entries - 1)) {
		errno = EINVAL;
		return NULL;
	}

	struct fdb *fdb = mem_block_new("fdb", sizeof(*fdb), 0);
	struct header *header = memory;
	bool known = recover && header->magic == FDB_MAGIC && header->entries == entries;

	if (!fdb)
		return NULL;
	if (recover && !known)
		memset(memory, 0, fdb_bytes(entries));
	if (!known)
		*header =
			(struct header){.magic = FDB_MAGIC, .seed = rand_u64(), .entries = entries};

	fdb->buckets = (struct bucket *)(header + 1);
	fdb->seed = header->seed;
	fdb->bucket_mask = bucket_count(entries) - 1;
	fdb->stripe_mask = MIN(FDB_STRIPES, MAX(bucket_count(entries) / STRIPE_BUCKETS, 1)) - 1;
	fdb->limit = entries;
	for (unsigned i = 0; i < FDB_STRIPES; i++)
		pthread_mutex_init(&fdb->stripes[i].lock, NULL);
	if (known)
		recover_entries(fdb);
	return fdb;
}

void fdb_close(struct fdb *fdb)
{
	if (!fdb)
		return;
	for (unsigned i = 0; i < FDB_STRIPES; i++)
		pthread_mutex_destroy(&fdb->stripes[i].lock);
	mem_block_free(fdb);
}

bool fdb_lookup(const struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t *port)
{
	struct place place = place_of(fdb, key_of(domain, mac));
	uint64_t info;

	if (!find(fdb, &place, &info))
		return false;
	*port = port_of(info);
	return true;
}

// The renewal may lose against a change of the slot, which is then as new.
static void renew(const struct fdb *fdb, struct slot *slot, uint64_t key, uint64_t info,
                  uint32_t now)
{
	if (is_static(info) || seen_of(info) == (now & SEEN_MASK))
		return;
	atomic_compare_exchange_strong_explicit(&slot->info, &info,
	                                        info_of(fdb, key, port_of(info), now, 0),
	                                        memory_order_release, memory_order_relaxed);
}

// Gives the entry another port. => The stripe is locked.
static enum fdb_result move(struct fdb *fdb, struct slot *slot, uint64_t key, uint32_t port,
                            uint64_t info, uint32_t port_limit)
{
	if (!count_up(&fdb->port_counts[port], port_limit))
		return FDB_LIMITED;

	uint64_t before = atomic_exchange_explicit(&slot->info, info, memory_order_acq_rel);

	add_to(&fdb->port_counts[port_of(before)], -1U);
	change_epoch(fdb, key);
	return FDB_MOVED;
}

static enum fdb_result learn_locked(struct fdb *fdb, const struct place *place, uint32_t port,
                                    uint32_t now, uint32_t domain_limit, uint32_t port_limit)
{
	uint64_t info, wanted = info_of(fdb, place->key, port, now, 0);
	struct slot *slot = find(fdb, place, &info);

	if (slot) {
		if (port_of(info) == port)
			return FDB_KNOWN;
		if (is_static(info))
			return FDB_CONFLICT;
		return move(fdb, slot, place->key, port, wanted, port_limit);
	}

	slot = find_free(fdb, place);
	if (!slot || !count_entry(fdb, place->key, port, domain_limit, port_limit))
		return FDB_LIMITED;
	write_slot(slot, place->key, wanted);
	return FDB_NEW;
}

enum fdb_result fdb_learn(struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t port,
                          uint32_t now, uint32_t domain_limit, uint32_t port_limit)
{
	struct place place = place_of(fdb, key_of(domain, mac));
	uint64_t info;
	struct slot *slot = find(fdb, &place, &info);

	assert(port < MAX_PORTS);
	if (slot && port_of(info) == port) {
		renew(fdb, slot, place.key, info, now);
		return FDB_KNOWN;
	}
	if (slot && is_static(info))
		return FDB_CONFLICT;

	lock(fdb, &place);
	enum fdb_result result = learn_locked(fdb, &place, port, now, domain_limit, port_limit);
	unlock(fdb, &place);
	return result;
}

static int set_static_locked(struct fdb *fdb, const struct place *place, uint32_t port)
{
	uint64_t info, wanted = info_of(fdb, place->key, port, 0, FDB_STATIC);
	struct slot *slot = find(fdb, place, &info);

	if (slot && port_of(info) == port) {
		atomic_store_explicit(&slot->info, wanted, memory_order_release);
		return 0;
	}
	if (slot) {
		move(fdb, slot, place->key, port, wanted, 0);
		return 0;
	}

	slot = find_free(fdb, place);
	if (!slot || !count_entry(fdb, place->key, port, 0, 0))
		return -ENOSPC;
	write_slot(slot, place->key, wanted);
	return 0;
}

int fdb_set_static(struct fdb *fdb, uint32_t domain, const struct mac *mac, uint32_t port)
{
	struct place place = place_of(fdb, key_of(domain, mac));

	assert(port < MAX_PORTS);
	lock(fdb, &place);
	int result = set_static_locked(fdb, &place, port);
	unlock(fdb, &place);
	return result;
}

void fdb_remove(struct fdb *fdb, uint32_t domain, const struct mac *mac)
{
	struct place place = place_of(fdb, key_of(domain, mac));
	uint64_t info;

	lock(fdb, &place);
	struct slot *slot = find(fdb, &place, &info);

	if (slot)
		clear_slot(fdb, slot, place.key);
	unlock(fdb, &place);
}

// What a walk removes: entries of a port, of a domain, or too old ones.
struct sweep {
	uint32_t port, domain; // 0: any.
	fdb_age_fn age_of;     // NULL: of any age.
	void *user;
	uint32_t now;
};

static bool is_swept(const struct sweep *sweep, uint64_t key, uint64_t info)
{
	if (is_static(info) || (sweep->port && port_of(info) != sweep->port) ||
	    (sweep->domain && domain_of(key) != sweep->domain))
		return false;
	if (!sweep->age_of)
		return true;

	uint32_t limit = sweep->age_of(sweep->user, domain_of(key));

	return limit && age_of_info(info, sweep->now) >= limit;
}

// Looks once without the lock and, if the entry is to go, again under it.
static bool sweep_slot(struct fdb *fdb, uint32_t at, const struct sweep *sweep)
{
	struct slot *slot = slot_at(fdb, at);
	uint64_t key, info = read_slot(fdb, slot, &key);

	if (!info || !is_swept(sweep, key, info))
		return false;

	struct place place = place_of(fdb, key);
	bool removed = false;

	lock(fdb, &place);
	if (find(fdb, &place, &info) == slot && is_swept(sweep, key, info)) {
		clear_slot(fdb, slot, key);
		removed = true;
	}
	unlock(fdb, &place);
	return removed;
}

static void sweep_all(struct fdb *fdb, const struct sweep *sweep, const _Atomic uint32_t *left)
{
	uint32_t slots = fdb_slots(fdb);

	for (uint32_t at = 0; at < slots && read_counter(left) > 0; at++)
		sweep_slot(fdb, at, sweep);
}

void fdb_flush_port(struct fdb *fdb, uint32_t port)
{
	assert(port > 0 && port < MAX_PORTS);
	sweep_all(fdb, &(struct sweep){.port = port}, &fdb->port_counts[port]);
}

void fdb_flush_domain(struct fdb *fdb, uint32_t domain)
{
	assert(domain > 0 && domain < MAX_DOMAINS);
	sweep_all(fdb, &(struct sweep){.domain = domain}, &fdb->domain_counts[domain]);
}

unsigned fdb_age(struct fdb *fdb, uint32_t now, uint32_t slots, fdb_age_fn age_of, void *user)
{
	struct sweep sweep = {.age_of = age_of, .user = user, .now = now};
	uint32_t all = fdb_slots(fdb);
	unsigned removed = 0;

	if (read_counter(&fdb->count) == 0)
		return 0;
	for (uint32_t i = 0; i < MIN(slots, all); i++) {
		removed += sweep_slot(fdb, fdb->age_cursor, &sweep);
		fdb->age_cursor = (fdb->age_cursor + 1) & (all - 1);
	}
	return removed;
}

uint32_t fdb_epoch(const struct fdb *fdb, uint32_t domain)
{
	assert(domain < MAX_DOMAINS);
	return atomic_load_explicit(&fdb->epochs[domain], memory_order_acquire);
}

uint32_t fdb_count(const struct fdb *fdb)
{
	return read_counter(&fdb->count);
}

uint32_t fdb_domain_count(const struct fdb *fdb, uint32_t domain)
{
	assert(domain < MAX_DOMAINS);
	return read_counter(&fdb->domain_counts[domain]);
}

uint32_t fdb_port_count(const struct fdb *fdb, uint32_t port)
{
	assert(port < MAX_PORTS);
	return read_counter(&fdb->port_counts[port]);
}

bool fdb_next(const struct fdb *fdb, uint32_t *cursor, uint32_t now, struct fdb_entry *ret)
{
	uint32_t slots = fdb_slots(fdb);

	for (uint32_t at = *cursor; at < slots; at++) {
		uint64_t key, info = read_slot(fdb, slot_at(fdb, at), &key);

		if (!info)
			continue;
		*ret = (struct fdb_entry){
			.domain = domain_of(key),
			.port = port_of(info),
			.mac = mac_from_u64(key >> 16),
			.flags = is_static(info) ? FDB_STATIC : 0,
			.age_seconds = is_static(info) ? 0 : age_of_info(info, now),
		};
		*cursor = at + 1;
		return true;
	}
	*cursor = slots;
	return false;
}
