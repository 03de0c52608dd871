// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_place: whether a vhost-user port can be had here and now. Main thread.

#pragma once

#include "controller/model.h"

#include <stdbool.h>

// The datapath that will have the ports; NULL: there is none that could be asked.
struct vhost_host {
	const char *software;
	bool has_vhost;
};

// Judges the open batch: of each port that gets a socket in it, the directory must be there and the path must be
// free or a socket's. What was judged once is not judged again, as directories come and go. 0 or -errno with
// its refusal.
int vhost_place_check(const struct model *model, const struct vhost_host *host,
                      struct refusal *refusal);
