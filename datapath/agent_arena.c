// SPDX-License-Identifier: BSD-3-Clause
//
// agent_arena: chunks that double in size, each given out from front to back; single frees do nothing.

#include "datapath/agent_arena.h"

#include "base/bytes.h"

#include <stdalign.h>
#include <stdlib.h>

enum { CHUNK_FIRST = 512, CHUNK_MAX = 1 << 18 };

struct agent_arena_chunk {
	struct agent_arena_chunk *next;
	size_t size, used;
	alignas(max_align_t) unsigned char bytes[];
};

static void *allocate(void *user, size_t size)
{
	return agent_arena_take(user, size);
}

static void release(void *user, void *pointer)
{
}

void agent_arena_init(struct agent_arena *arena, size_t limit)
{
	*arena = (struct agent_arena){
		.allocator = {.alloc = allocate, .free = release, .allocator_data = arena},
		.limit = limit,
	};
}

void agent_arena_fini(struct agent_arena *arena)
{
	while (arena->chunks) {
		struct agent_arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	arena->taken = 0;
}

static struct agent_arena_chunk *grow(struct agent_arena *arena, size_t size)
{
	size_t wanted = arena->chunks ? MIN(2 * arena->chunks->size, (size_t)CHUNK_MAX)
	                              : (size_t)CHUNK_FIRST;
	size_t left = arena->limit - arena->taken;

	if (size > left)
		return NULL;
	wanted = MIN(MAX(wanted, size), left);

	struct agent_arena_chunk *chunk = malloc(sizeof(*chunk) + wanted);

	if (!chunk)
		return NULL;
	*chunk = (struct agent_arena_chunk){.next = arena->chunks, .size = wanted};
	arena->chunks = chunk;
	arena->taken += wanted;
	return chunk;
}

void *agent_arena_take(struct agent_arena *arena, size_t size)
{
	struct agent_arena_chunk *chunk = arena->chunks;

	if (size > arena->limit)
		return NULL;
	size = ALIGN_UP(size, alignof(max_align_t));
	if (!chunk || chunk->size - chunk->used < size)
		chunk = grow(arena, size);
	if (!chunk)
		return NULL;

	void *taken = chunk->bytes + chunk->used;

	chunk->used += size;
	return taken;
}
