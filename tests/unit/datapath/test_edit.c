// SPDX-License-Identifier: BSD-3-Clause
//
// test_edit: which pieces each way out frees.

#include "datapath/edit.h"
#include "tests/unit/unit.h"

static unsigned freed;
static void *last_freed;

static void count_free(void *piece)
{
	freed++;
	last_freed = piece;
}

static int setup(void **state)
{
	freed = 0;
	last_freed = NULL;
	return 0;
}

static void keep_frees_the_replaced(void **state)
{
	struct edit *edit = edit_new();
	int created, replaced;

	assert_non_null(edit);
	assert_int_equal(edit_created(edit, &created, count_free), 0);
	assert_int_equal(edit_replaced(edit, &replaced, count_free), 0);
	edit_keep(edit);
	assert_int_equal(freed, 1);
	assert_ptr_equal(last_freed, &replaced);
}

static void undo_frees_the_created(void **state)
{
	struct edit *edit = edit_new();
	int created[100], replaced;

	assert_non_null(edit);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(edit_created(edit, &created[i], count_free), 0);
	assert_int_equal(edit_replaced(edit, &replaced, count_free), 0);
	edit_undo(edit);
	assert_int_equal(freed, 100);
	assert_ptr_equal(last_freed, &created[0]);
}

static void a_piece_that_came_and_went_is_freed_once(void **state)
{
	int piece;

	for (unsigned keep = 0; keep < 2; keep++) {
		struct edit *edit = edit_new();

		assert_non_null(edit);
		freed = 0;
		assert_int_equal(edit_created(edit, &piece, count_free), 0);
		assert_int_equal(edit_replaced(edit, &piece, count_free), 0);
		if (keep)
			edit_keep(edit);
		else
			edit_undo(edit);
		assert_int_equal(freed, 1);
	}
}

static void tokens_differ(void **state)
{
	struct edit *a = edit_new(), *b = edit_new();

	assert_non_null(a);
	assert_non_null(b);
	assert_true(edit_token(a) != 0);
	assert_true(edit_token(a) != edit_token(b));
	assert_int_equal(edit_reserve(a, 1000, 1000), 0);
	edit_undo(b);
	edit_undo(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keep_frees_the_replaced, setup),
		cmocka_unit_test_setup(undo_frees_the_created, setup),
		cmocka_unit_test_setup(a_piece_that_came_and_went_is_freed_once, setup),
		cmocka_unit_test_setup(tokens_differ, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
