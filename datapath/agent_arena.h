// SPDX-License-Identifier: BSD-3-Clause
//
// agent_arena: memory for one decoded message: bounded, freed as a whole.
//
// A few bytes on the wire can ask for many in memory (an empty sub-message costs two there and fifty here),
// so decoding is given a limit in advance and fails beyond it. One thread.

#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct agent_arena_chunk;

struct agent_arena {
	ProtobufCAllocator allocator; // to be passed to the unpack functions; its user is the arena
	struct agent_arena_chunk *chunks;
	size_t taken; // bytes of chunks so far
	size_t limit; // most of them
};

// Allocates nothing yet. => The arena stays where it is while its allocator is used.
void agent_arena_init(struct agent_arena *arena, size_t limit);
void agent_arena_fini(struct agent_arena *arena);
// NULL when the limit is reached or memory is short.
void *agent_arena_take(struct agent_arena *arena, size_t size);
