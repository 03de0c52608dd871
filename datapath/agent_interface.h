// SPDX-License-Identifier: BSD-3-Clause
//
// agent_interface: what a Port says of the interface in its guest: MTU, MAC, addresses, gateways. Main thread.
//
// `netns` is a path, or NULL for our own namespace.

#pragma once

#include "base/fail.h"
#include "proto/objects.pb-c.h"

// Of one that is new and has its name: sets it up with all that the Port says but its MAC. 0 or -errno.
int agent_interface_configure(const char *netns, const char *ifname, const Weft__Port *config,
                              struct fail *fail);
// Of one that is in use: only what differs is touched, and its neighbours are told. All is tried; the first
// error is returned.
int agent_interface_adjust(const char *netns, const char *ifname, const Weft__Port *from,
                           const Weft__Port *to, struct fail *fail);
