// SPDX-License-Identifier: BSD-3-Clause
//
// test_log: what reaches the file: levels, limits, and lines that stay whole.

#include "base/log.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>

static char dir[UNIT_DIR];
static char path[UNIT_DIR + 16];

static int set_up(void **state)
{
	unit_make_dir(dir);
	snprintf(path, sizeof(path), "%s/log", dir);
	return log_open("test", LOG_LEVEL_INFO, path);
}

static int tear_down(void **state)
{
	unit_remove_dir(dir);
	return 0;
}

// The whole file; the caller frees it.
static char *read_all(void)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(file);
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(file);
	return text;
}

static unsigned count(const char *text, const char *what)
{
	unsigned found = 0;

	while ((text = strstr(text, what))) {
		found++;
		text++;
	}
	return found;
}

static void levels_decide(void **state)
{
	log_err("an %s", "error");
	log_warn("a warning");
	log_info("some info");
	log_debug("a detail");

	char *text = read_all();

	assert_non_null(strstr(text, "Z error test: an error\n"));
	assert_non_null(strstr(text, "Z warn test: a warning\n"));
	assert_non_null(strstr(text, "Z info test: some info\n"));
	assert_null(strstr(text, "a detail"));
	free(text);
}

static void level_names(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;

	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

static void repetition_is_limited(void **state)
{
	static struct log_site site;

	for (unsigned i = 0; i < 100; i++)
		log_write(&site, LOG_LEVEL_INFO, "again");

	char *text = read_all();

	assert_int_equal(count(text, "again"), 10);
	free(text);

	// As if five seconds had passed.
	atomic_store(&site.since, 1);
	log_write(&site, LOG_LEVEL_INFO, "later");
	text = read_all();
	assert_non_null(strstr(text, "(90 lines like the next were left out)"));
	assert_non_null(strstr(text, "later"));
	free(text);
}

static void nobody_forges_a_line(void **state)
{
	char longer[5000];

	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	log_info("name '%s'", "a\nerror forged: line\r");
	log_info("%s", longer);

	char *text = read_all();

	assert_int_equal(count(text, "\n"), 2);
	assert_non_null(strstr(text, "name 'a error forged: line '\n"));
	assert_true(text[strlen(text) - 1] == '\n');
	free(text);
}

static void reopens_after_rotation(void **state)
{
	char moved[UNIT_DIR + 16];

	snprintf(moved, sizeof(moved), "%s/log.1", dir);
	log_info("before");
	assert_int_equal(rename(path, moved), 0);
	unsigned fds = unit_open_fds();
	assert_int_equal(log_open("test", LOG_LEVEL_INFO, path), 0);
	assert_int_equal(unit_open_fds(), fds);
	log_info("after");

	char *text = read_all();

	assert_null(strstr(text, "before"));
	assert_non_null(strstr(text, "after"));
	free(text);

	// A file that cannot be had leaves the log as it was.
	assert_int_equal(log_open("test", LOG_LEVEL_INFO, "/nonexistent/log"), -ENOENT);
	log_info("still here");
	text = read_all();
	assert_non_null(strstr(text, "still here"));
	free(text);
}

static void *write_lines(void *arg)
{
	for (unsigned i = 0; i < 2000; i++) {
		struct log_site site = {0};

		log_write(&site, LOG_LEVEL_INFO, "thread %s.", (const char *)arg);
	}
	return NULL;
}

static void threads_do_not_mix(void **state)
{
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, "speaks"), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);

	char *text = read_all();

	assert_int_equal(count(text, "Z info test: thread speaks.\n"), 8000);
	assert_int_equal(count(text, "\n"), 8000);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(levels_decide, set_up, tear_down),
		cmocka_unit_test(level_names),
		cmocka_unit_test_setup_teardown(repetition_is_limited, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_forges_a_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reopens_after_rotation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(threads_do_not_mix, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
