// SPDX-License-Identifier: BSD-3-Clause
//
// objects: a list of operations with objects as a controller would send them. Wrong texts end the test.

#pragma once

#include "datapath/agent_apply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct objects {
	struct apply_op *ops; // the objects in them are the list's
	size_t count, room;
};

void objects_clear(struct objects *list); // frees everything; the list is empty

// The body decides the kind. With `verb` OP_PATCH required fields that are empty are still packed.
void objects_add(struct objects *list, Weft__OpVerb verb, const Weft__Object *object);
void objects_add_bytes(struct objects *list, Weft__OpVerb verb, Weft__Kind kind, uint64_t id,
                       const void *bytes, size_t len);
void objects_delete(struct objects *list, Weft__Kind kind, uint64_t id);
void objects_assert_none(struct objects *list, Weft__Kind kind, uint64_t id);

// Upserts; addresses and MACs as text.
void objects_bridge(struct objects *list, uint64_t id);
void objects_port(struct objects *list, uint64_t id, const char *name); // in memory
void objects_vhost(struct objects *list, uint64_t id, const char *name, const char *path,
                   uint32_t queues);
void objects_member(struct objects *list, uint64_t id, uint64_t port, uint64_t bridge, uint32_t vid,
                    bool tagged);
void objects_fdb_entry(struct objects *list, uint64_t id, uint64_t bridge, uint32_t vid,
                       const char *mac, uint64_t port);
void objects_address(struct objects *list, uint64_t id, uint64_t bridge, uint32_t vid,
                     const char *ip, const char *mac, uint64_t port);
void objects_vrf(struct objects *list, uint64_t id);
void objects_interface(struct objects *list, uint64_t id, uint64_t vrf, uint64_t bridge,
                       uint32_t vid, const char *address);
void objects_route(struct objects *list, uint64_t id, uint64_t vrf, const char *prefix,
                   const char *via,
                   uint64_t interface); // via NULL, interface 0: left out; both: black hole
void objects_neighbour(struct objects *list, uint64_t id, uint64_t interface, const char *ip,
                       const char *mac);
void objects_nat_rule(struct objects *list, uint64_t id, uint64_t vrf, uint64_t interface,
                      const char *source);
void objects_forward(struct objects *list, uint64_t id, uint64_t vrf, uint32_t protocol,
                     uint32_t outside_port, const char *inside, uint32_t inside_port);
void objects_scope(struct objects *list, uint64_t id, uint64_t interface, const char *first,
                   const char *last);
void objects_reservation(struct objects *list, uint64_t id, uint64_t scope, const char *mac,
                         const char *ip);
void objects_zone(struct objects *list, uint64_t id, uint64_t interface, const char *domain);
void objects_record(struct objects *list, uint64_t id, uint64_t zone, const char *name,
                    const char *ip);
void objects_flow_rule(struct objects *list, uint64_t id, uint32_t priority, uint64_t port);

enum { ROUTER_MAC_TEXT_BYTES = 18 };
extern const char objects_router_mac[ROUTER_MAC_TEXT_BYTES]; // of every interface made here
