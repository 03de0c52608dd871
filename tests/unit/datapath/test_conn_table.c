// SPDX-License-Identifier: BSD-3-Clause
//
// test_conn_table: both keys lead to one object, clashes, expiry by the wheel, recovery.

#include "base/bytes.h"
#include "base/mem.h"
#include "datapath/conn_table.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>

enum { CONNS = 64, WORKERS = 2, START = 1000, FOREVER = 1000000 };

struct fixture {
	void *memory;
	struct conn_table *table;
};

static int setup(void **state)
{
	static struct fixture fixture;

	fixture.memory = mem_block_new("test", conn_table_bytes(CONNS), 0);
	fixture.table = conn_table_open(fixture.memory, CONNS, WORKERS, false, START);
	*state = &fixture;
	return fixture.table ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	conn_table_close(fixture->table);
	mem_block_free(fixture->memory);
	return 0;
}

// What a masqueraded connection number n looks like from both sides.
static void make_keys(uint32_t n, struct conn_key keys[static 2])
{
	keys[0] = (struct conn_key){
		.src = ip_from4(htobe32(0x0a000001)),
		.dst = ip_from4(htobe32(0xc0000201)),
		.src_port = (uint16_t)n,
		.dst_port = 80,
		.zone = 1,
		.proto = IPPROTO_TCP,
	};
	keys[1] = conn_key_reverse(&keys[0]);
	keys[1].dst = ip_from4(htobe32(0xc6336401));
	keys[1].dst_port = (uint16_t)(n + 10000);
}

static int insert(struct fixture *fixture, uint32_t n, uint32_t timeout, uint32_t now,
                  struct conn_ref *ret)
{
	struct conn_key keys[2];

	make_keys(n, keys);
	return conn_insert(fixture->table, n % WORKERS, keys, CONN_SNAT, timeout, 77, now, ret,
	                   NULL);
}

static bool has(struct fixture *fixture, uint32_t n)
{
	struct conn_key keys[2];
	enum conn_direction direction;
	unsigned found = 0;

	make_keys(n, keys);
	for (unsigned i = 0; i < 2; i++) {
		if (conn_lookup(fixture->table, &keys[i], &direction).index == CONN_NONE)
			continue;
		assert_int_equal(direction, i);
		found++;
	}
	assert_int_not_equal(found, 1);
	return found;
}

static void both_keys_lead_to_it(void **state)
{
	struct fixture *fixture = *state;
	struct conn_ref ref;
	struct conn copy;

	assert_false(has(fixture, 1));
	assert_int_equal(insert(fixture, 1, 60, START, &ref), 0);
	assert_true(has(fixture, 1));
	assert_true(conn_is_live(fixture->table, ref));
	assert_int_equal(conn_count(fixture->table), 1);
	assert_int_equal(conn_capacity(fixture->table), CONNS);

	struct conn *conn = conn_get(fixture->table, ref);

	assert_non_null(conn);
	assert_int_equal(conn->rule, 77);
	assert_int_equal(conn->timeout, 60);
	conn->packets[1] = 5;
	assert_true(conn_read(fixture->table, ref, &copy));
	assert_memory_equal(copy.key, conn->key, sizeof(copy.key));
	assert_int_equal(copy.packets[1], 5);

	conn_remove(fixture->table, ref);
	conn_remove(fixture->table, ref);
	assert_false(has(fixture, 1));
	assert_false(conn_is_live(fixture->table, ref));
	assert_null(conn_get(fixture->table, ref));
	assert_false(conn_read(fixture->table, ref, &copy));
	assert_int_equal(conn_count(fixture->table), 0);
}

static void taken_keys_clash(void **state)
{
	struct fixture *fixture = *state;
	struct conn_key keys[2], other[2];
	struct conn_ref ref, untouched = {.index = 42};
	enum conn_direction clash = CONN_REPLY;

	assert_int_equal(insert(fixture, 1, 60, START, &ref), 0);
	make_keys(1, keys);
	make_keys(2, other);
	assert_int_equal(conn_insert(fixture->table, 0, keys, 0, 60, 0, START, &untouched, &clash),
	                 -EEXIST);
	assert_int_equal(clash, CONN_ORIGINAL);
	other[1] = keys[1];
	assert_int_equal(conn_insert(fixture->table, 0, other, 0, 60, 0, START, &untouched, &clash),
	                 -EEXIST);
	assert_int_equal(clash, CONN_REPLY);
	assert_int_equal(untouched.index, 42);
	assert_int_equal(conn_count(fixture->table), 1);
}

static void a_connection_to_itself_has_one_key(void **state)
{
	struct fixture *fixture = *state;
	struct conn_key keys[2] = {{.src_port = 9, .dst_port = 9, .proto = IPPROTO_UDP}};
	enum conn_direction direction;
	struct conn_ref ref;

	keys[1] = conn_key_reverse(&keys[0]);
	assert_int_equal(conn_insert(fixture->table, 0, keys, 0, 60, 0, START, &ref, NULL), 0);
	assert_int_equal(conn_lookup(fixture->table, &keys[0], &direction).index, ref.index);
	assert_int_equal(direction, CONN_ORIGINAL);
	conn_remove(fixture->table, ref);
	assert_int_equal(conn_lookup(fixture->table, &keys[0], &direction).index, CONN_NONE);
}

static void one_worker_may_fill_the_table(void **state)
{
	struct fixture *fixture = *state;
	struct conn_ref refs[CONNS], extra;

	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t n = 0; n < CONNS; n++)
			assert_int_equal(insert(fixture, 2 * n + round % 2, 60, START, &refs[n]),
			                 0);
		assert_int_equal(insert(fixture, 1000, 60, START, &extra), -ENOSPC);
		for (uint32_t n = 0; n < CONNS; n++)
			conn_remove(fixture->table, refs[n]);
		assert_int_equal(conn_count(fixture->table), 0);
	}
}

static void expires_when_unused(void **state)
{
	struct fixture *fixture = *state;
	struct conn_ref idle, used, lasting;

	assert_int_equal(insert(fixture, 2, 30, START, &idle), 0);
	assert_int_equal(insert(fixture, 4, 30, START, &used), 0);
	assert_int_equal(insert(fixture, 6, 5000, START, &lasting), 0);
	assert_int_equal(conn_expire(fixture->table, 0, START + 29, FOREVER), 0);
	conn_touch(conn_get(fixture->table, used), START + 29);
	assert_int_equal(conn_expire(fixture->table, 1, START + 30, FOREVER), 0);
	assert_int_equal(conn_expire(fixture->table, 0, START + 30, FOREVER), 1);
	assert_false(conn_is_live(fixture->table, idle));
	assert_int_equal(conn_expire(fixture->table, 0, START + 58, FOREVER), 0);
	assert_int_equal(conn_expire(fixture->table, 0, START + 59, FOREVER), 1);
	assert_false(conn_is_live(fixture->table, used));

	// Further ahead than the wheel reaches, in steps and then in one leap.
	for (uint32_t now = START + 60; now < START + 4000; now += 100)
		assert_int_equal(conn_expire(fixture->table, 0, now, FOREVER), 0);
	assert_int_equal(conn_expire(fixture->table, 0, START + 4999, FOREVER), 0);
	assert_int_equal(conn_expire(fixture->table, 0, START + 50000, FOREVER), 1);
	assert_int_equal(conn_count(fixture->table), 0);
}

static void a_shorter_timeout_counts_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct conn_ref ref;

	assert_int_equal(insert(fixture, 2, 86400, START, &ref), 0);
	conn_set_timeout(fixture->table, ref, 10);
	assert_int_equal(conn_expire(fixture->table, 0, START + 9, FOREVER), 0);
	conn_set_timeout(fixture->table, ref, 300);
	assert_int_equal(conn_expire(fixture->table, 0, START + 299, FOREVER), 0);
	assert_int_equal(conn_expire(fixture->table, 0, START + 300, FOREVER), 1);
	conn_set_timeout(fixture->table, ref, 5);
}

static void expiry_keeps_to_its_limit(void **state)
{
	struct fixture *fixture = *state;
	struct conn_ref ref;
	unsigned ended = 0, calls = 0;

	for (uint32_t n = 0; n < 50; n++)
		assert_int_equal(insert(fixture, 2 * n, 10, START, &ref), 0);
	while (conn_count(fixture->table) > 0) {
		unsigned now_ended = conn_expire(fixture->table, 0, START + 10, 8);

		assert_in_range(now_ended, 1, 8);
		ended += now_ended;
		calls++;
	}
	assert_int_equal(ended, 50);
	assert_int_equal(calls, 7);
}

// Looking costs the same whether a connection ends or was used since.
static void expiry_tells_when_it_is_behind(void **state)
{
	struct fixture *fixture = *state;
	struct conn_ref ref;

	for (uint32_t n = 0; n < 20; n++) {
		assert_int_equal(insert(fixture, 2 * n, 10, START, &ref), 0);
		conn_touch(conn_get(fixture->table, ref), START + 5);
	}
	assert_int_equal(conn_expire(fixture->table, 0, START + 10, 8), 0);
	assert_true(conn_is_behind(fixture->table, 0, START + 10));
	assert_int_equal(conn_expire(fixture->table, 0, START + 10, 8), 0);
	assert_true(conn_is_behind(fixture->table, 0, START + 10));
	assert_int_equal(conn_expire(fixture->table, 0, START + 10, 8), 0);
	assert_false(conn_is_behind(fixture->table, 0, START + 10));

	assert_int_equal(conn_expire(fixture->table, 0, START + 15, 20), 20);
	assert_false(conn_is_behind(fixture->table, 0, START + 15));
}

static void iterates_over_the_living(void **state)
{
	struct fixture *fixture = *state;
	struct conn_ref refs[10], ref;
	uint32_t cursor = 0, seen = 0;

	for (uint32_t n = 0; n < 10; n++)
		assert_int_equal(insert(fixture, n, 60, START, &refs[n]), 0);
	conn_remove(fixture->table, refs[3]);
	while ((ref = conn_next(fixture->table, &cursor)).index != CONN_NONE) {
		assert_true(conn_is_live(fixture->table, ref));
		seen++;
	}
	assert_int_equal(seen, 9);
}

static void recovery_keeps_what_verifies(void **state)
{
	struct fixture *fixture = *state;
	struct conn_ref refs[20], ref;

	for (uint32_t n = 0; n < 20; n++)
		assert_int_equal(insert(fixture, n, 100 + n, START, &refs[n]), 0);
	conn_remove(fixture->table, refs[5]);
	conn_get(fixture->table, refs[6])->words[1] ^= 1;
	conn_get(fixture->table, refs[7])->rule = 78;
	conn_get(fixture->table, refs[8])->state = 3;
	atomic_fetch_or(&conn_get(fixture->table, refs[8])->flags, CONN_SEEN_REPLY);
	conn_table_close(fixture->table);

	// Fewer workers than before.
	fixture->table = conn_table_open(fixture->memory, CONNS, 1, true, START + 50);
	assert_non_null(fixture->table);
	assert_int_equal(conn_count(fixture->table), 17);
	for (uint32_t n = 0; n < 20; n++)
		assert_int_equal(has(fixture, n), n < 5 || n > 7);
	assert_true(conn_is_live(fixture->table, refs[8]));
	assert_int_equal(conn_get(fixture->table, refs[8])->state, 3);
	assert_int_equal(conn_get(fixture->table, refs[8])->flags, CONN_SNAT | CONN_SEEN_REPLY);

	// Timers and free lists are whole.
	assert_int_equal(conn_expire(fixture->table, 0, START + 99, FOREVER), 0);
	assert_int_equal(conn_expire(fixture->table, 0, START + 119, FOREVER), 17);
	for (uint32_t n = 0; n < CONNS; n++)
		assert_int_equal(insert(fixture, 2 * n, 60, START + 120, &ref), 0);
}

static void odd_sizes_are_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_null(conn_table_open(fixture->memory, 100, 1, false, START));
	assert_int_equal(errno, EINVAL);
	assert_null(conn_table_open(fixture->memory, CONNS, 0, false, START));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_keys_lead_to_it, setup, teardown),
		cmocka_unit_test_setup_teardown(taken_keys_clash, setup, teardown),
		cmocka_unit_test_setup_teardown(a_connection_to_itself_has_one_key, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(one_worker_may_fill_the_table, setup, teardown),
		cmocka_unit_test_setup_teardown(expires_when_unused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_shorter_timeout_counts_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(expiry_keeps_to_its_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(expiry_tells_when_it_is_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(iterates_over_the_living, setup, teardown),
		cmocka_unit_test_setup_teardown(recovery_keeps_what_verifies, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_sizes_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
