// SPDX-License-Identifier: BSD-3-Clause
//
// derive_unit: what the files derive_<noun>.c share. Private to derivation.

#pragma once

#include "controller/derive.h"
#include "controller/ident.h"
#include "controller/layout.h"

void derive_net(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_port(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_router(const struct model *model, const char *name, struct layout *layout);
void derive_route(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_forward(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_lease(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_dns(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_flow(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_tunnel(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_peer(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_link(const struct model *model, const struct intent *intent, struct layout *layout);
void derive_impair(const struct model *model, const struct intent *intent, struct layout *layout);

// The host where what the net has only once lives: router's leg, DHCP, DNS. => The unit's own net, or the
// router's, is known to the layout as derive_dirty() begins.
const char *derive_home(const struct model *model, struct layout *layout, const struct intent *net);
// The same for a router's name.
const char *derive_router_home(const struct model *model, struct layout *layout,
                               const char *router);

// Ids of what other units refer to, by the names of the user's objects.
uint64_t derive_bridge_id(const struct intent *net);
uint64_t derive_interface_id(const char *net);
uint64_t derive_vrf_id(const char *net, const Weft__Net *body);
uint64_t derive_scope_id(const char *net);
uint64_t derive_zone_id(const char *net);
uint64_t derive_port_id(const char *port);
uint64_t derive_link_id(const char *link); // of its bridge
uint64_t derive_peer_id(const char *peer);
uint64_t derive_shared_bridge_id(const struct intent *intent);

// What packets of the net are to be long at most: model_way_net().
uint32_t derive_net_mtu(const struct model *model, const struct intent *net);

// What becomes of frames for MACs that nobody knows.
Weft__UnknownPolicy derive_unknown(const struct intent *net);
// Whether its guests are spared what others say to routers.
bool derive_snoops(const struct intent *net);

// The net's plan when it can be parsed, which validation has seen to; false otherwise.
bool derive_plan(const struct intent *net, struct net_plan *ret);

// The net whose router leg holds the address; NULL when there is none.
const struct intent *derive_leg_of(const struct model *model, const char *router,
                                   struct ip_addr addr);

// Bytes of an address as messages carry it; they point into the address given.
ProtobufCBinaryData derive_ip(const struct ip_addr *addr);
ProtobufCBinaryData derive_mac(const struct mac *mac);
// => The address in the prefix outlives the message.
void derive_prefix(Weft__Prefix *message, const struct ip_prefix *prefix);
