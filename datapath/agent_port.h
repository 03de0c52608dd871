// SPDX-License-Identifier: BSD-3-Clause
//
// agent_port: opens the doors that Port objects ask for, or takes them over from a predecessor, and closes
// them. Main thread only.

#pragma once

#include "base/fail.h"
#include "proto/objects.pb-c.h"
#include "vnic/port.h"

#include <stdbool.h>
#include <stdint.h>

struct agent_keep;
struct agent_ports;

typedef void (*agent_port_error_fn)(void *user, uint64_t id, const char *text);

// `error` hears what goes wrong with a port that no transaction can answer for any more.
struct agent_ports *agent_ports_new(struct agent_keep *keep, agent_port_error_fn error, void *user);
void agent_ports_free(struct agent_ports *ports); // => All doors are closed.

// As the callbacks of struct apply_env.
int agent_port_open(struct agent_ports *ports, uint64_t id, const char *name,
                    const Weft__Port *config, struct port **ret, struct fail *fail);
int agent_port_arrive(struct agent_ports *ports, uint64_t id, const Weft__Port *config,
                      struct port *door, struct fail *fail);
void agent_port_close(struct agent_ports *ports, uint64_t id, struct port *door, bool forget);

// Removes the TAPs that a predecessor left and no port has claimed. Returns how many.
unsigned agent_ports_sweep(struct agent_ports *ports);
