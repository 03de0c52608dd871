// SPDX-License-Identifier: BSD-3-Clause
//
// daemons: how the processes of the instance are, and when they have ended. One thread.

#pragma once

#include "cli/command.h"
#include "proto/api.pb-c.h"

#include <sys/types.h>

struct fail;

struct daemons {
	pid_t controller, datapath; // 0: none.
};

// The reply holds the one record of the status. Returns an exit code, and says nothing by itself.
// => Free it with client_reply_free().
int daemons_status(const struct invocation *call, Weft__Reply **ret, struct fail *fail);

// The same for the process ids alone.
int daemons_find(const struct invocation *call, struct daemons *ret, struct fail *fail);

// Waits until both have ended. -ETIMEDOUT when they do not.
int daemons_await_end(const struct daemons *daemons, struct fail *fail);
