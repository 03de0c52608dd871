// SPDX-License-Identifier: BSD-3-Clause
//
// lab_hosts: waits for the hosts of a lab, whose datapaths start when it is applied. One thread.

#pragma once

#include "cli/command.h"

struct client;
struct topology;

// Returns when every host that this machine starts for the lab holds what it must, or after half a minute with
// a warning that names one which does not. An exit code. Other hosts come in their own time.
int lab_hosts_await(const struct invocation *call, const struct topology *topology,
                    struct client *client);
