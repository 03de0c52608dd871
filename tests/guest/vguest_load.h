// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_load: a load between guests in one thread, and what became of every frame of it.
//
// Each sender's ring is a stream of numbered frames. The receiver keeps which numbers came, so that loss,
// doubles and changes of order are counted, not guessed. One thread.

#pragma once

#include "tests/guest/vguest_frame.h"
#include "tests/guest/vguest_nic.h"

#include <stdint.h>

enum vguest_vary {
	VGUEST_VARY_TO,    // Flows differ in their destination address.
	VGUEST_VARY_TUPLE, // In source port and destination address.
};

struct vguest_load {
	struct vguest_flow flow; // MACs, addresses and stream are set per guest.
	enum vguest_vary vary;
	uint32_t flows;
	uint32_t len;    // Of each frame;
	uint32_t len_to; // or anything from len to this.
	uint64_t count;  // Of each stream; 0 for no end.
	double seconds;  // 0 for no end.
	double rate;     // Frames a second of each guest; 0 for as many as go.
	uint32_t window; // Frames of a stream under way (of one guest: not echoed) at most; or 0.
	uint32_t burst;
	unsigned stops; // Pauses of the first guest, spread over `count`.
	bool one_way;   // Only the first guest sends.
	bool echo;      // What comes is sent back, and nothing else is.
	bool sink;      // Nothing is sent.
	bool verify;    // Every byte; else only numbers.
	bool numbers;   // Else frames are counted only.
	bool stamp;     // Time on the way.
	bool sleep;     // Wait for calls when there is nothing to do; else poll.
	bool reconnect; // When a back end dies, wait for the next one.
	uint32_t
		quiet_ms; // The end when all was sent, or the window is full: so long nothing came.
};

struct vguest_result {
	double seconds; // From the first frame to the last.
	uint64_t sent;  // Taken by the device.
	uint64_t received, bytes;
	uint64_t lost, doubled, reordered, damaged, foreign;
	uint64_t kicks, calls;
	uint64_t reconnects;
	unsigned rings_used;   // Receive rings that brought frames.
	double longest_gap_ms; // In which nothing came, between the first frame and the last.
	double p50_us, p99_us;
	char damage[160]; // What was wrong with the first damaged frame,
	char fault[192];  // and the first breach of a ring.
};

// Runs the load over the guests, whose number is at most 2; of two, each sends to the other. => They are started.
int vguest_load_run(struct vguest_nic *nics, unsigned count, const struct vguest_load *load,
                    struct vguest_result *result, struct fail *fail);

// Ends a running load soon; from a signal handler.
void vguest_load_end(void);

// The address of guest 0 or 1.
void vguest_load_mac(unsigned guest, uint8_t mac[6]);
