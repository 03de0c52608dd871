// SPDX-License-Identifier: BSD-3-Clause
//
// test_name: a name stands for the addresses that it is to stand for, all of them, and no others of their
// family; or, where it is to be blocked, for none.

#include "cli/probe_name.h"
#include "cli/test_run.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 15000 };

static int begin(struct test_run *run, struct test_work *work)
{
	struct test_case *item = work->cases;
	struct probe_name_question *question;

	if (!item->from || !item->from->place.netns[0]) {
		test_fail(item, "there is no guest with a namespace to run it in");
		return -1;
	}
	work->question = question = calloc(1, sizeof(*question));
	if (question)
		snprintf(question->name, sizeof(question->name), "%s", item->target);
	work->answer_size = sizeof(struct probe_name_answer);
	work->job.place = &item->from->place;
	work->job.whole = true;
	work->job.run = probe_name;
	work->job.timeout_ms = TIMEOUT_MS;
	return 0;
}

static bool is_expected(const Weft__LabTest *test, struct ip_addr ip)
{
	bool other_family = true;
	struct ip_addr wanted;

	for (size_t i = 0; i < test->n_answer; i++) {
		if (ip_parse(test->answer[i], &wanted) < 0)
			continue;
		if (ip_equal(wanted, ip))
			return true;
		other_family = other_family && ip_is4(wanted) != ip_is4(ip);
	}
	return other_family;
}

static bool has(const struct probe_name_answer *answer, const char *text)
{
	struct ip_addr wanted;

	for (unsigned i = 0; i < answer->count && ip_parse(text, &wanted) == 0; i++)
		if (ip_equal(answer->addresses[i], wanted))
			return true;
	return false;
}

static void list_addresses(const struct probe_name_answer *answer, char *buf, size_t size)
{
	size_t used = 0;
	char text[IP_TEXT];

	buf[0] = '\0';
	for (unsigned i = 0; i < answer->count && used + sizeof(text) + 2 < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "",
		                         ip_format(answer->addresses[i], text));
}

static void judge_answer(struct test_case *item, const struct probe_name_answer *answer)
{
	const Weft__LabTest *test = item->test;
	char list[400], text[IP_TEXT];

	list_addresses(answer, list, sizeof(list));
	for (size_t i = 0; i < test->n_answer; i++)
		if (!has(answer, test->answer[i])) {
			test_fail(item, "it stands for %s, and not for %s", list, test->answer[i]);
			return;
		}
	for (unsigned i = 0; i < answer->count && test->n_answer; i++)
		if (!is_expected(test, answer->addresses[i])) {
			test_fail(item, "it stands for %s, too",
			          ip_format(answer->addresses[i], text));
			return;
		}
	test_pass(item, "%s", list);
}

static void judge(struct test_run *run, struct test_work *work)
{
	const struct probe_name_answer *answer = work->job.answer;
	struct test_case *item = work->cases;
	char list[400];

	list_addresses(answer, list, sizeof(list));
	if (test_is_blocked(item) && answer->error)
		test_pass(item, "%s", gai_strerror(answer->error));
	else if (test_is_blocked(item))
		test_fail(item, "it stands for %s, which was to be blocked", list);
	else if (answer->error)
		test_fail(item, "%s", gai_strerror(answer->error));
	else
		judge_answer(item, answer);
}

const struct test_kind test_kind_dns = {.begin = begin, .judge = judge};
