// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_pool: which address a client of a scope may have, and which one it gets.
//
// Main thread only.

#pragma once

#include "datapath/dhcp_message.h"
#include "datapath/dhcp_scope.h"
#include "datapath/lease.h"

// One network as the server sees it while it answers one message. All borrowed.
struct dhcp_pool {
	const struct dhcp_scopes *scopes;
	const struct dhcp_scope_config *scope;
	const struct interface *interface;
	struct lease_table *leases;
	struct ip_prefix own; // the interface's address in the scope's subnet, with its length
	uint64_t wall;
};

struct dhcp_client {
	struct mac mac;
	const uint8_t *id;
	size_t id_len; // 0: the MAC is the identity
};

// Finds the interface's address whose subnet holds the scope. False: it has none.
bool dhcp_pool_open(struct dhcp_pool *pool);
struct dhcp_client dhcp_client_of(const struct dhcp_message *message);
// Whether the scope lets this client have the address, whoever holds it now.
bool dhcp_pool_allows(const struct dhcp_pool *pool, const struct dhcp_client *client,
                      struct ip_addr ip);
// The same, and nobody else holds it.
bool dhcp_pool_grants(const struct dhcp_pool *pool, const struct dhcp_client *client,
                      struct ip_addr ip);
// The client's own live lease, or NULL.
struct lease *dhcp_pool_lease(const struct dhcp_pool *pool, const struct dhcp_client *client);
// Picks by the order of RFC 2131 section 4.3.1. False: nothing is left.
bool dhcp_pool_pick(const struct dhcp_pool *pool, const struct dhcp_client *client,
                    struct ip_addr wished, struct ip_addr *ret);
