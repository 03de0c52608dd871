// SPDX-License-Identifier: BSD-3-Clause
//
// test_http: a page with its status and a text in it. A host that is a guest of the lab is found by its address,
// any other one by the guest's own resolver.

#include "cli/probe_http.h"
#include "cli/test_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 15000, STATUS = 200 };

static int begin(struct test_run *run, struct test_work *work)
{
	struct test_case *item = work->cases;
	struct probe_http_question *question = calloc(1, sizeof(*question));
	const struct test_guest *guest;
	int error;

	work->question = question;
	if (!question)
		return 0;
	error = probe_http_parse(item->target, question);
	if (error < 0)
		test_fail(item, "that is no http://HOST[:PORT]/PATH, nor https");
	else if (!item->from || !item->from->place.netns[0])
		test_fail(item, "there is no guest with a namespace to run it in");
	if (item->ran) {
		free(question);
		return -EINVAL;
	}
	guest = test_set_guest(run->set, question->host);
	if (guest)
		question->ip = guest->ip;
	question->ca = item->test->ca;
	question->insecure = item->test->insecure;
	question->wait_ms = run->wait_ms;
	work->answer_size = sizeof(struct probe_http_answer);
	work->job.place = &item->from->place;
	work->job.whole = true;
	work->job.run = probe_http;
	work->job.timeout_ms = TIMEOUT_MS + 2 * run->wait_ms;
	return 0;
}

static void judge(struct test_run *run, struct test_work *work)
{
	const struct probe_http_answer *answer = work->job.answer;
	struct test_case *item = work->cases;
	const Weft__LabTest *test = item->test;
	unsigned wanted = test->has_status ? test->status : STATUS;
	const char *body = probe_http_body(answer->bytes);

	if (test_is_blocked(item) && !answer->status)
		test_pass(item, "%s", answer->trouble);
	else if (test_is_blocked(item))
		test_fail(item, "status %u, which was to be blocked", answer->status);
	else if (!answer->status)
		test_fail(item, "%s", answer->trouble);
	else if (answer->status != wanted)
		test_fail(item, "status %u, not %u", answer->status, wanted);
	else if (test->body && (!body || !strstr(body, test->body)))
		test_fail(item, "status %u, but '%.100s' is not in what came", answer->status,
		          test->body);
	else
		test_pass(item, "status %u, %zu bytes", answer->status, answer->len);
}

const struct test_kind test_kind_http = {.begin = begin, .judge = judge};
