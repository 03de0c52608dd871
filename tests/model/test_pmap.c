// SPDX-License-Identifier: BSD-3-Clause
//
// test_pmap: a row of versions, each beside an unsorted list of its entries.
//
// Each step adds a version made by an edit, keeps the oldest edit or undoes the newest, and looks
// at all versions that are still there.

#include "datapath/pmap.h"
#include "model.h"

enum { STEPS = 2000, VERSIONS = 6, MOST = 256, PROBES = 20 };

struct twin {
	struct pmap map;
	struct edit *edit; // That made it from the version before; NULL for the first.
	uint32_t count;
	uint32_t keys[MOST];
	void *values[MOST];
};

static struct twin versions[VERSIONS];
static unsigned count;

// Keys that share paths, at every level of the tree.
static uint32_t random_key(void)
{
	return rand_below(8) << rand_below(29) | rand_below(4);
}

static void *twin_get(const struct twin *twin, uint32_t key)
{
	for (uint32_t i = 0; i < twin->count; i++)
		if (twin->keys[i] == key)
			return twin->values[i];
	return NULL;
}

static void twin_set(struct twin *twin, uint32_t key, void *value)
{
	uint32_t at = 0;

	while (at < twin->count && twin->keys[at] != key)
		at++;
	if (at == twin->count && !value)
		return;
	if (!value) {
		twin->keys[at] = twin->keys[--twin->count];
		twin->values[at] = twin->values[twin->count];
		return;
	}
	twin->keys[at] = key;
	twin->values[at] = value;
	twin->count += at == twin->count;
}

static void *twin_next(const struct twin *twin, uint32_t *key)
{
	void *best = NULL;
	uint32_t best_key = UINT32_MAX;

	for (uint32_t i = 0; i < twin->count; i++) {
		if (twin->keys[i] >= *key && twin->keys[i] <= best_key) {
			best_key = twin->keys[i];
			best = twin->values[i];
		}
	}
	if (best)
		*key = best_key;
	return best;
}

static void change(struct twin *twin)
{
	for (uint32_t left = 1 + rand_below(40); left > 0; left--) {
		uint32_t key = random_key();
		void *value = model_chance(3) || twin->count == MOST
		                      ? NULL
		                      : (void *)(uintptr_t)(1 + rand_below(1000));

		assert_int_equal(pmap_set(&twin->map, twin->edit, key, value), 0);
		twin_set(twin, key, value);
	}
	if (model_chance(50)) {
		assert_int_equal(pmap_clear(&twin->map, twin->edit), 0);
		twin->count = 0;
	}
}

static void add_version(void)
{
	struct twin *twin = &versions[count++];

	*twin = twin[-1];
	twin->edit = edit_new();
	assert_non_null(twin->edit);
	change(twin);
}

static void keep_oldest(void)
{
	edit_keep(versions[1].edit);
	memmove(versions, versions + 1, --count * sizeof(versions[0]));
	versions[0].edit = NULL;
}

static void compare(const struct twin *twin)
{
	assert_int_equal(twin->map.count, twin->count);
	for (unsigned i = 0; i < PROBES; i++) {
		uint32_t key = random_key(), real = key, expected = key;

		assert_ptr_equal(pmap_get(&twin->map, key), twin_get(twin, key));
		assert_ptr_equal(pmap_next(&twin->map, &real), twin_next(twin, &expected));
		assert_int_equal(real, expected);
	}
}

static void like_a_list(void **state)
{
	model_seed();
	count = 1;
	for (unsigned step = 0; step < STEPS; step++) {
		if (count == 1 || (count < VERSIONS && model_chance(2)))
			add_version();
		else if (model_chance(2))
			keep_oldest();
		else
			edit_undo(versions[--count].edit);
		for (unsigned i = 0; i < count; i++)
			compare(&versions[i]);
	}
	while (count > 1)
		keep_oldest();
	pmap_fini(&versions[0].map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(like_a_list)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
