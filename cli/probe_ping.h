// SPDX-License-Identifier: BSD-3-Clause
//
// probe_ping: echo requests at a steady pace, and what became of them. Runs in a guest, in a process of its own.

#pragma once

#include "base/addr.h"

#include <stdint.h>

struct probe_ping_question {
	struct ip_addr target;
	uint16_t mark;
	uint32_t count; // 0: until it is stopped
	uint32_t interval_us;
	uint32_t wait_ms; // for the last answer
};

// Kept up to date while it runs; times by clock_now().
struct probe_ping_answer {
	int error; // errno: it could not begin
	uint64_t sent, received;
	uint64_t rtt_sum_ns, rtt_max_ns;
	uint64_t began_ns, heard_ns; // the last answer, or the beginning
	uint64_t gap_ns;             // longest time without one, that is over
};

// A job's run.
void probe_ping(const void *question, void *answer);

// The longest time without an answer up to now.
uint64_t probe_ping_gap(const struct probe_ping_answer *answer, uint64_t now_ns);
