// SPDX-License-Identifier: BSD-3-Clause
//
// model_host: hosts, each with a datapath of its own. The host "local" is there without being written.
// Main thread.

#pragma once

#include "controller/model.h"

#define HOST_LOCAL "local"

// Whether there is such a host: written, or "local".
bool model_host_exists(const struct model *model, const char *name);

// Unwritten hosts are local.
Weft__HostKind model_host_kind(const struct model *model, const char *name);

// Its address on the underlay, by which other hosts send to it, of the family asked for. Given with the host
// or, in a namespace, that of the first port of its guest.
bool model_host_address(const struct model *model, const char *name, bool want4,
                        struct ip_addr *ret);

// Its second address of that family, by which it is reached while the first is down. Given with the host or, in
// a namespace, that of the second port of its guest.
bool model_host_backup(const struct model *model, const char *name, bool want4,
                       struct ip_addr *ret);

// Whether it runs in a namespace that has a port in the net, by which it is or can be reached.
bool model_host_hangs_in(const struct model *model, const char *name, const char *net);

// "local" needs not be written.
void model_host_canon(char **host);

// Whether the open batch moves an interface from one host to another that cannot have it at the same time.
int model_host_check_moves(const struct model *model, bool on_trial, struct refusal *refusal);
// Whether the interface of a guest goes to another host.
bool model_host_is_move(const struct model_change *change);

// Whether the port can be had on its host.
int model_host_check_port(const struct model *model, const struct intent *port,
                          struct refusal *refusal);
