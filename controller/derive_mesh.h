// SPDX-License-Identifier: BSD-3-Clause
//
// derive_mesh: what joins the hosts of a net. Main thread.

#pragma once

#include "controller/ipam.h"
#include "controller/layout.h"
#include "controller/model.h"

// The hosts of a net, one after the other: where it has ports, and its home if something is served there.
struct mesh_walk {
	const struct model *model;
	const struct intent *net;
	const char *home; // NULL: only where there are ports
	size_t cursor;
	bool ended;
};

struct mesh_walk derive_mesh_walk(const struct model *model, struct layout *layout,
                                  const struct intent *net);
bool derive_mesh_next(struct mesh_walk *walk, char ret[static KEY_SIZE]);
// Whether there is a way from the host to the other: both have an address, of one family.
bool derive_mesh_reaches(const struct model *model, const char *host, const char *other);
// Whether the net is on several hosts.
bool derive_mesh_spans(const struct model *model, struct layout *layout, const struct intent *net);
// Puts the names of its hosts into the table. 0 or -ENOMEM.
int derive_mesh_hosts(const struct model *model, struct layout *layout, const struct intent *net,
                      struct table *hosts);
// What the host holds to reach the other hosts of its nets. => The unit is "mesh/HOST".
void derive_mesh(const struct model *model, const char *host, struct layout *layout);
// The port that stands for the host at every other one.
uint64_t derive_mesh_peer_id(const char *host);
// Tells the other hosts of the net where the port's MAC is. => The unit is the port's.
void derive_mesh_port(const struct model *model, struct layout *layout, const struct intent *port,
                      const struct intent *net, const struct net_plan *plan);
