// SPDX-License-Identifier: BSD-3-Clause
//
// test_record_message: a record becomes the message that it was made of.

#include "cli/record_message.h"

#include "tests/unit/unit.h"

static Weft__Field text_field(const char *key, const char *text)
{
	Weft__Field field = WEFT__FIELD__INIT;

	field.key = (char *)key;
	field.value_case = WEFT__FIELD__VALUE_TEXT;
	field.text = (char *)text;
	return field;
}

static Weft__Field number_field(const char *key, uint64_t number)
{
	Weft__Field field = WEFT__FIELD__INIT;

	field.key = (char *)key;
	field.value_case = WEFT__FIELD__VALUE_NUMBER;
	field.number = number;
	return field;
}

static void fields_find_their_places(void **state)
{
	Weft__Field items[] = {text_field("", "h1"), number_field("", 5), text_field("", "h2")};
	Weft__Field *item_list[] = {&items[0], &items[1], &items[2]};
	Weft__ValueList list = WEFT__VALUE_LIST__INIT;
	Weft__Field fields[] = {text_field("kind", "during"), text_field("protocol", "tcp"),
	                        number_field("port", 80),     number_field("min_bps", 1ull << 40),
	                        number_field("unknown", 1),   text_field("blocked", "")};
	Weft__Field from = WEFT__FIELD__INIT;
	Weft__Field *all[7] = {&fields[0], &fields[1], &fields[2], &fields[3],
	                       &fields[4], &fields[5], &from};
	Weft__Record record = WEFT__RECORD__INIT;

	list.n_items = 3;
	list.items = item_list;
	from.key = (char *)"from";
	from.value_case = WEFT__FIELD__VALUE_LIST;
	from.list = &list;
	fields[5].value_case = WEFT__FIELD__VALUE_FLAG;
	fields[5].flag = true;
	record.n_fields = 7;
	record.fields = all;

	ProtobufCMessage *message = record_message(&record, &weft__lab_test__descriptor);
	const Weft__LabTest *test = (const Weft__LabTest *)message;

	assert_non_null(test);
	assert_true(test->has_kind);
	assert_int_equal(test->kind, WEFT__LAB_TEST_KIND__TEST_DURING);
	assert_string_equal(test->protocol, "tcp");
	assert_true(test->has_port);
	assert_int_equal(test->port, 80);
	assert_true(test->min_bps == 1ull << 40);
	assert_true(test->has_blocked && test->blocked);
	// What is no text has no place among texts.
	assert_int_equal(test->n_from, 2);
	assert_string_equal(test->from[0], "h1");
	assert_string_equal(test->from[1], "h2");
	assert_int_equal(test->n_to, 0);
	protobuf_c_message_free_unpacked(message, NULL);
}

static void messages_within_are_filled(void **state)
{
	Weft__Field kind = text_field("kind", "ping"), item = WEFT__FIELD__INIT,
		    tests = WEFT__FIELD__INIT;
	Weft__Field *inner_fields[] = {&kind}, *items[] = {&item}, *fields[] = {&tests};
	Weft__Record inner = WEFT__RECORD__INIT, record = WEFT__RECORD__INIT;
	Weft__ValueList list = WEFT__VALUE_LIST__INIT;

	inner.n_fields = 1;
	inner.fields = inner_fields;
	item.value_case = WEFT__FIELD__VALUE_RECORD;
	item.record = &inner;
	list.n_items = 1;
	list.items = items;
	tests.key = (char *)"tests";
	tests.value_case = WEFT__FIELD__VALUE_LIST;
	tests.list = &list;
	record.n_fields = 1;
	record.fields = fields;

	ProtobufCMessage *message = record_message(&record, &weft__lab__descriptor);
	const Weft__Lab *lab = (const Weft__Lab *)message;

	assert_non_null(lab);
	assert_int_equal(lab->n_tests, 1);
	assert_int_equal(lab->tests[0]->kind, WEFT__LAB_TEST_KIND__TEST_PING);
	assert_null(lab->description);
	protobuf_c_message_free_unpacked(message, NULL);
}

static void nonsense_is_left_out(void **state)
{
	Weft__Field fields[] = {text_field("kind", "no_such"), number_field("protocol", 3),
	                        text_field("port", "eighty"), text_field("tests", "x")};
	Weft__Field *all[] = {&fields[0], &fields[1], &fields[2], &fields[3]};
	Weft__Record record = WEFT__RECORD__INIT;

	record.n_fields = 4;
	record.fields = all;

	ProtobufCMessage *message = record_message(&record, &weft__lab_test__descriptor);
	const Weft__LabTest *test = (const Weft__LabTest *)message;

	assert_non_null(test);
	assert_false(test->has_kind);
	assert_null(test->protocol);
	assert_int_equal(test->port, 0);
	assert_int_equal(test->n_tests, 0);
	protobuf_c_message_free_unpacked(message, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_find_their_places),
		cmocka_unit_test(messages_within_are_filled),
		cmocka_unit_test(nonsense_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
