// SPDX-License-Identifier: BSD-3-Clause
//
// test_lease: lookups by address and client, replacement, recovery of what was being written.

#include "base/bytes.h"
#include "base/mem.h"
#include "datapath/lease.h"
#include "tests/unit/unit.h"

#include <errno.h>

enum { LEASES = 20 };

struct fixture {
	void *memory;
	struct lease_table *table;
};

static int setup(void **state)
{
	static struct fixture fixture;

	fixture.memory = mem_block_new("test", lease_bytes(LEASES), 0);
	fixture.table = lease_open(fixture.memory, LEASES, false);
	*state = &fixture;
	return fixture.table ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	lease_close(fixture->table);
	mem_block_free(fixture->memory);
	return 0;
}

static struct lease make(uint64_t scope, uint32_t n)
{
	return (struct lease){
		.scope = scope,
		.ip = ip_from4(htobe32(0x0a000000 + n)),
		.mac = mac_from_u64(n),
		.state = LEASE_BOUND,
		.expires = 1000 + n,
	};
}

static void found_by_address_and_client(void **state)
{
	struct lease_table *table = ((struct fixture *)*state)->table;
	struct lease lease = make(1, 5), other = make(2, 5), named = make(1, 6);

	named.mac = lease.mac;
	named.client_id_len = 3;
	memcpy(named.client_id, "abc", 3);
	assert_non_null(lease_put(table, &lease));
	assert_null(lease_by_ip(table, 2, &lease.ip));
	assert_non_null(lease_put(table, &other));
	assert_non_null(lease_put(table, &named));
	assert_int_equal(lease_count(table), 3);
	assert_int_equal(lease_by_ip(table, 1, &lease.ip)->scope, 1);
	assert_int_equal(lease_by_ip(table, 2, &lease.ip)->scope, 2);
	assert_true(ip_equal(lease_by_client(table, 1, &lease.mac, NULL, 0)->ip, lease.ip));
	assert_true(ip_equal(lease_by_client(table, 1, &lease.mac, (const uint8_t *)"abc", 3)->ip,
	                     named.ip));
	assert_null(lease_by_client(table, 1, &lease.mac, (const uint8_t *)"abd", 3));
	assert_null(lease_by_client(table, 1, &lease.mac, named.client_id, 65));
	lease_remove(table, lease_by_ip(table, 1, &lease.ip));
	assert_null(lease_by_client(table, 1, &lease.mac, NULL, 0));
}

static void put_replaces_the_address(void **state)
{
	struct lease_table *table = ((struct fixture *)*state)->table;
	struct lease lease = make(1, 5);
	struct mac before = lease.mac;

	assert_non_null(lease_put(table, &lease));
	lease.mac = mac_from_u64(99);
	assert_non_null(lease_put(table, &lease));
	assert_int_equal(lease_count(table), 1);
	assert_null(lease_by_client(table, 1, &before, NULL, 0));
	assert_non_null(lease_by_client(table, 1, &lease.mac, NULL, 0));
}

static void full_is_full(void **state)
{
	struct lease_table *table = ((struct fixture *)*state)->table;

	for (uint32_t n = 0; n < LEASES; n++) {
		struct lease lease = make(1, n);

		assert_non_null(lease_put(table, &lease));
	}

	struct lease extra = make(1, 100), again = make(1, 7);

	assert_null(lease_put(table, &extra));
	assert_non_null(lease_put(table, &again));
	lease_remove(table, lease_by_ip(table, 1, &again.ip));
	assert_non_null(lease_put(table, &extra));
}

static void walks_while_removing(void **state)
{
	struct lease_table *table = ((struct fixture *)*state)->table;
	uint32_t cursor = 0, seen = 0;
	struct lease *lease;

	for (uint32_t n = 0; n < 10; n++) {
		struct lease made = make(1, n);

		assert_non_null(lease_put(table, &made));
	}
	while ((lease = lease_next(table, &cursor))) {
		seen++;
		lease_remove(table, lease);
	}
	assert_int_equal(seen, 10);
	assert_int_equal(lease_count(table), 0);
}

static void recovery(void **state)
{
	struct fixture *fixture = *state;
	struct lease *leases = (void *)((uint8_t *)fixture->memory + 64);
	struct ip_addr second = make(1, 2).ip, third = make(1, 3).ip;

	for (uint32_t n = 1; n <= 5; n++) {
		struct lease lease = make(1, n);

		assert_non_null(lease_put(fixture->table, &lease));
	}

	// As if killed between the new copy of lease 2 and the end of the old one.
	struct lease old = *lease_by_ip(fixture->table, 1, &second), changed = old;
	uint32_t at = (uint32_t)(lease_by_ip(fixture->table, 1, &second) - leases);

	changed.expires = 5555;
	assert_non_null(lease_put(fixture->table, &changed));
	lease_close(fixture->table);
	leases[at] = old;
	// And lease 3 only half written.
	for (uint32_t i = 0; i <= LEASES; i++)
		if (ip_equal(leases[i].ip, third))
			leases[i].hostname[0] ^= 1;

	fixture->table = lease_open(fixture->memory, LEASES, true);
	assert_non_null(fixture->table);
	assert_int_equal(lease_count(fixture->table), 4);
	assert_null(lease_by_ip(fixture->table, 1, &third));
	assert_int_equal(lease_by_ip(fixture->table, 1, &second)->expires, 5555);
	for (uint32_t n = 10; n < 10 + LEASES - 4; n++) {
		struct lease lease = make(1, n);

		assert_non_null(lease_put(fixture->table, &lease));
	}
	assert_null(lease_put(fixture->table, &(struct lease){.state = LEASE_BOUND}));
}

static void odd_sizes_are_refused(void **state)
{
	assert_null(lease_open(((struct fixture *)*state)->memory, 0, false));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(found_by_address_and_client, setup, teardown),
		cmocka_unit_test_setup_teardown(put_replaces_the_address, setup, teardown),
		cmocka_unit_test_setup_teardown(full_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(walks_while_removing, setup, teardown),
		cmocka_unit_test_setup_teardown(recovery, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_sizes_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
