// SPDX-License-Identifier: BSD-3-Clause
//
// test_fdb: learning, limits, static entries, ageing, epochs, and what a second opening keeps.

#include "base/mem.h"
#include "datapath/fdb.h"
#include "tests/unit/unit.h"

#include <errno.h>

enum { ENTRIES = 64 };

struct fixture {
	void *memory;
	struct fdb *fdb;
};

static struct mac mac(uint32_t n)
{
	return mac_from_u64(UINT64_C(0x020000000000) + n);
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture.memory = mem_block_new("test", fdb_bytes(ENTRIES), 0);
	fixture.fdb = fdb_open(fixture.memory, ENTRIES, false);
	*state = &fixture;
	return fixture.fdb ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	fdb_close(fixture->fdb);
	mem_block_free(fixture->memory);
	return 0;
}

static enum fdb_result learn(struct fdb *fdb, uint32_t domain, uint32_t n, uint32_t port)
{
	struct mac address = mac(n);

	return fdb_learn(fdb, domain, &address, port, 100, 0, 0);
}

static uint32_t lookup(struct fdb *fdb, uint32_t domain, uint32_t n)
{
	struct mac address = mac(n);
	uint32_t port = 0;

	return fdb_lookup(fdb, domain, &address, &port) ? port : 0;
}

static void learns_and_moves(void **state)
{
	struct fdb *fdb = ((struct fixture *)*state)->fdb;

	assert_int_equal(learn(fdb, 1, 1, 10), FDB_NEW);
	assert_int_equal(learn(fdb, 1, 1, 10), FDB_KNOWN);
	assert_int_equal(lookup(fdb, 1, 1), 10);
	assert_int_equal(lookup(fdb, 2, 1), 0);

	uint32_t epoch = fdb_epoch(fdb, 1);

	assert_int_equal(learn(fdb, 1, 2, 10), FDB_NEW);
	assert_int_equal(fdb_epoch(fdb, 1), epoch);
	assert_int_equal(learn(fdb, 1, 1, 11), FDB_MOVED);
	assert_int_not_equal(fdb_epoch(fdb, 1), epoch);
	epoch = fdb_epoch(fdb, 1);
	fdb_touch(fdb, 2);
	assert_int_equal(fdb_epoch(fdb, 1), epoch);
	fdb_touch(fdb, 1);
	assert_int_not_equal(fdb_epoch(fdb, 1), epoch);
	assert_int_equal(lookup(fdb, 1, 1), 11);
	assert_int_equal(fdb_port_count(fdb, 10), 1);
	assert_int_equal(fdb_port_count(fdb, 11), 1);
	assert_int_equal(fdb_domain_count(fdb, 1), 2);
	assert_int_equal(fdb_count(fdb), 2);
}

static void limits_hold(void **state)
{
	struct fdb *fdb = ((struct fixture *)*state)->fdb;
	struct mac a = mac(1), b = mac(2), c = mac(3);

	assert_int_equal(fdb_learn(fdb, 1, &a, 10, 0, 2, 1), FDB_NEW);
	assert_int_equal(fdb_learn(fdb, 1, &b, 10, 0, 2, 1), FDB_LIMITED);
	assert_int_equal(fdb_learn(fdb, 1, &b, 11, 0, 2, 1), FDB_NEW);
	assert_int_equal(fdb_learn(fdb, 1, &c, 12, 0, 2, 1), FDB_LIMITED);
	assert_int_equal(fdb_learn(fdb, 1, &a, 11, 0, 2, 1), FDB_LIMITED);
	assert_int_equal(fdb_learn(fdb, 1, &a, 10, 0, 2, 1), FDB_KNOWN);
	assert_int_equal(fdb_domain_count(fdb, 1), 2);
	assert_int_equal(fdb_count(fdb), 2);
}

static void the_table_fills_to_its_size(void **state)
{
	struct fdb *fdb = ((struct fixture *)*state)->fdb;
	unsigned learnt = 0;

	for (uint32_t i = 0; i < 4 * ENTRIES; i++)
		learnt += learn(fdb, 1 + i % 3, i, 10) == FDB_NEW;
	assert_int_equal(learnt, fdb_count(fdb));
	assert_in_range(learnt, ENTRIES - 2, ENTRIES);
}

static void static_entries_stand(void **state)
{
	struct fdb *fdb = ((struct fixture *)*state)->fdb;
	struct mac a = mac(1);

	assert_int_equal(learn(fdb, 1, 1, 11), FDB_NEW);
	assert_int_equal(fdb_set_static(fdb, 1, &a, 10), 0);
	assert_int_equal(learn(fdb, 1, 1, 11), FDB_CONFLICT);
	assert_int_equal(learn(fdb, 1, 1, 10), FDB_KNOWN);
	fdb_flush_port(fdb, 10);
	fdb_flush_domain(fdb, 1);
	assert_int_equal(lookup(fdb, 1, 1), 10);
	assert_int_equal(fdb_set_static(fdb, 1, &a, 12), 0);
	assert_int_equal(lookup(fdb, 1, 1), 12);
	assert_int_equal(fdb_port_count(fdb, 10) + fdb_port_count(fdb, 11), 0);
	fdb_remove(fdb, 1, &a);
	assert_int_equal(lookup(fdb, 1, 1), 0);
	assert_int_equal(fdb_count(fdb), 0);
}

static uint32_t age_limit(void *user, uint32_t domain)
{
	return domain == 1 ? 300 : 0;
}

static void ages(void **state)
{
	struct fdb *fdb = ((struct fixture *)*state)->fdb;
	struct mac a = mac(1), b = mac(2), c = mac(3), d = mac(4);
	uint32_t early = (1U << 24) - 100, slots = fdb_slots(fdb);

	// The 24 bits of the time wrap in between.
	assert_int_equal(fdb_learn(fdb, 1, &a, 10, early, 0, 0), FDB_NEW);
	assert_int_equal(fdb_learn(fdb, 1, &b, 10, early, 0, 0), FDB_NEW);
	assert_int_equal(fdb_learn(fdb, 2, &c, 10, early, 0, 0), FDB_NEW);
	assert_int_equal(fdb_set_static(fdb, 1, &d, 10), 0);
	assert_int_equal(fdb_learn(fdb, 1, &b, 10, early + 150, 0, 0), FDB_KNOWN);
	assert_int_equal(fdb_age(fdb, early + 299, slots, age_limit, NULL), 0);

	uint32_t epoch = fdb_epoch(fdb, 1);

	assert_int_equal(fdb_age(fdb, early + 300, slots, age_limit, NULL), 1);
	assert_int_not_equal(fdb_epoch(fdb, 1), epoch);
	assert_int_equal(lookup(fdb, 1, 1), 0);
	assert_int_equal(fdb_age(fdb, early + 1000, slots, age_limit, NULL), 1);
	assert_int_equal(lookup(fdb, 2, 3), 10);
	assert_int_equal(lookup(fdb, 1, 4), 10);
}

static void a_clock_behind_is_no_age(void **state)
{
	struct fdb *fdb = ((struct fixture *)*state)->fdb;
	uint32_t cursor = 0;
	struct fdb_entry entry;

	assert_int_equal(learn(fdb, 1, 1, 10), FDB_NEW);
	assert_int_equal(fdb_age(fdb, 99, fdb_slots(fdb), age_limit, NULL), 0);
	assert_true(fdb_next(fdb, &cursor, 99, &entry));
	assert_int_equal(entry.age_seconds, 0);
}

static void flushes(void **state)
{
	struct fdb *fdb = ((struct fixture *)*state)->fdb;

	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(learn(fdb, 1 + i % 2, i, 10 + i % 3), FDB_NEW);
	fdb_flush_port(fdb, 10);
	assert_int_equal(fdb_count(fdb), 8);
	assert_int_equal(fdb_port_count(fdb, 10), 0);
	fdb_flush_domain(fdb, 1);
	assert_int_equal(fdb_domain_count(fdb, 1), 0);
	assert_int_equal(fdb_count(fdb), 4);
}

static void iterates_over_all(void **state)
{
	struct fdb *fdb = ((struct fixture *)*state)->fdb;
	struct fdb_entry entry;
	uint32_t cursor = 0, seen = 0;

	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(learn(fdb, 1, i, 10 + i), FDB_NEW);
	while (fdb_next(fdb, &cursor, 105, &entry)) {
		seen |= UINT32_C(1) << (entry.port - 10);
		assert_true(mac_equal(entry.mac, mac(entry.port - 10)));
		assert_int_equal(entry.domain, 1);
		assert_int_equal(entry.age_seconds, 5);
		assert_int_equal(entry.flags, 0);
	}
	assert_int_equal(seen, (1 << 20) - 1);
}

static void recovery_keeps_what_verifies(void **state)
{
	struct fixture *fixture = *state;
	struct mac a = mac(7);

	for (uint32_t i = 0; i < 7; i++)
		assert_int_equal(learn(fixture->fdb, 1, i, 10), FDB_NEW);
	assert_int_equal(fdb_set_static(fixture->fdb, 1, &a, 11), 0);
	fdb_close(fixture->fdb);

	// A bit of damage in every used word costs the entry and nothing else.
	uint64_t *words = fixture->memory;
	unsigned damaged = 0;

	for (size_t i = 8; i < fdb_bytes(ENTRIES) / 8 && damaged < 3; i += 2) {
		if (!words[i + 1])
			continue;
		words[i + damaged % 2] ^= UINT64_C(1) << 20;
		damaged++;
	}

	fixture->fdb = fdb_open(fixture->memory, ENTRIES, true);
	assert_non_null(fixture->fdb);
	assert_int_equal(fdb_count(fixture->fdb), 5);
	assert_int_equal(fdb_domain_count(fixture->fdb, 1), 5);
	if (lookup(fixture->fdb, 1, 7))
		assert_int_equal(learn(fixture->fdb, 1, 7, 12), FDB_MOVED);

	fdb_close(fixture->fdb);
	fixture->fdb = fdb_open(fixture->memory, ENTRIES, false);
}

static void another_size_is_cleared(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(learn(fixture->fdb, 1, 1, 10), FDB_NEW);
	fdb_close(fixture->fdb);
	fixture->fdb = fdb_open(fixture->memory, ENTRIES / 2, true);
	assert_non_null(fixture->fdb);
	assert_int_equal(fdb_count(fixture->fdb), 0);
	assert_int_equal(lookup(fixture->fdb, 1, 1), 0);
	assert_null(fdb_open(fixture->memory, 48, false));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(learns_and_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(the_table_fills_to_its_size, setup, teardown),
		cmocka_unit_test_setup_teardown(static_entries_stand, setup, teardown),
		cmocka_unit_test_setup_teardown(ages, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clock_behind_is_no_age, setup, teardown),
		cmocka_unit_test_setup_teardown(flushes, setup, teardown),
		cmocka_unit_test_setup_teardown(iterates_over_all, setup, teardown),
		cmocka_unit_test_setup_teardown(recovery_keeps_what_verifies, setup, teardown),
		cmocka_unit_test_setup_teardown(another_size_is_cleared, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
