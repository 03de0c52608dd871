// SPDX-License-Identifier: BSD-3-Clause
//
// guests_ran: whether the commands that a file gives its guests worked. One thread.

#pragma once

#include "cli/command.h"
#include "cli/topology.h"

struct client;

// Waits a second at most for commands to end, so that those that fail at once are told; those that go on are no
// failure. EXIT_ERROR: some failed, which was shown. => The lab was applied and its hosts are ready.
int guests_ran_await(const struct invocation *call, const struct topology *topology,
                     struct client *client);
