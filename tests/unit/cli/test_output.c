// SPDX-License-Identifier: BSD-3-Clause
//
// test_output: one list in each format, with standard output caught in memory.

#include "cli/output.h"

#include "base/fail.h"
#include "cli/columns.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

// Catches what goes to a descriptor while it is open.
struct catcher {
	int fd, saved, memory;
	char text[4096];
};

static void catcher_open(struct catcher *catcher, int fd)
{
	fflush(NULL);
	catcher->fd = fd;
	catcher->saved = dup(fd);
	catcher->memory = memfd_create("caught", MFD_CLOEXEC);
	assert_true(catcher->saved >= 0 && catcher->memory >= 0);
	dup2(catcher->memory, fd);
}

static const char *catcher_close(struct catcher *catcher)
{
	fflush(NULL);
	dup2(catcher->saved, catcher->fd);
	close(catcher->saved);

	ssize_t length = pread(catcher->memory, catcher->text, sizeof(catcher->text) - 1, 0);

	assert_true(length >= 0);
	catcher->text[length] = '\0';
	close(catcher->memory);
	return catcher->text;
}

static Weft__Field name = {.base = PROTOBUF_C_MESSAGE_INIT(&weft__field__descriptor),
                           .key = (char *)"name",
                           .value_case = WEFT__FIELD__VALUE_TEXT,
                           .text = (char *)"h1"};
static Weft__Field bytes = {.base = PROTOBUF_C_MESSAGE_INIT(&weft__field__descriptor),
                            .key = (char *)"rx_bytes",
                            .value_case = WEFT__FIELD__VALUE_NUMBER,
                            .number = 1500000};
static Weft__Field *fields[] = {&name, &bytes};
static Weft__Record record = {.base = PROTOBUF_C_MESSAGE_INIT(&weft__record__descriptor),
                              .n_fields = 2,
                              .fields = fields};
static Weft__Record *records[] = {&record, &record};

static const char *show(enum output_format format, size_t count, struct catcher *catcher)
{
	struct invocation call = {.format = format};

	catcher_open(catcher, STDOUT_FILENO);
	assert_int_equal(output_records(&call, columns_of("port"), records, count, "no port"),
	                 EXIT_OK);
	return catcher_close(catcher);
}

static void test_table(void **state)
{
	struct catcher catcher;
	const char *text = show(OUTPUT_TABLE, 1, &catcher);

	// Columns that nobody fills are not there, and numbers are in units for people.
	assert_string_equal(text, "NAME   RX\nh1   1.5M\n");
	assert_string_equal(show(OUTPUT_TABLE, 0, &catcher), "no port\n");
}

static void test_json(void **state)
{
	struct catcher catcher;
	json_t *list = json_loads(show(OUTPUT_JSON, 2, &catcher), 0, NULL);

	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "rx_bytes")),
	                 1500000);
	json_decref(list);
	assert_string_equal(show(OUTPUT_JSON, 0, &catcher), "[]\n");
}

static void test_jsonl(void **state)
{
	struct catcher catcher;

	assert_string_equal(show(OUTPUT_JSONL, 2, &catcher),
	                    "{\"name\":\"h1\",\"rx_bytes\":1500000}\n"
	                    "{\"name\":\"h1\",\"rx_bytes\":1500000}\n");
	assert_string_equal(show(OUTPUT_JSONL, 0, &catcher), "");
}

static void test_unknown_columns(void **state)
{
	struct invocation call = {.format = OUTPUT_TABLE};
	struct catcher catcher;

	catcher_open(&catcher, STDOUT_FILENO);
	output_records(&call, columns_of("weather"), records, 1, "none");
	assert_string_equal(catcher_close(&catcher), "name rx_bytes\nh1    1500000\n");
}

static void test_fields(void **state)
{
	Weft__Field inner = {.base = PROTOBUF_C_MESSAGE_INIT(&weft__field__descriptor),
	                     .key = (char *)"host",
	                     .value_case = WEFT__FIELD__VALUE_RECORD,
	                     .record = &record};
	Weft__Field *list[] = {&name, &inner};
	Weft__Record outer = {.base = PROTOBUF_C_MESSAGE_INIT(&weft__record__descriptor),
	                      .n_fields = 2,
	                      .fields = list};
	struct invocation call = {.format = OUTPUT_TABLE};
	struct catcher catcher;

	catcher_open(&catcher, STDOUT_FILENO);
	output_record(&call, &outer);
	assert_string_equal(catcher_close(&catcher),
	                    "name  h1\nhost\n  name      h1\n  rx_bytes  1500000\n");
}

static void test_fail(void **state)
{
	struct invocation call = {.format = OUTPUT_TABLE};
	struct catcher catcher;
	struct fail fail = {0};

	fail_set(&fail, -EEXIST, "net 'lan' is there");
	fail_hint(&fail, "take another");
	catcher_open(&catcher, STDERR_FILENO);
	output_fail(&call, &fail);
	assert_string_equal(catcher_close(&catcher), "weft: net 'lan' is there\n  take another\n");

	call.format = OUTPUT_JSON;
	catcher_open(&catcher, STDERR_FILENO);
	output_fail(&call, &fail);

	json_t *error = json_loads(catcher_close(&catcher), 0, NULL);

	assert_string_equal(
		json_string_value(json_object_get(json_object_get(error, "error"), "what")),
		"net 'lan' is there");
	json_decref(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),  cmocka_unit_test(test_json),
		cmocka_unit_test(test_jsonl),  cmocka_unit_test(test_unknown_columns),
		cmocka_unit_test(test_fields), cmocka_unit_test(test_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
