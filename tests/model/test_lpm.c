// SPDX-License-Identifier: BSD-3-Clause
//
// test_lpm: a row of versions, each beside an unsorted list of its prefixes, for both families.
//
// Each step adds a version made by an edit, keeps the oldest edit or undoes the newest, and looks
// at all versions that are still there.

#include "base/bytes.h"
#include "datapath/lpm.h"
#include "model.h"

enum { STEPS = 2000, VERSIONS = 5, MOST = 200, PROBES = 30 };

struct twin {
	struct lpm lpm;
	struct edit *edit; // That made it from the version before; NULL for the first.
	uint32_t count;
	struct ip_prefix prefixes[MOST];
	void *values[MOST];
};

static struct twin versions[VERSIONS];
static unsigned count;
static bool is4;

// Addresses that differ in few places, so that prefixes nest and fork.
static struct ip_addr random_addr(void)
{
	static const uint8_t bytes[] = {0, 1, 0x80, 0xff};
	struct ip_addr addr = ip_from4(htobe32(0x0a000000));
	unsigned from = is4 ? 12 : 0;

	if (!is4)
		addr = (struct ip_addr){{0x20, 0x01, 0x0d, 0xb8}};
	for (unsigned i = from + rand_below(16 - from); i < 16; i++)
		addr.b[i] = bytes[rand_below(ARRAY_SIZE(bytes))];
	return addr;
}

static struct ip_prefix random_prefix(void)
{
	return (struct ip_prefix){random_addr(), (uint8_t)rand_below(is4 ? 33 : 129)};
}

static void *twin_lookup(const struct twin *twin, struct ip_addr addr)
{
	void *best = NULL;
	int best_len = -1;

	for (uint32_t i = 0; i < twin->count; i++) {
		if (!prefix_contains(twin->prefixes[i], addr) || twin->prefixes[i].len <= best_len)
			continue;
		best_len = twin->prefixes[i].len;
		best = twin->values[i];
	}
	return best;
}

static uint32_t twin_at(const struct twin *twin, struct ip_prefix prefix)
{
	uint32_t at = 0;

	while (at < twin->count && !prefix_equal(twin->prefixes[at], prefix))
		at++;
	return at;
}

static void twin_set(struct twin *twin, struct ip_prefix prefix, void *value)
{
	uint32_t at = twin_at(twin, prefix);

	if (at == twin->count && !value)
		return;
	if (!value) {
		twin->prefixes[at] = twin->prefixes[--twin->count];
		twin->values[at] = twin->values[twin->count];
		return;
	}
	twin->prefixes[at] = prefix;
	twin->values[at] = value;
	twin->count += at == twin->count;
}

// A removal is mostly of what is there.
static void change_one(struct twin *twin)
{
	struct ip_prefix prefix = random_prefix();
	void *value = (void *)(uintptr_t)(1 + rand_below(1000));

	if (model_chance(3) || twin->count == MOST) {
		value = NULL;
		if (twin->count && !model_chance(5))
			prefix = twin->prefixes[rand_below(twin->count)];
	}
	assert_int_equal(lpm_set(&twin->lpm, twin->edit, &prefix, value), 0);
	twin_set(twin, prefix, value);
}

static void add_version(void)
{
	struct twin *twin = &versions[count++];

	*twin = twin[-1];
	twin->edit = edit_new();
	assert_non_null(twin->edit);
	for (uint32_t left = 1 + rand_below(30); left > 0; left--)
		change_one(twin);
	if (model_chance(50)) {
		assert_int_equal(lpm_clear(&twin->lpm, twin->edit), 0);
		twin->count = 0;
	}
}

static void keep_oldest(void)
{
	edit_keep(versions[1].edit);
	memmove(versions, versions + 1, --count * sizeof(versions[0]));
	versions[0].edit = NULL;
}

static void compare(const struct twin *twin)
{
	assert_int_equal(twin->lpm.count, twin->count);
	for (unsigned i = 0; i < PROBES; i++) {
		struct ip_addr addr = random_addr();
		struct ip_prefix prefix = random_prefix();
		uint32_t at = twin_at(twin, prefix);

		assert_ptr_equal(lpm_lookup(&twin->lpm, &addr), twin_lookup(twin, addr));
		assert_ptr_equal(lpm_exact(&twin->lpm, &prefix),
		                 at < twin->count ? twin->values[at] : NULL);
	}
}

static void like_a_list(void **state)
{
	model_seed();
	is4 = *state != NULL;
	memset(versions, 0, sizeof(versions));
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
	lpm_fini(&versions[0].lpm);
}

int main(void)
{
	static int four;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(like_a_list, &four),
		cmocka_unit_test_prestate(like_a_list, NULL),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
