// SPDX-License-Identifier: BSD-3-Clause
//
// test_lab: names within labs, what a lab may be, and its tests as records.

#include "controller/difference.h"
#include "controller/message_record.h"
#include "controller/model_guest.h"
#include "controller/record.h"
#include "controller/scope.h"
#include "tests/unit/controller/kit.h"

#include <errno.h>

static void test_names(void **state)
{
	char name[SCOPE_NAME];

	assert_string_equal(scope_name("two", "h1", name), "two.h1");
	assert_string_equal(scope_name("two", "/gw", name), "gw");
	assert_string_equal(scope_short("two", "two.h1"), "h1");
	assert_string_equal(scope_short("two", "two.a.b"), "a.b");
	assert_string_equal(scope_short("two", "twofold.h1"), "twofold.h1");
	assert_string_equal(scope_short("two", "two."), "two.");
	assert_string_equal(scope_short(NULL, "h1"), "h1");
}

static Weft__LabTest *new_test(Weft__LabTestKind kind, const char *from)
{
	Weft__LabTest *test = calloc(1, sizeof(*test));

	weft__lab_test__init(test);
	test->has_kind = true;
	test->kind = kind;
	test->from = calloc(1, sizeof(*test->from));
	test->from[test->n_from++] = strdup(from);
	return test;
}

// A lab with one test, which starts at the guest.
static Weft__Intent *new_lab(const char *name, const char *from)
{
	Weft__Intent *msg = calloc(1, sizeof(*msg));

	weft__intent__init(msg);
	msg->name = strdup(name);
	msg->lab = strdup("two");
	msg->body_case = WEFT__INTENT__BODY_LAB_BODY;
	msg->lab_body = calloc(1, sizeof(*msg->lab_body));
	weft__lab__init(msg->lab_body);
	msg->lab_body->tests = calloc(1, sizeof(*msg->lab_body->tests));
	msg->lab_body->tests[msg->lab_body->n_tests++] =
		new_test(WEFT__LAB_TEST_KIND__TEST_PING, from);
	return msg;
}

static int put(struct model *model, Weft__Intent *msg, struct refusal *refusal)
{
	int err;

	model_begin(model);
	err = model_put(model, msg, refusal);
	if (err == 0)
		err = model_settle(model, refusal);
	if (err == 0)
		model_commit(model);
	else
		model_rollback(model);
	weft__intent__free_unpacked(msg, NULL);
	return err;
}

static void test_model_takes_labs(void **state)
{
	struct refusal refusal = {0};
	struct model model;

	model_init(&model, &kit_instance);
	kit_put(&model, "guest two.h1 hostname=h1");
	assert_int_equal(put(&model, new_lab("two", "h9"), &refusal), -ENOENT);
	assert_non_null(strstr(refusal.fail.what, "no guest 'two.h9'"));
	assert_string_equal(refusal.field, "from");
	assert_int_equal(put(&model, new_lab("two", "h1"), &refusal), 0);
	// A lab is its own, and its name has no dot.
	assert_int_equal(put(&model, new_lab("three", "h1"), &refusal), -EINVAL);
	assert_int_equal(put(&model, new_lab("two.a", "h1"), &refusal), -EINVAL);
	// A guest may go though a test names it.
	model_begin(&model);
	assert_int_equal(model_remove(&model, NOUN_GUEST, "two.h1", false, &refusal), 0);
	assert_int_equal(model_settle(&model, &refusal), 0);
	model_commit(&model);
	model_fini(&model);
}

static void test_record(void **state)
{
	Weft__Intent *msg = new_lab("two", "h1");
	Weft__Record *record = record_new();
	const Weft__Field *tests;

	msg->lab_body->tests[0]->has_max_loss_ppm = true;
	msg->lab_body->tests[0]->max_loss_ppm = 10000;
	msg->lab_body->tests[0]->has_min_bps = true;
	msg->lab_body->tests[0]->min_bps = UINT64_C(10000000000);
	msg->lab_body->tests[0]->has_blocked = msg->lab_body->tests[0]->blocked = true;
	message_record_add(record, &msg->lab_body->base);
	assert_null(record_find(record, "description"));
	tests = record_find(record, "tests");
	assert_int_equal(tests->list->n_items, 1);

	const Weft__Record *test = tests->list->items[0]->record;

	assert_string_equal(record_find(test, "kind")->text, "ping");
	assert_string_equal(record_find(test, "from")->list->items[0]->text, "h1");
	assert_int_equal(record_find(test, "max_loss_ppm")->number, 10000);
	assert_int_equal(record_find(test, "min_bps")->number, UINT64_C(10000000000));
	assert_true(record_find(test, "blocked")->flag);
	assert_null(record_find(test, "max_bps"));
	record_free(record);
	weft__intent__free_unpacked(msg, NULL);
}

static void take_one(void *user, Weft__Record *record)
{
	assert_string_equal(record_find(record, "field")->text, "tests");
	assert_string_equal(record_find(record, "after")->text, "1 test");
	(*(unsigned *)user)++;
	record_free(record);
}

// As many tests as before, and another one.
static void test_difference_sees_into_tests(void **state)
{
	Weft__Intent *a = new_lab("two", "h1"), *b = new_lab("two", "h2");
	struct model_change change = {
		.key = "lab/two", .before = intent_new(a), .after = intent_new(a)};
	unsigned told = 0;

	difference_each(&change, take_one, &told);
	assert_int_equal(told, 0);
	intent_free(change.after);
	change.after = intent_new(b);
	difference_each(&change, take_one, &told);
	assert_int_equal(told, 1);
	intent_free(change.before);
	intent_free(change.after);
	weft__intent__free_unpacked(a, NULL);
	weft__intent__free_unpacked(b, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_model_takes_labs),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_difference_sees_into_tests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
