// SPDX-License-Identifier: BSD-3-Clause
//
// model_forward: what a forward's names amount to. Main thread.

#pragma once

#include "controller/model.h"

// The router before the forward's net.
const char *model_forward_router(const struct model *model, const struct intent *forward);

// The address it leads to in this family; false when it leads nowhere there.
bool model_forward_inside(const struct model *model, const struct intent *forward, bool want4,
                          struct ip_addr *ret);

// Whether anything can come in by it: without an outside address of its own its router needs an external net.
bool model_forward_is_met(const struct model *model, const struct intent *forward);
