// SPDX-License-Identifier: BSD-3-Clause
//
// agent_relate: judgements on one object among the others, used by agent_relate(). Main thread only.

#pragma once

#include "datapath/agent_change.h"

// => The object's links have been checked. 0, or -errno with the result filled.
int agent_relate_object(struct agent_change *change, const struct agent_object *object);
// The subnets of an interface against those of all others in its VRF, of which MAX_INTERFACES is the most.
int agent_relate_subnets(struct agent_change *change, const struct agent_object *object);
