// SPDX-License-Identifier: BSD-3-Clause
//
// conn_table: objects in shared memory; index, free lists and wheels around them.
//
// The index lives in the process (conn_index.c) and is rebuilt at opening, as are the free lists
// and the wheels (conn_wheel.c), whose links are in the objects. Slots are first handed out in order, so that
// memory behind `fresh` is never touched, neither by use nor by recovery.
//
// An object's life: taken from a free list and put on its owner's wheel in one go (owner's lock);
// written; under both keys' stripes entered into the index and its version made odd; in use; under
// the stripes made even and taken out of the index; taken off the wheel and back on the free list
// (owner's lock). Whoever makes the version even frees the object, nobody else, so every object is
// freed once. The wheel may meet an object before it is born or after it died: it passes over it.
// Locks are taken in the order owner, lower stripe, higher stripe.

#include "datapath/conn_table_priv.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"
#include "datapath/conn_index.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	MAX_WORKERS = 64,
	MIN_CONNS = 64,
	MAX_CONNS = 1 << 26,
};

#define CONN_MAGIC UINT64_C(0x31306e6e6f637477)

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

static void load_keys(const struct conn *conn, struct conn_key ret[static 2])
{
	uint64_t words[2 * CONN_KEY_WORDS];

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = load_word(&conn->words[i]);
	// cppcheck-suppress uninitvar; the loop fills all of them.
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
	uint32_t at = conn_wheel_take(table, worker, now + timeout);

	if (at == CONN_NONE)
		return -ENOSPC;
	fill(table, &table->conns[at], keys, flags, timeout, rule, now);

	conn_index_lock(table->index, hashes);
	int result = insert_locked(table, at, keys, hashes, clash);
	uint32_t version = table->conns[at].version;
	conn_index_unlock(table->index, hashes);

	if (result < 0) {
		conn_wheel_release(table, at);
		return result;
	}
	atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
	*ret = (struct conn_ref){.index = at, .version = version};
	return 0;
}

bool conn_kill(struct conn_table *table, struct conn_ref ref)
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
	if (conn_kill(table, ref))
		conn_wheel_release(table, ref.index);
}

void conn_touch(struct conn *conn, uint32_t now)
{
	if (atomic_load_explicit(&conn->last_seen, memory_order_relaxed) != now)
		atomic_store_explicit(&conn->last_seen, now, memory_order_relaxed);
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
		conn_wheel_give(table, owner, at);
		return;
	}
	if ((int32_t)(now - conn->last_seen) < 0)
		conn->last_seen = now;
	conn_wheel_arm(table, owner, at, conn->last_seen + conn->timeout);
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
	conn_wheel_init(table, now);
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
