// SPDX-License-Identifier: BSD-3-Clause
//
// The table of peers against an array, on random changes.

#include "tests/unit/unit.h"

#include "tunnels/peer_table.h"

#include "base/bytes.h"
#include "base/rand.h"

enum { ADDRESSES = 300, CHANGES = 3000 };

static struct ip_addr address(unsigned n)
{
	struct ip_addr addr = {{0x20, 0x01, 0x0d, 0xb8}};

	if (n % 2)
		return ip_from4(htobe32(0xc0000200 + n));
	store_be32(addr.b + 12, n);
	return addr;
}

static void finds_what_was_put_last(void **state)
{
	uint32_t twin[ADDRESSES] = {0};
	struct peer_table *table = NULL;
	struct ip_addr addr = address(1);

	rand_seed_for_tests(7);
	assert_int_equal(peer_table_find(NULL, &addr), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		unsigned n = rand_below(ADDRESSES);
		uint32_t slot = rand_below(3) ? 1 + rand_below(1000) : 0;
		struct peer_table *next = peer_table_with(table, address(n), slot);

		assert_non_null(next);
		free(table);
		table = next;
		twin[n] = slot;
		for (unsigned k = 0; i % 50 == 0 && k < ADDRESSES; k++) {
			addr = address(k);
			assert_int_equal(peer_table_find(table, &addr), twin[k]);
		}
	}
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_put_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
