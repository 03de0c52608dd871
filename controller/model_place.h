// SPDX-License-Identifier: BSD-3-Clause
//
// model_place: what is where: on which hosts a net has ports, and which host is the home of what there is
// only one of: a router's forwarding and NAT, a net's DHCP and DNS. docs/decisions/0007-where-objects-live.md
// tells the rule. Main thread.

#pragma once

#include "controller/model.h"

// The host whose datapath opens the port. Borrowed.
const char *model_place_of(const Weft__PortIntent *port);

// Whether the net has a port on the host.
bool model_place_has(const struct model *model, const char *net, const char *host);
// Whether guests of the net may be on the host whose MACs nobody can know before they speak: behind an interface or
// a file whose MAC was not given, a trunk of the net's VLAN, a tunnel by hand.
bool model_place_is_open(const struct model *model, const struct intent *net, const char *host);

// Walks the hosts on which the net has ports, in no order: *cursor starts at 0. Their number is what a
// change of the net costs.
const char *model_place_next(const struct model *model, const char *net, size_t *cursor,
                             char ret[static KEY_SIZE]);
// The other way round: the nets that have ports on the host.
const char *model_place_next_net(const struct model *model, const char *host, size_t *cursor,
                                 char ret[static KEY_SIZE]);
size_t model_place_number(const struct model *model, const char *net);

// Nets that share a home: "router/gw" of all its legs, "net/lan" of an isolated one.
const char *model_place_group(const struct intent *net, char ret[static KEY_SIZE]);
// The home of such a group.
const char *model_place_home(const struct model *model, const char *group,
                             char ret[static KEY_SIZE]);

// Of model.c and the nouns: where a port counts, and that the count at such a key may have changed.
void model_place_count(const Weft__PortIntent *port, struct refs *refs);
int model_place_follow(struct model *model, const char *at);

// Whether the host of that key is the home that the net or router of the other was given; and it is to have none that
// was given from now on, as part of the open batch: 0 or a refusal.
bool model_place_is_homed(const struct model *model, const char *key, const char *host_key);
int model_place_let_go(struct model *model, const char *key, struct refusal *refusal);
