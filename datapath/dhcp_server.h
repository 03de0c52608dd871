// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_server: answers DHCP clients from the scopes, keeps their leases.
//
// Main thread only.

#pragma once

#include "datapath/dhcp_scope.h"
#include "datapath/service.h"

enum {
	DHCP_OFFER_SECONDS = 30, // how long an offered address waits for its client
	DHCP_DECLINE_SECONDS =
		600, // how long an address that is in use by a stranger is left alone
};

struct dhcp_server;

struct dhcp_server *dhcp_server_new(struct state *state, const struct service_env *env);
void dhcp_server_free(struct dhcp_server *server);
// The scopes and reservations, for the caller to change.
struct dhcp_scopes *dhcp_server_scopes(struct dhcp_server *server);
enum drop_reason dhcp_server_frame_in(struct dhcp_server *server, const struct service_frame *frame,
                                      const struct interface *interface, uint64_t now_ns,
                                      uint64_t wall);
// Ends what has run out; returns seconds until it wants to be called again.
// Leases that another process gave: service.h.
void dhcp_server_forget(struct dhcp_server *server, uint64_t scope);
int dhcp_server_take(struct dhcp_server *server, const struct lease *lease);
uint64_t dhcp_server_tick(struct dhcp_server *server, uint64_t wall);

// A host that DHCP knows: by a reservation, a lease or both.
struct dhcp_host {
	struct mac mac;
	bool has_ip; // an address that is leased now, or reserved
	struct ip_addr ip;
	char name[64];
};

// By the name in lower case, by the address and by the MAC, on one interface.
bool dhcp_server_host_by_name(struct dhcp_server *server, uint32_t interface, const char *name,
                              uint64_t wall, struct dhcp_host *ret);
bool dhcp_server_host_by_ip(struct dhcp_server *server, uint32_t interface, struct ip_addr ip,
                            uint64_t wall, struct dhcp_host *ret);
bool dhcp_server_host_by_mac(struct dhcp_server *server, uint32_t interface, struct mac mac,
                             uint64_t wall, struct dhcp_host *ret);
