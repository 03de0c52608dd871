// SPDX-License-Identifier: BSD-3-Clause
//
// entropy: a number that all packets of an inner flow share, for the underlay's multipath (RFC 7348, section 5,
// and RFC 8926, section 3.3: from it comes the UDP source port). Any thread.

#pragma once

#include "vnic/packet.h"

#include <stdint.h>

// Of addresses, protocol and ports; without ports, or without IP, of what there is. Fragments of one packet
// share the number of their addresses. Reads the head only.
uint32_t entropy_of(const struct packet *packet);
