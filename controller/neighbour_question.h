// SPDX-License-Identifier: BSD-3-Clause
//
// neighbour_question: the frame by which a host asks who has an address. Any thread.

#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

enum { NEIGHBOUR_QUESTION_ROOM = 96 };

// An ARP request (RFC 826) or a neighbour solicitation (RFC 4861, 4.3) with the sender's link-layer address, by the
// family of `target`, without a tag. Returns its length.
// => Both addresses are of one family.
size_t neighbour_question(const struct mac *from, struct ip_addr sender, struct ip_addr target,
                          uint8_t frame[static NEIGHBOUR_QUESTION_ROOM]);
