// SPDX-License-Identifier: BSD-3-Clause
//
// agent_frame: small messages are packed on the stack, large ones in memory of their own.

#include "datapath/agent_frame.h"

#include "base/stream.h"

#include <errno.h>
#include <stdlib.h>

enum { STACK_BYTES = 2048 };

int agent_frame_send(struct stream *stream, unsigned stream_id, uint16_t type, uint64_t request,
                     const ProtobufCMessage *message, int fd)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t small[STACK_BYTES];
	uint8_t *body = len <= sizeof(small) ? small : malloc(len);
	int code;

	if (!body)
		return -ENOMEM;
	protobuf_c_message_pack(message, body);
	code = stream_send(stream, stream_id, type, request, body, len, fd >= 0 ? &fd : NULL,
	                   fd >= 0);
	if (body != small)
		free(body);
	return code;
}

void *agent_frame_decode(struct agent_arena *arena, const struct stream_frame *frame,
                         const ProtobufCMessageDescriptor *type)
{
	return protobuf_c_message_unpack(type, &arena->allocator, frame->len, frame->body);
}
