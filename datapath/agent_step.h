// SPDX-License-Identifier: BSD-3-Clause
//
// agent_step: events of the steps that timelines of impairments enter. Main thread only.

#pragma once

#include "datapath/agent_priv.h"

struct agent_step;

struct agent_step *agent_step_new(
	struct agent *agent);                  // NULL: out of memory. => The agent outlives it.
void agent_step_free(struct agent_step *step); // NULL is fine.

// Objects have changed. NULL is fine: an agent without timelines, as in tests.
void agent_step_changed(struct agent_step *step);
