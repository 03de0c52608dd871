// SPDX-License-Identifier: BSD-3-Clause
//
// test_set: tests become cases: lists, and lists that are empty, become matrices.

#include "cli/test_set.h"

#include "tests/unit/unit.h"

static struct test_guest guests[4];
static struct test_set set;
static Weft__LabTest test;

static int set_up(void **state)
{
	set = (struct test_set){.lab = "l", .guests = guests, .guest_count = 4};
	for (unsigned i = 0; i < 4; i++) {
		guests[i] = (struct test_guest){.has_net = true};
		snprintf(guests[i].name, sizeof(guests[i].name), "h%u", i + 1);
		snprintf(guests[i].place.name, sizeof(guests[i].place.name), "l.h%u", i + 1);
		snprintf(guests[i].place.netns, sizeof(guests[i].place.netns), "/x");
	}
	// A machine, and a guest of no net.
	guests[2].place.netns[0] = '\0';
	guests[3].has_net = false;
	weft__lab_test__init(&test);
	test.has_kind = true;
	test.kind = WEFT__LAB_TEST_KIND__TEST_REACH;
	return 0;
}

static int tear_down(void **state)
{
	free(set.cases);
	return 0;
}

static void nothing_said_is_everybody(void **state)
{
	static const char *const names[] = {"reach h1 -> h2 icmp", "reach h1 -> h3 icmp",
	                                    "reach h2 -> h1 icmp", "reach h2 -> h3 icmp"};

	assert_int_equal(test_set_add(&set, &test), 0);
	assert_int_equal(set.case_count, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(set.cases[i].name, names[i]);
}

static void lists_are_multiplied(void **state)
{
	char *from[] = {(char *)"h1", (char *)"l.h2"};
	char *to[] = {(char *)"h1", (char *)"10.1.0.9", (char *)"fd00::9"};

	test.n_from = 2;
	test.from = from;
	test.n_to = 3;
	test.to = to;
	test.protocol = (char *)"tcp";
	test.has_port = test.has_blocked = test.blocked = true;
	test.port = 22;
	assert_int_equal(test_set_add(&set, &test), 0);
	assert_int_equal(set.case_count, 5);
	assert_string_equal(set.cases[0].name, "reach h1 -> 10.1.0.9 tcp/22 blocked");
	assert_null(set.cases[0].to);
	assert_false(ip_is_none(set.cases[1].ip));
	// By either name it is the same guest.
	assert_ptr_equal(set.cases[2].from, &guests[1]);
	assert_ptr_equal(set.cases[2].to, &guests[0]);
}

static void who_is_gone_has_failed(void **state)
{
	char *from[] = {(char *)"h9"};

	test.n_from = 1;
	test.from = from;
	test.kind = WEFT__LAB_TEST_KIND__TEST_DNS;
	test.query = (char *)"h1.lan.test";
	assert_int_equal(test_set_add(&set, &test), 0);
	assert_int_equal(set.case_count, 1);
	assert_string_equal(set.cases[0].name, "dns h9 -> h1.lan.test");
	assert_true(set.cases[0].ran);
	assert_false(set.cases[0].passed);
	assert_string_equal(set.cases[0].text, "there is no guest 'h9'");
}

static void during_is_one_case(void **state)
{
	test.kind = WEFT__LAB_TEST_KIND__TEST_DURING;
	assert_int_equal(test_set_add(&set, &test), 0);
	test.guest = (char *)"h1";
	test.name = (char *)"a change";
	assert_int_equal(test_set_add(&set, &test), 0);
	assert_int_equal(set.case_count, 2);
	assert_string_equal(set.cases[0].name, "during host");
	assert_null(set.cases[0].from);
	assert_ptr_equal(set.cases[1].from, &guests[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_said_is_everybody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists_are_multiplied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_gone_has_failed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(during_is_one_case, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
