// SPDX-License-Identifier: BSD-3-Clause
//
// plan: what would change, in the user's words. One thread.

#pragma once

#include "proto/api.pb-c.h"

enum { PLAN_LINES = 200 }; // More is not shown when it is done already.

// A line an object: "+ net dmz", "~ port h1 mtu 1400 -> none (in place)", "- guest h2", and with "!" what is
// not as it is stored. Names are those that the lab has for them.
void plan_print(const char *lab, const Weft__Reply *reply);
