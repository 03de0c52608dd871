// SPDX-License-Identifier: BSD-3-Clause
//
// test_ping: what a ping is to be like, and whether it was so; for tests by themselves and those that watch.

#pragma once

#include "cli/probe_ping.h"
#include "cli/test_run.h"

// What the probe is to do.
void test_ping_ask(struct test_run *run, const struct test_case *item,
                   struct probe_ping_question *ret);
// The verdict; the longest time without an answer is the caller's to know.
void test_ping_judge(struct test_case *item, const struct probe_ping_answer *answer,
                     uint64_t gap_ns);
