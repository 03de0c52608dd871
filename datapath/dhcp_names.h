// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_names: which lease of a scope carries which host name.
//
// Main thread only.

#pragma once

#include "datapath/dhcp_message.h"
#include "datapath/dhcp_scope.h"
#include "datapath/lease.h"

struct dhcp_names {
	struct hash_index index; // hash of scope and name -> IPv4 address as a pointer's value
};

void dhcp_names_init(struct dhcp_names *names, uint64_t seed);
void dhcp_names_fini(struct dhcp_names *names);
// Takes over what the lease table holds. -ENOMEM: some names stay unknown until they renew.
int dhcp_names_load(struct dhcp_names *names, struct lease_table *leases);
int dhcp_names_add(struct dhcp_names *names, const struct lease *lease);
void dhcp_names_remove(struct dhcp_names *names, const struct lease *lease);
// The live lease with that name, in lower case, or NULL.
struct lease *dhcp_names_find(const struct dhcp_names *names, struct lease_table *leases,
                              uint64_t scope, const char *name, uint64_t wall);
// What the client calls itself as a name that may stand in DNS: its first label in lower case, or ""
// when that is no host name, or one that means something to every resolver.
void dhcp_names_clean(const struct dhcp_message *message, char ret[static LEASE_HOSTNAME]);
