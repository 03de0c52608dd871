// SPDX-License-Identifier: BSD-3-Clause
//
// trace: why a packet goes where it goes: each stage adds a step in words while it decides.
//
// Stages call trace_step with a NULL trace in normal running: one branch on the miss path, none on the
// fast path. Objects are named as {ID} in the text; whoever shows it puts the user's name there.

#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRACE_STEPS = 32 };

struct trace_step {
	char stage[16];
	char text[240];
};

struct trace {
	unsigned count;
	struct trace_step steps[TRACE_STEPS];
	bool forwarded;
	uint16_t drop;          // enum drop_reason
	uint32_t out_ports[16]; // slots
	unsigned out_count;
	char hint[240];
};

// Does nothing when trace is NULL.
void trace_step(struct trace *trace, const char *stage, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
