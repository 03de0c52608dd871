// SPDX-License-Identifier: BSD-3-Clause
//
// agent: the datapath's end of the channel, and all that the main thread does: it connects to the
// controller and reconnects when it is gone, takes over what a predecessor left with the keeper, applies
// transactions, answers questions, runs the services and tells what happens. Main thread only.

#pragma once

#include "base/fail.h"
#include "datapath/agent_dial.h"
#include "datapath/state.h"

#include <stdint.h>
#include <sys/types.h>

struct event_base;

struct agent_config {
	struct event_base *base;  // borrowed
	struct agent_place place; // where the controller is; texts borrowed
	struct state_sizes sizes; // of a new state segment; workers included
	uint32_t flow_entries;
	uint32_t miss_per_second;
	uint64_t spin_ns;
	gid_t vm_group; // that virtual machines run under, 0: none
};

struct agent;

// Starts to connect. NULL with errno.
struct agent *agent_new(const struct agent_config *config);
// Ends the workers and closes everything; what the keeper holds stays there.
void agent_free(struct agent *agent); // NULL is fine.
