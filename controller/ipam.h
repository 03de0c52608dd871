// SPDX-License-Identifier: BSD-3-Clause
//
// ipam: which addresses belong to what: the plan of a net, MACs, unique local prefixes. Any thread.
//
// What is not given is derived from the instance's id, so that it is the same after each restart and
// differs from what the neighbour's instance derives.

#pragma once

#include "base/addr.h"
#include "controller/refusal.h"
#include "proto/model.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct instance {
	uint8_t uuid[16];
};

// What a net's fields amount to once they are parsed and their defaults filled in.
struct net_plan {
	Weft__NetMode mode;
	bool has4, has6;
	struct ip_prefix subnet4, subnet6;
	struct ip_addr gateway4, gateway6; // Ours; none when not has_gateway.
	bool has_gateway4, has_gateway6;
	struct ip_addr via4, via6; // None unless given.
	struct ip_addr pool_first, pool_last;
	uint16_t vlan; // 0: a bridge of its own.
	bool dhcp, dns;
	bool has_interface; // A router's leg, or one for DHCP and DNS alone.
	const char *router; // Borrowed from the message.
};

// => The key is that of the net, for the refusal.
int ipam_plan(const char *key, const Weft__Net *net, struct net_plan *ret, struct refusal *refusal);

// Locally administered, from the key; the salt picks another when one is taken.
struct mac ipam_port_mac(const struct instance *instance, const char *key, unsigned salt);

// The MAC of every interface of the instance's routers.
struct mac ipam_router_mac(const struct instance *instance);

// A /64 of the instance's unique local /48 (RFC 4193).
struct ip_prefix ipam_ula(const struct instance *instance, const char *key, unsigned salt);

// The address a host with this MAC gives itself in the /64 (RFC 4862, modified EUI-64).
struct ip_addr ipam_autoconf(struct ip_prefix prefix, struct mac mac);
