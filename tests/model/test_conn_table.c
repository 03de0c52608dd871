// SPDX-License-Identifier: BSD-3-Clause
//
// test_conn_table: every call beside a list of connections that is searched from the front.

#include "base/bytes.h"
#include "base/mem.h"
#include "datapath/conn_table.h"
#include "model.h"

#include <errno.h>
#include <stdatomic.h>

enum { STEPS = 60000, CONNS = 256, WORKERS = 3, HOSTS = 12, FOREVER = 1 << 30 };

struct entry {
	struct conn_key keys[2];
	struct conn_ref ref;
	uint32_t worker, last_seen, timeout;
};

static struct entry list[CONNS];
static uint32_t count, now;
static struct conn_table *table;

// Few addresses and ports, so that keys meet, also one's original and another's reply.
static struct conn_key random_key(void)
{
	return (struct conn_key){
		.src = ip_from4(htobe32(0x0a000000 + rand_below(HOSTS))),
		.dst = ip_from4(htobe32(0x0a000000 + rand_below(HOSTS))),
		.src_port = (uint16_t)rand_below(3),
		.dst_port = (uint16_t)rand_below(3),
		.zone = 1,
		.proto = 17,
	};
}

static bool keys_equal(const struct conn_key *a, const struct conn_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static struct entry *find(const struct conn_key *key, enum conn_direction *direction)
{
	for (uint32_t i = 0; i < count; i++) {
		for (unsigned d = 0; d < 2; d++) {
			if (!keys_equal(&list[i].keys[d], key))
				continue;
			*direction = d;
			return &list[i];
		}
	}
	return NULL;
}

static void insert(void)
{
	struct entry entry = {
		.keys = {random_key()},
		.worker = rand_below(WORKERS),
		.last_seen = now,
		.timeout = model_chance(3) ? 1 + rand_below(2000) : 1 + rand_below(100),
	};
	enum conn_direction unused, clash = 9, expected_clash = 9;
	int expected = 0;

	entry.keys[1] = model_chance(2) ? conn_key_reverse(&entry.keys[0]) : random_key();
	for (unsigned d = 2; d-- > 0;) {
		if (find(&entry.keys[d], &unused)) {
			expected = -EEXIST;
			expected_clash = d;
		}
	}
	// A full table says so first.
	if (count == CONNS)
		expected = -ENOSPC;

	int result = conn_insert(table, entry.worker, entry.keys, 0, entry.timeout, count, now,
	                         &entry.ref, &clash);

	assert_int_equal(result, expected);
	if (result == -EEXIST)
		assert_int_equal(clash, expected_clash);
	if (result == 0)
		list[count++] = entry;
}

static void drop(struct entry *entry)
{
	assert_false(conn_is_live(table, entry->ref));
	*entry = list[--count];
}

static void remove_one(void)
{
	if (count == 0)
		return;

	struct entry *entry = &list[rand_below(count)];

	conn_remove(table, entry->ref);
	conn_remove(table, entry->ref);
	drop(entry);
}

static void use_one(void)
{
	if (count == 0)
		return;

	struct entry *entry = &list[rand_below(count)];

	conn_touch(conn_get(table, entry->ref), now);
	entry->last_seen = now;
	if (model_chance(4)) {
		entry->timeout = 1 + rand_below(600);
		conn_set_timeout(table, entry->ref, entry->timeout);
	}
}

static void pass_time(void)
{
	now += model_chance(50) ? rand_below(3000) : rand_below(10);
	for (uint32_t worker = 0; worker < WORKERS; worker++) {
		unsigned expected = 0, ended = conn_expire(table, worker, now, FOREVER);

		for (uint32_t i = count; i-- > 0;) {
			struct entry *entry = &list[i];

			if (entry->worker != worker ||
			    (int32_t)(entry->last_seen + entry->timeout - now) > 0)
				continue;
			drop(entry);
			expected++;
		}
		assert_int_equal(ended, expected);
	}
}

static void reopen(void *memory)
{
	conn_table_close(table);
	table = conn_table_open(memory, CONNS, WORKERS, true, now);
	assert_non_null(table);
}

static void compare(void)
{
	struct conn_key key = random_key();
	enum conn_direction direction, expected_direction;
	struct entry *entry = find(&key, &expected_direction);
	struct conn_ref ref = conn_lookup(table, &key, &direction);

	assert_int_equal(conn_count(table), count);
	assert_int_equal(ref.index != CONN_NONE, entry != NULL);
	if (!entry)
		return;
	assert_int_equal(ref.index, entry->ref.index);
	assert_int_equal(ref.version, entry->ref.version);
	// Of two equal keys either direction is right.
	if (!keys_equal(&entry->keys[0], &entry->keys[1]))
		assert_int_equal(direction, expected_direction);
}

static void compare_all(void)
{
	uint32_t cursor = 0, seen = 0;

	while (conn_next(table, &cursor).index != CONN_NONE)
		seen++;
	assert_int_equal(seen, count);
	for (uint32_t i = 0; i < count; i++) {
		struct conn copy;

		assert_true(conn_read(table, list[i].ref, &copy));
		assert_memory_equal(copy.key, list[i].keys, sizeof(copy.key));
		assert_int_equal(copy.last_seen, list[i].last_seen);
		assert_int_equal(copy.timeout, list[i].timeout);
	}
}

static void like_a_list(void **state)
{
	void *memory = mem_block_new("test", conn_table_bytes(CONNS), 0);

	model_seed();
	// The clock wraps on the way.
	now = (uint32_t)-20000;
	table = conn_table_open(memory, CONNS, WORKERS, false, now);
	assert_non_null(table);
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t choice = rand_below(1000);

		if (choice < 500)
			insert();
		else if (choice < 600)
			remove_one();
		else if (choice < 900)
			use_one();
		else if (choice < 998)
			pass_time();
		else
			reopen(memory);
		compare();
		if (step % 100 == 0)
			compare_all();
	}
	conn_table_close(table);
	mem_block_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(like_a_list)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
