// SPDX-License-Identifier: BSD-3-Clause
//
// agent_dial: one attempt to reach the controller, at its unix socket or at a TCP address. Main thread only.

#pragma once

#include "base/fail.h"
#include "base/tls.h"

#include <stdbool.h>

struct event_base;
struct agent_dial;

struct agent_place {
	const char *socket; // Path of the unix socket; NULL: by TCP.
	// "ADDRESS:PORT", or NULL: as the bundle says.
	const char *address;
	const char *bundle; // Path; NULL: plain TCP, within this machine only.
};

// Whether the place can be one at all: -EINVAL, -EACCES or what is wrong with the bundle.
int agent_place_check(const struct agent_place *place, struct fail *fail);

// fail NULL: descriptor and tls (NULL: none) are the callee's. Comes from the event loop, once an attempt.
typedef void (*agent_dial_fn)(void *user, int fd, struct tls *tls, const struct fail *fail);

// The place is borrowed. NULL with errno.
struct agent_dial *agent_dial_new(struct event_base *base, const struct agent_place *place,
                                  agent_dial_fn done, void *user);
void agent_dial_free(struct agent_dial *dial); // Ends an attempt under way. NULL is fine.

// Begins an attempt. => None is under way.
void agent_dial_start(struct agent_dial *dial);

// "the controller at 192.0.2.1:7411"; until the next attempt.
const char *agent_dial_name(const struct agent_dial *dial);
