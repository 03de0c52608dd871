// SPDX-License-Identifier: BSD-3-Clause
//
// agent_store: the objects held, and who points at whom.
//
// A node stands for a key: an object's (kind, id), or something that objects have in common, as the
// broadcast domain of a bridge and a VLAN or an address within a VRF. Each object links to nodes: to
// what it refers to (which must exist), what it claims (which only one may) and what it is listed under
// (so that "all members of this domain" is a walk of one list). Main thread only.

#pragma once

#include "base/addr.h"
#include "proto/objects.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent_object;
struct agent_node;

// Kinds of nodes beyond those of objects (enum Weft__Kind). The comment gives id, sub and addr.
enum agent_index {
	INDEX_DOMAIN = 64,  // bridge, vid: listed by members and interfaces
	INDEX_LEG,          // bridge, vid: claimed by the interface
	INDEX_MEMBERS,      // port: listed by its members
	INDEX_MEMBER,       // port, vid, bridge: claimed by a member
	INDEX_NATIVE,       // port: claimed by the untagged member
	INDEX_TAG,          // port, vid: claimed by the tagged member
	INDEX_LINK,         // hash of namespace and name: claimed by a port
	INDEX_SOCKET,       // hash of the path: claimed by a vhost-user port
	INDEX_MAC,          // bridge, vid, MAC: claimed by an FDB entry
	INDEX_INTERFACES,   // all interfaces
	INDEX_LEGS,         // VRF: its interfaces
	INDEX_ADDRESS,      // VRF, -, address: claimed by an interface
	INDEX_ROUTE,        // VRF, length, address: claimed by a route or an interface's subnet
	INDEX_LOOSE,        // VRF: its routes that name no interface
	INDEX_NEIGHBOUR,    // interface, -, address: claimed by a static neighbour
	INDEX_NATS,         // interface: NAT rules
	INDEX_FORWARDS,     // VRF: port forwards
	INDEX_FORWARD,      // VRF, protocol and port, outside address: claimed
	INDEX_SCOPE,        // interface: claimed by a DHCP scope
	INDEX_RESERVED_MAC, // scope, -, MAC: claimed
	INDEX_RESERVED_IP,  // scope, -, address: claimed
	INDEX_ZONE,         // interface, -, hash of the domain: claimed
	INDEX_ZONES,        // interface: its zones
	INDEX_RECORD,       // zone, hash of the name, address: claimed
	INDEX_FLOW_RULES,   // all flow rules
	INDEX_IMPAIRMENT,   // port, direction: claimed by an impairment
	INDEX_VNI,          // peer, VNI: claimed by the member
	INDEX_ENDPOINT,     // UDP port (GRE: 0), -, address: claimed by a tunnel
	INDEX_REMOTE,       // tunnel, -, address: claimed by a peer
	INDEX_HOLDER,       // bridge, vid, address: listed by the addresses of hosts
};

struct agent_key {
	uint32_t kind; // enum Weft__Kind or enum agent_index
	uint32_t sub;
	uint64_t id;
	struct ip_addr addr;
};

enum agent_role { ROLE_REFERENCE, ROLE_CLAIM, ROLE_LIST };

struct agent_link {
	struct agent_object *from;
	struct agent_node *to;
	struct agent_link *next, **back; // among the links to the same node
	const char *field;               // for messages
	enum agent_role role;
};

struct agent_touch; // agent_change.h

struct agent_node {
	struct agent_key key;
	struct agent_node *hash_next;
	struct agent_object *object;  // held now; NULL: only pointed at
	struct agent_link *links;     // from others
	struct agent_touch *touch;    // of the running transaction, or NULL
	struct agent_node *work_next; // list of what the running transaction must compile
	uint32_t slot;                // ports, domains, interfaces, VRFs; 0: none
	uint32_t holders;             // links to here of objects that live, held or not
	uint8_t work;                 // enum agent_work
};

struct agent_table {
	uint64_t count;
	uint64_t hash;
	uint64_t buckets[256];
	struct agent_object *members[256]; // of each bucket, a list
};

enum { AGENT_KINDS = WEFT__KIND__KIND_IMPAIRMENT + 1 };

struct agent_store {
	struct agent_node **heads;
	size_t head_count; // a power of two
	size_t node_count;
	struct agent_table tables[AGENT_KINDS];
};

int agent_store_init(struct agent_store *store);
// Frees nodes and objects.
void agent_store_fini(struct agent_store *store);

struct agent_node *agent_store_find(const struct agent_store *store, const struct agent_key *key);
// Finds or makes. NULL: no memory.
struct agent_node *agent_store_node(struct agent_store *store, const struct agent_key *key);
// Frees the node unless it is needed: holds an object, is pointed at, has a slot or a touch.
void agent_store_trim(struct agent_store *store, struct agent_node *node);

// Holds `object` (or nothing) in the node from now on: takes the old one's links off, puts the new one's on,
// corrects the digests. Neither allocates nor frees, so the way back never fails.
void agent_store_put(struct agent_store *store, struct agent_node *node,
                     struct agent_object *object);

static inline struct agent_key agent_key(uint32_t kind, uint64_t id)
{
	return (struct agent_key){.kind = kind, .id = id};
}

static inline struct agent_key agent_key_sub(uint32_t kind, uint64_t id, uint32_t sub)
{
	return (struct agent_key){.kind = kind, .id = id, .sub = sub};
}

// The node of an object's kind and id, if anything is known of it.
static inline struct agent_node *agent_store_at(const struct agent_store *store, uint32_t kind,
                                                uint64_t id)
{
	return agent_store_find(store, &(struct agent_key){.kind = kind, .id = id});
}

// The object itself; NULL when it is not held.
static inline struct agent_object *agent_store_object(const struct agent_store *store,
                                                      uint32_t kind, uint64_t id)
{
	const struct agent_node *node = agent_store_at(store, kind, id);

	return node ? node->object : NULL;
}
