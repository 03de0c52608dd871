// SPDX-License-Identifier: BSD-3-Clause
//
// record_message: follows the message's descriptor, so that a field which the model gains needs no line.

#include "cli/record_message.h"

#include "cli/record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static uint64_t number_of(const Weft__Field *from)
{
	switch (from->value_case) {
	case WEFT__FIELD__VALUE_NUMBER:
		return from->number;
	case WEFT__FIELD__VALUE_SIGNED:
		return from->signed_ > 0 ? (uint64_t)from->signed_ : 0;
	case WEFT__FIELD__VALUE_FLAG:
		return from->flag != 0;
	default:
		return 0;
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
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_UINT32:
		return sizeof(uint32_t);
	default:
		return 0; // None of the model's.
	}
}

// The value of a choice by its word behind the prefix.
static bool find_choice(const ProtobufCEnumDescriptor *choices, const char *word, int *ret)
{
	for (unsigned i = 0; i < choices->n_values; i++) {
		const char *name = strchr(choices->values[i].name, '_');

		if (name && strcasecmp(name + 1, word) == 0) {
			*ret = choices->values[i].value;
			return true;
		}
	}
	return false;
}

static bool is_plain_text(const Weft__Field *from)
{
	return from->value_case == WEFT__FIELD__VALUE_TEXT;
}

// Writes the value at its place. Returns whether there was one that fits.
static bool set_value(const ProtobufCFieldDescriptor *field, const Weft__Field *from, void *at)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = is_plain_text(from) ? strdup(from->text) : NULL;
		return *(char **)at != NULL;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = from->value_case == WEFT__FIELD__VALUE_RECORD
		                                   ? record_message(from->record, field->descriptor)
		                                   : NULL;
		return *(ProtobufCMessage **)at != NULL;
	case PROTOBUF_C_TYPE_ENUM:
		return is_plain_text(from) && find_choice(field->descriptor, from->text, at);
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)at = number_of(from);
		return true;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = number_of(from) != 0;
		return true;
	default:
		*(uint32_t *)at = (uint32_t)number_of(from);
		return true;
	}
}

static void set_list(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                     const Weft__Field *from)
{
	size_t count = from->value_case == WEFT__FIELD__VALUE_LIST ? from->list->n_items : 0;
	char *items = count ? calloc(count, size_of(field)) : NULL;
	size_t taken = 0;

	for (size_t i = 0; i < count && items; i++)
		taken += set_value(field, from->list->items[i], items + taken * size_of(field));
	if (taken == 0) {
		free(items);
		return;
	}
	*(char **)(void *)((char *)message + field->offset) = items;
	*(size_t *)(void *)((char *)message + field->quantifier_offset) = taken;
}

ProtobufCMessage *record_message(const Weft__Record *record,
                                 const ProtobufCMessageDescriptor *descriptor)
{
	ProtobufCMessage *message = malloc(descriptor->sizeof_message);

	if (!message)
		return NULL;
	protobuf_c_message_init(descriptor, message);
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
		const Weft__Field *from = record_find(record, field->name);
		char *base = (char *)message;

		if (!from || !size_of(field))
			continue;
		if (field->label == PROTOBUF_C_LABEL_REPEATED)
			set_list(message, field, from);
		else if (set_value(field, from, base + field->offset) &&
		         field->type != PROTOBUF_C_TYPE_STRING &&
		         field->type != PROTOBUF_C_TYPE_MESSAGE)
			*(protobuf_c_boolean *)(void *)(base + field->quantifier_offset) = true;
	}
	return message;
}
