// SPDX-License-Identifier: BSD-3-Clause
//
// test_during: something is done, and what is watched holds all the while.
//
// Pings run beside the commands, from before the first to after the last, at a steady pace, so that the
// longest time without an answer is that of the change. Whatever else is watched is tried when the commands
// are done. The commands are the lab's own and run as who runs the tests, as those of a Makefile do.

#include "cli/test_ping.h"
#include "cli/test_run.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WATCHED_MAX = 256, INTERVAL_US = 10000, COMMAND_MS = 120000, LEAD_MS = 200 };

struct watched {
	struct probe_ping_question question;
	struct probe_ping_answer *answer;
	struct probe_job job;
};

struct command_question {
	const char *command, *run_dir, *lab;
};

static void pause_ms(uint32_t ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
	          NULL);
}

static volatile pid_t shell;

// The shell and all that it started, which would outlive it.
static void end_shell(int number)
{
	if (shell > 0)
		kill(-shell, SIGKILL);
	_exit(128 + number);
}

static _Noreturn void be_shell(const struct command_question *question)
{
	setpgid(0, 0);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);

	setenv("WEFT_RUN_DIR", question->run_dir, 1);
	setenv("WEFT_LAB", question->lab, 1);
	// What is on standard output is the report.
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", question->command, (char *)NULL);
	_exit(127);
}

// Ends as the shell does.
static void run_command(const void *question, void *answer)
{
	int status = 0;
	pid_t pid;

	signal(SIGTERM, end_shell);
	signal(SIGINT, end_shell);
	pid = fork();
	if (pid == 0)
		be_shell(question);
	setpgid(pid, pid);
	shell = pid;
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		_exit(127);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static uint32_t left_ms(uint64_t ends_ns)
{
	uint64_t now = clock_now();

	return ends_ns > now ? (uint32_t)((ends_ns - now) / NSEC_PER_MSEC) + 1 : 0;
}

// With a duration all have that long together, else each its own time.
static bool do_commands(struct test_run *run, struct test_case *item, uint64_t ends_ns)
{
	const Weft__LabTest *test = item->test;

	for (size_t i = 0; i < test->n_run; i++) {
		const struct command_question question = {
			.command = test->run[i],
			.run_dir = run->call->run_dir ? run->call->run_dir : "",
			.lab = run->set->lab,
		};
		struct probe_job job = {
			.place = item->from ? &item->from->place : NULL,
			.whole = true,
			.ends_others = true,
			.run = run_command,
			.question = &question,
			.timeout_ms = test->has_duration_ms ? left_ms(ends_ns) : COMMAND_MS,
		};

		if (probe_job_start(&job) == 0)
			probe_job_wait(&job);
		if (!job.trouble[0])
			continue;
		test_fail(item, "'%.200s' did not work: %s", test->run[i], job.trouble);
		return false;
	}
	return true;
}

static bool is_ping(const struct test_case *item)
{
	return item->test->kind == WEFT__LAB_TEST_KIND__TEST_PING;
}

static void start_ping(struct test_run *run, struct test_case *item, struct watched *watched)
{
	if (!test_has_ends(item))
		return;
	test_ping_ask(run, item, &watched->question);
	// As long as it takes, and often enough to see a short gap.
	watched->question.count = 0;
	if (!item->test->has_interval_us)
		watched->question.interval_us = INTERVAL_US;
	watched->answer = probe_answer_new(sizeof(*watched->answer));
	watched->job = (struct probe_job){
		.place = &item->from->place,
		.run = probe_ping,
		.question = &watched->question,
		.answer = watched->answer,
		.timeout_ms = UINT32_MAX,
	};
	if (!watched->answer || probe_job_start(&watched->job) < 0)
		test_fail(item, "no process for its ping");
}

// What is under way when it ends is neither lost nor a gap.
static void end_ping(struct test_case *item, struct watched *watched)
{
	struct probe_ping_answer last;

	if (!watched->answer)
		return;
	last = *watched->answer;
	probe_job_stop(&watched->job);
	probe_answer_free(watched->answer, sizeof(*watched->answer));
	if (item->ran)
		return;
	if (last.sent > last.received && last.sent - last.received == 1)
		last.sent = last.received;
	test_ping_judge(item, &last, probe_ping_gap(&last, clock_now()));
}

static void tell(struct test_case *item, const struct test_set *inner)
{
	char passed[256] = "";

	for (size_t i = 0; i < inner->case_count; i++) {
		const struct test_case *at = &inner->cases[i];

		if (!at->passed) {
			test_fail(item, "%s: %.400s", at->name, at->text);
			return;
		}
		snprintf(passed, sizeof(passed), "%.100s: %.140s", at->name, at->text);
	}
	if (inner->case_count > 1)
		test_pass(item, "all %zu held", inner->case_count);
	else
		test_pass(item, "%s", inner->case_count ? passed : "done");
}

static void watch(struct test_run *run, struct test_case *item, struct test_set *inner,
                  struct watched *watched)
{
	const Weft__LabTest *test = item->test;
	struct test_run beside = *run;
	uint64_t ends;
	bool done;

	for (size_t i = 0; i < inner->case_count; i++)
		if (is_ping(&inner->cases[i]))
			start_ping(run, &inner->cases[i], &watched[i]);
	pause_ms(LEAD_MS);
	ends = clock_now() + (test->has_duration_ms ? test->duration_ms : 0u) * NSEC_PER_MSEC;
	done = do_commands(run, item, ends);
	pause_ms(MAX(left_ms(ends), (uint32_t)LEAD_MS));
	for (size_t i = 0; i < inner->case_count; i++)
		if (is_ping(&inner->cases[i]))
			end_ping(&inner->cases[i], &watched[i]);
	if (!done)
		return;
	beside.set = inner;
	test_run_all(&beside);
	tell(item, inner);
}

static void run_alone(struct test_run *run, struct test_case *item)
{
	// The guests are those of the whole; what is watched are cases of its own.
	struct test_set inner = {.guests = run->set->guests, .guest_count = run->set->guest_count};
	struct watched *watched = calloc(WATCHED_MAX, sizeof(*watched));
	int error = 0;

	snprintf(inner.lab, sizeof(inner.lab), "%s", run->set->lab);
	for (size_t i = 0; i < item->test->n_tests && error == 0; i++)
		if (item->test->tests[i]->kind != WEFT__LAB_TEST_KIND__TEST_DURING)
			error = test_set_add(&inner, item->test->tests[i]);
	if (error < 0 || !watched)
		test_fail(item, "out of memory");
	else if (inner.case_count > WATCHED_MAX)
		test_fail(item, "it watches %zu cases, %d at most", inner.case_count, WATCHED_MAX);
	else
		watch(run, item, &inner, watched);
	free(inner.cases);
	free(watched);
}

const struct test_kind test_kind_during = {.run_alone = run_alone};
