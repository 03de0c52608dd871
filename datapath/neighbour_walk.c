// SPDX-License-Identifier: BSD-3-Clause
//
// neighbour_walk: goes over all entries: to list, flush and find them, for what time brings, and at
// recovery.
//
// A walk goes from one set bit of the table's bitmap to the next, so that it costs what is used, a
// word for 64 free slots; only recovery, which fills the bitmap, looks at every slot. A walk reads
// an entry without its lock, and what it changes it finds again under it: the slot may have been
// given to another address meanwhile.

#include "datapath/neighbour_priv.h"

#include "base/bytes.h"

#include <sys/socket.h>

// The first used slot at or behind `at`; the number of slots when there is none.
static uint32_t next_used(const struct neighbour_table *table, uint32_t at)
{
	uint32_t slots = neighbour_slots(table);

	while (at < slots) {
		uint64_t left =
			atomic_load_explicit(&table->used[at / WORD_BITS], memory_order_relaxed) >>
			at % WORD_BITS;

		if (left)
			return at + (uint32_t)__builtin_ctzll(left);
		at = (at / WORD_BITS + 1) * WORD_BITS;
	}
	return slots;
}

// Reads what is at the slot, for a walk; false when it is being changed or gone.
static bool peek(const struct neighbour_table *table, uint32_t at, struct record *ret)
{
	for (unsigned tries = 0; tries < READ_TRIES; tries++)
		if (try_read(&table->slots[at], ret))
			return ret->state != NEIGHBOUR_NONE;
	return false;
}

void neighbour_flush(struct neighbour_table *table, uint32_t interface)
{
	uint32_t slots = neighbour_slots(table);

	for (uint32_t at = next_used(table, 0); at < slots; at = next_used(table, at + 1)) {
		struct record record;

		// An entry that is being written now is as if written after the flush.
		if (!peek(table, at, &record) || record.interface != interface)
			continue;

		struct place place = place_of(table, interface, &record.ip);

		pthread_mutex_lock(place.lock);
		struct slot *slot = neighbour_find(table, &place, &record);

		if (slot && record.state != NEIGHBOUR_STATIC)
			neighbour_erase(table, slot, &record);
		pthread_mutex_unlock(place.lock);
	}
}

bool neighbour_next(const struct neighbour_table *table, uint32_t *cursor, uint32_t now,
                    struct neighbour *ret)
{
	uint32_t slots = neighbour_slots(table);

	for (uint32_t at = next_used(table, *cursor); at < slots; at = next_used(table, at + 1)) {
		struct record record;

		if (!peek(table, at, &record) || state_at(&record, now) == NEIGHBOUR_NONE)
			continue;
		*ret = (struct neighbour){
			.interface = record.interface,
			.ip = record.ip,
			.mac = mac_from_u64(record.mac),
			.state = state_at(&record, now),
			.age_ms = record.state == NEIGHBOUR_STATIC ? 0 : elapsed(record.since, now),
		};
		*cursor = at + 1;
		return true;
	}
	*cursor = slots;
	return false;
}

bool neighbour_find_mac(const struct neighbour_table *table, uint32_t interface,
                        const struct mac *mac, int family, struct ip_addr *ret)
{
	uint32_t slots = neighbour_slots(table);
	uint64_t wanted = mac_to_u64(*mac);

	for (uint32_t at = next_used(table, 0); at < slots; at = next_used(table, at + 1)) {
		struct record record;

		if (peek(table, at, &record) && record.interface == interface &&
		    has_mac(record.state) && record.mac == wanted &&
		    ip_is4(record.ip) == (family == AF_INET) && !ip_is_link_local(record.ip)) {
			*ret = record.ip;
			return true;
		}
	}
	return false;
}

// What time asks of one entry. Returns whether a question is due; *removed when the entry went.
static bool tick_slot(struct neighbour_table *table, struct slot *slot, struct record *record,
                      uint32_t now, bool *removed)
{
	switch (state_at(record, now)) {
	case NEIGHBOUR_NONE:
		neighbour_erase(table, slot, record);
		*removed = true;
		return false;
	case NEIGHBOUR_STALE:
		if (elapsed(record->since, now) < 2 * NEIGHBOUR_REACHABLE_MS)
			return false;
		neighbour_start_probe(table, slot, record, now);
		return true;
	case NEIGHBOUR_PROBE:
	case NEIGHBOUR_INCOMPLETE: {
		bool is_last = record->state == NEIGHBOUR_PROBE &&
		               record->tries == NEIGHBOUR_TRIES &&
		               elapsed(record->asked, now) >= NEIGHBOUR_RETRY_MS;

		*removed = is_last;
		return neighbour_ask_again(table, slot, record, now);
	}
	case NEIGHBOUR_REACHABLE:
	case NEIGHBOUR_FAILED:
	case NEIGHBOUR_STATIC:
		break;
	}
	return false;
}

// The callback comes without the lock held: it may call back into the table.
static bool tick_at(struct neighbour_table *table, uint32_t at, uint32_t now, neighbour_due_fn due,
                    void *user)
{
	struct record record;
	bool removed = false, is_due = false;

	if (!peek(table, at, &record))
		return false;

	struct place place = place_of(table, record.interface, &record.ip);

	pthread_mutex_lock(place.lock);
	struct slot *slot = neighbour_find(table, &place, &record);

	if (slot)
		is_due = tick_slot(table, slot, &record, now, &removed);
	pthread_mutex_unlock(place.lock);
	if (is_due)
		due(user, &(struct neighbour){
				  .interface = record.interface,
				  .ip = record.ip,
				  .mac = mac_from_u64(record.mac),
				  .state = record.state,
				  .age_ms = elapsed(record.since, now),
			  });
	return removed;
}

unsigned neighbour_tick(struct neighbour_table *table, uint32_t now, uint32_t slots,
                        neighbour_due_fn due, void *user)
{
	uint32_t all = neighbour_slots(table), start = table->tick_cursor;
	uint32_t end = start + MIN(slots, all - start);
	unsigned removed = 0;

	for (uint32_t at = next_used(table, start); at < end; at = next_used(table, at + 1))
		removed += tick_at(table, at, now, due, user);
	table->tick_cursor = end < all ? end : 0;
	return removed;
}

// Whether lookups find the entry in this slot, and it is worth keeping.
static bool is_settled(const struct neighbour_table *table, const struct slot *slot,
                       const struct record *record)
{
	struct record found;

	if (!has_mac(record->state) || record->interface >= MAX_INTERFACES ||
	    atomic_load_explicit(&slot->check, memory_order_relaxed) !=
	            neighbour_check(table, record))
		return false;

	struct place place = place_of(table, record->interface, &record->ip);

	return neighbour_find(table, &place, &found) == slot;
}

void neighbour_recover(struct neighbour_table *table)
{
	uint32_t slots = neighbour_slots(table);

	for (uint32_t at = 0; at < slots; at++) {
		struct slot *slot = &table->slots[at];
		struct record record;

		load_words(slot, &record);
		if (!is_settled(table, slot, &record)) {
			memset(slot, 0, sizeof(*slot));
			continue;
		}
		if (record.state != NEIGHBOUR_REACHABLE)
			record.state = NEIGHBOUR_STALE;
		neighbour_write(table, slot, &record);
		table->count++;
	}
}
