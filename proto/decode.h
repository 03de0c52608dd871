// SPDX-License-Identifier: BSD-3-Clause
//
// decode: a packed message from outside, unpacked with bounded memory.
//
// A few bytes on the wire can ask for many in memory (an empty sub-message costs two there and a hundred
// here), so what decoding may take is settled by the packed size before it begins. Any thread.

#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

// What honest messages need of memory at most, for each packed byte and beside that. Rows of small numbers
// need the most.
enum { DECODE_FACTOR = 48, DECODE_FLOOR = 4096 };

// => The message is the caller's, to be freed with its own free_unpacked and no allocator. NULL: the bytes
// are no such message, or ask for too much memory.
void *decode_message(const ProtobufCMessageDescriptor *type, size_t len, const uint8_t *packed);
