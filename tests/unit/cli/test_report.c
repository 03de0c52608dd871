// SPDX-License-Identifier: BSD-3-Clause
//
// test_report: verdicts as people and machines read them, with names that mean harm.

#include "cli/test_report.h"

#include "base/bytes.h"
#include "tests/unit/unit.h"

#define HOSTILE "h1\"<&>\n\x1b[31m#"

static struct test_guest guests[3] = {{.name = "h1"}, {.name = "h2"}, {.name = HOSTILE}};
static Weft__LabTest reach, ping;

static struct test_case make(const Weft__LabTest *test, unsigned from, const char *to, bool passed)
{
	struct test_case item = {
		.test = test, .from = &guests[from], .ran = true, .passed = passed};

	snprintf(item.target, sizeof(item.target), "%s", to);
	snprintf(item.name, sizeof(item.name), "%s %s -> %s", test == &ping ? "ping" : "reach",
	         guests[from].name, to);
	snprintf(item.text, sizeof(item.text), "%s", passed ? "an answer" : "no answer");
	return item;
}

// What one of the reports says, to be freed.
static char *say(void (*report)(FILE *file, const struct test_run *run), struct test_case *cases,
                 size_t count)
{
	struct test_set set = {.cases = cases, .case_count = count};
	struct test_run run = {.set = &set, .seed = 42};
	char *text;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	report(file, &run);
	fclose(file);
	return text;
}

static void junit(FILE *file, const struct test_run *run)
{
	assert_int_equal(test_report_junit(file, run), 0);
}

static void a_matrix_is_a_grid_with_its_failures(void **state)
{
	struct test_case cases[] = {
		make(&reach, 0, "h2", true),  make(&reach, 0, "10.0.0.1", true),
		make(&reach, 1, "h1", false), make(&reach, 1, "10.0.0.1", true),
		make(&ping, 0, "h2", true),
	};
	char *text = say(test_report_table, cases, ARRAY_SIZE(cases));

	assert_string_equal(text, "reach icmp, from the rows to the columns:\n"
	                          "                h1   h2 10.0.0.1\n"
	                          " h1              .   ok       ok\n"
	                          " h2           FAIL    .       ok\n"
	                          "FAIL  reach h2 -> h1: no answer\n"
	                          "ok    ping h1 -> h2: an answer\n"
	                          "4 passed, 1 failed\n");
	free(text);
}

static void no_report_is_led_astray_by_a_name(void **state)
{
	struct test_case cases[] = {make(&ping, 2, HOSTILE, false), make(&ping, 0, "h2", true)};
	char *text = say(test_report_tap, cases, ARRAY_SIZE(cases));

	assert_string_equal(text, "TAP version 13\n1..2\n# seed 42\n"
	                          "not ok 1 - ping h1\"<&>??[31m? -> h1\"<&>??[31m?\n# no answer\n"
	                          "ok 2 - ping h1 -> h2\n# an answer\n"
	                          "# 1 passed, 1 failed\n");
	free(text);

	text = say(junit, cases, ARRAY_SIZE(cases));
	assert_non_null(strstr(text, "<testsuite name=\"weft\" tests=\"2\" failures=\"1\">"));
	assert_non_null(strstr(text, "name=\"ping h1&quot;&lt;&amp;&gt;??[31m# -&gt; h1&quot;"));
	assert_non_null(strstr(text, "<failure message=\"no answer\"/></testcase>"));
	assert_null(strstr(text, "\x1b"));
	free(text);

	text = say(test_report_table, cases, ARRAY_SIZE(cases));
	assert_null(strstr(text, "\x1b"));
	assert_string_equal(text + strlen(text) - 19, "1 passed, 1 failed\n");
	free(text);

	text = say(test_report_json, cases, ARRAY_SIZE(cases));
	assert_non_null(strstr(text, "\\n\\u001B[31m#"));
	free(text);
}

static void nothing_is_all_passed(void **state)
{
	char *text = say(test_report_table, NULL, 0);

	assert_string_equal(text, "0 passed, 0 failed\n");
	free(text);
	text = say(test_report_tap, NULL, 0);
	assert_non_null(strstr(text, "1..0\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_matrix_is_a_grid_with_its_failures),
		cmocka_unit_test(no_report_is_led_astray_by_a_name),
		cmocka_unit_test(nothing_is_all_passed),
	};

	weft__lab_test__init(&reach);
	weft__lab_test__init(&ping);
	reach.kind = WEFT__LAB_TEST_KIND__TEST_REACH;
	ping.kind = WEFT__LAB_TEST_KIND__TEST_PING;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
