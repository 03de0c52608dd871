// SPDX-License-Identifier: BSD-3-Clause
//
// frame_store: chunks in one block, free ones on a list, those of a frame chained by their numbers.
//
// A packet's first line holds all its metadata, so it is kept as it is; only where its bytes are is set
// anew. Chunks that were never used are handed out by counting, so that the memory of a store which is large for
// the worst case costs nothing until the worst case comes.

#include "datapath/frame_store.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	FIRST_ROOM = FRAME_CHUNK - FRAME_HEAD,
	OTHER_ROOM = FRAME_CHUNK - FRAME_CHUNK_HEAD,
};

static_assert(sizeof(struct stored_frame) <= FRAME_HEAD, "the head has room for the numbers");
static_assert(offsetof(struct packet, segments) == sizeof(((struct stored_frame *)0)->line),
              "the metadata of a packet is its first line");

int frame_store_init(struct frame_store *store, uint32_t chunks)
{
	*store = (struct frame_store){
		.chunks = mem_block_new("impair", (size_t)chunks * FRAME_CHUNK, 0),
		.count = chunks,
		.available = chunks,
		.free_first = FRAME_NONE,
	};
	return store->chunks ? 0 : -ENOMEM;
}

void frame_store_fini(struct frame_store *store)
{
	mem_block_free(store->chunks);
	store->chunks = NULL;
}

static uint8_t *bytes_of(const struct frame_store *store, uint32_t chunk, bool first)
{
	return store->chunks + (size_t)chunk * FRAME_CHUNK +
	       (first ? FRAME_HEAD : FRAME_CHUNK_HEAD);
}

static uint32_t take_chunk(struct frame_store *store)
{
	uint32_t chunk = store->free_first;

	store->available--;
	if (chunk == FRAME_NONE)
		chunk = store->touched++;
	else
		store->free_first = frame_store_at(store, chunk)->chain;
	frame_store_at(store, chunk)->chain = FRAME_NONE;
	return chunk;
}

static uint32_t chunks_for(uint32_t len)
{
	return len <= FIRST_ROOM ? 1 : 1 + (len - FIRST_ROOM + OTHER_ROOM - 1) / OTHER_ROOM;
}

uint32_t frame_store_put(struct frame_store *store, const struct packet *packet)
{
	uint32_t first, chunk;
	struct stored_frame *frame;

	if (chunks_for(packet->len) > store->available)
		return FRAME_NONE;
	first = chunk = take_chunk(store);
	frame = frame_store_at(store, first);
	frame->len = packet->len;
	memcpy(frame->line, packet, sizeof(frame->line));
	for (uint32_t done = 0; done < packet->len;) {
		uint32_t room = done == 0 ? FIRST_ROOM : OTHER_ROOM;
		uint32_t part = MIN(packet->len - done, room);

		packet_copy(packet, done, part, bytes_of(store, chunk, done == 0));
		done += part;
		if (done < packet->len) {
			uint32_t more = take_chunk(store);

			frame_store_at(store, chunk)->chain = more;
			chunk = more;
		}
	}
	return first;
}

uint32_t frame_store_copy(struct frame_store *store, uint32_t frame)
{
	uint32_t first = FRAME_NONE, last = FRAME_NONE;

	if (chunks_for(frame_store_at(store, frame)->len) > store->available)
		return FRAME_NONE;
	for (uint32_t from = frame; from != FRAME_NONE; from = frame_store_at(store, from)->chain) {
		uint32_t chunk = take_chunk(store);

		memcpy(frame_store_at(store, chunk), frame_store_at(store, from), FRAME_CHUNK);
		frame_store_at(store, chunk)->chain = FRAME_NONE;
		if (last == FRAME_NONE)
			first = chunk;
		else
			frame_store_at(store, last)->chain = chunk;
		last = chunk;
	}
	return first;
}

void frame_store_flip(struct frame_store *store, uint32_t frame, uint64_t bit)
{
	uint64_t byte = bit / 8;
	uint32_t chunk = frame;
	bool first = true;

	assert(byte < frame_store_at(store, frame)->len);
	while (byte >= (first ? FIRST_ROOM : OTHER_ROOM)) {
		byte -= first ? FIRST_ROOM : OTHER_ROOM;
		chunk = frame_store_at(store, chunk)->chain;
		first = false;
	}
	bytes_of(store, chunk, first)[byte] ^= (uint8_t)(1U << bit % 8);
}

// Lends what lies behind the head, a segment a chunk. The number of segments, or -ENOBUFS.
static int lend(struct frame_store *store, uint32_t frame, uint32_t skip, struct packet *packet,
                struct packet_pool *pool)
{
	uint32_t left = packet->len;
	int count = 0;

	for (uint32_t chunk = frame; left > 0; chunk = frame_store_at(store, chunk)->chain) {
		bool first = chunk == frame;
		uint32_t part = MIN(left, (uint32_t)(first ? FIRST_ROOM : OTHER_ROOM));
		uint32_t offset = first ? skip : 0;

		left -= part;
		if (part == offset)
			continue;

		struct segment *segment = packet_arena_segment(pool);

		if (!segment)
			return -ENOBUFS;
		*segment = (struct segment){.base = bytes_of(store, chunk, first) + offset,
		                            .len = part - offset};
		if (count++ == 0)
			packet->segments = segment;
	}
	return count;
}

struct packet *frame_store_packet(struct frame_store *store, uint32_t frame,
                                  struct packet_pool *pool)
{
	const struct stored_frame *stored = frame_store_at(store, frame);
	struct packet *packet = packet_take(pool);
	int segments;

	if (!packet)
		return NULL;
	memcpy(packet, stored->line, sizeof(stored->line));
	packet->data = packet->room + PACKET_HEADROOM;
	memcpy(packet->data, bytes_of(store, frame, true), packet->head_len);
	segments = lend(store, frame, packet->head_len, packet, pool);
	if (segments < 0) {
		packet_give(pool, packet);
		return NULL;
	}
	packet->segment_count = (uint16_t)segments;
	packet->queue = 0;
	packet->source = 0;
	return packet;
}

void frame_store_give(struct frame_store *store, uint32_t frame)
{
	while (frame != FRAME_NONE) {
		struct stored_frame *chunk = frame_store_at(store, frame);
		uint32_t next = chunk->chain;

		chunk->chain = store->free_first;
		store->free_first = frame;
		store->available++;
		frame = next;
	}
}
