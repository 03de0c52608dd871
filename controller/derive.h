// SPDX-License-Identifier: BSD-3-Clause
//
// derive: from the user's objects to those of the datapath, one unit at a time. Main thread.

#pragma once

#include "controller/layout.h"
#include "controller/model.h"

// All of the model's dirty units, from the model as it stands, replaced in the layout. With `collect` the
// differences are appended to the ops of each host.
int derive_dirty(const struct model *model, struct layout *layout, bool collect,
                 struct refusal *refusal);

// The units of the keys, in which something else has changed than the intent; the differences are collected.
int derive_units(const struct model *model, struct layout *layout, const struct table *keys,
                 struct refusal *refusal);

// Everything, from nothing.
int derive_all(const struct model *model, struct layout *layout, struct refusal *refusal);
