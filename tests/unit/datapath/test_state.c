// SPDX-License-Identifier: BSD-3-Clause
//
// test_state: the segment is taken over whole, refused when it is another's, and small while empty.

#include "base/mem.h"
#include "datapath/generation.h"
#include "datapath/lease.h"
#include "datapath/state.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static const struct state_sizes sizes = {
	.fdb_entries = 1024,
	.neighbour_entries = 256,
	.connections = 1024,
	.leases = 64,
	.workers = 2,
};

static const struct mac mac = {{2, 0, 0, 0, 0, 1}};

static void all_is_taken_over(void **unused)
{
	struct state *state = state_open(&sizes, -1, 1000);
	struct conn_key keys[2] = {{.src_port = 1, .dst_port = 2}, {.src_port = 2, .dst_port = 1}};
	struct ip_addr ip = ip_from4(1);
	struct lease lease = {.scope = 1, .ip = ip, .mac = mac, .state = LEASE_BOUND};
	struct conn_ref ref;
	struct mac found;
	uint32_t port;

	assert_non_null(state);
	assert_false(state->recovered);
	assert_int_equal(fdb_learn(state->fdb, 1, &mac, 10, 1000, 0, 0), FDB_NEW);
	neighbour_confirm(state->neighbours, 1, &ip, &mac, true, true, 0);
	assert_int_equal(conn_insert(state->conns, 1, keys, 0, 60, 0, 1000, &ref, NULL), 0);
	assert_non_null(lease_put(state->leases, &lease));
	uint32_t slot = slot_lease(state, SLOT_DOMAIN, 55, 20);
	uint64_t secret = state->hash_secret[0];
	int fd = dup(state->fd);

	state_close(state);
	state = state_open(&sizes, fd, 1001);
	assert_non_null(state);
	assert_true(state->recovered);
	assert_int_equal(state->fd, fd);
	assert_true(state->hash_secret[0] == secret);
	assert_true(fdb_lookup(state->fdb, 1, &mac, &port));
	assert_int_equal(neighbour_lookup(state->neighbours, 1, &ip, 0, &found),
	                 NEIGHBOUR_REACHABLE);
	assert_true(conn_is_live(state->conns, ref));
	assert_non_null(lease_by_ip(state->leases, 1, &ip));
	assert_int_equal(slot_find(state, SLOT_DOMAIN, 55, 20), slot);
	state_close(state);
}

static void another_layout_is_refused(void **unused)
{
	unsigned fds = unit_open_fds();
	struct state_sizes other = sizes;
	struct state *state = state_open(&sizes, -1, 0);
	int fd = dup(state->fd);

	slot_lease(state, SLOT_PORT, 1, 0);
	state_close(state);
	other.leases = 65;
	state = state_open(&other, fd, 0);
	assert_non_null(state);
	assert_false(state->recovered);
	assert_int_equal(slot_find(state, SLOT_PORT, 1, 0), 0);
	fd = dup(state->fd);

	// Another version of the layout, and then a descriptor of something else.
	((uint32_t *)state->segment)[2]++;
	state_close(state);
	state = state_open(&other, fd, 0);
	assert_non_null(state);
	assert_false(state->recovered);
	state_close(state);

	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	state = state_open(&sizes, fd, 0);
	assert_non_null(state);
	assert_false(state->recovered);
	state_close(state);
	assert_int_equal(unit_open_fds(), fds);
}

static void bad_sizes_leave_nothing_open(void **unused)
{
	unsigned fds = unit_open_fds();
	struct state_sizes other = sizes;

	other.connections = 1000;
	assert_null(state_open(&other, -1, 0));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(unit_open_fds(), fds);
}

static void an_empty_segment_takes_little_memory(void **unused)
{
	static const struct state_sizes usual = {
		.fdb_entries = 1 << 16,
		.neighbour_entries = 1 << 14,
		.connections = 1 << 18,
		.leases = 1 << 14,
		.workers = 2,
	};
	struct state *state = state_open(&usual, -1, 0);
	struct stat st;

	assert_non_null(state);
	assert_int_equal(fstat(state->fd, &st), 0);
	assert_true(st.st_size > 50 << 20);
	assert_in_range(st.st_blocks * 512, 0, 256 << 10);
	state_close(state);
}

static void slots_stand_for_objects(void **unused)
{
	struct state *state = state_open(&sizes, -1, 0);
	uint32_t a = slot_lease(state, SLOT_DOMAIN, 7, 10),
		 b = slot_lease(state, SLOT_DOMAIN, 7, 20);

	assert_in_range(a, 1, MAX_DOMAINS - 1);
	assert_int_not_equal(a, b);
	assert_int_equal(slot_lease(state, SLOT_DOMAIN, 7, 10), a);
	assert_int_equal(slot_find(state, SLOT_PORT, 7, 10), 0);
	slot_release(state, SLOT_DOMAIN, a);
	assert_int_equal(slot_find(state, SLOT_DOMAIN, 7, 10), 0);
	// A slot that was given back is the last to be given out again.
	assert_int_not_equal(slot_lease(state, SLOT_DOMAIN, 8, 0), a);
	state_close(state);
}

static void slots_run_out(void **unused)
{
	struct state *state = state_open(&sizes, -1, 0);

	for (uint32_t i = 1; i < MAX_VRFS; i++)
		assert_int_not_equal(slot_lease(state, SLOT_VRF, i, 0), 0);
	assert_int_equal(slot_lease(state, SLOT_VRF, MAX_VRFS, 0), 0);
	slot_release(state, SLOT_VRF, 500);
	assert_int_equal(slot_lease(state, SLOT_VRF, MAX_VRFS, 0), 500);
	state_close(state);
}

static bool is_even(void *user, uint64_t id, uint32_t sub, uint32_t slot)
{
	++*(unsigned *)user;
	return id % 2 == 0;
}

static void sweep_releases_the_unknown(void **unused)
{
	struct state *state = state_open(&sizes, -1, 0);
	unsigned asked = 0;

	for (uint64_t id = 1; id <= 10; id++)
		slot_lease(state, SLOT_PORT, id, 0);
	slot_sweep(state, SLOT_PORT, is_even, &asked);
	assert_int_equal(asked, 10);
	for (uint64_t id = 1; id <= 10; id++)
		assert_int_equal(slot_find(state, SLOT_PORT, id, 0) != 0, id % 2 == 0);
	state_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_taken_over),
		cmocka_unit_test(another_layout_is_refused),
		cmocka_unit_test(bad_sizes_leave_nothing_open),
		cmocka_unit_test(an_empty_segment_takes_little_memory),
		cmocka_unit_test(slots_stand_for_objects),
		cmocka_unit_test(slots_run_out),
		cmocka_unit_test(sweep_releases_the_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
