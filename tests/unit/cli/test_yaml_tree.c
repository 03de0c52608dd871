// SPDX-License-Identifier: BSD-3-Clause
//
// test_yaml_tree: texts stay what they are, places are right, and what unfolds without end is refused.

#include "base/fail.h"
#include "cli/yaml_tree.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct yaml_tree *parse(const char *text)
{
	struct yaml_tree *tree = NULL;
	struct fail fail = {0};

	if (yaml_tree_parse("f.yaml", text, strlen(text), &tree, &fail) < 0)
		fail_msg("%s", fail.what);
	return tree;
}

static void refused(const char *text, const char *words)
{
	struct yaml_tree *tree = NULL;
	struct fail fail = {0};

	assert_int_equal(yaml_tree_parse("f.yaml", text, strlen(text), &tree, &fail), -EINVAL);
	if (!strstr(fail.what, words))
		fail_msg("'%s' does not say '%s'", fail.what, words);
	assert_null(tree);
}

static void test_texts_stay(void **state)
{
	static const char *const words[] = {"no",    "02:00:00:00:00:01",
	                                    "1e3",   "0x10",
	                                    "null",  "~",
	                                    "yes",   "0o17",
	                                    "1_000", ".inf",
	                                    "12:30", "2001-01-01",
	                                    "010",   NULL};
	char text[64];

	for (unsigned i = 0; words[i]; i++) {
		snprintf(text, sizeof(text), "a: %s\n", words[i]);
		struct yaml_tree *tree = parse(text);

		assert_string_equal(yaml_text(tree->root, "a"), words[i]);
		yaml_tree_free(tree);
	}
}

static void test_places(void **state)
{
	struct yaml_tree *tree = parse("# first\na:\n  b: [x, 'y z', {c: d}]\n");
	const struct yaml_node *b = yaml_get(yaml_get(tree->root, "a"), "b");

	assert_int_equal(b->kind, YAML_LIST);
	assert_int_equal(b->count, 3);
	assert_int_equal(b->items[1]->place.line, 3);
	assert_int_equal(b->items[1]->place.column, 10);
	assert_string_equal(b->items[1]->place.file, "f.yaml");
	assert_true(b->items[0]->plain);
	assert_false(b->items[1]->plain);
	assert_string_equal(yaml_text(b->items[2], "c"), "d");
	assert_null(yaml_get(b, "c"));
	assert_null(yaml_get(NULL, "c"));
	yaml_tree_free(tree);
}

static void test_empty(void **state)
{
	struct yaml_tree *tree = parse("# nothing\n");

	assert_null(tree->root);
	yaml_tree_free(tree);
	tree = parse("a:\nb: ''\n");
	assert_true(yaml_is_empty(yaml_get(tree->root, "a")));
	assert_false(yaml_is_empty(yaml_get(tree->root, "b")));
	yaml_tree_free(tree);
}

static void test_aliases(void **state)
{
	struct yaml_tree *tree = parse("a: &x {net: lan}\nb: *x\n");

	assert_string_equal(yaml_text(yaml_get(tree->root, "b"), "net"), "lan");
	yaml_tree_free(tree);
}

static void test_refusals(void **state)
{
	refused("a: 1\nb: 2\na: 3\n",
	        "f.yaml:3:1: 'a' stands here for the second time; the first is in line 1");
	refused("a: [1\n", "f.yaml:2:1");
	refused("a: &x [*x]\n", "levels");
	refused("a: !!int 3\n", "f.yaml:1:4: the tag");
	refused("a: \"\\0\"\n", "zero byte");
	refused("a: {<<: {b: c}}\n", "<<");
	refused("[a, b]: c\n", "a key must be a word");
	refused("a: b\n---\nc: d\n", "f.yaml:3:1: a second document");
	refused("a: *gone\n", "undefined alias");
	refused("a:\n\tb: c\n", "f.yaml:2:1");
}

static void test_tab(void **state)
{
	struct yaml_tree *tree = NULL;
	struct fail fail = {0};

	assert_int_equal(yaml_tree_parse("f.yaml", "a:\n\tb: c\n", 9, &tree, &fail), -EINVAL);
	assert_non_null(strstr(fail.hint, "a tab"));
}

// Nine lists of ten of the one before: a billion.
static void test_billion(void **state)
{
	char text[1024] = "l0: &l0 [a, a, a, a, a, a, a, a, a, a]\n";

	for (unsigned i = 1; i < 9; i++) {
		char line[128];

		snprintf(line, sizeof(line),
		         "l%u: &l%u [*l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u]\n",
		         i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
		         i - 1);
		strcat(text, line);
	}
	refused(text, "when its aliases are followed");
}

static void test_depth(void **state)
{
	char *text = malloc(100001);

	memset(text, '[', 100000);
	text[100000] = '\0';
	refused(text, "more than 32 levels");
	for (unsigned i = 0; i < 100000; i += 2)
		memcpy(text + i, "- ", 2);
	refused(text, "more than 32 levels");
	free(text);
}

static void test_files(void **state)
{
	struct yaml_tree *tree = NULL;
	struct fail fail = {0};

	assert_int_equal(yaml_tree_open("/nowhere/at/all.yaml", &tree, &fail), -ENOENT);
	assert_non_null(strstr(fail.what, "/nowhere/at/all.yaml"));
	assert_int_equal(yaml_tree_open("/dev/zero", &tree, &fail), -EFBIG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_stay), cmocka_unit_test(test_places),
		cmocka_unit_test(test_empty),      cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_billion),
		cmocka_unit_test(test_depth),      cmocka_unit_test(test_tab),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
