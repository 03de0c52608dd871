// SPDX-License-Identifier: BSD-3-Clause
//
// guest_run: the commands that a guest runs when it comes up. Main thread.

#pragma once

#include "controller/guests.h"

#include <stddef.h>

// Starts the commands of the guests that the open batch adds. What they say goes to run.log beside the guest's
// resolv.conf; nobody waits for them, and they end with the guest's namespace.
void guest_run_new(const struct guests *guests, const struct model *model);
// The same for one guest, whose namespace was made anew.
void guest_run(const struct guests *guests, const struct model *model, const struct intent *guest);

// "running", "done", "failed with 3"; "" when it has no commands, or they did not begin.
const char *guest_run_state(const struct guests *guests, const struct intent *guest, char *buf,
                            size_t size);

// Removes what was written for the guest.
void guest_run_forget(const struct guests *guests, const char *name);
