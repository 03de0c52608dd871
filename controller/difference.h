// SPDX-License-Identifier: BSD-3-Clause
//
// difference: what a change makes of an object, as records for a person and for programs. Any thread.

#pragma once

#include "controller/model.h"
#include "proto/api.pb-c.h"

// Of one object: {verb add|delete, object} alone, or one record {verb set, object, field, before, after}
// for each field that differs; before and after are left out where the field is not set. Takes the
// records one by one, each to be owned by what `take` does with it.
typedef void (*difference_take_fn)(void *user, Weft__Record *record);
void difference_each(const struct model_change *change, difference_take_fn take, void *user);
