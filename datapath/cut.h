// SPDX-License-Identifier: BSD-3-Clause
//
// cut: IPv4 fragmentation of routed packets that are too long and may be cut (RFC 791). Owning worker.

#pragma once

#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct pipeline;

// Whether a packet that leaves by a link with `mtu` has to be cut.
bool cut_is_due(const struct packet *packet, uint32_t mtu);
// Makes the next fragment, a packet of the turn's pool, of what begins *at bytes behind the IP header, and
// moves *at on. NULL: all are made, or there is no room. => The packet is rewritten already.
struct packet *cut_next(struct pipeline *pipeline, struct packet *packet, uint32_t mtu,
                        uint32_t *at);
