// SPDX-License-Identifier: BSD-3-Clause
//
// station: where the datapath of a host on this machine is started, watched and let in: a directory with its
// socket, lock and log. The local one has the run directory itself. Main thread.

#pragma once

#include "base/fail.h"
#include "controller/host.h"

struct station;

struct station_env {
	struct event_base *base;
	const char *program; // Of the datapath; NULL: somebody else starts it.
	const char *run_dir; // Of the instance.
	void *user;
	void (*died)(void *user, struct host *host, const char *how);
};

// netns: the namespace it runs in, by name; NULL: ours, and the directory is the run directory. It lets in
// whoever it started, or is the only one there is; nothing is started yet. NULL with the reason.
struct station *station_new(const struct station_env *env, struct host *host, const char *netns,
                            struct fail *fail);
void station_free(struct station *station); // Leaves the process alone, and the socket.

void station_start(struct station *station);
// Ends the process, and returns when it is gone; then removes what it needed.
void station_stop(struct station *station);

pid_t station_pid(const struct station *station); // 0 when none is known.
unsigned station_restarts(const struct station *station);
const char *station_trouble(const struct station *station); // Why it does not come up, or NULL.
