// SPDX-License-Identifier: BSD-3-Clause
//
// agent_frame: messages of the channel in and out of frames. Main thread only.

#pragma once

#include "datapath/agent_arena.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

struct stream;
struct stream_frame;

// Packs and queues, with a descriptor unless it is -1. As stream_send(), or -ENOMEM.
int agent_frame_send(struct stream *stream, unsigned stream_id, uint16_t type, uint64_t request,
                     const ProtobufCMessage *message, int fd);
// Decodes the body into the arena, whose limit bounds it. NULL: it is no such message, or too large.
void *agent_frame_decode(struct agent_arena *arena, const struct stream_frame *frame,
                         const ProtobufCMessageDescriptor *type);
