// SPDX-License-Identifier: BSD-3-Clause
//
// derive: from the user's objects to those of the datapath, one unit at a time. Main thread.

#pragma once

#include "controller/desired.h"
#include "controller/model.h"

// Derives the unit from the model as it stands and replaces its objects in desired, appending the
// difference to ops (may be NULL). A unit whose object is gone derives to nothing.
int derive_unit(const struct model *model, struct desired *desired, const char *key,
                struct ops *ops, struct refusal *refusal);

// All of the model's dirty units.
int derive_dirty(const struct model *model, struct desired *desired, struct ops *ops,
                 struct refusal *refusal);

// Everything, from nothing.
int derive_all(const struct model *model, struct desired *desired, struct refusal *refusal);
