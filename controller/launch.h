// SPDX-License-Identifier: BSD-3-Clause
//
// launch: keeps a datapath process alive: starts one when there is none, and again when it dies.
//
// The process is not ours to lose: it has a session of its own and survives us. While it lives it holds a
// lock that we opened for it, so a controller that starts finds out, without any guess, whether there is
// one already. Main thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct launch;

struct launch_env {
	struct event_base *base;
	const char *program; // Path of weft-datapath; NULL: somebody else starts it.
	const char *run_dir; // Borrowed.
	const char *netns;   // Name of the namespace it runs in, copied; NULL: ours.
	const char *label;   // What the log calls it; borrowed.
	void *user;
	// The process has ended.
	void (*died)(void *user, pid_t pid, const char *how);
};

struct launch *launch_new(const struct launch_env *env); // NULL with errno
void launch_free(struct launch *launch);                 // Leaves the process alone.

// Starts one unless one lives.
void launch_start(struct launch *launch);
// Minds the process that has connected, whoever started it.
void launch_watch(struct launch *launch, pid_t pid);
// Ends it, politely and then not, and starts none again. Returns when it has ended, or hangs in the kernel: after
// six seconds at most.
void launch_stop(struct launch *launch);

pid_t launch_pid(const struct launch *launch); // 0 when none is known.
unsigned launch_restarts(const struct launch *launch);
// Why it does not come up; NULL when all is well.
const char *launch_trouble(const struct launch *launch);
