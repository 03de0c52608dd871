// SPDX-License-Identifier: BSD-3-Clause
//
// message_record: follows the message's descriptor, so that a field which the model gains needs no line.

#include "controller/message_record.h"

#include "controller/record.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { WORD_SIZE = 64 };

void message_choice(const ProtobufCEnumDescriptor *choices, int value, char *buf, size_t size)
{
	const ProtobufCEnumValue *choice = protobuf_c_enum_descriptor_get_value(choices, value);
	const char *word = choice ? strchr(choice->name, '_') : NULL;

	snprintf(buf, size, "%s", word ? word + 1 : "unknown");
	for (; *buf; buf++)
		*buf = (char)tolower((unsigned char)*buf);
}

static uint64_t number_at(const ProtobufCFieldDescriptor *field, const void *at)
{
	return field->type == PROTOBUF_C_TYPE_UINT64 ? *(const uint64_t *)at
	                                             : *(const uint32_t *)at;
}

static Weft__Record *inner_record(const void *at)
{
	Weft__Record *inner = record_new();

	if (inner)
		message_record_add(inner, *(const ProtobufCMessage *const *)at);
	return inner;
}

static void add_item(Weft__Record *record, const ProtobufCFieldDescriptor *field, const void *at)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		record_append(record, field->name, *(char *const *)at);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		record_append_record(record, field->name, inner_record(at));
		break;
	default:
		record_append_number(record, field->name, number_at(field, at));
		break;
	}
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_UINT64:
		return sizeof(uint64_t);
	default:
		return sizeof(uint32_t);
	}
}

static void add_value(Weft__Record *record, const ProtobufCFieldDescriptor *field, const void *at)
{
	char word[WORD_SIZE];

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		record_text(record, field->name, *(char *const *)at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		record_flag(record, field->name, *(const protobuf_c_boolean *)at);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		message_choice(field->descriptor, *(const int *)at, word, sizeof(word));
		record_text(record, field->name, word);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		record_record(record, field->name, inner_record(at));
		break;
	default:
		record_number(record, field->name, number_at(field, at));
		break;
	}
}

void message_record_add(Weft__Record *record, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *descriptor = message->descriptor;

	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
		const char *at = (const char *)message + field->offset;
		const char *quantifier = (const char *)message + field->quantifier_offset;

		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			const char *items = *(const char *const *)(const void *)at;
			size_t count = *(const size_t *)(const void *)quantifier;

			for (size_t item = 0; item < count; item++)
				add_item(record, field, items + item * size_of(field));
			continue;
		}
		if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE
		            ? *(void *const *)(const void *)at != NULL
		            : *(const protobuf_c_boolean *)(const void *)quantifier)
			add_value(record, field, at);
	}
}
