// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_scope: the scopes and reservations that the controller has set, found by their keys.
//
// Main thread only. What is returned is borrowed and lives until the next change.

#pragma once

#include "datapath/hash_index.h"
#include "datapath/service.h"

struct dhcp_scopes {
	struct hash_index scopes;       // struct dhcp_scope_config; owned
	struct hash_index reservations; // struct dhcp_reservation_config; owned
};

void dhcp_scopes_init(struct dhcp_scopes *scopes, uint64_t seed);
void dhcp_scopes_fini(struct dhcp_scopes *scopes);

// Both replace what had the id; 0 or -ENOMEM, and then the old one stays.
int dhcp_scopes_set(struct dhcp_scopes *scopes, const struct dhcp_scope_config *config);
int dhcp_scopes_set_reservation(struct dhcp_scopes *scopes,
                                const struct dhcp_reservation_config *config);
void dhcp_scopes_remove(struct dhcp_scopes *scopes, uint64_t id);
void dhcp_scopes_remove_reservation(struct dhcp_scopes *scopes, uint64_t id);

// All: NULL when there is none.
const struct dhcp_scope_config *dhcp_scope_by_id(const struct dhcp_scopes *scopes, uint64_t id);
// The scope with the lowest id of those on the interface.
const struct dhcp_scope_config *dhcp_scope_by_interface(const struct dhcp_scopes *scopes,
                                                        uint32_t interface);
const struct dhcp_reservation_config *dhcp_reservation_by_mac(const struct dhcp_scopes *scopes,
                                                              uint64_t scope, struct mac mac);
const struct dhcp_reservation_config *dhcp_reservation_by_ip(const struct dhcp_scopes *scopes,
                                                             uint64_t scope, struct ip_addr ip);
// The name in lower case.
const struct dhcp_reservation_config *dhcp_reservation_by_name(const struct dhcp_scopes *scopes,
                                                               uint64_t scope, const char *name);
