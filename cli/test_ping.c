// SPDX-License-Identifier: BSD-3-Clause
//
// test_ping: loss, mean round trip and the longest time without an answer, each against what is allowed.

#include "cli/test_ping.h"
#include "cli/test_run.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 3, INTERVAL_US = 200000, MILLION = 1000000, GRACE_MS = 3000 };

static double ms(uint64_t ns)
{
	return (double)ns / (double)NSEC_PER_MSEC;
}

void test_ping_ask(struct test_run *run, const struct test_case *item,
                   struct probe_ping_question *ret)
{
	const Weft__LabTest *test = item->test;

	*ret = (struct probe_ping_question){
		.target = item->ip,
		.mark = test_mark(run),
		.count = test->has_count && test->count ? test->count : COUNT,
		.interval_us = test->has_interval_us && test->interval_us ? test->interval_us
	                                                                  : INTERVAL_US,
		.wait_ms = run->wait_ms,
	};
}

static int begin(struct test_run *run, struct test_work *work)
{
	struct probe_ping_question *question = NULL;

	if (!test_has_ends(work->cases))
		return -1;
	work->question = question = malloc(sizeof(*question));
	if (!question)
		return 0;
	test_ping_ask(run, work->cases, question);
	work->answer_size = sizeof(struct probe_ping_answer);
	work->job.place = &work->cases->from->place;
	work->job.run = probe_ping;
	work->job.timeout_ms =
		(uint32_t)((uint64_t)question->count * question->interval_us / 1000) +
		run->wait_ms + GRACE_MS;
	return 0;
}

void test_ping_judge(struct test_case *item, const struct probe_ping_answer *answer,
                     uint64_t gap_ns)
{
	const Weft__LabTest *test = item->test;
	uint64_t lost = answer->sent - answer->received;
	uint64_t allowed = test->has_max_loss_ppm ? test->max_loss_ppm : 0;
	uint64_t mean = answer->received ? answer->rtt_sum_ns / answer->received : 0;
	char losses[64] = "";

	if (lost)
		snprintf(losses, sizeof(losses), ", %" PRIu64 " lost: %.2f %%", lost,
		         100.0 * (double)lost / (double)answer->sent);

	if (answer->error)
		test_fail(item, "%s", strerror(answer->error));
	else if (test_is_blocked(item) && answer->received)
		test_fail(item, "%" PRIu64 " of %" PRIu64 " were answered, which was to be blocked",
		          answer->received, answer->sent);
	else if (test_is_blocked(item))
		test_pass(item, "none of %" PRIu64 " was answered", answer->sent);
	else if (!answer->received)
		test_fail(item, "none of %" PRIu64 " was answered", answer->sent);
	// A gap that is watched tells of losses, unless they are limited as well.
	else if ((test->has_max_loss_ppm || !test->has_max_gap_us) &&
	         lost * MILLION > allowed * answer->sent)
		test_fail(item, "%" PRIu64 " of %" PRIu64 " lost: %.2f %%, %.2f %% are allowed",
		          lost, answer->sent, 100.0 * (double)lost / (double)answer->sent,
		          (double)allowed * 100 / MILLION);
	else if (test->has_max_rtt_us && mean > test->max_rtt_us * NSEC_PER_USEC)
		test_fail(item, "round trip of %.3f ms in the mean, %.3f ms are allowed", ms(mean),
		          (double)test->max_rtt_us / 1000);
	else if (test->has_max_gap_us && gap_ns > test->max_gap_us * NSEC_PER_USEC)
		test_fail(item,
		          "%.1f ms without an answer, %.1f ms are allowed; %" PRIu64 " of %" PRIu64
		          " lost",
		          ms(gap_ns), (double)test->max_gap_us / 1000, lost, answer->sent);
	else
		test_pass(item,
		          "%" PRIu64 " of %" PRIu64 " answered, %.3f ms in the mean, gap %.1f ms%s",
		          answer->received, answer->sent, ms(mean), ms(gap_ns), losses);
}

static void judge(struct test_run *run, struct test_work *work)
{
	const struct probe_ping_answer *answer = work->job.answer;

	// With all answered the end of the wait is no gap.
	test_ping_judge(work->cases, answer,
	                answer->received == answer->sent ? answer->gap_ns
	                                                 : probe_ping_gap(answer, clock_now()));
}

const struct test_kind test_kind_ping = {.begin = begin, .judge = judge};
