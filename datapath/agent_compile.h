// SPDX-License-Identifier: BSD-3-Clause
//
// agent_compile: objects become the pieces that workers read. Shared by the agent_compile_* files; main thread only.
//
// Each fills the change's result when it fails, and leaves everything to be taken back by the change's edit.

#pragma once

#include "datapath/agent_change.h"

// Finds what must be compiled, and leases the slots it needs.
int agent_compile_collect(struct agent_change *change);
// => Doors are open, unless this is a dry run.
int agent_compile(struct agent_change *change);

// Compilers of one kind of piece each.
int agent_compile_port(struct agent_change *change, struct agent_node *node);
int agent_compile_domain(struct agent_change *change, struct agent_node *node);
int agent_compile_interface(struct agent_change *change, struct agent_node *node);
int agent_compile_vrf(struct agent_change *change, struct agent_node *node);
int agent_compile_routes(struct agent_change *change);
// Only the first part: what the touched routes and interfaces had is taken out.
int agent_compile_routes_out(struct agent_change *change);
// Addresses of hosts; domains that went are taken out of the generation here.
int agent_compile_addresses(struct agent_change *change);
// Only that what the touched objects had is taken out.
int agent_compile_addresses_out(struct agent_change *change);
int agent_compile_flow_rules(struct agent_change *change);

// Registers a new piece with the edit, or frees it and fails.
int agent_piece_new(struct agent_change *change, void *piece);
// Puts the piece (NULL: none) in the map, and gives the one before to the edit.
int agent_piece_put(struct agent_change *change, struct pmap *map, uint32_t slot, void *piece);
