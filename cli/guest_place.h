// SPDX-License-Identifier: BSD-3-Clause
//
// guest_place: where a guest lives on this machine, and how a process moves in. One thread.

#pragma once

#include "proto/api.pb-c.h"

#include <limits.h>

struct fail;

struct guest_place {
	char name[HOST_NAME_MAX + 1];
	char netns[PATH_MAX], resolv_conf[PATH_MAX];
};

// Of a record of the list of guests.
void guest_place_read(const Weft__Record *guest, struct guest_place *ret);

// Moves the calling process into the guest's network, and no further. 0 or -errno.
int guest_place_enter_net(const struct guest_place *place, struct fail *fail);
// Moves it into the guest with all that programs there look at, for good.
int guest_place_enter(const struct guest_place *place, struct fail *fail);
