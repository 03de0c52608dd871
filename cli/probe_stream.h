// SPDX-License-Identifier: BSD-3-Clause
//
// probe_stream: as many bytes as come through, by TCP or by datagrams of a given rate. Each end runs in a guest,
// in a process of its own.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct probe_sink_question {
	bool udp;
	uint16_t port; // 0: any
};

// Kept up to date while it runs; times by clock_now().
struct probe_sink_answer {
	_Atomic bool ready;
	int error; // errno: it cannot listen
	uint16_t port;
	_Atomic uint64_t bytes; // of payload
	_Atomic uint64_t first_ns, last_ns;
};

struct probe_source_question {
	struct ip_addr target;
	uint16_t port;
	bool udp;
	uint64_t udp_bps; // of payload
	uint32_t wait_ms; // for the connection
	uint32_t duration_ms;
};

struct probe_source_answer {
	int error; // errno: it could not begin
	uint64_t bytes;
};

// Jobs' runs; the sink goes on until it is stopped.
void probe_sink(const void *question, void *answer);
void probe_source(const void *question, void *answer);
