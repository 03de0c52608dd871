// SPDX-License-Identifier: BSD-3-Clause
//
// decode: the usual allocator behind a budget.
//
// What is taken is counted, what is given back in between is not: that is scratch of lists, no more than
// the list itself. So the budget bounds the peak as well.

#include "proto/decode.h"

#include <stdlib.h>

// What malloc takes for a piece beside what was asked for.
enum { PIECE_OVERHEAD = 16 };

static void *allocate(void *user, size_t size)
{
	size_t *left = user;

	if (*left < PIECE_OVERHEAD || size > *left - PIECE_OVERHEAD)
		return NULL;
	*left -= size + PIECE_OVERHEAD;
	return malloc(size);
}

static void release(void *user, void *pointer)
{
	free(pointer);
}

void *decode_message(const ProtobufCMessageDescriptor *type, size_t len, const uint8_t *packed)
{
	size_t left = len * DECODE_FACTOR + DECODE_FLOOR;
	ProtobufCAllocator allocator = {
		.alloc = allocate, .free = release, .allocator_data = &left};

	return protobuf_c_message_unpack(type, &allocator, len, packed);
}
