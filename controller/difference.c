// SPDX-License-Identifier: BSD-3-Clause
//
// difference: two intents compared field by field.
//
// The fields come from the messages' descriptors, so that a noun which gains a field needs no line here.
// Values are told in the words in which a user gives them.

#include "controller/difference.h"

#include "base/cleanup.h"
#include "controller/message_record.h"
#include "controller/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_TEXT = 1024 };

static const void *member(const ProtobufCMessage *message, unsigned offset)
{
	return (const char *)message + offset;
}

// One value, which lies at `at`.
static void say_value(const ProtobufCFieldDescriptor *field, const void *at, char *buf, size_t size)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		snprintf(buf, size, "%s", *(char *const *)at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		snprintf(buf, size, "%s", *(const protobuf_c_boolean *)at ? "yes" : "no");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		message_choice(field->descriptor, *(const int *)at, buf, size);
		break;
	case PROTOBUF_C_TYPE_UINT64:
		snprintf(buf, size, "%" PRIu64, *(const uint64_t *)at);
		break;
	default:
		snprintf(buf, size, "%u", *(const uint32_t *)at);
		break;
	}
}

static void say_list(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                     char *buf, size_t size)
{
	size_t count = *(const size_t *)member(message, field->quantifier_offset), used = 0;
	const char *items = *(const char *const *)member(message, field->offset);
	size_t step = field->type == PROTOBUF_C_TYPE_STRING ? sizeof(char *) : sizeof(uint32_t);

	// Of long things how many is enough.
	if (field->type == PROTOBUF_C_TYPE_MESSAGE && count > 0)
		used = (size_t)snprintf(buf, size, "%zu %.*s", count,
		                        (int)(strlen(field->name) - (count == 1)), field->name);
	for (size_t i = 0; field->type != PROTOBUF_C_TYPE_MESSAGE && i < count && used + 1 < size;
	     i++) {
		if (i > 0)
			buf[used++] = ',';
		say_value(field, items + i * step, buf + used, size - used);
		used += strlen(buf + used);
	}
}

// False when the field is not set.
static bool say_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                      char *buf, size_t size)
{
	const void *at = member(message, field->offset);

	buf[0] = '\0';
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		say_list(message, field, buf, size);
		return buf[0] != '\0';
	}
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		if (!*(char *const *)at)
			return false;
	} else if (!*(const protobuf_c_boolean *)member(message, field->quantifier_offset)) {
		return false;
	}
	say_value(field, at, buf, size);
	return true;
}

// Whether lists of messages are equal, which their count does not tell.
static bool same_messages(const ProtobufCMessage *before, const ProtobufCMessage *after,
                          const ProtobufCFieldDescriptor *field)
{
	size_t count = *(const size_t *)member(before, field->quantifier_offset);
	ProtobufCMessage *const *was =
		*(ProtobufCMessage *const *const *)member(before, field->offset);
	ProtobufCMessage *const *is =
		*(ProtobufCMessage *const *const *)member(after, field->offset);
	bool same = count == *(const size_t *)member(after, field->quantifier_offset);

	for (size_t i = 0; same && i < count; i++) {
		size_t len = protobuf_c_message_get_packed_size(was[i]);
		auto_free uint8_t *a = malloc(len + 1), *b = malloc(len + 1);

		same = a && b && len == protobuf_c_message_get_packed_size(is[i]);
		if (!same)
			continue;
		protobuf_c_message_pack(was[i], a);
		protobuf_c_message_pack(is[i], b);
		same = memcmp(a, b, len) == 0;
	}
	return same;
}

static Weft__Record *begin(const struct model_change *change, const char *verb)
{
	Weft__Record *record = record_new();

	record_text(record, "verb", verb);
	record_text(record, "object", change->key);
	return record;
}

static void compare(const struct model_change *change, const ProtobufCMessage *before,
                    const ProtobufCMessage *after, const ProtobufCFieldDescriptor *field,
                    difference_take_fn take, void *user)
{
	char was[VALUE_TEXT], is[VALUE_TEXT];
	bool had = say_field(before, field, was, sizeof(was));
	bool has = say_field(after, field, is, sizeof(is));
	Weft__Record *record;

	if (had == has && strcmp(was, is) == 0 &&
	    (field->type != PROTOBUF_C_TYPE_MESSAGE || same_messages(before, after, field)))
		return;
	record = begin(change, "set");
	record_text(record, "field", field->name);
	record_text(record, "before", had ? was : NULL);
	record_text(record, "after", has ? is : NULL);
	take(user, record);
}

void difference_each(const struct model_change *change, difference_take_fn take, void *user)
{
	const struct intent *before = change->before, *after = change->after;
	const ProtobufCMessage *was, *is;

	if (!before || !after) {
		if (before || after)
			take(user, begin(change, after ? "add" : "delete"));
		return;
	}
	// The union holds nothing but pointers to messages.
	was = (const ProtobufCMessage *)before->msg->net;
	is = (const ProtobufCMessage *)after->msg->net;
	for (unsigned i = 0; i < was->descriptor->n_fields; i++)
		compare(change, was, is, &was->descriptor->fields[i], take, user);
	compare(change, &before->msg->base, &after->msg->base,
	        protobuf_c_message_descriptor_get_field_by_name(&weft__intent__descriptor, "lab"),
	        take, user);
}
