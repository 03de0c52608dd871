// SPDX-License-Identifier: BSD-3-Clause
//
// fdb: buckets of four entries, two buckets to choose from, in which an entry never moves.
//
// An entry is two words. `key` holds MAC and domain; `info` holds port, time, flags and a check of
// both words, and is 0 while the slot is free. A writer clears info, writes key, then writes info;
// a reader reads info, key, and info again, until info stood still. So a reader believes only a
// pair that was together, and a process that was killed between two stores leaves a free slot. The
// check is for the reader that slept through a whole reuse of the slot, and for memory that was
// damaged.
//
// Both buckets of a key lie in one stripe, whose lock serialises all changes of the key. Only the
// time is renewed without the lock, by compare-and-swap of info. There are twice as many slots as
// entries are allowed, so at the limit a bucket pair is practically never full; if it is, the entry
// is refused like any other for which there is no room. A lookup reads at most two lines.

#include "datapath/fdb_priv.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"

#include <errno.h>
#include <string.h>

enum {
	STRIPE_BUCKETS = 64, // Small tables have fewer stripes, so that each offers a choice.
	MIN_ENTRIES = 16,
	MAX_ENTRIES = 1 << 24,
};

#define FDB_MAGIC UINT64_C(0x3130626466746577)

// In front of the buckets.
struct header {
	uint64_t magic;
	uint64_t seed; // Of hash and check.
	uint32_t entries;
	uint8_t spare[44];
};

_Static_assert(sizeof(struct header) == 64, "one line");

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

			if (read_slot(&bucket->slots[i], fdb->seed, &key))
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

static void add_to(_Atomic uint32_t *counter, uint32_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
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
bool fdb_count_entry(struct fdb *fdb, uint64_t key, uint32_t port, uint32_t domain_limit,
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

// The exchange, as a worker may just have renewed the info.
void fdb_clear(struct fdb *fdb, struct slot *slot, uint64_t key)
{
	uint64_t info = atomic_exchange_explicit(&slot->info, 0, memory_order_acq_rel);

	uncount_entry(fdb, key, port_of(info));
	change_epoch(fdb, key);
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
		fdb_recover(fdb);
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
	                                        info_of(fdb->seed, key, port_of(info), now, 0),
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
	uint64_t info, wanted = info_of(fdb->seed, place->key, port, now, 0);
	struct slot *slot = find(fdb, place, &info);

	if (slot) {
		if (port_of(info) == port)
			return FDB_KNOWN;
		if (is_static(info))
			return FDB_CONFLICT;
		return move(fdb, slot, place->key, port, wanted, port_limit);
	}

	slot = find_free(fdb, place);
	if (!slot || !fdb_count_entry(fdb, place->key, port, domain_limit, port_limit))
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
	uint64_t info, wanted = info_of(fdb->seed, place->key, port, 0, FDB_STATIC);
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
	if (!slot || !fdb_count_entry(fdb, place->key, port, 0, 0))
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
		fdb_clear(fdb, slot, place.key);
	unlock(fdb, &place);
}

uint32_t fdb_epoch(const struct fdb *fdb, uint32_t domain)
{
	assert(domain < MAX_DOMAINS);
	return atomic_load_explicit(&fdb->epochs[domain], memory_order_acquire);
}

void fdb_touch(struct fdb *fdb, uint32_t domain)
{
	assert(domain < MAX_DOMAINS);
	atomic_fetch_add_explicit(&fdb->epochs[domain], 1, memory_order_release);
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
