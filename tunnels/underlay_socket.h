// SPDX-License-Identifier: BSD-3-Clause
//
// underlay_socket: the kernel as underlay: UDP sockets, or a raw one for what has no UDP.

#pragma once

#include "tunnels/underlay.h"

// An underlay_open_fn; `user` is not used. Sockets belong to the namespace of the caller.
int underlay_socket_open(void *user, const struct underlay_config *config, struct underlay **ret,
                         struct fail *fail);
