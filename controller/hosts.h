// SPDX-License-Identifier: BSD-3-Clause
//
// hosts: all datapaths of an instance. The local one is always there, the others come and go with the
// intent. Main thread.

#pragma once

#include "controller/host.h"
#include "controller/layout.h"
#include "controller/model.h"

struct event;

struct hosts {
	struct host_env env; // Of each.
	struct layout *layout;
	struct table by_name; // name -> struct host, owned
	struct host *local;
	struct host **gone; // To be freed when nobody is within a call of theirs.
	size_t gone_count;
	struct event *reaper;
	void *user;
	// One begins, or ends: when `left` returns, its process on this machine has ended. May be NULL.
	void (*came)(void *user, struct host *host);
	void (*left)(void *user, struct host *host);
};

// => env, layout and the calls are set. 0 or -errno.
int hosts_open(struct hosts *hosts);
void hosts_close(struct hosts *hosts);

// Follows the model: hosts that it does not have any more end, those that are new begin.
void hosts_follow(struct hosts *hosts, const struct model *model);

struct host *hosts_get(const struct hosts *hosts, const char *name); // NULL when there is none.
struct host *hosts_next(const struct hosts *hosts, size_t *cursor);
// Whose unit is held back somewhere; NULL: nowhere.
const struct refusal *hosts_held(const struct hosts *hosts, const char *unit);
// Nobody of them answers the user any more.
void hosts_forget(const struct hosts *hosts, void *user);
bool hosts_have_pid(const struct hosts *hosts, pid_t pid);
