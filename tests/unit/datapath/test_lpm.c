// SPDX-License-Identifier: BSD-3-Clause
//
// test_lpm: the longest prefix wins in both families, forks come and go, older copies stay.

#include "datapath/lpm.h"
#include "tests/unit/unit.h"

#include <errno.h>

static char values[8];

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(prefix_parse(text, &parsed), 0);
	return parsed;
}

static void set(struct lpm *lpm, struct edit *edit, const char *text, void *value)
{
	struct ip_prefix p = prefix(text);

	assert_int_equal(lpm_set(lpm, edit, &p, value), 0);
}

static void *lookup(const struct lpm *lpm, const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_parse(text, &addr), 0);
	return lpm_lookup(lpm, &addr);
}

static void longest_wins(void **state)
{
	struct lpm lpm = {0};
	struct edit *edit = edit_new();

	assert_null(lookup(&lpm, "10.0.0.1"));
	set(&lpm, edit, "10.1.0.0/16", &values[1]);
	set(&lpm, edit, "0.0.0.0/0", &values[0]);
	set(&lpm, edit, "10.1.2.3/32", &values[3]);
	set(&lpm, edit, "10.1.2.0/24", &values[2]);
	set(&lpm, edit, "192.168.0.0/16", &values[4]);
	assert_int_equal(lpm.count, 5);
	assert_ptr_equal(lookup(&lpm, "10.1.2.3"), &values[3]);
	assert_ptr_equal(lookup(&lpm, "10.1.2.4"), &values[2]);
	assert_ptr_equal(lookup(&lpm, "10.1.3.4"), &values[1]);
	assert_ptr_equal(lookup(&lpm, "10.2.3.4"), &values[0]);
	assert_ptr_equal(lookup(&lpm, "192.168.255.255"), &values[4]);
	assert_null(lookup(&lpm, "2001:db8::1"));
	edit_keep(edit);
	lpm_fini(&lpm);
}

static void families_stay_apart(void **state)
{
	struct lpm lpm = {0};
	struct edit *edit = edit_new();
	struct ip_prefix v4 = prefix("10.0.0.0/8");

	set(&lpm, edit, "::/0", &values[0]);
	set(&lpm, edit, "2001:db8::/32", &values[1]);
	set(&lpm, edit, "2001:db8::1/128", &values[2]);
	assert_int_equal(lpm_set(&lpm, edit, &v4, &values[3]), -EAFNOSUPPORT);
	assert_null(lookup(&lpm, "10.0.0.1"));
	assert_ptr_equal(lookup(&lpm, "2001:db8::1"), &values[2]);
	assert_ptr_equal(lookup(&lpm, "2001:db8::2"), &values[1]);
	assert_ptr_equal(lookup(&lpm, "fe80::1"), &values[0]);
	edit_keep(edit);
	lpm_fini(&lpm);
}

static void exact_and_removal(void **state)
{
	struct lpm lpm = {0};
	struct edit *edit = edit_new();
	struct ip_prefix fork = prefix("10.0.0.0/30"), host = prefix("10.0.0.1/32");

	set(&lpm, edit, "10.0.0.1/32", &values[1]);
	set(&lpm, edit, "10.0.0.2/32", &values[2]);
	assert_null(lpm_exact(&lpm, &fork));
	assert_ptr_equal(lpm_exact(&lpm, &host), &values[1]);
	set(&lpm, edit, "10.0.0.0/30", NULL);
	set(&lpm, edit, "10.0.0.1/32", NULL);
	assert_int_equal(lpm.count, 1);
	assert_null(lookup(&lpm, "10.0.0.1"));
	assert_ptr_equal(lookup(&lpm, "10.0.0.2"), &values[2]);
	set(&lpm, edit, "10.0.0.2/32", NULL);
	assert_null(lpm.root);
	edit_keep(edit);
}

static void older_copies_stay(void **state)
{
	struct lpm old = {0};
	struct edit *edit = edit_new();

	set(&old, edit, "10.0.0.0/8", &values[0]);
	set(&old, edit, "10.128.0.0/9", &values[1]);
	edit_keep(edit);

	struct lpm lpm = old;

	edit = edit_new();
	set(&lpm, edit, "10.128.0.0/9", NULL);
	set(&lpm, edit, "10.192.0.0/10", &values[2]);
	set(&lpm, edit, "10.0.0.0/8", &values[3]);
	assert_ptr_equal(lookup(&lpm, "10.129.0.0"), &values[3]);
	assert_ptr_equal(lookup(&old, "10.129.0.0"), &values[1]);
	assert_ptr_equal(lookup(&old, "10.193.0.0"), &values[1]);
	edit_undo(edit);

	lpm = old;
	edit = edit_new();
	assert_int_equal(lpm_clear(&lpm, edit), 0);
	assert_null(lookup(&lpm, "10.129.0.0"));
	assert_ptr_equal(lookup(&old, "10.129.0.0"), &values[1]);
	edit_keep(edit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_wins),
		cmocka_unit_test(families_stay_apart),
		cmocka_unit_test(exact_and_removal),
		cmocka_unit_test(older_copies_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
