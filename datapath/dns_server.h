// SPDX-License-Identifier: BSD-3-Clause
//
// dns_server: answers the names of its zones, passes all other questions on.
//
// Main thread only.

#pragma once

#include "datapath/dhcp_server.h"
#include "datapath/dns_zone.h"
#include "datapath/service.h"

struct dns_server;

// The DHCP server is asked for names of leases. NULL with errno.
struct dns_server *dns_server_new(struct state *state, const struct service_env *env,
                                  struct dhcp_server *dhcp);
void dns_server_free(struct dns_server *server);
// The zones and records, for the caller to change.
struct dns_zones *dns_server_zones(struct dns_server *server);
enum drop_reason dns_server_frame_in(struct dns_server *server, const struct service_frame *frame,
                                     const struct interface *interface, uint64_t now_ns,
                                     uint64_t wall);
void dns_server_upstream_answer(struct dns_server *server, uint64_t token, const uint8_t *answer,
                                size_t len, uint64_t now_ns);
// Returns the instant at which it wants to be called again, UINT64_MAX: never.
uint64_t dns_server_tick(struct dns_server *server, uint64_t now_ns);
