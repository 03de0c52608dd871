// SPDX-License-Identifier: BSD-3-Clause
//
// test_pmap: keys at the edges of the levels, older copies, both ways out of an edit.

#include "base/bytes.h"
#include "datapath/pmap.h"
#include "tests/unit/unit.h"

static const uint32_t edges[] = {
	0, 1, 63, 64, 4095, 4096, 262143, 262144, 16777216, 1073741824, 3221225472U, UINT32_MAX - 1,
};

static char values[ARRAY_SIZE(edges)];

static void set(struct pmap *map, struct edit *edit, uint32_t key, void *value)
{
	assert_int_equal(pmap_set(map, edit, key, value), 0);
}

static void holds_keys_of_every_level(void **state)
{
	struct pmap map = {0};
	struct edit *edit = edit_new();
	uint32_t key = 0;

	assert_null(pmap_get(&map, 0));
	assert_null(pmap_next(&map, &key));
	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++)
		set(&map, edit, edges[i], &values[i]);
	assert_int_equal(map.count, ARRAY_SIZE(edges));
	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++, key++) {
		assert_ptr_equal(pmap_get(&map, edges[i]), &values[i]);
		assert_null(pmap_get(&map, edges[i] + 100));
		assert_ptr_equal(pmap_next(&map, &key), &values[i]);
		assert_int_equal(key, edges[i]);
	}
	assert_null(pmap_next(&map, &key));
	edit_keep(edit);
	pmap_fini(&map);
}

static void removal_prunes(void **state)
{
	struct pmap map = {0};
	struct edit *edit = edit_new();
	uint32_t key = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++)
		set(&map, edit, edges[i], &values[i]);
	set(&map, edit, 12345, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++)
		set(&map, edit, edges[i], NULL);
	assert_int_equal(map.count, 0);
	assert_null(pmap_next(&map, &key));
	edit_keep(edit);
	pmap_fini(&map);
}

static void an_undone_edit_leaves_the_old_map(void **state)
{
	struct pmap old = {0};
	struct edit *edit = edit_new();

	set(&old, edit, 5, &values[0]);
	set(&old, edit, 6, &values[1]);
	edit_keep(edit);

	struct pmap map = old;

	edit = edit_new();
	set(&map, edit, 5, &values[2]);
	set(&map, edit, 100000, &values[3]);
	set(&map, edit, 6, NULL);
	assert_ptr_equal(pmap_get(&old, 5), &values[0]);
	assert_ptr_equal(pmap_get(&old, 6), &values[1]);
	assert_null(pmap_get(&old, 100000));
	assert_ptr_equal(pmap_get(&map, 5), &values[2]);
	assert_null(pmap_get(&map, 6));
	edit_undo(edit);

	assert_ptr_equal(pmap_get(&old, 5), &values[0]);
	pmap_fini(&old);
}

static void clear_empties_this_copy_only(void **state)
{
	struct pmap old = {0};
	struct edit *edit = edit_new();

	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++)
		set(&old, edit, edges[i], &values[i]);
	edit_keep(edit);

	struct pmap map = old;

	edit = edit_new();
	assert_int_equal(pmap_clear(&map, edit), 0);
	assert_int_equal(map.count, 0);
	assert_null(pmap_get(&map, edges[3]));
	assert_ptr_equal(pmap_get(&old, edges[3]), &values[3]);
	edit_keep(edit);
}

// What a diff said, in order.
struct differences {
	unsigned count;
	uint32_t keys[ARRAY_SIZE(edges) * 2];
	void *before[ARRAY_SIZE(edges) * 2];
	void *after[ARRAY_SIZE(edges) * 2];
};

static void note_difference(void *user, uint32_t key, void *before, void *after)
{
	struct differences *seen = user;

	assert_true(seen->count < ARRAY_SIZE(seen->keys));
	seen->keys[seen->count] = key;
	seen->before[seen->count] = before;
	seen->after[seen->count++] = after;
}

static void diff_tells_what_changed(void **state)
{
	struct pmap old = {0};
	struct edit *edit = edit_new();
	struct differences seen = {0};

	// From a map of two levels to one of six, with a removal, a replacement and additions.
	for (unsigned i = 0; i < 5; i++)
		set(&old, edit, edges[i], &values[i]);
	edit_keep(edit);

	struct pmap new = old;

	edit = edit_new();
	set(&new, edit, edges[1], NULL);
	set(&new, edit, edges[3], &values[0]);
	for (unsigned i = 5; i < ARRAY_SIZE(edges); i++)
		set(&new, edit, edges[i], &values[i]);

	pmap_diff(&old, &old, note_difference, &seen);
	assert_int_equal(seen.count, 0);
	pmap_diff(&old, &new, note_difference, &seen);
	assert_int_equal(seen.count, 2 + ARRAY_SIZE(edges) - 5);
	assert_int_equal(seen.keys[0], edges[1]);
	assert_ptr_equal(seen.before[0], &values[1]);
	assert_null(seen.after[0]);
	assert_int_equal(seen.keys[1], edges[3]);
	assert_ptr_equal(seen.before[1], &values[3]);
	assert_ptr_equal(seen.after[1], &values[0]);
	for (unsigned i = 5; i < ARRAY_SIZE(edges); i++) {
		assert_int_equal(seen.keys[i - 3], edges[i]);
		assert_null(seen.before[i - 3]);
		assert_ptr_equal(seen.after[i - 3], &values[i]);
	}

	// The other way round, and from nothing.
	struct differences back = {0};
	struct differences all = {0};

	pmap_diff(&new, &old, note_difference, &back);
	assert_int_equal(back.count, seen.count);
	assert_memory_equal(back.after, seen.before, sizeof(back.after));
	pmap_diff(&(struct pmap){0}, &new, note_difference, &all);
	assert_int_equal(all.count, new.count);
	edit_keep(edit);
	pmap_fini(&new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_keys_of_every_level),
		cmocka_unit_test(removal_prunes),
		cmocka_unit_test(an_undone_edit_leaves_the_old_map),
		cmocka_unit_test(clear_empties_this_copy_only),
		cmocka_unit_test(diff_tells_what_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
