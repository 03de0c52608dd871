// SPDX-License-Identifier: BSD-3-Clause
//
// api: the controller's socket: who may ask what, and who waits for which answer.
//
// Root and the daemon's own user may change; whoever may connect may read. Main thread.

#pragma once

#include "base/fail.h"

#include <stdbool.h>
#include <stdint.h>

struct access;
struct api;
struct control;
struct leases;

struct api_env {
	struct event_base *base;
	const char *run_dir;
	const char *state_dir;
	struct control *control;
	struct leases *leases;
	struct access *access;
	void *user;
	// Ends the process once the answer is out. With the datapath, and without a trace.
	void (*shutdown)(void *user, bool leave_nothing);
};

int api_open(const struct api_env *env, struct api **ret, struct fail *fail);
void api_close(struct api *api);

// Tells those who watch.
// The host is NULL when it is none, or the local one.
void api_tell(struct api *api, const char *host, const char *type, const char *object,
              const char *text);
