// SPDX-License-Identifier: BSD-3-Clause
//
// test_report: the same verdicts four ways.
//
// Names and texts may hold anything, so each way has its own escape: control characters become '?' for the
// terminal and for TAP, where a '#' would begin a directive; XML gets its entities, and nothing that XML 1.0
// cannot carry.

#include "cli/test_report.h"

#include "base/clock.h"
#include "cli/output.h"
#include "cli/xml.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { GRID_NAME = 12, GRID_MAX = 40 };

struct test_count test_report_count(const struct test_set *set)
{
	struct test_count count = {0};

	for (size_t i = 0; i < set->case_count; i++) {
		count.passed += set->cases[i].passed;
		count.failed += !set->cases[i].passed;
	}
	return count;
}

static void put_plain(FILE *file, const char *text, const char *also)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f || strchr(also, *text) ? '?'
		                                                                         : *text,
		      file);
}

// Cases of a matrix stand in a row of the grid by their guest; returns how many belong to it.
static size_t matrix_len(const struct test_case *cases, size_t count)
{
	size_t len = 0, rows = 0;

	while (len < count && cases[len].test == cases->test) {
		rows += len == 0 || cases[len].from != cases[len - 1].from;
		len++;
	}
	return cases->test->kind == WEFT__LAB_TEST_KIND__TEST_REACH && rows > 1 && len > rows ? len
	                                                                                      : 0;
}

static const char *cell_of(const struct test_case *cases, size_t count,
                           const struct test_guest *from, const char *target)
{
	for (size_t i = 0; i < count; i++)
		if (cases[i].from == from && strcmp(cases[i].target, target) == 0)
			return !cases[i].passed             ? "FAIL"
			       : test_is_blocked(&cases[i]) ? "shut"
			                                    : "ok";
	return ".";
}

static bool add_target(const char **targets, size_t *count, const char *target)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(targets[i], target) == 0)
			return true;
	if (*count == GRID_MAX)
		return false;
	targets[(*count)++] = target;
	return true;
}

static bool is_target(const struct test_case *cases, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(cases[i].target, name) == 0)
			return true;
	return false;
}

// The targets of a matrix, each once: those that are rows too in their order, then the others. 0: too many.
static size_t list_targets(const struct test_case *cases, size_t count, const char **targets)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		if (cases[i].from && is_target(cases, count, cases[i].from->name) &&
		    !add_target(targets, &found, cases[i].from->name))
			return 0;
	for (size_t i = 0; i < count; i++)
		if (!add_target(targets, &found, cases[i].target))
			return 0;
	return found;
}

static int width_of(const char *target)
{
	size_t len = strlen(target);

	return len > GRID_NAME ? GRID_NAME : len > 4 ? (int)len : 4;
}

static void put_cell(FILE *file, const char *text, int width)
{
	char cut[GRID_NAME + 1];

	snprintf(cut, sizeof(cut), "%s", text);
	for (char *at = cut; *at; at++)
		*at = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
	fprintf(file, " %*s", width, cut);
}

static void put_grid(FILE *file, const struct test_case *cases, size_t count)
{
	const char *targets[GRID_MAX + 1];
	size_t columns = list_targets(cases, count, targets);
	const Weft__LabTest *test = cases->test;

	fprintf(file, "reach %s", test->protocol ? test->protocol : "icmp");
	if (test->has_port)
		fprintf(file, "/%u", test->port);
	fputs(columns ? ", from the rows to the columns:\n" : "\n", file);
	if (!columns)
		return;
	put_cell(file, "", -GRID_NAME);
	for (size_t i = 0; i < columns; i++)
		put_cell(file, targets[i], width_of(targets[i]));
	fputc('\n', file);
	for (size_t i = 0; i < count; i++) {
		if (i && cases[i].from == cases[i - 1].from)
			continue;
		put_cell(file, cases[i].from ? cases[i].from->name : "?", -GRID_NAME);
		for (size_t j = 0; j < columns; j++)
			put_cell(file, cell_of(cases, count, cases[i].from, targets[j]),
			         width_of(targets[j]));
		fputc('\n', file);
	}
}

static void put_line(FILE *file, const struct test_case *item)
{
	bool colour = output_in_colour();

	fprintf(file, "%s%-4s%s  ", colour ? item->passed ? "\x1b[32m" : "\x1b[31m" : "",
	        item->passed ? "ok" : "FAIL", colour ? "\x1b[0m" : "");
	put_plain(file, item->name, "");
	fputs(": ", file);
	put_plain(file, item->text, "");
	fputc('\n', file);
	if (item->pcap[0]) {
		fputs("      packets of another try: ", file);
		put_plain(file, item->pcap, "");
		fputc('\n', file);
	}
}

void test_report_table(FILE *file, const struct test_run *run)
{
	const struct test_set *set = run->set;
	struct test_count count = test_report_count(set);

	for (size_t i = 0; i < set->case_count;) {
		size_t len = matrix_len(&set->cases[i], set->case_count - i);

		if (len)
			put_grid(file, &set->cases[i], len);
		for (size_t j = i; j < i + len; j++)
			if (!set->cases[j].passed)
				put_line(file, &set->cases[j]);
		if (!len)
			put_line(file, &set->cases[i]);
		i += len ? len : 1;
	}
	fprintf(file, "%zu passed, %zu failed\n", count.passed, count.failed);
}

void test_report_tap(FILE *file, const struct test_run *run)
{
	const struct test_set *set = run->set;
	struct test_count count = test_report_count(set);

	fprintf(file, "TAP version 13\n1..%zu\n# seed %" PRIu64 "\n", set->case_count, run->seed);
	for (size_t i = 0; i < set->case_count; i++) {
		const struct test_case *item = &set->cases[i];

		fprintf(file, "%sok %zu - ", item->passed ? "" : "not ", i + 1);
		put_plain(file, item->name, "#\\");
		fputs("\n# ", file);
		put_plain(file, item->text, "");
		fputc('\n', file);
	}
	fprintf(file, "# %zu passed, %zu failed\n", count.passed, count.failed);
}

void test_report_json(FILE *file, const struct test_run *run)
{
	const struct test_set *set = run->set;
	json_t *list = json_array();

	for (size_t i = 0; i < set->case_count; i++) {
		const struct test_case *item = &set->cases[i];
		json_t *object = json_object();

		json_object_set_new(object, "name", json_string(item->name));
		json_object_set_new(object, "kind", json_string(test_kind_word(item->test->kind)));
		json_object_set_new(object, "passed", json_boolean(item->passed));
		json_object_set_new(object, "text", json_string(item->text));
		json_object_set_new(object, "seconds",
		                    json_real((double)item->took_ns / (double)NSEC_PER_SEC));
		if (item->pcap[0])
			json_object_set_new(object, "pcap", json_string(item->pcap));
		json_array_append_new(list, object);
	}
	json_dumpf(list, file, JSON_INDENT(2));
	fputc('\n', file);
	json_decref(list);
}

static void put_xml(FILE *file, const char *text)
{
	xml_put(file, text, strlen(text));
}

int test_report_junit(FILE *file, const struct test_run *run)
{
	const struct test_set *set = run->set;
	struct test_count count = test_report_count(set);

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"", file);
	put_xml(file, set->lab[0] ? set->lab : "weft");
	fprintf(file, "\" tests=\"%zu\" failures=\"%zu\">\n", set->case_count, count.failed);
	for (size_t i = 0; i < set->case_count; i++) {
		const struct test_case *item = &set->cases[i];

		fprintf(file, "  <testcase classname=\"%s\" name=\"",
		        test_kind_word(item->test->kind));
		put_xml(file, item->name);
		fprintf(file, "\" time=\"%.3f\"", (double)item->took_ns / (double)NSEC_PER_SEC);
		if (item->passed) {
			fputs("/>\n", file);
			continue;
		}
		fputs("><failure message=\"", file);
		put_xml(file, item->text);
		fputs("\"/></testcase>\n", file);
	}
	fputs("</testsuite>\n", file);
	return ferror(file) ? -EIO : 0;
}
