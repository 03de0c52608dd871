// SPDX-License-Identifier: BSD-3-Clause
//
// test_record: fields are found by their paths, and shown as text and as JSON.

#include "cli/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

// { name: "h1", host: { pid: 7 }, ports: ["a", "b"] }
struct sample {
	Weft__Field name, pid, a, b, host_field, ports;
	Weft__Field *host_fields[1], *items[2], *fields[3];
	Weft__Record host, record;
	Weft__ValueList list;
};

static void fill(struct sample *sample)
{
	sample->name = text_field("name", "h1");
	sample->pid = number_field("pid", 7);
	sample->a = text_field("", "a");
	sample->b = text_field("", "b");

	weft__record__init(&sample->host);
	sample->host_fields[0] = &sample->pid;
	sample->host.fields = sample->host_fields;
	sample->host.n_fields = 1;
	weft__field__init(&sample->host_field);
	sample->host_field.key = (char *)"host";
	sample->host_field.value_case = WEFT__FIELD__VALUE_RECORD;
	sample->host_field.record = &sample->host;

	weft__value_list__init(&sample->list);
	sample->items[0] = &sample->a;
	sample->items[1] = &sample->b;
	sample->list.items = sample->items;
	sample->list.n_items = 2;
	weft__field__init(&sample->ports);
	sample->ports.key = (char *)"ports";
	sample->ports.value_case = WEFT__FIELD__VALUE_LIST;
	sample->ports.list = &sample->list;

	weft__record__init(&sample->record);
	sample->fields[0] = &sample->name;
	sample->fields[1] = &sample->host_field;
	sample->fields[2] = &sample->ports;
	sample->record.fields = sample->fields;
	sample->record.n_fields = 3;
}

static void test_find(void **state)
{
	struct sample sample;
	char buf[64];

	fill(&sample);
	assert_string_equal(record_text(&sample.record, "name", buf, sizeof(buf)), "h1");
	assert_int_equal(record_number(&sample.record, "host.pid"), 7);
	assert_string_equal(record_text(&sample.record, "host", buf, sizeof(buf)), "pid=7");
	assert_string_equal(record_text(&sample.record, "ports", buf, sizeof(buf)), "a,b");
	assert_string_equal(record_text(&sample.record, "none", buf, sizeof(buf)), "");
	assert_null(record_find(&sample.record, "host.none"));
	assert_null(record_find(&sample.record, "name.pid"));
	assert_int_equal(record_number(&sample.record, "name"), 0);
}

static void test_short_buffer(void **state)
{
	struct sample sample;
	char buf[3];

	fill(&sample);
	assert_string_equal(record_text(&sample.record, "ports", buf, sizeof(buf)), "a,");
}

static void test_json(void **state)
{
	struct sample sample;

	fill(&sample);

	json_t *object = record_json(&sample.record);
	char *text = json_dumps(object, JSON_COMPACT);

	assert_string_equal(text, "{\"name\":\"h1\",\"host\":{\"pid\":7},\"ports\":[\"a\",\"b\"]}");
	free(text);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_short_buffer),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
