// SPDX-License-Identifier: BSD-3-Clause
//
// generation: everything the controller has told us, compiled for the workers: immutable, published by one
// pointer store, replaced as a whole (sharing all that did not change).
//
// Slots are small numbers that stand for object ids inside the datapath: array indices of statistics, words
// of the FDB. They are leased from the state segment (state.h), so that a slot means the same object in
// the process that comes after us. Any worker reads between two quiescent points.

#pragma once

#include "base/addr.h"
#include "datapath/lpm.h"
#include "datapath/pmap.h"
#include "vnic/port.h"

#include <stdbool.h>
#include <stdint.h>

enum { MAX_PORTS = 16384, MAX_DOMAINS = 16384, MAX_INTERFACES = 4096, MAX_VRFS = 1024 };

struct tagged_vlan {
	uint32_t vid;    // of a peer: the VNI
	uint32_t domain; // slot
};

struct impair_setting; // impair.h

struct port_config {
	uint64_t id;
	uint32_t slot;
	char name[64];     // the user's, for trace and events
	struct port *door; // NULL while it is closed
	bool admin_down;
	bool is_peer;  // of a tunnel: what comes from there goes to no other peer
	bool no_learn; // MACs of what comes by it
	uint32_t mac_limit;
	uint32_t untagged_domain; // slot, or 0: untagged frames are refused
	uint32_t wire;            // slot of the domain whose other member gets everything; 0: none
	uint32_t tagged_count;
	const struct tagged_vlan *tagged; // sorted by vid; owned
	// By enum impair_direction; NULL: not impaired. Borrowed from the object.
	const struct impair_setting *impair[2];
};

enum flood_policy { FLOOD_ALL, FLOOD_GROUPS, FLOOD_NOTHING };

struct domain_member {
	uint32_t port; // slot
	uint16_t vid;  // tag to put on; 0: untagged
	uint8_t flood; // enum flood_policy: what it gets besides that which is meant for it
	bool no_learn; // MACs of what comes by it, here
	bool snooped;  // gets what is for routers only while one was heard behind it
	uint32_t vni;  // of a peer; 0: an ordinary port
};

// What a host of a domain has, as the controller says.
struct host_address {
	uint64_t id; // of the object
	struct ip_addr ip;
	struct mac mac;
	uint32_t port; // slot
	bool router;
};

struct domain {
	uint32_t slot;   // from 1
	uint64_t bridge; // object id
	uint16_t vid;
	char name[64];
	uint32_t ageing_seconds;
	uint32_t mac_limit;
	uint32_t member_count;
	const struct domain_member *members; // sorted by port; owned
	const struct interface *interface;   // router's leg, or NULL
	struct lpm hosts4, hosts6;           // whole addresses -> const struct host_address
};

enum nat_role { NAT_ROLE_NONE, NAT_ROLE_INSIDE, NAT_ROLE_OUTSIDE };

struct nat_rule {
	uint64_t id;
	struct ip_prefix source;
	uint32_t to_count;
	const struct ip_addr *to; // empty: the interface's own address
	struct nat_count *begun;  // borrowed: lives as long as the object
};

// A router's leg in one domain.
struct interface {
	uint64_t id;
	uint32_t slot;
	char name[64];
	uint32_t vrf;    // slot
	uint32_t domain; // slot
	struct mac mac;
	uint32_t mtu;
	enum nat_role nat;
	uint32_t address_count;
	const struct ip_prefix *addresses; // owned
	uint32_t nat_rule_count;
	const struct nat_rule *nat_rules; // of what leaves here; owned
	bool advert;                      // RA here; its parameters are the service's
	bool dhcp, dns;                   // whether a scope or zone is served here
};

enum route_kind { ROUTE_LOCAL, ROUTE_CONNECTED, ROUTE_VIA, ROUTE_BLACKHOLE };

struct route {
	enum route_kind kind;
	uint32_t interface; // slot
	struct ip_addr via;
	struct ip_prefix prefix;
	uint64_t id; // of the object
};

struct forward {
	uint64_t id;
	bool any_outside;
	struct ip_addr outside;
	uint8_t protocol;
	uint16_t outside_port;
	struct ip_addr inside;
	uint16_t inside_port;
	struct nat_count *begun; // borrowed: lives as long as the object
};

struct vrf {
	uint64_t id;
	uint32_t slot;
	char name[64];
	struct lpm routes4, routes6; // -> const struct route
	uint32_t forward_count;
	const struct forward *forwards; // sorted by (protocol, outside_port); owned
};

// A programmed rule, fields as in the FlowRule message; masks are implied by `fields`.
struct flow_rule {
	uint64_t id;
	uint32_t priority;
	uint32_t fields; // enum flow_rule_field (flow_rule.h)
	uint32_t port, domain;
	struct mac eth_src, eth_dst;
	uint16_t eth_type;
	struct ip_prefix ip_src, ip_dst;
	uint8_t ip_proto;
	uint16_t l4_src, l4_dst;
	bool drop, normal;
	bool has_set_src, has_set_dst;
	struct mac set_src, set_dst;
	uint32_t output; // port slot
	bool has_output;
	struct flow_counts *counts; // a reference of its own
};

struct flow_rules {
	uint32_t count;
	const struct flow_rule *rules; // by falling priority, then rising id; owned
};

struct generation {
	uint64_t number;
	struct pmap ports;                   // slot -> struct port_config
	struct pmap domains;                 // slot -> struct domain
	struct pmap interfaces;              // slot -> struct interface
	struct pmap vrfs;                    // slot -> struct vrf
	const struct flow_rules *flow_rules; // or NULL
	uint64_t router_mac;                 // mac_to_u64 of the MAC all interfaces share
};
