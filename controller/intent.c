// SPDX-License-Identifier: BSD-3-Clause
//
// intent: copies and merges of the user's objects.
//
// A merge works on packed bytes: fields of the old body that the change sets are left out and the
// change's bytes follow. This replaces lists as a whole, where protobuf's own merging would append.

#include "controller/intent.h"

#include "base/cleanup.h"
#include "proto/decode.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static ProtobufCMessage *body_of(const Weft__Intent *intent)
{
	// The union holds nothing but pointers to messages.
	return (ProtobufCMessage *)intent->net;
}

struct intent *intent_from_packed(const void *packed, size_t len)
{
	struct intent *intent = calloc(1, sizeof(*intent));

	if (!intent)
		return NULL;
	intent->packed = malloc(len ? len : 1);
	intent->msg = decode_message(&weft__intent__descriptor, len, packed);
	if (!intent->packed || !intent->msg || noun_of(intent->msg) == NOUN_NONE ||
	    strlen(intent->msg->name) > NAME_MAX_LEN) {
		errno = intent->packed ? EBADMSG : ENOMEM;
		intent_free(intent);
		return NULL;
	}
	memcpy(intent->packed, packed, len);
	intent->len = len;
	intent->noun = noun_of(intent->msg);
	intent->name = intent->msg->name;
	noun_key(intent->key, intent->noun, intent->name);
	return intent;
}

struct intent *intent_new(const Weft__Intent *msg)
{
	size_t len = weft__intent__get_packed_size(msg);
	auto_free uint8_t *packed = NULL;

	if (noun_of(msg) == NOUN_NONE) {
		errno = EINVAL;
		return NULL;
	}
	packed = malloc(len ? len : 1);
	if (!packed)
		return NULL;
	weft__intent__pack(msg, packed);
	return intent_from_packed(packed, len);
}

void intent_free(struct intent *intent)
{
	if (!intent)
		return;
	weft__intent__free_unpacked(intent->msg, NULL);
	free(intent->packed);
	free(intent);
}

// Reads one varint; returns the bytes it took, or 0 when the bytes end within it.
static size_t varint(const uint8_t *bytes, size_t len, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len && i < 10; i++) {
		value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
		if (!(bytes[i] & 0x80)) {
			*ret = value;
			return i + 1;
		}
	}
	return 0;
}

// The whole length of the field at the start of the bytes, and its number; 0 when malformed.
static size_t field_at(const uint8_t *bytes, size_t len, unsigned *ret_number)
{
	uint64_t tag, value = 0;
	size_t head = varint(bytes, len, &tag), body;

	if (!head)
		return 0;
	switch (tag & 7) {
	case 0:
		body = varint(bytes + head, len - head, &value);
		if (!body)
			return 0;
		break;
	case 1:
		body = 8;
		break;
	case 2:
		body = varint(bytes + head, len - head, &value);
		if (!body || value > len)
			return 0;
		body += value;
		break;
	case 5:
		body = 4;
		break;
	default:
		return 0;
	}
	if (body > len - head)
		return 0;
	*ret_number = (unsigned)(tag >> 3);
	return head + body;
}

enum { FIELDS_MAX = 64 };

static void mark_present(const uint8_t *bytes, size_t len, bool present[FIELDS_MAX])
{
	unsigned number;

	for (size_t at = 0, step; at < len; at += step) {
		step = field_at(bytes + at, len - at, &number);
		if (!step)
			return;
		if (number < FIELDS_MAX)
			present[number] = true;
	}
}

// Marks the fields to forget, by the names users see: "mac-limit" or "mac_limit".
static int mark_cleared(const Weft__Intent *change, char *const *clear, size_t count,
                        bool present[FIELDS_MAX], struct refusal *refusal)
{
	char key[KEY_SIZE];

	noun_key(key, noun_of(change), change->name);
	for (size_t i = 0; i < count; i++) {
		const ProtobufCFieldDescriptor *field;
		char name[64] = "";

		for (size_t at = 0; clear[i][at] && at < sizeof(name) - 1; at++)
			name[at] = clear[i][at] == '-' ? '_' : clear[i][at];
		field = protobuf_c_message_descriptor_get_field_by_name(body_of(change)->descriptor,
		                                                        name);
		if (!field || field->id >= FIELDS_MAX)
			return refuse(refusal, -EINVAL, key, name, "%s has no field '%s'", key,
			              name);
		present[field->id] = true;
	}
	return 0;
}

// The old body without the marked fields, then the new body.
static uint8_t *join(const uint8_t *old, size_t old_len, const uint8_t *new, size_t new_len,
                     const bool present[FIELDS_MAX], size_t *ret_len)
{
	uint8_t *joined = malloc(old_len + new_len + 1);
	size_t len = 0;
	unsigned number;

	if (!joined)
		return NULL;
	for (size_t at = 0, step; at < old_len; at += step) {
		step = field_at(old + at, old_len - at, &number);
		if (!step)
			break;
		if (number < FIELDS_MAX && present[number])
			continue;
		memcpy(joined + len, old + at, step);
		len += step;
	}
	memcpy(joined + len, new, new_len);
	*ret_len = len + new_len;
	return joined;
}

int intent_merge(const struct intent *old, const Weft__Intent *change, char *const *clear,
                 size_t clear_count, Weft__Intent **ret, struct refusal *refusal)
{
	ProtobufCMessage *was = body_of(old->msg), *wanted = body_of(change), *body;
	size_t was_len = protobuf_c_message_get_packed_size(was), joined_len;
	size_t wanted_len = protobuf_c_message_get_packed_size(wanted);
	auto_free uint8_t *was_bytes = malloc(was_len + 1);
	auto_free uint8_t *wanted_bytes = malloc(wanted_len + 1);
	auto_free uint8_t *joined = NULL;
	bool present[FIELDS_MAX] = {0};
	Weft__Intent *merged;
	int err;

	if (!was_bytes || !wanted_bytes)
		return refuse(refusal, -ENOMEM, old->key, NULL, "out of memory");
	protobuf_c_message_pack(was, was_bytes);
	protobuf_c_message_pack(wanted, wanted_bytes);
	mark_present(wanted_bytes, wanted_len, present);
	err = mark_cleared(change, clear, clear_count, present, refusal);
	if (err < 0)
		return err;
	joined = join(was_bytes, was_len, wanted_bytes, wanted_len, present, &joined_len);
	if (!joined)
		return refuse(refusal, -ENOMEM, old->key, NULL, "out of memory");
	body = protobuf_c_message_unpack(was->descriptor, NULL, joined_len, joined);
	merged = decode_message(&weft__intent__descriptor, old->len, old->packed);
	if (!body || !merged) {
		if (body)
			protobuf_c_message_free_unpacked(body, NULL);
		weft__intent__free_unpacked(merged, NULL);
		return refuse(refusal, -EINVAL, old->key, NULL, "%s: the change cannot be read",
		              old->key);
	}
	protobuf_c_message_free_unpacked(body_of(merged), NULL);
	merged->net = (Weft__Net *)body;
	if (change->lab) {
		free(merged->lab);
		merged->lab = strdup(change->lab);
	}
	*ret = merged;
	return 0;
}
