// SPDX-License-Identifier: BSD-3-Clause
//
// test_run: what can be done side by side goes first, many processes at a time; then, one by one, what loads
// the network or changes it, and would disturb the others.
//
// Datagrams need somebody who answers: each guest that is asked for a UDP port gets an echo on it while the
// tests run, unless a server of its own listens there.

#include "cli/test_run.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "cli/probe_reach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ECHOES_MAX = 1024, ECHO_START_MS = 2000 };

static const struct test_kind *const kinds[] = {
	[WEFT__LAB_TEST_KIND__TEST_REACH] = &test_kind_reach,
	[WEFT__LAB_TEST_KIND__TEST_PING] = &test_kind_ping,
	[WEFT__LAB_TEST_KIND__TEST_IPERF] = &test_kind_iperf,
	[WEFT__LAB_TEST_KIND__TEST_DNS] = &test_kind_dns,
	[WEFT__LAB_TEST_KIND__TEST_HTTP] = &test_kind_http,
	[WEFT__LAB_TEST_KIND__TEST_TRACE] = &test_kind_trace,
	[WEFT__LAB_TEST_KIND__TEST_DURING] = &test_kind_during,
};

static const struct test_kind *kind_of(const struct test_case *item)
{
	unsigned kind = item->test->kind;

	return kind < ARRAY_SIZE(kinds) ? kinds[kind] : NULL;
}

static void conclude(struct test_case *item, bool passed, const char *format, va_list args)
{
	item->ran = true;
	item->passed = passed;
	vsnprintf(item->text, sizeof(item->text), format, args);
}

void test_pass(struct test_case *item, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	conclude(item, true, format, args);
	va_end(args);
}

void test_fail(struct test_case *item, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	conclude(item, false, format, args);
	va_end(args);
}

bool test_is_blocked(const struct test_case *item)
{
	return item->test->has_blocked && item->test->blocked;
}

bool test_has_ends(struct test_case *item)
{
	if (!item->from)
		test_fail(item, "there is no guest to run it in");
	else if (!item->from->place.netns[0])
		test_fail(item, "guest '%s' is no namespace, so nothing can be run in it",
		          item->from->name);
	else if (item->to && ip_is_none(item->ip))
		test_fail(item, "guest '%s' has no address yet", item->target);
	else if (ip_is_none(item->ip))
		test_fail(item, "'%s' is neither a guest nor an address", item->target);
	else
		return true;
	return false;
}

// splitmix64: enough to tell probes apart, and the same for the same seed.
uint16_t test_mark(struct test_run *run)
{
	uint64_t value = run->state += UINT64_C(0x9e3779b97f4a7c15);

	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint16_t)(value >> 48);
}

struct echoes {
	struct {
		const struct test_guest *guest;
		uint16_t port;
		struct probe_job job;
		struct probe_echo_state *state;
	} list[ECHOES_MAX];
	unsigned count;
};

static void add_echo(struct echoes *echoes, const struct test_case *item)
{
	const Weft__LabTest *test = item->test;

	if (!item->to || !item->to->place.netns[0] || echoes->count == ECHOES_MAX ||
	    test->kind != WEFT__LAB_TEST_KIND__TEST_REACH || !test->protocol ||
	    strcmp(test->protocol, "udp") != 0)
		return;
	for (unsigned i = 0; i < echoes->count; i++)
		if (echoes->list[i].guest == item->to && echoes->list[i].port == test->port)
			return;
	echoes->list[echoes->count].guest = item->to;
	echoes->list[echoes->count++].port = (uint16_t)test->port;
}

static void start_echoes(struct echoes *echoes)
{
	uint64_t patience = clock_now() + ECHO_START_MS * NSEC_PER_MSEC;

	for (unsigned i = 0; i < echoes->count; i++) {
		struct probe_job *job = &echoes->list[i].job;

		echoes->list[i].state = probe_answer_new(sizeof(struct probe_echo_state));
		*job = (struct probe_job){.place = &echoes->list[i].guest->place,
		                          .run = probe_echo,
		                          .question = &echoes->list[i].port,
		                          .answer = echoes->list[i].state,
		                          .timeout_ms = UINT32_MAX};
		if (job->answer)
			probe_job_start(job);
	}
	for (unsigned i = 0; i < echoes->count; i++)
		while (echoes->list[i].state && !atomic_load(&echoes->list[i].state->ready) &&
		       clock_now() < patience)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void stop_echoes(struct echoes *echoes)
{
	for (unsigned i = 0; i < echoes->count; i++) {
		probe_job_stop(&echoes->list[i].job);
		probe_answer_free(echoes->list[i].state, sizeof(struct probe_echo_state));
	}
}

// How many of the cases from here on one process serves.
static size_t group_len(const struct test_case *cases, size_t count)
{
	size_t len = 1;

	if (!kind_of(cases)->together)
		return 1;
	while (len < count && !cases[len].ran && cases[len].test == cases->test &&
	       cases[len].from == cases->from)
		len++;
	return len;
}

static void fail_all(struct test_work *work, const char *why)
{
	for (size_t i = 0; i < work->count; i++)
		test_fail(&work->cases[i], "%s", why);
}

static bool begin(struct test_run *run, struct test_work *work)
{
	const struct test_kind *kind = kind_of(work->cases);

	if (kind->begin(run, work) < 0)
		return false;
	work->job.question = work->question;
	work->job.answer = probe_answer_new(work->answer_size);
	if (work->job.answer && work->question)
		return true;
	fail_all(work, "out of memory");
	return false;
}

static void end(struct test_run *run, struct test_work *work)
{
	for (size_t i = 0; i < work->count; i++)
		work->cases[i].took_ns = work->job.took_ns;
	if (work->job.trouble[0])
		fail_all(work, work->job.trouble);
	else
		kind_of(work->cases)->judge(run, work);
	probe_answer_free(work->job.answer, work->answer_size);
	free(work->question);
}

// The cases that can be done side by side. The jobs are moved together, as they are started from there.
static void run_works(struct test_run *run, struct test_work *works, size_t count)
{
	struct probe_job *jobs = calloc(count + 1, sizeof(*jobs));

	for (size_t i = 0; i < count && jobs; i++)
		jobs[i] = works[i].job;
	if (jobs)
		probe_jobs_run(jobs, count, run->parallel);
	for (size_t i = 0; i < count; i++) {
		if (jobs)
			works[i].job = jobs[i];
		else
			snprintf(works[i].job.trouble, sizeof(works[i].job.trouble),
			         "out of memory");
		end(run, &works[i]);
	}
	free(jobs);
}

static void run_together(struct test_run *run, struct test_case *cases, size_t count)
{
	struct test_work *works = calloc(count + 1, sizeof(*works));
	struct echoes *echoes = calloc(1, sizeof(*echoes));
	size_t used = 0, len;

	for (size_t i = 0; i < count && works && echoes; i += len) {
		len = 1;
		if (cases[i].ran || !kind_of(&cases[i]) || !kind_of(&cases[i])->begin)
			continue;
		len = group_len(&cases[i], count - i);
		works[used] = (struct test_work){.cases = &cases[i], .count = len};
		for (size_t j = 0; j < len; j++)
			add_echo(echoes, &cases[i + j]);
		used += begin(run, &works[used]);
	}
	if (echoes)
		start_echoes(echoes);
	run_works(run, works, used);
	if (echoes)
		stop_echoes(echoes);
	free(echoes);
	free(works);
}

static void run_alone(struct test_run *run, struct test_case *item)
{
	const struct test_kind *kind = kind_of(item);
	uint64_t began = clock_now();

	if (kind && kind->run_alone)
		kind->run_alone(run, item);
	else
		test_fail(item, "this weft knows no test of that kind");
	item->took_ns = clock_now() - began;
}

void test_run_all(struct test_run *run)
{
	struct test_set *set = run->set;

	run_together(run, set->cases, set->case_count);
	for (size_t i = 0; i < set->case_count; i++)
		if (!set->cases[i].ran)
			run_alone(run, &set->cases[i]);
}

void test_run_one(struct test_run *run, struct test_case *item)
{
	item->ran = false;
	run_together(run, item, 1);
	if (!item->ran)
		run_alone(run, item);
}
