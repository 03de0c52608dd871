// SPDX-License-Identifier: BSD-3-Clause
//
// probe_reach: whether packets come through to some addresses, and answers back. Runs in a guest, in a
// process of its own.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

enum probe_protocol { PROBE_ICMP, PROBE_TCP, PROBE_UDP };

struct probe_reach_question {
	enum probe_protocol protocol;
	uint16_t port;
	uint32_t wait_ms; // for an answer
	uint16_t mark;    // tells the echo requests of several runs apart
	unsigned count;
	struct ip_addr targets[];
};

enum probe_outcome { PROBE_SILENT, PROBE_ANSWERED, PROBE_REFUSED, PROBE_ERROR };

// Refused: the target said that nobody listens, so packets do come through.
struct probe_reach_answer {
	enum probe_outcome outcome;
	int error; // errno of PROBE_ERROR
	uint64_t rtt_ns;
};

// A job's run: a struct probe_reach_question, an array of struct probe_reach_answer.
void probe_reach(const void *question, void *answers);

// What answers to datagrams where no server of the guest's own does: a port, host order.
struct probe_echo_state {
	_Atomic bool ready; // listens, or cannot
	int error;          // EADDRINUSE: somebody else listens there
};

// A job's run, until it is stopped: a uint16_t, a struct probe_echo_state.
void probe_echo(const void *port, void *state);
