// SPDX-License-Identifier: BSD-3-Clause
//
// capture_order: packets of several datapaths and workers in the order of their times. One thread.

#pragma once

#include "proto/channel.pb-c.h"

#include <stddef.h>
#include <stdint.h>

enum { CAPTURE_ORDER_MAX = 65536 };

struct capture_order {
	struct ordered_packet *heap;
	size_t count, room;
	uint64_t number; // of the next
};

void capture_order_fini(struct capture_order *order); // Frees what is left in it.
// Takes the packet over. 0 or -ENOMEM, and then not.
int capture_order_put(struct capture_order *order, Weft__CapturedPacket *packet);
// The first packet if it is not later than that, or if there are more than CAPTURE_ORDER_MAX; NULL: none. Those of one
// time in the order in which they were put. => weft__captured_packet__free_unpacked().
Weft__CapturedPacket *capture_order_take(struct capture_order *order, uint64_t until_ns);
