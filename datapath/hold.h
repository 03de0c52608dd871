// SPDX-License-Identifier: BSD-3-Clause
//
// hold: packets that wait until the MAC of their next hop is known.
//
// Copies, as they came in: when the neighbour answers, or is given up, they go through the miss path once more,
// which then forwards them or tells their senders. Bounded: HOLD_EACH packets for each of
// HOLD_NEIGHBOURS neighbours. Owning worker.

#pragma once

#include "base/addr.h"
#include "vnic/drop.h"
#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>

enum { HOLD_NEIGHBOURS = 64, HOLD_EACH = 8, HOLD_PAYLOAD = 2048 };

struct hold;
struct pipeline;

struct hold *hold_new(void); // NULL with errno
void hold_free(struct hold *hold);

// Keeps a copy of the packet until (interface, ip) is resolved. Returns DROP_NONE or why not.
enum drop_reason hold_put(struct pipeline *pipeline, uint32_t interface, struct ip_addr ip,
                          const struct packet *packet);
// Looks after all who wait: repeats questions that are due, lets packets go whose wait is over.
void hold_tend(struct pipeline *pipeline);
bool hold_is_empty(const struct hold *hold);
