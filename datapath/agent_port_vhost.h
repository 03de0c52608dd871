// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port_vhost: the vhost-user doors among the ports: opened, lent to the keeper, told of. Main thread.

#pragma once

#include "base/fail.h"
#include "proto/channel.pb-c.h"
#include "vnic/port.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct agent_keep;
struct agent_vhosts;

struct agent_vhosts_config {
	struct agent_keep *keep; // borrowed
	struct event_base *base; // borrowed
	gid_t vm_group;          // that virtual machines run under, 0: none
	// Returns once every worker has passed: what a port withdrew is nobody's.
	void (*settle)(void *user);
	// A front end came or went, a queue was lost.
	void (*event)(void *user, Weft__EventType type, uint64_t id, const char *text);
	void *user;
};

struct agent_vhosts *agent_vhosts_new(const struct agent_vhosts_config *config); // NULL with errno
void agent_vhosts_free(struct agent_vhosts *vhosts); // => All its doors are closed. NULL is fine.

// Takes up what a predecessor had of the very same port, if it was lent. 0 or -errno.
int agent_vhost_open(struct agent_vhosts *vhosts, uint64_t id, const char *name,
                     const Weft__Port *config, struct port **ret, struct fail *fail);
// The socket is the port's from now on: listens there, or looks for a front end.
int agent_vhost_arrive(struct port *door, struct fail *fail);
// False: no door of ours. `forget`: nothing stays at the keeper's.
bool agent_vhost_close(struct agent_vhosts *vhosts, struct port *door, bool forget);
// Lets go of what a predecessor lent and no port has claimed. Returns of how many ports.
unsigned agent_vhosts_sweep(struct agent_vhosts *vhosts);
