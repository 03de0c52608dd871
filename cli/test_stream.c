// SPDX-License-Identifier: BSD-3-Clause
//
// test_stream: bits a second that arrive, by a sender and a receiver of ours in the two guests.
//
// Datagrams are offered a tenth more than what must come through, or twice what may, so that a limit shows.

#include "cli/probe_stream.h"
#include "cli/test_run.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "cli/graph.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { DURATION_MS = 2000, DURATION_MAX_MS = 600000, READY_MS = 2000, SETTLE_MS = 100, BITS = 8 };

#define UDP_BPS UINT64_C(10000000)

static uint64_t offered(const Weft__LabTest *test)
{
	if (test->has_min_bps && test->min_bps)
		return test->min_bps + test->min_bps / 10;
	return test->has_max_bps && test->max_bps ? 2 * test->max_bps : UDP_BPS;
}

static uint32_t duration_of(const Weft__LabTest *test)
{
	uint32_t wanted =
		test->has_duration_ms && test->duration_ms ? test->duration_ms : DURATION_MS;

	return MIN(wanted, (uint32_t)DURATION_MAX_MS);
}

static void judge(struct test_case *item, const struct probe_sink_answer *sink)
{
	const Weft__LabTest *test = item->test;
	uint64_t bytes = sink->bytes, ns = sink->last_ns - sink->first_ns;
	uint64_t bps =
		bytes && ns ? (uint64_t)((double)bytes * BITS * (double)NSEC_PER_SEC / (double)ns)
			    : 0;
	char got[16], limit[16];

	graph_rate(bps, got);
	if (!bytes)
		test_fail(item, "nothing came through");
	else if (test->has_min_bps && bps < test->min_bps)
		test_fail(item, "%sbit/s came through, at least %sbit/s must", got,
		          graph_rate(test->min_bps, limit));
	else if (test->has_max_bps && bps > test->max_bps)
		test_fail(item, "%sbit/s came through, at most %sbit/s may", got,
		          graph_rate(test->max_bps, limit));
	else
		test_pass(item, "%sbit/s came through", got);
}

static bool wait_ready(const struct probe_sink_answer *sink)
{
	uint64_t patience = clock_now() + READY_MS * NSEC_PER_MSEC;

	while (!atomic_load(&sink->ready) && clock_now() < patience)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return atomic_load(&sink->ready);
}

static void send(struct test_run *run, struct test_case *item, const struct probe_sink_answer *sink,
                 struct probe_source_answer *answer)
{
	const Weft__LabTest *test = item->test;
	const struct probe_source_question question = {
		.target = item->ip,
		.port = sink->port,
		.udp = test->has_udp && test->udp,
		.udp_bps = offered(test),
		.wait_ms = run->wait_ms,
		.duration_ms = duration_of(test),
	};
	struct probe_job job = {
		.place = &item->from->place,
		.run = probe_source,
		.question = &question,
		.answer = answer,
		.timeout_ms = question.duration_ms + run->wait_ms + READY_MS,
	};

	if (probe_job_start(&job) == 0)
		probe_job_wait(&job);
	nanosleep(&(struct timespec){.tv_nsec = SETTLE_MS * 1000000}, NULL);
	if (job.trouble[0])
		test_fail(item, "%s", job.trouble);
	else if (answer->error)
		test_fail(item, "no connection: %s", strerror(answer->error));
	else
		judge(item, sink);
}

static void run_alone(struct test_run *run, struct test_case *item)
{
	const struct probe_sink_question question = {
		.udp = item->test->has_udp && item->test->udp,
		.port = item->test->has_port ? (uint16_t)item->test->port : 0,
	};
	struct probe_sink_answer *sink = probe_answer_new(sizeof(*sink));
	struct probe_source_answer *source = probe_answer_new(sizeof(*source));
	struct probe_job job = {
		.run = probe_sink,
		.question = &question,
		.answer = sink,
		.timeout_ms = UINT32_MAX,
	};

	if (!sink || !source) {
		test_fail(item, "out of memory");
	} else if (!test_has_ends(item)) {
		// It is told there.
	} else if (!item->to || !item->to->place.netns[0]) {
		test_fail(item, "'%s' is no guest with a namespace, so nothing can receive there",
		          item->target);
	} else {
		job.place = &item->to->place;
		if (probe_job_start(&job) < 0)
			test_fail(item, "%s", job.trouble);
		else if (!wait_ready(sink) || sink->error)
			test_fail(item, "guest '%s' cannot receive: %s", item->target,
			          strerror(sink->error));
		else
			send(run, item, sink, source);
		probe_job_stop(&job);
	}
	probe_answer_free(sink, sizeof(*sink));
	probe_answer_free(source, sizeof(*source));
}

const struct test_kind test_kind_iperf = {.run_alone = run_alone};
