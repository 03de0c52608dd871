// SPDX-License-Identifier: BSD-3-Clause
//
// test_lease_clash: an address that somebody holds by DHCP is not promised to another.

#include "controller/lease_clash.h"

#include "controller/derive_unit.h"
#include "tests/unit/controller/kit.h"

#include <errno.h>
#include <stdlib.h>

enum { NOW = 1000000 };

struct world {
	struct model model;
	struct leases leases;
	char dir[UNIT_DIR];
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct fail fail = {0};

	unit_make_dir(world->dir);
	assert_int_equal(store_open(world->dir, false, &world->leases.store, &fail), 0);
	model_init(&world->model, &kit_instance);
	kit_put(&world->model, "net lan mode=nat subnet=10.77.0.0/28 dhcp=1");
	kit_put(&world->model, "port rd1 net=lan mac=02:00:00:00:00:01");
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	struct store *store = world->leases.store;

	model_fini(&world->model);
	leases_close(&world->leases);
	store_close(store);
	unit_remove_dir(world->dir);
	free(world);
	return 0;
}

static void hold(struct world *world, const char *mac_text, const char *ip_text, uint64_t expires)
{
	Weft__Lease lease = WEFT__LEASE__INIT;
	struct fail fail = {0};
	struct ip_addr ip;
	struct mac mac;

	assert_int_equal(mac_parse(mac_text, &mac), 0);
	assert_int_equal(ip_parse(ip_text, &ip), 0);
	lease.scope = derive_scope_id("lan");
	lease.mac = derive_mac(&mac);
	lease.ip = derive_ip(&ip);
	lease.has_expires = true;
	lease.expires = expires;
	assert_int_equal(leases_note(&world->leases, &lease, &fail), 0);
}

// Judges one line, and leaves the model as it was.
static int judge(struct world *world, const char *line, struct refusal *refusal)
{
	int err;

	*refusal = (struct refusal){0};
	assert_int_equal(kit_batch(&world->model, refusal, line, NULL), 0);
	err = lease_clash_check(&world->leases, &world->model, NOW, refusal);
	model_rollback(&world->model);
	return err;
}

static void test_names_holder_and_way_out(void **state)
{
	struct world *world = *state;
	struct refusal refusal;

	hold(world, "02:00:00:00:00:01", "10.77.0.9", NOW + 600);
	assert_int_equal(judge(world, "port rd9 net=lan ip=10.77.0.9", &refusal), -EADDRINUSE);
	assert_non_null(strstr(refusal.fail.what, "10.77.0.9"));
	assert_non_null(strstr(refusal.fail.what, "port/rd1"));
	assert_non_null(strstr(refusal.fail.what, "1970-01-"));
	// The gateway has .1, so the first that is free is the next.
	assert_non_null(strstr(refusal.fail.hint, "10.77.0.2 is free"));
	assert_string_equal(refusal.field, "ip");
	assert_int_equal(
		judge(world, "lease l mac=02:00:00:00:00:99 net=lan ip=10.77.0.9", &refusal),
		-EADDRINUSE);
}

static void test_stranger_is_named_by_mac(void **state)
{
	struct world *world = *state;
	struct refusal refusal;

	hold(world, "02:00:00:00:00:77", "10.77.0.10", NOW + 600);
	assert_int_equal(judge(world, "port rd9 net=lan ip=10.77.0.10", &refusal), -EADDRINUSE);
	assert_non_null(strstr(refusal.fail.what, "02:00:00:00:00:77"));
}

static void test_own_lease_may_be_reserved(void **state)
{
	struct world *world = *state;
	struct refusal refusal;

	hold(world, "02:00:00:00:00:01", "10.77.0.9", NOW + 600);
	assert_int_equal(
		judge(world, "port rd1 net=lan mac=02:00:00:00:00:01 ip=10.77.0.9", &refusal), 0);
}

static void test_ended_lease_holds_nothing(void **state)
{
	struct world *world = *state;
	struct refusal refusal;

	hold(world, "02:00:00:00:00:01", "10.77.0.9", NOW);
	assert_int_equal(judge(world, "port rd9 net=lan ip=10.77.0.9", &refusal), 0);
}

static void test_old_clash_is_no_obstacle(void **state)
{
	struct world *world = *state;
	struct refusal refusal;

	kit_put(&world->model, "port rd9 net=lan mac=02:00:00:00:00:09 ip=10.77.0.9");
	hold(world, "02:00:00:00:00:01", "10.77.0.9", NOW + 600);
	assert_int_equal(judge(world,
	                       "port rd9 net=lan mac=02:00:00:00:00:09 ip=10.77.0.9 mtu=1400",
	                       &refusal),
	                 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names_holder_and_way_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stranger_is_named_by_mac, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_lease_may_be_reserved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_lease_holds_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_clash_is_no_obstacle, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
