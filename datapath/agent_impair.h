// SPDX-License-Identifier: BSD-3-Clause
//
// agent_impair: an impairment out of its object: what can be judged alone, and the plan that workers follow.
// Main thread only.

#pragma once

#include "datapath/agent_object.h"
#include "datapath/impair.h"

// => For agent_check(). 0 or the code of what the result was filled with.
int agent_check_impairment(const struct agent_object *object, struct apply_result *result);

// Gives the object, if it is an impairment, its setting. Frames under way stay with the version before and this
// one, unless the room for them changes. 0 or -ENOMEM.
int agent_impair_make(struct agent_object *object, const struct agent_object *held);
void agent_impair_free(struct impair_setting *setting); // NULL is fine.
