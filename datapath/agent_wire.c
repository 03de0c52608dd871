// SPDX-License-Identifier: BSD-3-Clause
//
// agent_wire: a walk over the top level of a packed message, and over unknown fields of a decoded one.
//
// A patch may leave out required fields, so it cannot be decoded by itself: it is joined with the old
// object first, which the encoding allows (a later value of a field wins, lists append, messages merge).

#include "datapath/agent_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5, TAG_ROOM = 20 };

struct cursor {
	const uint8_t *at, *end;
};

struct field {
	uint32_t number;
	const uint8_t *start; // with its tag
	size_t len;
	const uint8_t *content; // of WIRE_BYTES
	size_t content_len;
};

static bool read_varint(struct cursor *cursor, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
		uint8_t byte = *cursor->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool skip(struct cursor *cursor, uint64_t len)
{
	if (len > (uint64_t)(cursor->end - cursor->at))
		return false;
	cursor->at += len;
	return true;
}

static bool read_field(struct cursor *cursor, struct field *ret)
{
	struct field field = {.start = cursor->at};
	uint64_t tag, value;

	if (!read_varint(cursor, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
		return false;
	field.number = (uint32_t)(tag >> 3);

	bool good = false;

	switch (tag & 7) {
	case WIRE_VARINT:
		good = read_varint(cursor, &value);
		break;
	case WIRE_FIXED64:
		good = skip(cursor, 8);
		break;
	case WIRE_FIXED32:
		good = skip(cursor, 4);
		break;
	case WIRE_BYTES:
		good = read_varint(cursor, &value);
		field.content = cursor->at;
		good = good && skip(cursor, value);
		field.content_len = good ? (size_t)value : 0;
		break;
	}
	field.len = (size_t)(cursor->at - field.start);
	if (good)
		*ret = field;
	return good;
}

static size_t put_varint(uint8_t *out, uint64_t value)
{
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		out[len++] = (uint8_t)(value | 0x80);
	out[len++] = (uint8_t)value;
	return len;
}

struct merge {
	uint8_t *rest; // fields outside the body
	size_t rest_len;
	uint8_t *body;
	size_t body_len;
};

static int add(struct merge *merge, const uint8_t *bytes, size_t len, uint32_t body_field)
{
	struct cursor cursor = {.at = bytes, .end = bytes + len};
	struct field field;

	while (cursor.at < cursor.end) {
		if (!read_field(&cursor, &field))
			return -EINVAL;
		if (field.number == body_field && field.content) {
			memcpy(merge->body + merge->body_len, field.content, field.content_len);
			merge->body_len += field.content_len;
		} else {
			memcpy(merge->rest + merge->rest_len, field.start, field.len);
			merge->rest_len += field.len;
		}
	}
	return 0;
}

int agent_wire_merge(const uint8_t *old, size_t old_len, const uint8_t *patch, size_t patch_len,
                     uint32_t body_field, uint8_t **ret, size_t *ret_len)
{
	size_t len = old_len + patch_len;
	struct merge merge = {.rest = malloc(len + TAG_ROOM + len), .body = malloc(len + 1)};
	int code = merge.rest && merge.body ? 0 : -ENOMEM;

	if (code == 0)
		code = add(&merge, old, old_len, body_field);
	if (code == 0)
		code = add(&merge, patch, patch_len, body_field);
	if (code == 0) {
		uint8_t *end = merge.rest + merge.rest_len;

		end += put_varint(end, (uint64_t)body_field << 3 | WIRE_BYTES);
		end += put_varint(end, merge.body_len);
		memcpy(end, merge.body, merge.body_len);
		*ret_len = (size_t)(end - merge.rest) + merge.body_len;
		*ret = merge.rest;
		merge.rest = NULL;
	}
	free(merge.rest);
	free(merge.body);
	return code;
}

static uint32_t critical_within(const ProtobufCMessage *message,
                                const ProtobufCFieldDescriptor *field)
{
	const void *member = (const uint8_t *)message + field->offset;
	const void *quantifier = (const uint8_t *)message + field->quantifier_offset;

	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		const ProtobufCMessage *const *of = *(const ProtobufCMessage *const *const *)member;

		for (size_t i = 0; i < *(const size_t *)quantifier; i++) {
			uint32_t number = agent_wire_critical(of[i]);

			if (number)
				return number;
		}
		return 0;
	}
	// Members of a oneof share their place; only the one that is set is a message.
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
	    *(const uint32_t *)quantifier != field->id)
		return 0;
	return agent_wire_critical(*(const ProtobufCMessage *const *)member);
}

uint32_t agent_wire_critical(const ProtobufCMessage *message)
{
	if (!message)
		return 0;
	for (unsigned i = 0; i < message->n_unknown_fields; i++)
		if (message->unknown_fields[i].tag >= WIRE_CRITICAL)
			return message->unknown_fields[i].tag;
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		uint32_t number = critical_within(message, &message->descriptor->fields[i]);

		if (number)
			return number;
	}
	return 0;
}
