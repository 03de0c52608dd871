// SPDX-License-Identifier: BSD-3-Clause
//
// suppress: questions for neighbours that are answered here, or kept here, instead of going to other hosts.

#pragma once

#include "datapath/miss.h"

// Looks at a group's or broadcast frame. Returns whether it was answered on behalf of a host behind a tunnel;
// otherwise it goes on, perhaps only to ports of this host. => Parsed to L4, and not for the router alone.
bool suppress_stage(struct miss *miss);
