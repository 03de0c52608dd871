// SPDX-License-Identifier: BSD-3-Clause
//
// agent_wire: what must be known of a packed message before or beside its decoding. Main thread only.

#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_CRITICAL = 1000 };

// Lays a packed Object over another: of id and name the later counts, the bodies are joined, so that a
// decoder sees fields of the second replace and lists append. Both bodies must be of the same field.
// 0, -EINVAL for bytes that are no message or another body, or -ENOMEM. *ret is the caller's to free.
int agent_wire_merge(const uint8_t *old, size_t old_len, const uint8_t *patch, size_t patch_len,
                     uint32_t body_field, uint8_t **ret, size_t *ret_len);

// The first field at or above WIRE_CRITICAL that the message or one inside it did not know; 0: none.
uint32_t agent_wire_critical(const ProtobufCMessage *message);
