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
	uint32_t vni; // of the one port out, if it is a peer; 0: it is none
	char hint[240];
};

// Adds a step. => trace is not NULL; stages call trace_step().
void trace_add(struct trace *trace, const char *stage, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// Does nothing when trace is NULL, and then does not even look at the arguments: a macro, because the
// addresses in them are formatted by calls that would cost a miss more than its decision does.
#define trace_step(trace, ...)                         \
	do {                                           \
		if (trace)                             \
			trace_add(trace, __VA_ARGS__); \
	} while (0)
