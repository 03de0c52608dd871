// SPDX-License-Identifier: BSD-3-Clause
//
// test_command: the table is sound, and lines are understood or refused with a way out.

#include "cli/command.h"

#include "base/fail.h"
#include "proto/model.pb-c.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 24 };

// Parses a line of words between single spaces.
static int parse(const char *line, struct invocation *ret, struct fail *fail)
{
	static char copy[512];
	static char *words[WORDS_MAX];
	char *rest = copy;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strsep(&rest, " "); word && count < WORDS_MAX - 1;
	     word = strsep(&rest, " "))
		words[count++] = word;
	words[count] = NULL;
	*fail = (struct fail){0};
	return command_parse(count, words, ret, fail);
}

static void refuse(const char *line, const char *what, const char *hint)
{
	struct invocation call;
	struct fail fail;

	assert_int_equal(parse(line, &call, &fail), -EINVAL);
	if (!strstr(fail.what, what))
		fail_msg("%s: '%s' has no '%s'", line, fail.what, what);
	if (!strstr(fail.hint, hint))
		fail_msg("%s: the hint '%s' has no '%s'", line, fail.hint, hint);
}

static void test_words(void **state)
{
	struct invocation call;
	struct fail fail;

	assert_int_equal(
		parse("weft net add lan --subnet 10.1.0.0/24 --mode nat --dhcp", &call, &fail), 0);
	assert_string_equal(call.command->noun, "net");
	assert_string_equal(call.command->verb, "add");
	assert_string_equal(call.arguments[0], "lan");
	assert_string_equal(invocation_text(&call, "subnet"), "10.1.0.0/24");
	assert_true(invocation_has(&call, "dhcp"));
	assert_false(invocation_has(&call, "dry-run"));
	assert_null(invocation_text(&call, "vlan"));
	assert_string_equal(call.line, "weft net add lan --subnet 10.1.0.0/24 --mode nat --dhcp");
}

static void test_flags_anywhere(void **state)
{
	struct invocation call;
	struct fail fail;

	assert_int_equal(parse("weft -o json --run-dir /r net --state-dir=/s ls", &call, &fail), 0);
	assert_int_equal(call.format, OUTPUT_JSON);
	assert_string_equal(call.run_dir, "/r");
	assert_string_equal(call.state_dir, "/s");
	assert_string_equal(call.command->verb, "ls");
}

static void test_aliases(void **state)
{
	struct invocation call;
	struct fail fail;

	assert_int_equal(parse("weft ns rm h1 h2", &call, &fail), 0);
	assert_string_equal(call.command->noun, "guest");
	assert_string_equal(call.command->verb, "delete");
	assert_int_equal(call.argument_count, 2);
}

static void test_negation(void **state)
{
	struct invocation call;
	struct fail fail;

	assert_int_equal(parse("weft net set lan --no-dhcp --no-vlan", &call, &fail), 0);
	assert_int_equal(call.flag_count, 2);
	assert_true(call.flags[0].negated);
	assert_false(invocation_has(&call, "dhcp"));
	// Only what fills a field can be taken back.
	refuse("weft net set lan --no-dry-run", "--no-dry-run", "");
}

static void test_rest(void **state)
{
	struct invocation call;
	struct fail fail;

	assert_int_equal(parse("weft shell h1 -- ping -c 1 h2", &call, &fail), 0);
	assert_string_equal(call.rest[0], "ping");
	assert_string_equal(call.rest[1], "-c");
	refuse("weft net ls -- x", "'--'", "");
}

static void test_seconds(void **state)
{
	struct invocation call;
	struct fail fail;

	assert_int_equal(parse("weft net set lan --mtu 1400 --confirm 2m", &call, &fail), 0);
	assert_int_equal(invocation_number(&call, "confirm", 0), 120);
	assert_int_equal(invocation_number(&call, "mtu", 0), 1400);
	assert_int_equal(invocation_number(&call, "mac-limit", 9), 9);
}

static void test_refusals(void **state)
{
	refuse("weft nett ls", "'nett'", "net");
	refuse("weft net lss", "'lss'", "net ls");
	refuse("weft net add lan --subnt 1", "--subnt", "--subnet");
	refuse("weft net add", "wants NAME", "example");
	refuse("weft net ls a b", "'b'", "help net ls");
	refuse("weft net add lan --subnet", "--subnet wants a value", "PREFIX");
	refuse("weft net add lan --dhcp=yes", "takes no value", "");
	refuse("weft net add lan --mtu big", "'big'", "");
	refuse("weft -z net ls", "-z", "help");
	refuse("weft net ls -o", "-o wants a value", "");
	refuse("weft net ls -o xml", "'xml'", "");
}

static void test_help(void **state)
{
	struct invocation call;
	struct fail fail;

	// Asking for help excuses what is missing.
	assert_int_equal(parse("weft net add --help", &call, &fail), 0);
	assert_true(call.help);
	assert_int_equal(parse("weft net", &call, &fail), 0);
	assert_null(call.command);
	assert_string_equal(call.noun, "net");
}

static const ProtobufCMessageDescriptor *body_of(const char *noun)
{
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
		&weft__intent__descriptor, strcmp(noun, "lease") == 0 ? "reservation" : noun);

	return field ? field->descriptor : NULL;
}

static bool has_field(const char *noun, const char *field)
{
	const ProtobufCMessageDescriptor *body = body_of(noun);

	return body && protobuf_c_message_descriptor_get_field_by_name(body, field);
}

// A flag that names a field which its noun does not have would be lost without a word.
static void test_fields_exist(void **state)
{
	struct command_walk walk = {0};
	const struct command *command;

	while ((command = command_next(&walk)))
		for (const struct flag *flag = command->flags; flag && flag->name; flag++) {
			if (!flag->field || has_field(command->noun, flag->field))
				continue;
			// A guest comes with a port, which takes the rest.
			if (strcmp(command->noun, "guest") == 0 && has_field("port", flag->field))
				continue;
			fail_msg("%s %s --%s: no field %s", command->noun, command->verb,
			         flag->name, flag->field);
		}
}

static void test_table_is_sound(void **state)
{
	struct command_walk walk = {0};
	const struct command *command;

	while ((command = command_next(&walk))) {
		assert_non_null(command->run);
		assert_true(command->min_arguments <= command->max_arguments);
		assert_true(command->max_arguments <= INVOCATION_ARGUMENTS);
		if (command->noun)
			assert_non_null(command_noun_of(command->noun));
		// The first that is found is this one: no word is there twice.
		assert_ptr_equal(command_find(command->noun, command->verb), command);
		for (const struct flag *flag = command->flags; flag && flag->name; flag++) {
			assert_ptr_equal(command_flag(command, flag->name), flag);
			assert_int_equal(flag->kind == VALUE_SWITCH, flag->value == NULL);
			if (flag->kind == VALUE_CHOICE)
				assert_non_null(flag->choices);
			if (flag->kind == VALUE_NAME)
				assert_non_null(command_noun_of(flag->choices));
		}
	}
	// No chapter of the table is left out.
	for (const struct command_noun *noun = command_nouns; noun->name; noun++)
		assert_true(command_find(noun->name, "ls") || command_find(noun->name, "add"));
	assert_non_null(command_find(NULL, "up"));
	assert_non_null(command_find(NULL, "version"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),        cmocka_unit_test(test_flags_anywhere),
		cmocka_unit_test(test_aliases),      cmocka_unit_test(test_negation),
		cmocka_unit_test(test_rest),         cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_refusals),     cmocka_unit_test(test_help),
		cmocka_unit_test(test_fields_exist), cmocka_unit_test(test_table_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
