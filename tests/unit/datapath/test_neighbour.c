// SPDX-License-Identifier: BSD-3-Clause
//
// test_neighbour: the life of an entry by its clock, what changes an answer, recovery.

#include "base/bytes.h"
#include "base/mem.h"
#include "datapath/neighbour.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/socket.h>

enum { ENTRIES = 32, START = -5000 }; // The clock wraps during the tests.

struct fixture {
	void *memory;
	struct neighbour_table *table;
	unsigned due;
	struct neighbour last_due;
};

static struct ip_addr ip(uint32_t n)
{
	return ip_add(ip_from4(htobe32(0x0a000000)), n);
}

static const struct mac mac_a = {{2, 0, 0, 0, 0, 1}}, mac_b = {{2, 0, 0, 0, 0, 2}};

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){0};
	fixture.memory = mem_block_new("test", neighbour_bytes(ENTRIES), 0);
	fixture.table = neighbour_open(fixture.memory, ENTRIES, false);
	*state = &fixture;
	return fixture.table ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	neighbour_close(fixture->table);
	mem_block_free(fixture->memory);
	return 0;
}

static void note_due(void *user, const struct neighbour *neighbour)
{
	struct fixture *fixture = user;

	fixture->due++;
	fixture->last_due = *neighbour;
}

static enum neighbour_state state_of(struct fixture *fixture, uint32_t n, uint32_t now)
{
	struct ip_addr addr = ip(n);
	struct mac mac;

	return neighbour_lookup(fixture->table, 1, &addr, START + now, &mac);
}

static bool ask(struct fixture *fixture, uint32_t n, uint32_t now)
{
	struct ip_addr addr = ip(n);

	return neighbour_ask(fixture->table, 1, &addr, START + now);
}

static bool confirm(struct fixture *fixture, uint32_t n, struct mac mac, bool solicited,
                    bool create, uint32_t now)
{
	struct ip_addr addr = ip(n);

	return neighbour_confirm(fixture->table, 1, &addr, &mac, solicited, create, START + now);
}

static unsigned tick(struct fixture *fixture, uint32_t now)
{
	return neighbour_tick(fixture->table, START + now, neighbour_slots(fixture->table),
	                      note_due, fixture);
}

static void nobody_answers(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(state_of(fixture, 1, 0), NEIGHBOUR_NONE);
	assert_true(ask(fixture, 1, 0));
	assert_int_equal(state_of(fixture, 1, 0), NEIGHBOUR_INCOMPLETE);
	assert_false(ask(fixture, 1, 999));
	assert_true(ask(fixture, 1, 1000));
	assert_int_equal(tick(fixture, 1999), 0);
	assert_int_equal(fixture->due, 0);
	assert_int_equal(tick(fixture, 2000), 0);
	assert_int_equal(fixture->due, 1);
	assert_int_equal(fixture->last_due.state, NEIGHBOUR_INCOMPLETE);
	assert_int_equal(fixture->last_due.age_ms, 2000);
	assert_false(ask(fixture, 1, 3000));
	assert_int_equal(state_of(fixture, 1, 3000), NEIGHBOUR_FAILED);
	assert_false(ask(fixture, 1, 5999));
	assert_int_equal(state_of(fixture, 1, 6000), NEIGHBOUR_NONE);
	assert_int_equal(neighbour_count(fixture->table), 1);
	assert_int_equal(tick(fixture, 6000), 1);
	assert_int_equal(neighbour_count(fixture->table), 0);
	assert_true(ask(fixture, 1, 6001));
	assert_int_equal(neighbour_epoch(fixture->table, 1), 0);
}

static void a_failed_one_is_asked_anew(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t now = 0; now <= 3000; now += 1000)
		assert_int_equal(ask(fixture, 1, now), now < 3000);
	assert_true(ask(fixture, 1, 6000));
	assert_int_equal(state_of(fixture, 1, 6000), NEIGHBOUR_INCOMPLETE);
	assert_int_equal(neighbour_count(fixture->table), 1);
}

static void an_answer_grows_stale_and_is_probed(void **state)
{
	struct fixture *fixture = *state;

	assert_true(ask(fixture, 1, 0));
	assert_true(confirm(fixture, 1, mac_a, true, false, 10));
	assert_int_equal(state_of(fixture, 1, 10), NEIGHBOUR_REACHABLE);
	assert_false(ask(fixture, 1, 10));
	assert_int_equal(state_of(fixture, 1, 30009), NEIGHBOUR_REACHABLE);
	assert_int_equal(state_of(fixture, 1, 30010), NEIGHBOUR_STALE);
	assert_true(ask(fixture, 1, 30010));
	assert_int_equal(state_of(fixture, 1, 30010), NEIGHBOUR_PROBE);
	assert_false(confirm(fixture, 1, mac_a, true, false, 30020));
	assert_int_equal(state_of(fixture, 1, 30020), NEIGHBOUR_REACHABLE);

	// Nobody asks, so the tick does; nobody answers, so it is forgotten, which is a change.
	tick(fixture, 90019);
	assert_int_equal(fixture->due, 0);
	for (uint32_t now = 90020; now <= 92020; now += 1000)
		assert_int_equal(tick(fixture, now), 0);
	assert_int_equal(fixture->due, 3);
	assert_int_equal(neighbour_epoch(fixture->table, 1), 0);
	assert_int_equal(tick(fixture, 93020), 1);
	assert_int_equal(neighbour_epoch(fixture->table, 1), 1);
	assert_int_equal(state_of(fixture, 1, 93020), NEIGHBOUR_NONE);
}

static void confirmations(void **state)
{
	struct fixture *fixture = *state;

	assert_false(confirm(fixture, 1, mac_a, true, false, 0));
	assert_int_equal(state_of(fixture, 1, 0), NEIGHBOUR_NONE);
	assert_true(confirm(fixture, 1, mac_a, false, true, 0));
	assert_int_equal(state_of(fixture, 1, 0), NEIGHBOUR_STALE);
	assert_false(confirm(fixture, 1, mac_a, true, true, 0));
	assert_int_equal(state_of(fixture, 1, 0), NEIGHBOUR_REACHABLE);
	assert_false(confirm(fixture, 1, mac_a, false, true, 1));
	assert_int_equal(state_of(fixture, 1, 1), NEIGHBOUR_REACHABLE);
	assert_int_equal(neighbour_epoch(fixture->table, 1), 0);
	assert_true(confirm(fixture, 1, mac_b, false, true, 2));
	assert_int_equal(state_of(fixture, 1, 2), NEIGHBOUR_STALE);
	assert_int_equal(neighbour_epoch(fixture->table, 1), 1);
	assert_int_equal(neighbour_epoch(fixture->table, 2), 0);
}

static void static_ones_stand(void **state)
{
	struct fixture *fixture = *state;
	struct ip_addr addr = ip(1);
	struct mac mac;

	assert_int_equal(neighbour_set_static(fixture->table, 1, &addr, &mac_a), 0);
	assert_false(confirm(fixture, 1, mac_b, true, true, 0));
	assert_false(ask(fixture, 1, 100000));
	tick(fixture, 200000);
	neighbour_flush(fixture->table, 1);
	assert_int_equal(neighbour_lookup(fixture->table, 1, &addr, 200000, &mac),
	                 NEIGHBOUR_STATIC);
	assert_true(mac_equal(mac, mac_a));
	assert_int_equal(neighbour_set_static(fixture->table, 1, &addr, &mac_b), 0);
	assert_int_equal(neighbour_epoch(fixture->table, 1), 1);
	neighbour_remove(fixture->table, 1, &addr);
	assert_int_equal(neighbour_epoch(fixture->table, 1), 2);
	assert_int_equal(neighbour_count(fixture->table), 0);
}

static void flush_is_of_one_interface(void **state)
{
	struct fixture *fixture = *state;
	struct ip_addr addr = ip(1);

	for (uint32_t n = 1; n < 6; n++)
		confirm(fixture, n, mac_a, true, true, 0);
	neighbour_confirm(fixture->table, 2, &addr, &mac_b, true, true, 0);
	neighbour_flush(fixture->table, 1);
	assert_int_equal(neighbour_count(fixture->table), 1);
	assert_int_equal(state_of(fixture, 1, 0), NEIGHBOUR_NONE);
}

static void finds_by_mac(void **state)
{
	struct fixture *fixture = *state;
	struct ip_addr local, found, wanted = ip(7);

	assert_int_equal(ip_parse("fe80::1", &local), 0);
	neighbour_confirm(fixture->table, 1, &local, &mac_a, true, true, 0);
	assert_false(neighbour_find_mac(fixture->table, 1, &mac_a, AF_INET6, &found));
	assert_false(neighbour_find_mac(fixture->table, 1, &mac_a, AF_INET, &found));
	confirm(fixture, 7, mac_a, true, true, 0);
	assert_true(neighbour_find_mac(fixture->table, 1, &mac_a, AF_INET, &found));
	assert_true(ip_equal(found, wanted));
	assert_false(neighbour_find_mac(fixture->table, 2, &mac_a, AF_INET, &found));
}

static void a_scan_fills_no_table(void **state)
{
	struct fixture *fixture = *state;
	uint32_t cursor = 0, known = 0;
	struct neighbour neighbour;

	for (uint32_t n = 1; n <= 20; n++)
		assert_true(confirm(fixture, n, mac_a, true, true, 0));
	for (uint32_t n = 100; n < 1000; n++)
		ask(fixture, n, 0);
	assert_in_range(neighbour_count(fixture->table), 20, ENTRIES);
	// The known stay, and a new one still finds room.
	while (neighbour_next(fixture->table, &cursor, START, &neighbour))
		known += neighbour.state == NEIGHBOUR_REACHABLE;
	assert_int_equal(known, 20);
	assert_true(confirm(fixture, 21, mac_a, true, true, 0));
}

static void recovery_keeps_what_verifies(void **state)
{
	struct fixture *fixture = *state;
	struct ip_addr fixed = ip(5);

	confirm(fixture, 1, mac_a, true, true, 0);
	confirm(fixture, 2, mac_b, true, true, 0);
	ask(fixture, 3, 0);
	neighbour_set_static(fixture->table, 1, &fixed, &mac_b);
	neighbour_close(fixture->table);

	// The MAC of 10.0.0.2 is damaged.
	uint8_t *bytes = fixture->memory;

	for (size_t i = 64; i < neighbour_bytes(ENTRIES); i += 64)
		if (memcmp(bytes + i + 8 + 12, "\x0a\0\0\x02", 4) == 0)
			bytes[i + 8 + 24] ^= 1;

	fixture->table = neighbour_open(fixture->memory, ENTRIES, true);
	assert_non_null(fixture->table);
	assert_int_equal(neighbour_count(fixture->table), 2);
	assert_int_equal(state_of(fixture, 1, 0), NEIGHBOUR_REACHABLE);
	assert_int_equal(state_of(fixture, 2, 0), NEIGHBOUR_NONE);
	assert_int_equal(state_of(fixture, 3, 0), NEIGHBOUR_NONE);
	assert_int_equal(state_of(fixture, 5, 0), NEIGHBOUR_STALE);
}

static void odd_sizes_are_refused(void **state)
{
	assert_null(neighbour_open(((struct fixture *)*state)->memory, 33, false));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_one_is_asked_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_grows_stale_and_is_probed, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(confirmations, setup, teardown),
		cmocka_unit_test_setup_teardown(static_ones_stand, setup, teardown),
		cmocka_unit_test_setup_teardown(flush_is_of_one_interface, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_by_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(a_scan_fills_no_table, setup, teardown),
		cmocka_unit_test_setup_teardown(recovery_keeps_what_verifies, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_sizes_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
