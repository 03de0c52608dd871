// SPDX-License-Identifier: BSD-3-Clause
//
// test_run: does what the cases of a set ask for, and writes into each what came of it. One thread.

#pragma once

#include "cli/probe_job.h"
#include "cli/test_set.h"

#include <stdint.h>

struct test_run {
	const struct invocation *call;
	struct test_set *set;
	unsigned parallel; // processes at a time
	uint32_t wait_ms;  // for one answer
	uint64_t seed;     // of what tells probes apart
	uint64_t state;    // of the numbers made of it
};

// Runs all cases that did not run.
void test_run_all(struct test_run *run);
// Runs one again, alone.
void test_run_one(struct test_run *run, struct test_case *item);

// A process in one guest, for one or several cases of one test.
struct test_work {
	struct test_case *cases;
	size_t count;
	struct probe_job job;
	void *question; // owned
	size_t answer_size;
};

// How a kind of test is done. Those without `begin` do all in `run_alone`, one after the other.
struct test_kind {
	bool together; // one process serves all targets of a guest
	// Sets up job, question and the size of the answer; -EINVAL when the cases have failed already.
	int (*begin)(struct test_run *run, struct test_work *work);
	void (*judge)(struct test_run *run, struct test_work *work);
	void (*run_alone)(struct test_run *run, struct test_case *item);
};

extern const struct test_kind test_kind_reach, test_kind_ping, test_kind_iperf, test_kind_dns,
	test_kind_http, test_kind_trace, test_kind_during;

// The verdict; the text is of the printf kind.
void test_pass(struct test_case *item, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void test_fail(struct test_case *item, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// Whether the case has a guest to run in and an address to go to. If not, it has failed.
bool test_has_ends(struct test_case *item);
bool test_is_blocked(const struct test_case *item);
// A number that tells this probe from others.
uint16_t test_mark(struct test_run *run);
