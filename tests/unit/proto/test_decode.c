// SPDX-License-Identifier: BSD-3-Clause
//
// test_decode: honest messages fit into their budget, those made to swell do not.

#include "proto/api.pb-c.h"
#include "proto/channel.pb-c.h"
#include "proto/decode.h"
#include "proto/objects.pb-c.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 4000, COLUMNS = 20, BODY_MAX = 1 << 20, SWOLLEN = 1 << 16 };

static Weft__Value small_number(void)
{
	Weft__Value value = WEFT__VALUE__INIT;

	value.value_case = WEFT__VALUE__VALUE_NUMBER;
	value.number = 1;
	return value;
}

// The densest answer there is: as many small numbers as a frame takes.
static void rows_of_small_numbers_fit(void **state)
{
	Weft__Value value = small_number(), *values[COLUMNS];
	Weft__Row row = WEFT__ROW__INIT, *list[ROWS];
	Weft__Rows rows = WEFT__ROWS__INIT, *decoded;
	uint8_t *packed = malloc(BODY_MAX);
	size_t len;

	for (unsigned i = 0; i < COLUMNS; i++)
		values[i] = &value;
	row.n_values = COLUMNS;
	row.values = values;
	for (unsigned i = 0; i < ROWS; i++)
		list[i] = &row;
	rows.n_rows = ROWS;
	rows.rows = list;
	assert_in_range(weft__rows__get_packed_size(&rows), 1, BODY_MAX);
	len = weft__rows__pack(&rows, packed);
	decoded = decode_message(&weft__rows__descriptor, len, packed);
	assert_non_null(decoded);
	assert_int_equal(decoded->n_rows, ROWS);
	assert_int_equal(decoded->rows[ROWS - 1]->values[COLUMNS - 1]->number, 1);
	weft__rows__free_unpacked(decoded, NULL);
	free(packed);
}

static void least_message_fits(void **state)
{
	Weft__Rows *decoded = decode_message(&weft__rows__descriptor, 0, NULL);

	assert_non_null(decoded);
	weft__rows__free_unpacked(decoded, NULL);
}

// Decodes with the plain allocator what the budget refuses: it is the size that is refused.
static void expect_too_large(const ProtobufCMessageDescriptor *type, const uint8_t *packed,
                             size_t len)
{
	ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, len, packed);

	assert_non_null(message);
	protobuf_c_message_free_unpacked(message, NULL);
	assert_null(decode_message(type, len, packed));
}

// An empty element of a list is two bytes, here and a hundred and more in memory.
static void list_of_nothing_is_refused(void **state)
{
	Weft__FlowMatch match = WEFT__FLOW_MATCH__INIT;
	Weft__FlowRule rule = WEFT__FLOW_RULE__INIT;
	uint8_t *packed = malloc(SWOLLEN);

	rule.match = &match;
	for (size_t i = weft__flow_rule__pack(&rule, packed); i < SWOLLEN; i += 2) {
		packed[i] = 4 << 3 | 2; // actions
		packed[i + 1] = 0;
	}
	expect_too_large(&weft__flow_rule__descriptor, packed, SWOLLEN);
	free(packed);
}

static void unknown_fields_are_bounded(void **state)
{
	static const uint8_t head[] = {1 << 3 | 2, 1, 'x', 2 << 3 | 2, 1, 'y'};
	uint8_t *packed = malloc(SWOLLEN);

	memcpy(packed, head, sizeof(head));
	for (size_t i = sizeof(head); i < SWOLLEN; i += 2) {
		packed[i] = 15 << 3; // A number that nobody knows.
		packed[i + 1] = 0;
	}
	expect_too_large(&weft__keep__descriptor, packed, SWOLLEN);
	free(packed);
}

static void nonsense_is_refused(void **state)
{
	static const uint8_t junk[] = {0xff, 0xff, 0xff};

	assert_null(decode_message(&weft__request__descriptor, sizeof(junk), junk));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_small_numbers_fit),
		cmocka_unit_test(least_message_fits),
		cmocka_unit_test(list_of_nothing_is_refused),
		cmocka_unit_test(unknown_fields_are_bounded),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
