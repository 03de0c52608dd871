// SPDX-License-Identifier: BSD-3-Clause
//
// test_difference: what a change makes of an object, told field by field.

#include "controller/difference.h"

#include "controller/record.h"
#include "tests/unit/controller/kit.h"

#include <stdio.h>
#include <stdlib.h>

// What was told, a line a record: "set port/h1 mtu none 1400".
struct told {
	char text[512];
	size_t len;
};

static const char *text_of(const Weft__Record *record, const char *key)
{
	const Weft__Field *field = record_find(record, key);

	return field ? field->text : "none";
}

static void take(void *user, Weft__Record *record)
{
	struct told *told = user;

	told->len += (size_t)snprintf(told->text + told->len, sizeof(told->text) - told->len,
	                              "%s %s %s %s %s\n", text_of(record, "verb"),
	                              text_of(record, "object"), text_of(record, "field"),
	                              text_of(record, "before"), text_of(record, "after"));
	record_free(record);
}

static void check(const char *before, const char *after, const char *expected)
{
	struct model_change change = {.before = before ? kit_intent(before) : NULL,
	                              .after = after ? kit_intent(after) : NULL};
	struct told told = {0};

	snprintf(change.key, sizeof(change.key), "%s",
	         (change.before ? change.before : change.after)->key);
	difference_each(&change, take, &told);
	assert_string_equal(told.text, expected);
	intent_free(change.before);
	intent_free(change.after);
}

static void test_added_and_deleted(void **state)
{
	check(NULL, "net lan subnet=10.0.0.0/24", "add net/lan none none none\n");
	check("net lan subnet=10.0.0.0/24", NULL, "delete net/lan none none none\n");
}

static void test_fields(void **state)
{
	check("net lan mode=nat mtu=1500", "net lan mode=isolated mtu=1400 dhcp=1",
	      "set net/lan mode nat isolated\n"
	      "set net/lan dhcp none yes\n"
	      "set net/lan mtu 1500 1400\n");
	check("port p ip=10.0.0.1", "port p", "set port/p ip 10.0.0.1 none\n");
}

static void test_lists(void **state)
{
	check("port p trunk=10 trunk=20", "port p trunk=20", "set port/p trunk 10,20 20\n");
	check("port p trunk=10", "port p", "set port/p trunk 10 none\n");
	check("tunnel t options=0x0001:0x02:",
	      "tunnel t options=0x0001:0x02: options=0x0001:0x83:aabbccdd",
	      "set tunnel/t options 0x0001:0x02: 0x0001:0x02:,0x0001:0x83:aabbccdd\n");
}

static void test_equal_says_nothing(void **state)
{
	check("net lan mode=nat mtu=1500", "net lan mode=nat mtu=1500", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_added_and_deleted),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_equal_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
