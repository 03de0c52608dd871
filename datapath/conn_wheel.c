// SPDX-License-Identifier: BSD-3-Clause
//
// conn_wheel: free lists and timer wheels, one of each a worker; conn_table.c tells how an object
// goes from one to the other.
//
// A wheel has a slot for each of the next WHEEL_SLOTS seconds; what ends later waits in the last
// one and is put further on from there. Use only notes the time: the wheel looks when the first
// timeout is over, and moves the connection on if it was used since. The links of lists and wheels
// are in the objects, under their owner's lock.

#include "datapath/conn_table_priv.h"

#include "base/bytes.h"

enum { CHUNK = 16 }; // Fresh slots a worker takes at once.

void conn_wheel_init(struct conn_table *table, uint32_t now)
{
	for (unsigned i = 0; i < table->workers; i++) {
		struct owner *owner = &table->owners[i];

		pthread_mutex_init(&owner->lock, NULL);
		owner->free_first = CONN_NONE;
		owner->time = now;
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
			owner->heads[slot] = CONN_NONE;
	}
}

void conn_wheel_arm(struct conn_table *table, struct owner *owner, uint32_t at, uint32_t due)
{
	struct conn *conn = &table->conns[at];
	int32_t ahead = (int32_t)(due - owner->time);
	uint32_t steps = ahead < 1 ? 1 : MIN((uint32_t)ahead, WHEEL_SLOTS - 1U);
	uint32_t slot = (owner->time + steps) % WHEEL_SLOTS;

	conn->wheel_slot = slot;
	conn->wheel_prev = CONN_NONE;
	conn->wheel_next = owner->heads[slot];
	if (conn->wheel_next != CONN_NONE)
		table->conns[conn->wheel_next].wheel_prev = at;
	owner->heads[slot] = at;
}

// => The owner's lock is held, as for all that follows up to pop_free().
static void disarm(struct conn_table *table, struct owner *owner, uint32_t at)
{
	struct conn *conn = &table->conns[at];

	if (conn->wheel_prev == CONN_NONE)
		owner->heads[conn->wheel_slot] = conn->wheel_next;
	else
		table->conns[conn->wheel_prev].wheel_next = conn->wheel_next;
	if (conn->wheel_next != CONN_NONE)
		table->conns[conn->wheel_next].wheel_prev = conn->wheel_prev;
}

void conn_wheel_give(struct conn_table *table, struct owner *owner, uint32_t at)
{
	table->conns[at].wheel_next = owner->free_first;
	owner->free_first = at;
}

// Takes fresh slots, if there are any left.
static void refill(struct conn_table *table, struct owner *owner)
{
	uint32_t fresh = atomic_load(&table->header->fresh), end;

	do {
		if (fresh >= table->capacity)
			return;
		end = MIN(fresh + CHUNK, table->capacity);
	} while (!atomic_compare_exchange_weak(&table->header->fresh, &fresh, end));

	while (end-- > fresh)
		conn_wheel_give(table, owner, end);
}

static uint32_t pop_free(struct conn_table *table, struct owner *owner)
{
	uint32_t at = owner->free_first;

	if (at != CONN_NONE)
		owner->free_first = table->conns[at].wheel_next;
	return at;
}

uint32_t conn_wheel_take(struct conn_table *table, unsigned worker, uint32_t due)
{
	struct owner *own = &table->owners[worker];
	uint32_t at;

	lock(own);
	if (own->free_first == CONN_NONE)
		refill(table, own);
	at = pop_free(table, own);
	unlock(own);

	for (unsigned i = 1; i < table->workers && at == CONN_NONE; i++) {
		struct owner *other = &table->owners[(worker + i) % table->workers];

		lock(other);
		at = pop_free(table, other);
		unlock(other);
	}
	if (at == CONN_NONE)
		return CONN_NONE;

	lock(own);
	__atomic_store_n(&table->conns[at].owner, worker, __ATOMIC_RELAXED);
	conn_wheel_arm(table, own, at, due);
	unlock(own);
	return at;
}

void conn_wheel_release(struct conn_table *table, uint32_t at)
{
	struct owner *owner = &table->owners[table->conns[at].owner];

	lock(owner);
	disarm(table, owner, at);
	conn_wheel_give(table, owner, at);
	unlock(owner);
}

// Moves the object forward on the wheel if it now ends before the wheel would look at it.
static void hasten(struct conn_table *table, struct owner *owner, struct conn_ref ref,
                   uint32_t timeout)
{
	struct conn *conn = &table->conns[ref.index];
	uint32_t steps = (conn->wheel_slot - owner->time) % WHEEL_SLOTS;
	uint32_t due = atomic_load_explicit(&conn->last_seen, memory_order_relaxed) + timeout;

	if ((int32_t)(due - owner->time) >= (int32_t)steps)
		return;
	disarm(table, owner, ref.index);
	conn_wheel_arm(table, owner, ref.index, due);
}

void conn_set_timeout(struct conn_table *table, struct conn_ref ref, uint32_t timeout)
{
	struct conn *conn = conn_get(table, ref);

	if (!conn)
		return;

	// While the version stands, the object is on its owner's wheel: whoever ends it takes it
	// off only under this lock.
	struct owner *owner = &table->owners[__atomic_load_n(&conn->owner, __ATOMIC_RELAXED)];

	lock(owner);
	if (conn_is_live(table, ref)) {
		atomic_store_explicit(&conn->timeout, timeout, memory_order_relaxed);
		hasten(table, owner, ref, timeout);
	}
	unlock(owner);
}

// Looks at one object whose second has come, off the wheel by now: it ends, or is armed again.
static bool expire_one(struct conn_table *table, struct owner *owner, uint32_t at, uint32_t now)
{
	struct conn *conn = &table->conns[at];
	struct conn_ref ref = {.index = at, .version = version_of(conn)};
	uint32_t due = atomic_load_explicit(&conn->last_seen, memory_order_relaxed) +
	               atomic_load_explicit(&conn->timeout, memory_order_relaxed);

	if (ref.version & 1 && (int32_t)(due - now) <= 0 && conn_kill(table, ref)) {
		conn_wheel_give(table, owner, at);
		return true;
	}
	conn_wheel_arm(table, owner, at, due);
	return false;
}

unsigned conn_expire(struct conn_table *table, unsigned worker, uint32_t now, unsigned limit)
{
	struct owner *owner = &table->owners[worker];
	unsigned ended = 0;

	lock(owner);
	if ((int32_t)(now - owner->time) > WHEEL_SLOTS)
		owner->time = now - WHEEL_SLOTS;
	while ((int32_t)(now - owner->time) > 0) {
		uint32_t *head = &owner->heads[(owner->time + 1) % WHEEL_SLOTS];

		// Arming never puts anything into the slot that is being emptied: it is a whole
		// turn away once the time has moved on to it.
		owner->time++;
		while (*head != CONN_NONE && limit > 0) {
			uint32_t at = *head;

			disarm(table, owner, at);
			ended += expire_one(table, owner, at, now);
			limit--;
		}
		if (*head != CONN_NONE) {
			owner->time--;
			break;
		}
	}
	unlock(owner);
	return ended;
}

bool conn_is_behind(const struct conn_table *table, unsigned worker, uint32_t now)
{
	return (int32_t)(now - table->owners[worker].time) > 0;
}
