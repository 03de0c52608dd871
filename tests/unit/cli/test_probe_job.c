// SPDX-License-Identifier: BSD-3-Clause
//
// test_probe_job: jobs leave their answers, end in time, and tell what became of them.

#include "cli/probe_job.h"

#include "base/clock.h"
#include "tests/unit/unit.h"

#include <signal.h>

static void square(const void *question, void *answer)
{
	*(int *)answer = *(const int *)question * *(const int *)question;
}

static void hang(const void *question, void *answer)
{
	*(int *)answer = 1;
	for (;;)
		pause();
}

static void crash(const void *question, void *answer)
{
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
}

static void answers_come_from_many(void **state)
{
	enum { JOBS = 50 };
	struct probe_job jobs[JOBS];
	int numbers[JOBS];
	int *answers = probe_answer_new(sizeof(numbers));
	unsigned fds = unit_open_fds();

	for (int i = 0; i < JOBS; i++) {
		numbers[i] = i;
		jobs[i] = (struct probe_job){.run = square,
		                             .question = &numbers[i],
		                             .answer = &answers[i],
		                             .timeout_ms = 30000};
	}
	assert_int_equal(probe_jobs_run(jobs, JOBS, 7), 0);
	for (int i = 0; i < JOBS; i++) {
		assert_string_equal(jobs[i].trouble, "");
		assert_int_equal(answers[i], i * i);
	}
	assert_int_equal(unit_open_fds(), fds);
	assert_true(probe_jobs_run(jobs, JOBS, 0) < 0);
	probe_answer_free(answers, sizeof(numbers));
	probe_answer_free(NULL, 0);
}

static void time_runs_out_and_the_answer_so_far_is_there(void **state)
{
	int *answer = probe_answer_new(sizeof(*answer));
	struct probe_job job = {.run = hang, .answer = answer, .timeout_ms = 200};
	uint64_t began = clock_now();

	assert_int_equal(probe_jobs_run(&job, 1, 1), 0);
	assert_true(clock_now() - began >= 200 * NSEC_PER_MSEC);
	assert_string_equal(job.trouble, "no result after 200 ms");
	assert_int_equal(*answer, 1);
	job.timeout_ms = 60000;
	assert_int_equal(probe_job_start(&job), 0);
	probe_job_stop(&job);
	assert_int_equal(job.pid, 0);
	probe_job_stop(&job);
	probe_answer_free(answer, sizeof(*answer));
}

static void what_went_wrong_is_told(void **state)
{
	struct guest_place nowhere = {.name = "h1", .netns = "/nonexistent"};
	struct probe_job jobs[] = {
		{.run = crash, .timeout_ms = 30000},
		{.run = square, .place = &nowhere, .timeout_ms = 30000},
	};

	assert_int_equal(probe_jobs_run(jobs, 2, 2), 0);
	assert_string_equal(jobs[0].trouble, "its process was ended by signal 15");
	assert_string_equal(jobs[1].trouble, "guest 'h1' could not be entered");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_from_many),
		cmocka_unit_test(time_runs_out_and_the_answer_so_far_is_there),
		cmocka_unit_test(what_went_wrong_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
