// SPDX-License-Identifier: BSD-3-Clause
//
// hosts_ready: waits for hosts whose datapaths start in namespaces of this machine. One thread.

#pragma once

#include "cli/command.h"

struct client;

// Returns when every such host of the lab (NULL: of all) holds what it must, or after half a minute with an
// error that names one which does not. An exit code. Hosts on other machines come in their own time.
int hosts_ready_await(const struct invocation *call, const char *lab, struct client *client);
