// SPDX-License-Identifier: BSD-3-Clause
//
// conn_table: objects in shared memory; index, free lists and wheels around them.
//
// The index lives in the process (conn_index.c) and is rebuilt at opening, as are the free lists
// and the wheels, whose links are in the objects. Slots are first handed out in order, so that
// memory behind `fresh` is never touched, neither by use nor by recovery.
//
// An object's life: taken from a free list and put on its owner's wheel in one go (owner's lock);
// written; under both keys' stripes entered into the index and its version made odd; in use; under
// the stripes made even and taken out of the index; taken off the wheel and back on the free list
// (owner's lock). Whoever makes the version even frees the object, nobody else, so every object is
// freed once. The wheel may meet an object before it is born or after it died: it passes over it.
// Locks are taken in the order owner, lower stripe, higher stripe.
//
// A wheel has a slot for each of the next WHEEL_SLOTS seconds; what ends later waits in the last
// one and is put further on from there. Use only notes the time: the wheel looks when the first
// timeout is over, and moves the connection on if it was used since.

#include "datapath/conn_table.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"
#include "datapath/conn_index.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	WHEEL_SLOTS = 512,
	MAX_WORKERS = 64,
	CHUNK = 16, // Fresh slots a worker takes at once.
	MIN_CONNS = 64,
	MAX_CONNS = 1 << 26,
};

#define CONN_MAGIC UINT64_C(0x31306e6e6f637477)

struct header {
	uint64_t magic;
	uint64_t seed;
	uint32_t connections;
	_Atomic uint32_t fresh; // Slots from here on were never handed out.
	uint8_t spare[40];
};

_Static_assert(sizeof(struct header) == 64, "one line");

struct owner {
	pthread_mutex_t lock;
	uint32_t free_first; // Chained by wheel_next.
	uint32_t time;       // Wheel slots up to this second's are done.
	uint32_t heads[WHEEL_SLOTS];
} __attribute__((aligned(64)));

struct conn_table {
	struct header *header; // Borrowed, as is all of the shared memory.
	struct conn *conns;
	struct conn_index *index; // Owned.
	uint64_t seed;
	uint32_t capacity;
	unsigned workers;
	_Atomic uint32_t count;
	struct owner owners[];
};

size_t conn_table_bytes(uint32_t connections)
{
	return sizeof(struct header) + (size_t)connections * sizeof(struct conn);
}

static uint64_t load_word(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store_word(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint32_t version_of(const struct conn *conn)
{
	return atomic_load_explicit(&conn->version, memory_order_acquire);
}

static void load_keys(const struct conn *conn, struct conn_key ret[static 2])
{
	uint64_t words[2 * CONN_KEY_WORDS];

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = load_word(&conn->words[i]);
	memcpy(ret, words, sizeof(words));
}

// => The keys are those of the object; nobody changes it now.
static uint32_t check_of(const struct conn_table *table, const struct conn *conn, uint32_t version)
{
	struct {
		struct conn_key keys[2];
		uint64_t rule;
		uint32_t created, flags, version, spare;
	} fixed = {
		.rule = conn->rule,
		.created = conn->created,
		.flags =
			atomic_load_explicit(&conn->flags, memory_order_relaxed) & CONN_FIXED_FLAGS,
		.version = version,
	};

	load_keys(conn, fixed.keys);
	return (uint32_t)XXH3_64bits_withSeed(&fixed, sizeof(fixed), table->seed);
}

static void lock(struct owner *owner)
{
	pthread_mutex_lock(&owner->lock);
}

static void unlock(struct owner *owner)
{
	pthread_mutex_unlock(&owner->lock);
}

// Puts the object on the wheel for the second `due`, or as near as the wheel reaches. => The
// owner's lock is held, as for all that follows up to release_slot().
static void arm(struct conn_table *table, struct owner *owner, uint32_t at, uint32_t due)
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

static void push_free(struct conn_table *table, struct owner *owner, uint32_t at)
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
		push_free(table, owner, end);
}

static uint32_t pop_free(struct conn_table *table, struct owner *owner)
{
	uint32_t at = owner->free_first;

	if (at != CONN_NONE)
		owner->free_first = table->conns[at].wheel_next;
	return at;
}

// A free slot, of the worker's own, a fresh one, or one that another worker can spare; armed on the
// worker's wheel. CONN_NONE: full.
static uint32_t take_slot(struct conn_table *table, unsigned worker, uint32_t due)
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
	arm(table, own, at, due);
	unlock(own);
	return at;
}

// Ends the slot's use. => Its version is even, made so by the caller.
static void release_slot(struct conn_table *table, uint32_t at)
{
	struct owner *owner = &table->owners[table->conns[at].owner];

	lock(owner);
	disarm(table, owner, at);
	push_free(table, owner, at);
	unlock(owner);
}

// The key's entry in the index leads to an object that has the key, now.
static bool is_key_of(const struct conn_table *table, uint32_t entry, const struct conn_key *key,
                      uint32_t *version)
{
	const struct conn *conn = &table->conns[entry >> 1];
	const uint64_t *words = &conn->words[(entry & 1) * CONN_KEY_WORDS];
	uint64_t wanted[CONN_KEY_WORDS];

	*version = version_of(conn);
	memcpy(wanted, key, sizeof(wanted));
	if (!(*version & 1))
		return false;
	for (unsigned i = 0; i < CONN_KEY_WORDS; i++)
		if (load_word(&words[i]) != wanted[i])
			return false;
	return atomic_load_explicit(&conn->version, memory_order_relaxed) == *version;
}

static struct conn_ref lookup_hashed(const struct conn_table *table, const struct conn_key *key,
                                     uint64_t hash, enum conn_direction *direction)
{
	struct conn_index_walk walk = conn_index_walk(table->index, hash);
	uint32_t entry, version;

	while (conn_index_next(&walk, &entry)) {
		if (!is_key_of(table, entry, key, &version))
			continue;
		*direction = entry & 1;
		return (struct conn_ref){.index = entry >> 1, .version = version};
	}
	return (struct conn_ref){.index = CONN_NONE};
}

static uint64_t hash_of(const struct conn_table *table, const struct conn_key *key)
{
	return XXH3_64bits_withSeed(key, sizeof(*key), table->seed);
}

struct conn_ref conn_lookup(const struct conn_table *table, const struct conn_key *key,
                            enum conn_direction *direction)
{
	return lookup_hashed(table, key, hash_of(table, key), direction);
}

bool conn_is_live(const struct conn_table *table, struct conn_ref ref)
{
	return ref.index < table->capacity && ref.version & 1 &&
	       version_of(&table->conns[ref.index]) == ref.version;
}

struct conn *conn_get(const struct conn_table *table, struct conn_ref ref)
{
	return conn_is_live(table, ref) ? &table->conns[ref.index] : NULL;
}

bool conn_read(const struct conn_table *table, struct conn_ref ref, struct conn *ret)
{
	const struct conn *conn = conn_get(table, ref);

	if (!conn)
		return false;
	memset(ret, 0, sizeof(*ret));
	load_keys(conn, ret->key);
	ret->version = ref.version;
	ret->state = conn->state;
	ret->last_seen = conn->last_seen;
	ret->timeout = conn->timeout;
	for (unsigned i = 0; i < 2; i++) {
		ret->packets[i] = conn->packets[i];
		ret->bytes[i] = conn->bytes[i];
	}
	ret->rule = load_word(&conn->rule);
	ret->flags = conn->flags;
	ret->created = __atomic_load_n(&conn->created, __ATOMIC_ACQUIRE);
	return conn_is_live(table, ref);
}

// Writes all of an object that is not in use.
static void fill(struct conn_table *table, struct conn *conn, const struct conn_key keys[static 2],
                 uint32_t flags, uint32_t timeout, uint64_t rule, uint32_t now)
{
	uint64_t words[2 * CONN_KEY_WORDS];

	memcpy(words, keys, sizeof(words));
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		store_word(&conn->words[i], words[i]);
	atomic_store_explicit(&conn->state, 0, memory_order_release);
	atomic_store_explicit(&conn->last_seen, now, memory_order_release);
	atomic_store_explicit(&conn->timeout, timeout, memory_order_release);
	for (unsigned i = 0; i < 2; i++) {
		atomic_store_explicit(&conn->packets[i], 0, memory_order_release);
		atomic_store_explicit(&conn->bytes[i], 0, memory_order_release);
	}
	store_word(&conn->rule, rule);
	atomic_store_explicit(&conn->flags, flags, memory_order_release);
	__atomic_store_n(&conn->created, now, __ATOMIC_RELEASE);
	conn->check = check_of(table, conn, conn->version + 1);
}

// Enters both keys (or the one, if they are the same). => Both stripes are locked, neither key is
// taken.
static int enter(struct conn_table *table, uint32_t at, const uint64_t hashes[static 2])
{
	const struct conn *conn = &table->conns[at];
	bool is_single = memcmp(&conn->key[0], &conn->key[1], sizeof(conn->key[0])) == 0;

	if (conn_index_add(table->index, hashes[0], at << 1) < 0)
		return -ENOSPC;
	if (!is_single && conn_index_add(table->index, hashes[1], at << 1 | 1) < 0) {
		conn_index_remove(table->index, hashes[0], at << 1);
		return -ENOSPC;
	}
	return 0;
}

// Under both stripes: -EEXIST, or what enter() says; on success the object lives.
static int insert_locked(struct conn_table *table, uint32_t at, const struct conn_key *keys,
                         const uint64_t hashes[static 2], enum conn_direction *clash)
{
	enum conn_direction unused;

	for (unsigned i = 0; i < 2; i++) {
		if (lookup_hashed(table, &keys[i], hashes[i], &unused).index == CONN_NONE)
			continue;
		if (clash)
			*clash = i;
		return -EEXIST;
	}

	int result = enter(table, at, hashes);

	if (result == 0)
		atomic_fetch_add_explicit(&table->conns[at].version, 1, memory_order_release);
	return result;
}

int conn_insert(struct conn_table *table, unsigned worker, const struct conn_key keys[static 2],
                uint32_t flags, uint32_t timeout, uint64_t rule, uint32_t now, struct conn_ref *ret,
                enum conn_direction *clash)
{
	assert(worker < table->workers);

	uint64_t hashes[2] = {hash_of(table, &keys[0]), hash_of(table, &keys[1])};
	uint32_t at = take_slot(table, worker, now + timeout);

	if (at == CONN_NONE)
		return -ENOSPC;
	fill(table, &table->conns[at], keys, flags, timeout, rule, now);

	conn_index_lock(table->index, hashes);
	int result = insert_locked(table, at, keys, hashes, clash);
	uint32_t version = table->conns[at].version;
	conn_index_unlock(table->index, hashes);

	if (result < 0) {
		release_slot(table, at);
		return result;
	}
	atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
	*ret = (struct conn_ref){.index = at, .version = version};
	return 0;
}

// Ends the life of the object. Returns whether it was this call that did.
static bool kill_conn(struct conn_table *table, struct conn_ref ref)
{
	struct conn *conn = conn_get(table, ref);
	struct conn_key keys[2];

	if (!conn)
		return false;
	load_keys(conn, keys);

	uint64_t hashes[2] = {hash_of(table, &keys[0]), hash_of(table, &keys[1])};

	// The keys may be those of the slot's next life; then the version, which changes only under
	// its keys' stripes, is another.
	conn_index_lock(table->index, hashes);
	bool killed = atomic_compare_exchange_strong(&conn->version, &ref.version, ref.version + 1);

	if (killed) {
		conn_index_remove(table->index, hashes[0], ref.index << 1);
		conn_index_remove(table->index, hashes[1], ref.index << 1 | 1);
		atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
	}
	conn_index_unlock(table->index, hashes);
	return killed;
}

void conn_remove(struct conn_table *table, struct conn_ref ref)
{
	if (kill_conn(table, ref))
		release_slot(table, ref.index);
}

void conn_touch(struct conn *conn, uint32_t now)
{
	if (atomic_load_explicit(&conn->last_seen, memory_order_relaxed) != now)
		atomic_store_explicit(&conn->last_seen, now, memory_order_relaxed);
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
	arm(table, owner, ref.index, due);
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

	if (ref.version & 1 && (int32_t)(due - now) <= 0 && kill_conn(table, ref)) {
		push_free(table, owner, at);
		return true;
	}
	arm(table, owner, at, due);
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

uint32_t conn_count(const struct conn_table *table)
{
	return atomic_load_explicit(&table->count, memory_order_relaxed);
}

uint32_t conn_capacity(const struct conn_table *table)
{
	return table->capacity;
}

struct conn_ref conn_next(const struct conn_table *table, uint32_t *cursor)
{
	uint32_t end = MIN(atomic_load(&table->header->fresh), table->capacity);

	for (uint32_t at = *cursor; at < end; at++) {
		struct conn_ref ref = {.index = at, .version = version_of(&table->conns[at])};

		if (!(ref.version & 1))
			continue;
		*cursor = at + 1;
		return ref;
	}
	*cursor = end;
	return (struct conn_ref){.index = CONN_NONE};
}

// Whether the object was sealed, and none with one of its keys was met before.
static bool is_sound(const struct conn_table *table, uint32_t at)
{
	const struct conn *conn = &table->conns[at];
	enum conn_direction unused;

	if (!(conn->version & 1) || conn->check != check_of(table, conn, conn->version))
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (conn_lookup(table, &conn->key[i], &unused).index != CONN_NONE)
			return false;
	return true;
}

// Takes one slot over: a sound object goes on, anything else becomes a free slot. A sound one is
// never written in a way that would lose it if this process were killed too.
static void recover_one(struct conn_table *table, uint32_t at, uint32_t now)
{
	struct conn *conn = &table->conns[at];
	uint64_t hashes[2] = {hash_of(table, &conn->key[0]), hash_of(table, &conn->key[1])};

	if (conn->owner >= table->workers)
		conn->owner = at % table->workers;

	struct owner *owner = &table->owners[conn->owner];

	if (!is_sound(table, at) || enter(table, at, hashes) < 0) {
		conn->version += conn->version & 1;
		push_free(table, owner, at);
		return;
	}
	if ((int32_t)(now - conn->last_seen) < 0)
		conn->last_seen = now;
	arm(table, owner, at, conn->last_seen + conn->timeout);
	table->count++;
}

static void recover_conns(struct conn_table *table, uint32_t now)
{
	uint32_t fresh = MIN(table->header->fresh, table->capacity);

	table->header->fresh = fresh;
	// From the end, so that the free lists start with low slots.
	for (uint32_t at = fresh; at-- > 0;)
		recover_one(table, at, now);
}

static void init_owners(struct conn_table *table, uint32_t now)
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

struct conn_table *conn_table_open(void *memory, uint32_t connections, unsigned workers,
                                   bool recover, uint32_t now)
{
	assert((uintptr_t)memory % 64 == 0);
	if (connections < MIN_CONNS || connections > MAX_CONNS || connections & (connections - 1) ||
	    workers == 0 || workers > MAX_WORKERS) {
		errno = EINVAL;
		return NULL;
	}

	struct conn_table *table = mem_block_new(
		"connection wheels", sizeof(*table) + workers * sizeof(struct owner), 0);
	struct conn_index *index = conn_index_new(connections);
	struct header *header = memory;
	bool known = recover && header->magic == CONN_MAGIC && header->connections == connections;

	if (!table || !index) {
		mem_block_free(table);
		conn_index_free(index);
		errno = ENOMEM;
		return NULL;
	}
	if (recover && !known)
		memset(memory, 0, conn_table_bytes(connections));
	if (!known) {
		header->magic = CONN_MAGIC;
		header->seed = rand_u64();
		header->connections = connections;
	}
	table->header = header;
	table->conns = (void *)(header + 1);
	table->index = index;
	table->seed = header->seed;
	table->capacity = connections;
	table->workers = workers;
	init_owners(table, now);
	if (known)
		recover_conns(table, now);
	return table;
}

void conn_table_close(struct conn_table *table)
{
	if (!table)
		return;
	for (unsigned i = 0; i < table->workers; i++)
		pthread_mutex_destroy(&table->owners[i].lock);
	conn_index_free(table->index);
	mem_block_free(table);
}
