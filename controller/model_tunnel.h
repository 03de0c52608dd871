// SPDX-License-Identifier: BSD-3-Clause
//
// model_tunnel: what the model of nets must know of tunnels. Main thread.

#pragma once

#include "controller/model.h"

// With its default filled in; 0 for GRE.
uint32_t model_tunnel_udp_port(const Weft__TunnelIntent *tunnel);

// By which the peer's second address is reached.
const char *model_tunnel_of_backup(const Weft__PeerIntent *peer);

// The number of a net in tunnels: its own, or one made from its name.
uint32_t model_tunnel_vni(const struct intent *net);

// The net's part that concerns tunnels.
void model_tunnel_net_refs(const struct intent *intent, struct refs *refs);
int model_tunnel_net_check(const struct intent *intent, struct refusal *refusal);
