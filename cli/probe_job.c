// SPDX-License-Identifier: BSD-3-Clause
//
// probe_job: one forked process a job, which moves into its guest, does its work and leaves the result in
// memory that it shares with us.
//
// The kernel ends a job with its parent, and the parent ends it when its time is over, so nothing stays
// behind, whatever happens to either. Ends are seen by descriptors of processes: no signal handler, and no
// number of a process that could have become another's.

#include "cli/probe_job.h"

#include "base/clock.h"
#include "base/fail.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PARALLEL_MAX = 256, EXIT_ENTER = 125 };

void *probe_answer_new(size_t size)
{
	void *answer = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return answer == MAP_FAILED ? NULL : answer;
}

void probe_answer_free(void *answer, size_t size)
{
	if (answer)
		munmap(answer, size ? size : 1);
}

static int enter(const struct probe_job *job, struct fail *fail)
{
	if (!job->place)
		return 0;
	return job->whole ? guest_place_enter(job->place, fail)
	                  : guest_place_enter_net(job->place, fail);
}

static int end_signal(const struct probe_job *job)
{
	return job->ends_others ? SIGTERM : SIGKILL;
}

static _Noreturn void work(struct probe_job *job, pid_t parent)
{
	struct fail fail = {0};

	prctl(PR_SET_PDEATHSIG, end_signal(job));
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	if (getppid() != parent)
		_exit(EXIT_ENTER);
	if (enter(job, &fail) < 0) {
		fprintf(stderr, "weft: %s\n", fail.what);
		_exit(EXIT_ENTER);
	}
	job->run(job->question, job->answer);
	_exit(0);
}

int probe_job_start(struct probe_job *job)
{
	pid_t parent = getpid();

	job->trouble[0] = '\0';
	job->began_ns = clock_now();
	job->ends_ns = job->began_ns + job->timeout_ms * NSEC_PER_MSEC;
	fflush(NULL);
	job->pid = fork();
	if (job->pid == 0)
		work(job, parent);
	job->pid_fd = job->pid > 0 ? pidfd_open(job->pid, 0) : -1;
	if (job->pid_fd >= 0)
		return 0;

	int error = -errno;

	snprintf(job->trouble, sizeof(job->trouble), "no process for it: %s", strerror(errno));
	if (job->pid > 0) {
		kill(job->pid, SIGKILL);
		waitpid(job->pid, NULL, 0);
	}
	job->pid = 0;
	return error;
}

static void reap(struct probe_job *job)
{
	int status = 0;

	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(job->pid_fd);
	job->pid = 0;
	job->took_ns = clock_now() - job->began_ns;
	if (job->trouble[0])
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ENTER)
		snprintf(job->trouble, sizeof(job->trouble), "guest '%s' could not be entered",
		         job->place ? job->place->name : "");
	else if (WIFSIGNALED(status))
		snprintf(job->trouble, sizeof(job->trouble), "its process was ended by signal %d",
		         WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(job->trouble, sizeof(job->trouble), "exit code %d", WEXITSTATUS(status));
}

void probe_job_stop(struct probe_job *job)
{
	if (!job->pid)
		return;
	snprintf(job->trouble, sizeof(job->trouble), "ended before its time");
	kill(job->pid, end_signal(job));
	reap(job);
}

static void expire(struct probe_job *job)
{
	snprintf(job->trouble, sizeof(job->trouble), "no result after %u ms", job->timeout_ms);
	kill(job->pid, end_signal(job));
	reap(job);
}

static int wait_ms(uint64_t ends_ns)
{
	uint64_t now = clock_now();

	return ends_ns > now ? (int)((ends_ns - now) / NSEC_PER_MSEC) + 1 : 0;
}

void probe_job_wait(struct probe_job *job)
{
	struct pollfd ended = {.fd = job->pid_fd, .events = POLLIN};

	if (!job->pid)
		return;
	while (poll(&ended, 1, wait_ms(job->ends_ns)) < 0 && errno == EINTR)
		;
	if (ended.revents)
		reap(job);
	else
		expire(job);
}

// Waits for one of those that run; those that ended or ran out of time are taken off. Returns how many run.
static unsigned wait_any(struct probe_job **running, unsigned count)
{
	struct pollfd ended[PARALLEL_MAX];
	uint64_t first = UINT64_MAX;
	unsigned left = 0;

	for (unsigned i = 0; i < count; i++) {
		ended[i] = (struct pollfd){.fd = running[i]->pid_fd, .events = POLLIN};
		if (running[i]->ends_ns < first)
			first = running[i]->ends_ns;
	}
	if (poll(ended, count, wait_ms(first)) < 0)
		return count;
	for (unsigned i = 0; i < count; i++) {
		if (ended[i].revents)
			reap(running[i]);
		else if (clock_now() >= running[i]->ends_ns)
			expire(running[i]);
		else
			running[left++] = running[i];
	}
	return left;
}

int probe_jobs_run(struct probe_job *jobs, size_t count, unsigned parallel)
{
	struct probe_job *running[PARALLEL_MAX];
	unsigned running_count = 0;
	size_t next = 0;

	if (parallel < 1 || parallel > PARALLEL_MAX)
		return -EINVAL;
	while (next < count || running_count) {
		if (next < count && running_count < parallel) {
			if (probe_job_start(&jobs[next]) == 0)
				running[running_count++] = &jobs[next];
			next++;
			continue;
		}
		running_count = wait_any(running, running_count);
	}
	return 0;
}
