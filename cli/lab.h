// SPDX-License-Identifier: BSD-3-Clause
//
// lab: sends a topology to the controller, and tells what came of it. One thread.

#pragma once

#include "cli/command.h"

struct topology;

// Reads the file that a command names; what is wrong with it is shown. An exit code. => topology_fini() in
// any case.
int lab_read(const struct invocation *call, const char *path, struct topology *ret);

// Applies, or only plans; shows what differs or what is refused, with the place in the file. An exit code.
int lab_apply(const struct invocation *call, const struct topology *topology, bool plan);
