// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_place: whether a vhost-user port can be had here and now. Main thread.

#pragma once

#include "controller/model.h"

#include <stdbool.h>

// The datapath that will have the port.
struct vhost_host {
	const char *software;
	bool has_vhost;
};

// What the host of the name can; false: there is nobody who could be asked.
typedef bool (*vhost_host_fn)(void *user, const char *host, struct vhost_host *ret);

// Judges the open batch: of each port that gets a socket in it, the directory must be there and the path must be
// free or a socket's. What was judged once is not judged again, as directories come and go. 0 or -errno with
// its refusal.
int vhost_place_check(const struct model *model, vhost_host_fn find, void *user,
                      struct refusal *refusal);
