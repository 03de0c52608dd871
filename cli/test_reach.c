// SPDX-License-Identifier: BSD-3-Clause
//
// test_reach: whether packets come through, from one guest to all its targets at once.
//
// "Port closed", said by the target, shows that both directions are open; only silence is a block. An echo
// of ours answers datagrams where no server of the guest's does.

#include "cli/probe_reach.h"
#include "cli/test_run.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRACE_MS = 3000 };

static enum probe_protocol protocol_of(const Weft__LabTest *test)
{
	if (!test->protocol || strcmp(test->protocol, "icmp") == 0)
		return PROBE_ICMP;
	return strcmp(test->protocol, "udp") == 0 ? PROBE_UDP : PROBE_TCP;
}

static int begin(struct test_run *run, struct test_work *work)
{
	const Weft__LabTest *test = work->cases[0].test;
	struct probe_reach_question *question =
		calloc(1, sizeof(*question) + work->count * sizeof(question->targets[0]));
	unsigned parts = (unsigned)(work->count / 512) + 1;

	work->question = question;
	if (!question)
		return 0;
	for (size_t i = 0; i < work->count; i++)
		if (test_has_ends(&work->cases[i]))
			question->targets[question->count++] = work->cases[i].ip;
	if (question->count == 0) {
		free(question);
		return -EINVAL;
	}
	question->protocol = protocol_of(test);
	question->port = (uint16_t)test->port;
	question->wait_ms = run->wait_ms;
	question->mark = test_mark(run);
	work->answer_size = question->count * sizeof(struct probe_reach_answer);
	work->job.place = &work->cases[0].from->place;
	work->job.run = probe_reach;
	work->job.timeout_ms = parts * run->wait_ms + GRACE_MS;
	return 0;
}

// What a person reads of an answer.
static void describe(const struct probe_reach_answer *answer, char *buf, size_t size)
{
	double ms = (double)answer->rtt_ns / (double)NSEC_PER_MSEC;

	if (answer->outcome == PROBE_ANSWERED)
		snprintf(buf, size, "an answer in %.2f ms", ms);
	else if (answer->outcome == PROBE_REFUSED)
		snprintf(buf, size, "an answer in %.2f ms: nobody listens there", ms);
	else if (answer->outcome == PROBE_SILENT)
		snprintf(buf, size, "no answer");
	else
		snprintf(buf, size, "%s", strerror(answer->error));
}

static void judge_one(struct test_case *item, const struct probe_reach_answer *answer)
{
	bool through = answer->outcome == PROBE_ANSWERED || answer->outcome == PROBE_REFUSED;
	// A guest without a way there is as good as blocked; any other error tells nothing.
	bool blocked = answer->outcome == PROBE_SILENT ||
	               (answer->outcome == PROBE_ERROR && answer->error == ENETUNREACH);
	char what[128];

	describe(answer, what, sizeof(what));
	if (test_is_blocked(item) ? blocked : through)
		test_pass(item, "%s", what);
	else if (test_is_blocked(item))
		test_fail(item, "%s, which was to be blocked", what);
	else
		test_fail(item, "%s", what);
}

static void judge(struct test_run *run, struct test_work *work)
{
	const struct probe_reach_answer *answer = work->job.answer;

	for (size_t i = 0; i < work->count; i++)
		if (!work->cases[i].ran)
			judge_one(&work->cases[i], answer++);
}

const struct test_kind test_kind_reach = {.together = true, .begin = begin, .judge = judge};
