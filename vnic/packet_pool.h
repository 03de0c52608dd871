// SPDX-License-Identifier: BSD-3-Clause
//
// packet_pool: a worker's packets, and the arena that holds the payload of one batch.
//
// Thread rule: owning worker only. Nothing here allocates after creation.

#pragma once

#include "vnic/packet.h"

#include <stddef.h>

struct packet_pool;

// Returns NULL with errno. `count` packets and an arena of `arena_bytes` for borrowed payload.
struct packet_pool *packet_pool_new(unsigned count, size_t arena_bytes);
void packet_pool_free(struct packet_pool *pool);

// Returns a reset packet, or NULL when the pool is empty.
struct packet *packet_take(struct packet_pool *pool);
void packet_give(struct packet_pool *pool, struct packet *packet);
unsigned packet_pool_available(const struct packet_pool *pool);

// The arena is a bump allocator: reserve at most `len` bytes, fill them, commit what was filled.
// Reserve returns NULL when less than `len` is left: the batch is full.
uint8_t *packet_arena_reserve(struct packet_pool *pool, size_t len);
void packet_arena_commit(struct packet_pool *pool, size_t len);
// One segment array entry of the arena; NULL when there is none left.
struct segment *packet_arena_segment(struct packet_pool *pool);
// => No packet with segments from this arena may be alive.
void packet_arena_reset(struct packet_pool *pool);

// Copies head, metadata and flattens payload of `from` into `storage` (len >= from->len - from->head_len),
// so that the copy outlives the batch. Returns the copy, from the pool, or NULL.
struct packet *packet_clone(struct packet_pool *pool, const struct packet *from, uint8_t *storage,
                            struct segment *segment);
// Copies `len` bytes of the frame from `offset` on into `out`, walking head and segments.
// Returns the bytes copied.
size_t packet_copy(const struct packet *packet, size_t offset, size_t len, uint8_t *out);
