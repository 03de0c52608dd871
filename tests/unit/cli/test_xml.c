// SPDX-License-Identifier: BSD-3-Clause
//
// test_xml: nothing that a user wrote can end an element or an attribute, and no more is written than was asked.

#include "cli/xml.h"

#include "tests/unit/unit.h"

static char *say(const char *bytes, size_t len)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	xml_put(file, bytes, len);
	fclose(file);
	return text;
}

static void what_has_a_meaning_is_escaped(void **state)
{
	char *text = say("a<b>&\"c'", 8);

	assert_string_equal(text, "a&lt;b&gt;&amp;&quot;c&apos;");
	free(text);
}

static void control_characters_are_not_let_through(void **state)
{
	static const char bytes[] = "\x1b[31m\n\t\x7f\0x";
	char *text = say(bytes, sizeof(bytes) - 1);

	assert_string_equal(text, "?[31m????x");
	free(text);
}

static void other_alphabets_stay_as_they_are(void **state)
{
	char *text = say("gr\xc3\xbc\xc3\x9f", 6);

	assert_string_equal(text, "gr\xc3\xbc\xc3\x9f");
	free(text);
}

static void only_the_bytes_asked_for_are_written(void **state)
{
	char *text = say("<<<", 2);

	assert_string_equal(text, "&lt;&lt;");
	free(text);
	text = say("x", 0);
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_a_meaning_is_escaped),
		cmocka_unit_test(control_characters_are_not_let_through),
		cmocka_unit_test(other_alphabets_stay_as_they_are),
		cmocka_unit_test(only_the_bytes_asked_for_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
