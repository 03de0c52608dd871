// SPDX-License-Identifier: BSD-3-Clause
//
// daemon: the parts of weft-controller put together, from start to end. Main thread.

#pragma once

#include "base/fail.h"
#include "controller/options.h"

struct daemon;

int daemon_open(const struct options *options, struct daemon **ret, struct fail *fail);
// Until a signal or a client ends it.
void daemon_run(struct daemon *daemon);
void daemon_close(struct daemon *daemon);
