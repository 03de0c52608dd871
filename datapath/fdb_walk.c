// SPDX-License-Identifier: BSD-3-Clause
//
// fdb_walk: goes over all slots: to list, flush and age entries, and at recovery.
//
// A walk looks at an entry without its lock and, if it is to go, again under it: a worker may just
// have renewed it, or given the slot to another key. Flushes end when the counter of what they
// remove is at 0; ageing looks at as many slots as its caller can spare.

#include "datapath/fdb_priv.h"

#include "base/bytes.h"

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
	uint64_t key, info = read_slot(slot, fdb->seed, &key);

	if (!info || !is_swept(sweep, key, info))
		return false;

	struct place place = place_of(fdb, key);
	bool removed = false;

	lock(fdb, &place);
	if (find(fdb, &place, &info) == slot && is_swept(sweep, key, info)) {
		fdb_clear(fdb, slot, key);
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

bool fdb_next(const struct fdb *fdb, uint32_t *cursor, uint32_t now, struct fdb_entry *ret)
{
	uint32_t slots = fdb_slots(fdb);

	for (uint32_t at = *cursor; at < slots; at++) {
		uint64_t key, info = read_slot(slot_at(fdb, at), fdb->seed, &key);

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

// The newest time of any valid entry; times wrap, so they are compared by their distance.
static uint32_t newest_time(const struct fdb *fdb)
{
	uint32_t slots = fdb_slots(fdb), newest = 0;
	bool any = false;

	for (uint32_t at = 0; at < slots; at++) {
		uint64_t key, info = read_slot(slot_at(fdb, at), fdb->seed, &key);

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

void fdb_recover(struct fdb *fdb)
{
	uint32_t slots = fdb_slots(fdb), newest = newest_time(fdb);

	for (uint32_t at = 0; at < slots; at++) {
		struct slot *slot = slot_at(fdb, at);
		uint64_t key, info = read_slot(slot, fdb->seed, &key);

		if (!is_settled(fdb, slot, key, info) ||
		    !fdb_count_entry(fdb, key, port_of(info), 0, 0)) {
			atomic_store_explicit(&slot->info, 0, memory_order_relaxed);
			continue;
		}
		if (is_static(info))
			atomic_store_explicit(&slot->info,
			                      info_of(fdb->seed, key, port_of(info), newest, 0),
			                      memory_order_relaxed);
	}
}
