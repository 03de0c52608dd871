// SPDX-License-Identifier: BSD-3-Clause
//
// capture_order: a binary heap by time, and by the order of arrival within one.

#include "cli/capture_order.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { ROOM = 256 };

struct ordered_packet {
	uint64_t number;
	Weft__CapturedPacket *packet;
};

void capture_order_fini(struct capture_order *order)
{
	for (size_t i = 0; i < order->count; i++)
		weft__captured_packet__free_unpacked(order->heap[i].packet, NULL);
	free(order->heap);
	*order = (struct capture_order){0};
}

static bool is_before(const struct ordered_packet *a, const struct ordered_packet *b)
{
	return a->packet->wall_ns != b->packet->wall_ns ? a->packet->wall_ns < b->packet->wall_ns
	                                                : a->number < b->number;
}

static void swap(struct ordered_packet *a, struct ordered_packet *b)
{
	struct ordered_packet other = *a;

	*a = *b;
	*b = other;
}

int capture_order_put(struct capture_order *order, Weft__CapturedPacket *packet)
{
	size_t at = order->count;

	if (order->count == order->room) {
		size_t room = order->room ? order->room * 2 : ROOM;
		struct ordered_packet *heap = realloc(order->heap, room * sizeof(*heap));

		if (!heap)
			return -ENOMEM;
		order->heap = heap;
		order->room = room;
	}
	order->heap[order->count++] = (struct ordered_packet){order->number++, packet};
	for (size_t above; at && is_before(&order->heap[at], &order->heap[above = (at - 1) / 2]);
	     at = above)
		swap(&order->heap[at], &order->heap[above]);
	return 0;
}

Weft__CapturedPacket *capture_order_take(struct capture_order *order, uint64_t until_ns)
{
	Weft__CapturedPacket *packet = order->count ? order->heap[0].packet : NULL;

	if (!packet || (packet->wall_ns > until_ns && order->count <= CAPTURE_ORDER_MAX))
		return NULL;
	order->heap[0] = order->heap[--order->count];
	for (size_t at = 0;;) {
		size_t first = at;

		for (size_t below = 2 * at + 1; below <= 2 * at + 2 && below < order->count;
		     below++)
			if (is_before(&order->heap[below], &order->heap[first]))
				first = below;
		if (first == at)
			return packet;
		swap(&order->heap[at], &order->heap[first]);
		at = first;
	}
}
