// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port: opens the doors that Port objects ask for, or takes them over from a predecessor, and closes
// them. Main thread only.

#pragma once

#include "base/fail.h"
#include "datapath/agent_apply.h"
#include "proto/channel.pb-c.h"
#include "vnic/port.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct agent_keep;
struct agent_ports;
struct tunnel_way;

struct agent_ports_config {
	struct agent_keep *keep; // borrowed
	struct event_base *base; // borrowed
	unsigned workers;
	gid_t vm_group; // see struct agent_vhosts_config
	// Returns once every worker has passed.
	void (*settle)(void *user);
	// What happens to a port by itself; what goes wrong with one that no transaction can answer for
	// any more is EVENT_PORT_ERROR.
	void (*event)(void *user, Weft__EventType type, uint64_t id, const char *text);
	// Forgets the MACs that were learnt behind the port.
	void (*forget)(void *user, uint32_t slot);
	void *user;
};

struct agent_liveness;

struct agent_ports *agent_ports_new(const struct agent_ports_config *config); // NULL with errno
void agent_ports_free(struct agent_ports *ports); // => All doors are closed. NULL is fine.

// As the callbacks of struct apply_env.
int agent_port_open(struct agent_ports *ports, uint64_t id, const char *name,
                    const Weft__Port *config, uint32_t slot, struct port **ret, struct fail *fail);
int agent_port_arrive(struct agent_ports *ports, uint64_t id, const Weft__Port *config,
                      struct port *door, struct fail *fail);
void agent_port_adjust(struct agent_ports *ports, uint64_t id, const Weft__Port *from,
                       const Weft__Port *to, struct port *door);
void agent_port_close(struct agent_ports *ports, uint64_t id, struct port *door, enum door_end end);

// Removes what a predecessor left of TAPs and vhost-user ports and no port has claimed. Returns how many.
unsigned agent_ports_sweep(struct agent_ports *ports);

// What BFD says of the peers of tunnels.
const struct agent_liveness *agent_ports_liveness(const struct agent_ports *ports);
// See agent_tunnels_ways and agent_tunnels_measure.
size_t agent_ports_ways(const struct agent_ports *ports, struct tunnel_way *ret, size_t room);
void agent_ports_measure(struct agent_ports *ports, const struct generation *generation,
                         struct fdb *fdb, bool all);
