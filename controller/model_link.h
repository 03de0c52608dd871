// SPDX-License-Identifier: BSD-3-Clause
//
// model_link: which port is at which end of a link. Main thread.

#pragma once

#include "controller/model.h"

// The port that is the end "a" or "b"; NULL: there is none yet.
const struct intent *model_link_end(const struct model *model, const char *link, const char *end);
