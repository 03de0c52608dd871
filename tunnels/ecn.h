// SPDX-License-Identifier: BSD-3-Clause
//
// ecn: congestion marks into a tunnel and out of it (RFC 6040). `tos` is the octet of DSCP and ECN. Any thread.

#pragma once

#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>

enum ecn { ECN_NONE, ECN_ECT1, ECN_ECT0, ECN_CE, ECN_MASK = 3 };

// The octet of the IP packet within the frame, behind at most one tag; false: it is no IP. Reads the head only.
bool ecn_inner_tos(const struct packet *packet, uint8_t *tos);

// Where the frame left a tunnel whose outer header had `tos`: passes a mark on into the packet, with its IPv4
// checksum. False: it must be dropped, since it was marked and cannot tell its receiver (section 4.2).
bool ecn_leave(struct packet *packet, uint8_t tos);
