// SPDX-License-Identifier: BSD-3-Clause
//
// test_desired: differences, digests and what is held back.

#include "controller/desired.h"

#include "proto/digest.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void add_bridge(struct unit *unit, uint64_t id, uint32_t ageing)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;

	bridge.has_ageing_seconds = true;
	bridge.ageing_seconds = ageing;
	object.id = id;
	object.body_case = WEFT__OBJECT__BODY_BRIDGE;
	object.bridge = &bridge;
	unit_add(unit, WEFT__KIND__KIND_BRIDGE, &object);
}

// Replaces the unit by bridges 1..count with the ageing time; returns the operations.
static struct ops replace(struct desired *desired, const char *key, uint64_t first, unsigned count,
                          uint32_t ageing, int expected)
{
	struct ops ops = {0};
	struct unit unit;

	unit_init(&unit, key);
	for (unsigned i = 0; i < count; i++)
		add_bridge(&unit, first + i, ageing);
	assert_int_equal(desired_replace(desired, &unit, &ops), expected);
	unit_fini(&unit);
	return ops;
}

static void test_only_differences(void **state)
{
	struct desired desired = {0};
	struct ops ops = replace(&desired, "net/a", 1, 3, 300, 0);

	assert_int_equal(ops.count, 3);
	ops_fini(&ops);
	ops = replace(&desired, "net/a", 1, 3, 300, 0);
	assert_int_equal(ops.count, 0);
	ops = replace(&desired, "net/a", 2, 3, 300, 0);
	assert_int_equal(ops.count, 2);
	ops_sort(&ops);
	assert_int_equal(ops.items[0].verb, WEFT__OP_VERB__OP_DELETE);
	assert_int_equal(ops.items[0].id, 1);
	assert_int_equal(ops.items[1].id, 4);
	ops_fini(&ops);
	ops = replace(&desired, "net/a", 2, 0, 0, 0);
	assert_int_equal(ops.count, 3);
	ops_fini(&ops);
	assert_int_equal(desired.count[WEFT__KIND__KIND_BRIDGE], 0);
	assert_int_equal(desired.hash[WEFT__KIND__KIND_BRIDGE], 0);
	desired_fini(&desired);
}

static void test_id_of_another_unit_is_refused(void **state)
{
	struct desired desired = {0};
	struct ops ops = replace(&desired, "net/a", 1, 2, 300, 0);

	ops_fini(&ops);
	ops = replace(&desired, "net/b", 2, 2, 300, -EEXIST);
	assert_int_equal(ops.count, 0);
	assert_int_equal(desired.count[WEFT__KIND__KIND_BRIDGE], 2);
	assert_null(desired_get(&desired, 3));
	desired_fini(&desired);
}

static void test_digest_is_the_sum_of_objects(void **state)
{
	struct desired desired = {0};
	struct ops ops = replace(&desired, "net/a", 1, 100, 300, 0);
	uint64_t buckets[256], sum = 0, total = 0;
	const struct object *object;
	size_t cursor = 0;

	ops_fini(&ops);
	while ((object = table_next(&desired.objects, &cursor, NULL, NULL)))
		sum += digest_object((uint32_t)object->kind, object->id, object->packed,
		                     object->len);
	assert_true(desired.hash[WEFT__KIND__KIND_BRIDGE] == sum);
	desired_bucket_hashes(&desired, WEFT__KIND__KIND_BRIDGE, buckets);
	for (unsigned i = 0; i < 256; i++)
		total += buckets[i];
	assert_true(total == sum);
	desired_fini(&desired);
}

static void test_bucket_of_a_datapath_is_corrected(void **state)
{
	struct desired desired = {0};
	struct ops ops = replace(&desired, "net/a", 1, 1000, 300, 0);
	uint64_t ids[64], hashes[64], stranger = 5000;
	unsigned bucket = digest_bucket(1), ours = 0;
	size_t count = 0;

	ops_fini(&ops);
	for (uint64_t id = 1; id <= 1000; id++)
		ours += digest_bucket(id) == bucket;
	while (digest_bucket(stranger) != bucket)
		stranger++;
	// It has a stranger, an outdated one, and misses the rest.
	ids[count] = stranger;
	hashes[count++] = 1;
	ids[count] = 1;
	hashes[count++] = desired_get(&desired, 1)->hash + 1;
	assert_int_equal(desired_bucket_ops(&desired, WEFT__KIND__KIND_BRIDGE, bucket, ids, hashes,
	                                    count, &ops),
	                 0);
	assert_int_equal(ops.count, ours + 1);
	ops_sort(&ops);
	assert_int_equal(ops.items[0].verb, WEFT__OP_VERB__OP_DELETE);
	assert_int_equal(ops.items[0].id, stranger);
	ops_fini(&ops);
	// Equal: nothing.
	count = 0;
	for (uint64_t id = 1; id <= 1000; id++) {
		if (digest_bucket(id) != bucket)
			continue;
		ids[count] = id;
		hashes[count++] = desired_get(&desired, id)->hash;
	}
	assert_int_equal(desired_bucket_ops(&desired, WEFT__KIND__KIND_BRIDGE, bucket, ids, hashes,
	                                    count, &ops),
	                 0);
	assert_int_equal(ops.count, 0);
	desired_fini(&desired);
}

static void test_held_back_is_outside_the_digest(void **state)
{
	struct desired desired = {0};
	struct ops ops = replace(&desired, "net/a", 1, 2, 300, 0);
	uint64_t before;

	ops_fini(&ops);
	before = desired.hash[WEFT__KIND__KIND_BRIDGE];
	ops = replace(&desired, "net/b", 10, 3, 300, 0);
	ops_fini(&ops);
	assert_int_equal(desired_hold_back(&desired, "net/b"), 3);
	assert_int_equal(desired_hold_back(&desired, "net/b"), 0);
	assert_true(desired.hash[WEFT__KIND__KIND_BRIDGE] == before);
	assert_int_equal(desired.held_back, 3);
	// Removed while held back: the datapath never had it, so there is nothing to delete there.
	ops = replace(&desired, "net/b", 10, 1, 300, 0);
	assert_int_equal(ops.count, 1);
	assert_int_equal(ops.items[0].verb, WEFT__OP_VERB__OP_UPSERT);
	ops_fini(&ops);
	assert_int_equal(desired.held_back, 0);
	assert_int_equal(desired_hold_back(&desired, "net/a"), 2);
	assert_int_equal(desired_release(&desired, &ops), 0);
	assert_int_equal(ops.count, 2);
	assert_int_equal(desired.count[WEFT__KIND__KIND_BRIDGE], 3);
	ops_fini(&ops);
	desired_fini(&desired);
}

static void test_order_makes_referents_first(void **state)
{
	struct ops ops = {0};
	const Weft__Kind made[] = {WEFT__KIND__KIND_VLAN_MEMBER, WEFT__KIND__KIND_INTERFACE,
	                           WEFT__KIND__KIND_BRIDGE, WEFT__KIND__KIND_PORT};

	for (unsigned i = 0; i < 4; i++) {
		struct object object = {
			.kind = made[i], .id = i + 1, .packed = (uint8_t *)"x", .len = 1};

		assert_int_equal(ops_upsert(&ops, &object), 0);
		assert_int_equal(ops_delete(&ops, made[i], 100 + i, ""), 0);
	}
	ops_sort(&ops);
	assert_int_equal(ops.items[0].kind, WEFT__KIND__KIND_INTERFACE);
	assert_int_equal(ops.items[3].kind, WEFT__KIND__KIND_BRIDGE);
	assert_int_equal(ops.items[3].verb, WEFT__OP_VERB__OP_DELETE);
	assert_int_equal(ops.items[4].kind, WEFT__KIND__KIND_BRIDGE);
	assert_int_equal(ops.items[7].kind, WEFT__KIND__KIND_INTERFACE);
	ops_fini(&ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_differences),
		cmocka_unit_test(test_id_of_another_unit_is_refused),
		cmocka_unit_test(test_digest_is_the_sum_of_objects),
		cmocka_unit_test(test_bucket_of_a_datapath_is_corrected),
		cmocka_unit_test(test_held_back_is_outside_the_digest),
		cmocka_unit_test(test_order_makes_referents_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
