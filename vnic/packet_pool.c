// SPDX-License-Identifier: BSD-3-Clause
//
// packet_pool: a stack of free packets and two bump allocators that start anew with each batch.
//
// All memory is one block, made and touched at creation. The stack hands out what came back last, so
// that a lightly loaded worker stays within a few packets that its cache holds.

#include "vnic/packet_pool.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

// A door takes one entry a packet, vhost rings later up to 18; more than this ends the batch.
enum { SEGMENTS = 1024 };

struct packet_pool {
	unsigned count;
	unsigned available;
	struct packet *packets;
	struct packet **stack; // The first `available` are free.
	uint8_t *arena;
	size_t arena_size;
	size_t arena_used;
	unsigned segments_used;
	struct segment segments[SEGMENTS];
};

struct packet_pool *packet_pool_new(unsigned count, size_t arena_bytes)
{
	struct packet_pool *pool = calloc(1, sizeof(*pool));
	size_t packet_bytes = ALIGN_UP(count * sizeof(struct packet), 4096);

	if (!pool)
		return NULL;
	pool->stack = calloc(count, sizeof(*pool->stack));
	pool->packets = mem_block_new("packet_pool", packet_bytes + arena_bytes, MEM_RESIDENT);
	if (!pool->stack || !pool->packets) {
		packet_pool_free(pool);
		errno = ENOMEM;
		return NULL;
	}
	pool->count = count;
	pool->arena = (uint8_t *)pool->packets + packet_bytes;
	pool->arena_size = arena_bytes;
	for (unsigned i = 0; i < count; i++)
		pool->stack[pool->available++] = &pool->packets[count - 1 - i];
	return pool;
}

void packet_pool_free(struct packet_pool *pool)
{
	if (!pool)
		return;
	mem_block_free(pool->packets);
	free(pool->stack);
	free(pool);
}

struct packet *packet_take(struct packet_pool *pool)
{
	if (!pool->available)
		return NULL;

	struct packet *packet = pool->stack[--pool->available];

	packet_reset(packet);
	return packet;
}

void packet_give(struct packet_pool *pool, struct packet *packet)
{
	assert(pool->available < pool->count);
	pool->stack[pool->available++] = packet;
}

unsigned packet_pool_available(const struct packet_pool *pool)
{
	return pool->available;
}

uint8_t *packet_arena_reserve(struct packet_pool *pool, size_t len)
{
	if (pool->arena_size - pool->arena_used < len)
		return NULL;
	return pool->arena + pool->arena_used;
}

void packet_arena_commit(struct packet_pool *pool, size_t len)
{
	assert(len <= pool->arena_size - pool->arena_used);
	pool->arena_used += len;
}

struct segment *packet_arena_segment(struct packet_pool *pool)
{
	if (pool->segments_used == SEGMENTS)
		return NULL;
	return &pool->segments[pool->segments_used++];
}

void packet_arena_reset(struct packet_pool *pool)
{
	pool->arena_used = 0;
	pool->segments_used = 0;
}

// The metadata without what says where bytes are.
static void copy_metadata(struct packet *copy, const struct packet *from)
{
	copy->data = copy->room + (from->data - from->room);
	copy->len = from->len;
	copy->head_len = from->head_len;
	copy->vlan = from->vlan;
	copy->vni = from->vni;
	copy->in_port = from->in_port;
	copy->queue = from->queue;
	copy->hash = from->hash;
	copy->flags = from->flags;
	copy->gso = from->gso;
	copy->gso_size = from->gso_size;
	copy->csum_start = from->csum_start;
	copy->csum_offset = from->csum_offset;
	copy->eth_type = from->eth_type;
	copy->l3 = from->l3;
	copy->l4 = from->l4;
	copy->payload = from->payload;
	copy->ip_version = from->ip_version;
	copy->ip_proto = from->ip_proto;
	copy->drop = from->drop;
	copy->domain = from->domain;
	copy->source = from->source;
}

struct packet *packet_clone(struct packet_pool *pool, const struct packet *from, uint8_t *storage,
                            struct segment *segment)
{
	struct packet *copy = packet_take(pool);

	if (!copy)
		return NULL;
	copy_metadata(copy, from);
	memcpy(copy->data, from->data, from->head_len);
	// However many pieces the payload had, the copy has one.
	if (from->len > from->head_len) {
		segment->base = storage;
		segment->len = from->len - from->head_len;
		packet_copy(from, from->head_len, segment->len, storage);
		copy->segments = segment;
		copy->segment_count = 1;
	}
	return copy;
}

size_t packet_copy(const struct packet *packet, size_t offset, size_t len, uint8_t *out)
{
	size_t done = 0;

	if (offset < packet->head_len) {
		done = MIN(len, packet->head_len - offset);
		memcpy(out, packet->data + offset, done);
		offset = packet->head_len;
	}
	offset -= packet->head_len;
	for (unsigned i = 0; i < packet->segment_count && done < len; i++) {
		const struct segment *segment = &packet->segments[i];

		if (offset < segment->len) {
			size_t part = MIN(len - done, segment->len - offset);

			memcpy(out + done, segment->base + offset, part);
			done += part;
			offset = 0;
		} else {
			offset -= segment->len;
		}
	}
	return done;
}
