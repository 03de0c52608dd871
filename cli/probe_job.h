// SPDX-License-Identifier: BSD-3-Clause
//
// probe_job: work done inside guests, by processes of their own, of which none outlives its time or us. One
// thread.

#pragma once

#include "cli/guest_place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct probe_job {
	const struct guest_place *place; // NULL: on the host; borrowed
	bool whole;                      // with the guest's files as well, not only its network
	bool ends_others;                // it has processes of its own, which it ends at SIGTERM
	// Runs in a process of its own. What it leaves in the answer is seen by us, at any time.
	void (*run)(const void *question, void *answer);
	const void *question; // borrowed
	void *answer;         // by probe_answer_new()
	uint32_t timeout_ms;

	// What came of it: "" when it ran to its end.
	char trouble[512];
	uint64_t took_ns; // from its start to its end
	// While it runs.
	pid_t pid;
	int pid_fd;
	uint64_t began_ns, ends_ns;
};

// Zeroed memory that is shared with the processes that are started later. NULL when memory is short.
void *probe_answer_new(size_t size);
void probe_answer_free(void *answer, size_t size); // NULL is fine.

// Runs all, so many at a time, each for its time at most. 0 or -errno; the trouble of each is its own.
int probe_jobs_run(struct probe_job *jobs, size_t count, unsigned parallel);

// Starts one and does not wait for it. -errno: trouble is set.
int probe_job_start(struct probe_job *job);
// Waits for its end, for its time at most; then it is ended.
void probe_job_wait(struct probe_job *job);
// Ends it now. => It was started.
void probe_job_stop(struct probe_job *job);
