// SPDX-License-Identifier: BSD-3-Clause
//
// advert_server: tells the guests of an interface its prefixes, its router and its resolvers.
//
// Main thread only.

#pragma once

#include "datapath/service.h"

struct advert_server;

struct advert_server *advert_server_new(const struct service_env *env); // NULL with errno
void advert_server_free(struct advert_server *server);
// Both take effect at the next tick: at once, and the interface may not be published yet.
int advert_server_set(struct advert_server *server, const struct advert_config *config);
// Says goodbye if the interface was ever advertised.
void advert_server_remove(struct advert_server *server, uint32_t interface);
enum drop_reason advert_server_frame_in(struct advert_server *server,
                                        const struct service_frame *frame,
                                        const struct interface *interface, uint64_t now_ns);
// Returns the instant at which it wants to be called again, UINT64_MAX: never.
uint64_t advert_server_tick(struct advert_server *server, uint64_t now_ns);
