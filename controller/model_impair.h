// SPDX-License-Identifier: BSD-3-Clause
//
// model_impair: which port an impairment is for, and which way. Main thread.

#pragma once

#include "controller/model.h"

#include <stdbool.h>

// The port it sits on; NULL when there is none of the name.
const struct intent *model_impair_port(const struct model *model, const Weft__Impair *impair);
// The seed of one that was given none.
uint32_t model_impair_seed(const char *key);
// Whether it is for what the guest sends, seen from that port.
bool model_impair_is_out(const Weft__Impair *impair);
