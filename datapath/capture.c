// SPDX-License-Identifier: BSD-3-Clause
//
// capture: chooses packets and copies them out of their pieces into the worker's ring.
//
// While nobody captures, workers read one pointer a turn. With a capture each batch of each port costs a
// search among the captured ports, and only packets at these cost more: a filter that looks at the first
// bytes alone is asked before anything is copied, any other one on the copy in the ring, which is taken
// back if it says no. The frame is put together as it is on the wire, with its outer tag; offloads are
// not carried out but told.

#include "datapath/capture.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/capture_filter.h"
#include "datapath/capture_ring.h"
#include "datapath/generation.h"
#include "datapath/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	// What comes in 10 ms at 3 Gbit/s; the main thread looks that often.
	RING_BYTES = 4 << 20,
};

struct area {
	struct capture_ring *ring;
	_Atomic uint64_t lost; // The worker's; others read.
};

struct capture {
	unsigned what;
	uint32_t snap;
	struct capture_filter *filter;
	bool shallow;
	unsigned port_count;
	uint64_t *ports;
	struct capture_ring *next; // of the record that capture_peek() gave
	unsigned area_count;
	struct area areas[];
};

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	for (unsigned i = 0; i < capture->area_count; i++)
		capture_ring_free(capture->areas[i].ring);
	capture_filter_free(capture->filter);
	free(capture->ports);
	free(capture);
}

struct capture *capture_new(const struct capture_config *config)
{
	size_t bytes = config->ring_bytes ? config->ring_bytes : RING_BYTES;
	struct capture *capture =
		calloc(1, sizeof(*capture) + config->workers * sizeof(capture->areas[0]));

	if (!capture)
		return NULL;
	capture->area_count = config->workers;
	capture->what = config->what;
	capture->snap = MIN(config->snap, (uint32_t)CAPTURE_SNAP_MAX);
	capture->port_count = config->port_count;
	capture->ports = malloc((config->port_count + 1) * sizeof(*capture->ports));
	if (capture->ports && config->port_count)
		memcpy(capture->ports, config->ports, config->port_count * sizeof(*config->ports));
	for (unsigned i = 0; i < config->workers; i++) {
		capture->areas[i].ring = capture->ports ? capture_ring_new(bytes) : NULL;
		if (!capture->areas[i].ring) {
			capture_free(capture);
			errno = ENOMEM;
			return NULL;
		}
	}
	capture->filter = config->filter;
	capture->shallow = capture_filter_is_shallow(config->filter);
	return capture;
}

static bool has_port(const struct capture *capture, uint64_t id)
{
	unsigned from = 0, to = capture->port_count;

	if (to == 0)
		return true;
	while (from < to) {
		unsigned middle = (from + to) / 2;

		if (capture->ports[middle] == id)
			return true;
		if (capture->ports[middle] < id)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

// The bytes of a frame, piece by piece.
struct gather {
	uint8_t *to;
	uint32_t len, room;
};

static void add(struct gather *gather, const uint8_t *from, uint32_t len)
{
	uint32_t part = MIN(len, gather->room - gather->len);

	memcpy(gather->to + gather->len, from, part);
	gather->len += part;
}

// Up to `room` bytes of the frame as it is on the wire. Returns how many.
static uint32_t gather_frame(const struct packet *packet, uint8_t *to, uint32_t room)
{
	struct gather gather = {.to = to, .room = room};
	uint32_t at = 0;

	if (packet->flags & PACKET_VLAN && packet->head_len >= ETH_HEADER) {
		uint8_t tag[VLAN_TAG];

		store_be16(tag, ETH_TYPE_VLAN);
		store_be16(tag + 2, packet->vlan);
		at = ETH_TYPE;
		add(&gather, packet->data, at);
		add(&gather, tag, sizeof(tag));
	}
	add(&gather, packet->data + at, packet->head_len - at);
	for (unsigned i = 0; i < packet->segment_count && gather.len < room; i++)
		add(&gather, packet->segments[i].base, packet->segments[i].len);
	return gather.len;
}

static uint32_t wire_len(const struct packet *packet)
{
	return packet->len + (packet->flags & PACKET_VLAN ? VLAN_TAG : 0);
}

static void lose(struct area *area)
{
	atomic_store_explicit(&area->lost,
	                      atomic_load_explicit(&area->lost, memory_order_relaxed) + 1,
	                      memory_order_relaxed);
}

// Why the packet went no further; what a door left there before is not for one that has just arrived.
static uint16_t drop_of(const struct packet *packet, unsigned flags)
{
	return flags & (CAPTURE_OUTWARD | CAPTURE_ENDED) ? packet->drop : 0;
}

static void take_one(struct capture *capture, struct area *area, const struct packet *packet,
                     const struct capture_record *known)
{
	uint32_t whole = wire_len(packet);
	struct capture_record *record;

	if (capture->filter && capture->shallow) {
		uint8_t first[CAPTURE_FILTER_SHALLOW];
		uint32_t len = gather_frame(packet, first, sizeof(first));

		if (!capture_filter_wants(capture->filter, first, len, whole))
			return;
	}

	uint32_t room = capture->shallow ? MIN(whole, capture->snap) : whole;

	record = capture_ring_reserve(area->ring, sizeof(*record) + room);
	if (!record) {
		lose(area);
		return;
	}
	*record = *known;
	record->wire_len = whole;
	record->len = gather_frame(packet, record->bytes, room);
	if (!capture->shallow &&
	    !capture_filter_wants(capture->filter, record->bytes, record->len, whole))
		return;
	record->len = MIN(record->len, capture->snap);
	record->drop = drop_of(packet, known->flags);
	record->segment_size = packet->gso ? packet->gso_size : 0;
	if (packet->flags & PACKET_CSUM_PARTIAL)
		record->flags |= CAPTURE_CSUM_PENDING;
	capture_ring_commit(area->ring, sizeof(*record) + record->len);
}

void capture_take(const struct capture_set *set, unsigned worker, const struct port_config *port,
                  unsigned flags, struct packet *const *packets, unsigned count)
{
	struct capture_record known = {
		.port = port->id, .worker = (uint16_t)worker, .flags = (uint16_t)flags};
	unsigned way = flags & CAPTURE_OUTWARD ? CAPTURE_OUT : CAPTURE_IN;

	for (unsigned i = 0; i < set->count; i++) {
		struct capture *capture = set->captures[i];

		if (worker >= capture->area_count || !has_port(capture, port->id))
			continue;
		if (known.wall_ns == 0)
			known.wall_ns = clock_wall();
		for (unsigned j = 0; j < count; j++)
			if (capture->what & (drop_of(packets[j], flags) ? CAPTURE_DROPPED : way))
				take_one(capture, &capture->areas[worker], packets[j], &known);
	}
}

const struct capture_record *capture_peek(struct capture *capture)
{
	const struct capture_record *oldest = NULL;

	for (unsigned i = 0; i < capture->area_count; i++) {
		const struct capture_record *record = capture_ring_peek(capture->areas[i].ring);

		if (!record || (oldest && oldest->wall_ns <= record->wall_ns))
			continue;
		oldest = record;
		capture->next = capture->areas[i].ring;
	}
	return oldest;
}

void capture_release(struct capture *capture)
{
	capture_ring_release(capture->next);
}

uint64_t capture_lost(const struct capture *capture)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < capture->area_count; i++)
		lost += atomic_load_explicit(&capture->areas[i].lost, memory_order_relaxed);
	return lost;
}
