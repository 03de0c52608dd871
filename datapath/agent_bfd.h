// SPDX-License-Identifier: BSD-3-Clause
//
// agent_bfd: carries the packets of BFD sessions by sockets of the kernel, and wakes who runs them when time has come.
// Main thread only.

#pragma once

#include "tunnels/bfd_sessions.h"

#include <stddef.h>
#include <stdint.h>

struct agent_bfd;
struct event_base;

struct agent_bfd_config {
	struct event_base *base; // borrowed
	void (*packet)(void *user, const struct bfd_path *path, unsigned ttl, const uint8_t *bytes,
	               size_t len);
	uint64_t (*run)(
		void *user); // when it wants to be called again; ns of clock_now(), UINT64_MAX: never
	void *user;
};

struct agent_bfd *agent_bfd_new(const struct agent_bfd_config *config); // NULL: no memory
void agent_bfd_free(struct agent_bfd *bfd); // => Its carrier has closed all. NULL is fine.

struct bfd_carrier agent_bfd_carrier(struct agent_bfd *bfd);
// run() is called soon.
void agent_bfd_wake(struct agent_bfd *bfd);
