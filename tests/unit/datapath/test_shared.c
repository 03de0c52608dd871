// SPDX-License-Identifier: BSD-3-Clause
//
// test_shared: what several threads may do to the tables at once.
//
// Every value is made from its key, so that a reader who ever sees another key's value, or half of
// one, is caught. When all threads are done, the tables must be whole.

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"
#include "datapath/conn_table.h"
#include "datapath/fdb.h"
#include "datapath/neighbour.h"
#include "datapath/stats.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, STEPS = 20000, KEYS = 100, ENTRIES = 128, FOREVER = 1 << 30 };

struct shared {
	void *table;
	_Atomic unsigned wrong; // What a thread saw that may not be.
	_Atomic uint32_t time;
};

struct runner {
	struct shared *shared;
	unsigned number;
	void (*step)(struct shared *shared, unsigned number);
};

static void *run(void *user)
{
	struct runner *runner = user;

	for (unsigned i = 0; i < STEPS; i++)
		runner->step(runner->shared, runner->number);
	return NULL;
}

static void run_all(struct shared *shared, void (*step)(struct shared *shared, unsigned number))
{
	struct runner runners[THREADS];
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		runners[i] = (struct runner){shared, i, step};
		assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(shared->wrong, 0);
}

static void note_wrong(struct shared *shared, bool is_wrong)
{
	if (is_wrong)
		atomic_fetch_add(&shared->wrong, 1);
}

// A key's ports are 10 more than its number, or 210 more.
static bool is_port_of(uint32_t port, uint32_t key)
{
	return port == key + 10 || port == key + 210;
}

static uint32_t age_limit(void *user, uint32_t domain)
{
	return 50;
}

static struct mac fdb_key(uint32_t key)
{
	return mac_from_u64(UINT64_C(0x020000000000) + key * 0x01010101);
}

static void step_fdb(struct shared *shared, unsigned number)
{
	struct fdb *fdb = shared->table;
	uint32_t key = rand_below(KEYS), port, now = atomic_fetch_add(&shared->time, 1) / 64;
	struct mac mac = fdb_key(key);
	enum fdb_result result;

	switch (rand_below(16)) {
	case 0:
		fdb_remove(fdb, 1, &mac);
		return;
	case 1:
		if (number == 0)
			fdb_age(fdb, now, 64, age_limit, NULL);
		return;
	case 2:
		fdb_set_static(fdb, 1, &mac, key + 10);
		return;
	case 3:
	case 4:
	case 5:
	case 6:
		result = fdb_learn(fdb, 1, &mac, key + (rand_below(2) ? 10 : 210), now, 0, 0);
		note_wrong(shared, result == FDB_LIMITED);
		return;
	default:
		if (fdb_lookup(fdb, 1, &mac, &port))
			note_wrong(shared, !is_port_of(port, key));
	}
}

static void fdb_by_many(void **state)
{
	void *memory = mem_block_new("test", fdb_bytes(ENTRIES), 0);
	struct shared shared = {.table = fdb_open(memory, ENTRIES, false), .time = 1000};
	struct fdb *fdb = shared.table;
	struct fdb_entry entry;
	uint32_t cursor = 0, seen = 0, ports = 0;

	assert_non_null(fdb);
	run_all(&shared, step_fdb);
	while (fdb_next(fdb, &cursor, shared.time / 64, &entry)) {
		uint32_t key = (uint32_t)(mac_to_u64(entry.mac) & 0xffff) / 0x101;

		assert_true(is_port_of(entry.port, key & 0xff));
		seen++;
	}
	for (uint32_t port = 1; port < 400; port++)
		ports += fdb_port_count(fdb, port);
	assert_int_equal(seen, fdb_count(fdb));
	assert_int_equal(seen, fdb_domain_count(fdb, 1));
	assert_int_equal(seen, ports);
	fdb_close(fdb);
	mem_block_free(memory);
}

// The first thread keeps one entry young, and nobody else touches that entry: it is always there,
// whatever happens in the slots around it.
static void step_renewal(struct shared *shared, unsigned number)
{
	struct fdb *fdb = shared->table;
	uint32_t key = number == 0 ? 0 : 1 + rand_below(KEYS - 1), port;
	uint32_t now = atomic_fetch_add(&shared->time, 1);
	struct mac mac = fdb_key(key);

	if (number == 0) {
		note_wrong(shared, fdb_learn(fdb, 1, &mac, 10, now, 0, 0) != FDB_KNOWN);
		return;
	}
	fdb_learn(fdb, 1, &mac, key + 10, now, 0, 0);
	fdb_remove(fdb, 1, &mac);
	mac = fdb_key(0);
	note_wrong(shared, !fdb_lookup(fdb, 1, &mac, &port) || port != 10);
}

static void fdb_renewed_by_one(void **state)
{
	void *memory = mem_block_new("test", fdb_bytes(16), 0);
	struct shared shared = {.table = fdb_open(memory, 16, false), .time = 1000};
	struct fdb *fdb = shared.table;
	struct fdb_entry entry;
	struct mac mac = fdb_key(0);
	uint32_t cursor = 0, seen = 0;

	assert_non_null(fdb);
	assert_int_equal(fdb_learn(fdb, 1, &mac, 10, 1000, 0, 0), FDB_NEW);
	run_all(&shared, step_renewal);
	while (fdb_next(fdb, &cursor, shared.time, &entry))
		seen++;
	assert_int_equal(seen, 1);
	assert_int_equal(fdb_count(fdb), 1);
	assert_int_equal(fdb_port_count(fdb, 10), 1);
	fdb_close(fdb);
	mem_block_free(memory);
}

static void conn_keys(uint32_t key, struct conn_key keys[static 2])
{
	keys[0] = (struct conn_key){
		.src = ip_from4(htobe32(0x0a000000 + key)),
		.dst = ip_from4(htobe32(0x0b000000 + key)),
		.src_port = (uint16_t)key,
		.dst_port = (uint16_t)~key,
		.zone = 1,
	};
	keys[1] = conn_key_reverse(&keys[0]);
}

static void look_at_conn(struct shared *shared, const struct conn_key keys[static 2], uint32_t key,
                         uint32_t now)
{
	struct conn_table *table = shared->table;
	enum conn_direction direction, wanted = rand_below(2);
	struct conn_ref ref = conn_lookup(table, &keys[wanted], &direction);
	struct conn *conn = ref.index == CONN_NONE ? NULL : conn_get(table, ref);
	struct conn copy;

	if (!conn)
		return;
	note_wrong(shared, direction != wanted);
	conn_touch(conn, now);
	conn_set_timeout(table, ref, 1 + rand_below(40));
	if (conn_read(table, ref, &copy))
		note_wrong(shared, copy.rule != key || memcmp(copy.key, keys, 80) != 0);
}

static void step_conn(struct shared *shared, unsigned number)
{
	struct conn_table *table = shared->table;
	uint32_t key = rand_below(KEYS), now = atomic_fetch_add(&shared->time, 1) / 64;
	enum conn_direction direction;
	struct conn_key keys[2];
	struct conn_ref ref;

	conn_keys(key, keys);
	switch (rand_below(8)) {
	case 0:
		ref = conn_lookup(table, &keys[rand_below(2)], &direction);
		if (ref.index != CONN_NONE)
			conn_remove(table, ref);
		return;
	case 1:
		conn_expire(table, number, now, 20);
		return;
	case 2:
	case 3:
		note_wrong(shared, conn_insert(table, number, keys, 0, 1 + rand_below(20), key, now,
		                               &ref, NULL) == -ENOSPC);
		return;
	default:
		look_at_conn(shared, keys, key, now);
	}
}

static void conns_by_many(void **state)
{
	void *memory = mem_block_new("test", conn_table_bytes(ENTRIES), 0);
	struct shared shared = {.time = 6400};
	uint32_t cursor = 0, seen = 0, ended = 0;
	struct conn_ref ref, refs[ENTRIES];
	struct conn_key keys[2];

	shared.table = conn_table_open(memory, ENTRIES, THREADS, false, 100);
	assert_non_null(shared.table);
	run_all(&shared, step_conn);

	while ((ref = conn_next(shared.table, &cursor)).index != CONN_NONE)
		refs[seen++] = ref;
	assert_int_equal(seen, conn_count(shared.table));
	for (unsigned worker = 0; worker < THREADS; worker++)
		ended += conn_expire(shared.table, worker, shared.time / 64 + 100, FOREVER);
	assert_int_equal(ended, seen);
	assert_int_equal(conn_count(shared.table), 0);
	// No slot was lost on the way.
	for (uint32_t i = 0; i < ENTRIES; i++) {
		conn_keys(i, keys);
		assert_int_equal(conn_insert(shared.table, i % THREADS, keys, 0, 60, i, 9999,
		                             &refs[i], NULL),
		                 0);
	}
	conn_table_close(shared.table);
	mem_block_free(memory);
}

static void ignore_due(void *user, const struct neighbour *neighbour)
{
}

static void step_neighbour(struct shared *shared, unsigned number)
{
	struct neighbour_table *table = shared->table;
	uint32_t key = rand_below(KEYS), now = atomic_fetch_add(&shared->time, 1);
	struct ip_addr ip = ip_from4(htobe32(0x0a000000 + key)), found;
	struct mac mac = {{2, (uint8_t)key, (uint8_t)key, (uint8_t)rand_below(2), 0, (uint8_t)key}};
	enum neighbour_state is;

	switch (rand_below(8)) {
	case 0:
		neighbour_remove(table, 1, &ip);
		return;
	case 1:
		if (number == 0)
			neighbour_tick(table, now, 64, ignore_due, NULL);
		return;
	case 2:
		neighbour_ask(table, 1, &ip, now);
		return;
	case 3:
		neighbour_confirm(table, 1, &ip, &mac, rand_below(2), true, now);
		return;
	case 4:
		if (neighbour_find_mac(table, 1, &mac, 2, &found))
			note_wrong(shared, !ip_equal(found, ip));
		return;
	default:
		is = neighbour_lookup(table, 1, &ip, now, &mac);
		if (is == NEIGHBOUR_REACHABLE || is == NEIGHBOUR_STALE)
			note_wrong(shared, mac.b[1] != key || mac.b[2] != key || mac.b[5] != key);
	}
}

static void neighbours_by_many(void **state)
{
	void *memory = mem_block_new("test", neighbour_bytes(ENTRIES), 0);
	struct shared shared = {.table = neighbour_open(memory, ENTRIES, false)};
	uint32_t cursor = 0, seen = 0;
	struct neighbour neighbour;

	assert_non_null(shared.table);
	run_all(&shared, step_neighbour);
	while (neighbour_next(shared.table, &cursor, shared.time, &neighbour))
		seen++;
	assert_in_range(seen, 1, neighbour_count(shared.table));
	neighbour_close(shared.table);
	mem_block_free(memory);
}

// The first thread reads, the others write to areas of their own.
static void step_stats(struct shared *shared, unsigned number)
{
	struct stats *stats = shared->table;
	struct drop_record records[4];
	uint8_t head[96];

	if (number == 0) {
		unsigned found = stats_recent_drops(stats, 0, records, rand_below(64) ? 0 : 4);

		for (unsigned i = 0; i < found; i++)
			for (unsigned at = 0; at < sizeof(head); at++)
				note_wrong(shared, records[i].head[at] != (uint8_t)records[i].port);
		note_wrong(shared, stats_port_sum(stats, 3, STATS_RX_PACKETS) > 3 * STEPS);
		return;
	}

	uint32_t slot = 1 + rand_below(200);

	memset(head, (int)slot, sizeof(head));
	stats_add(&stats_port_words(stats, number, 3)[STATS_RX_PACKETS], 1);
	stats_record_drop(stats, number, number, slot, DROP_NO_ROUTE, 0, 60, head, sizeof(head));
}

static void stats_by_many(void **state)
{
	struct shared shared = {.table = stats_open(-1, THREADS)};

	assert_non_null(shared.table);
	run_all(&shared, step_stats);
	assert_int_equal(stats_port_sum(shared.table, 3, STATS_RX_PACKETS), (THREADS - 1) * STEPS);
	stats_close(shared.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fdb_by_many),   cmocka_unit_test(fdb_renewed_by_one),
		cmocka_unit_test(conns_by_many), cmocka_unit_test(neighbours_by_many),
		cmocka_unit_test(stats_by_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
