// SPDX-License-Identifier: BSD-3-Clause
//
// fields: reflection over protobuf-c's descriptors, so that a flag needs one line in the table and no
// code of its own.

#include "cli/fields.h"

#include "cli/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS_MAX = 4096 };

static void *member(ProtobufCMessage *message, unsigned offset)
{
	return (char *)message + offset;
}

// The value whose name, after the enum's common first word, is the text: NET_NAT for "nat".
static int set_choice(const ProtobufCEnumDescriptor *choices, const char *text, int *ret)
{
	for (unsigned i = 0; i < choices->n_values; i++) {
		const char *name = strchr(choices->values[i].name, '_');

		if (name && strcasecmp(name + 1, text) == 0) {
			*ret = choices->values[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_numbers(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       const char *text)
{
	uint32_t numbers[NUMBERS_MAX];
	int count = value_numbers(text, numbers, NUMBERS_MAX);

	if (count < 0)
		return count;

	uint32_t *kept = calloc((size_t)count, sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	memcpy(kept, numbers, (size_t)count * sizeof(*kept));
	free(*(void **)member(message, field->offset));
	*(size_t *)member(message, field->quantifier_offset) = (size_t)count;
	*(uint32_t **)member(message, field->offset) = kept;
	return 0;
}

// A repeated string takes one more of each list item.
static int append_words(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                        const char *text)
{
	size_t *count = member(message, field->quantifier_offset);
	char ***words = member(message, field->offset);
	char *copy = strdup(text), *rest = copy;

	for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
		char **grown = realloc(*words, (*count + 1) * sizeof(**words));

		if (!grown)
			break;
		*words = grown;
		grown[(*count)++] = strdup(word);
	}
	free(copy);
	return 0;
}

// A field that says its unit in its name.
static bool is_time(const ProtobufCFieldDescriptor *field)
{
	size_t len = strlen(field->name);

	return len > 3 && strcmp(field->name + len - 3, "_us") == 0;
}

static int set_scalar(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                      const char *text)
{
	protobuf_c_boolean *has = member(message, field->quantifier_offset);
	uint64_t number;
	int error;

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING: {
		char **kept = member(message, field->offset);

		if (*kept != field->default_value)
			free(*kept);
		*kept = strdup(text);
		return *kept ? 0 : -ENOMEM;
	}
	case PROTOBUF_C_TYPE_UINT32:
		// A time is a number with a unit; plain numbers have none.
		error = is_time(field) ? value_time(text, &number) : value_seconds(text, &number);
		if (error < 0)
			return error;
		*(uint32_t *)member(message, field->offset) = (uint32_t)number;
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)member(message, field->offset) = strcmp(text, "no") != 0;
		break;
	case PROTOBUF_C_TYPE_ENUM:
		error = set_choice(field->descriptor, text, member(message, field->offset));
		if (error < 0)
			return error;
		break;
	default:
		return -EINVAL;
	}
	*has = true;
	return 0;
}

int fields_set(ProtobufCMessage *message, const char *name, const char *text)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);

	if (!field)
		return -EINVAL;
	if (field->label != PROTOBUF_C_LABEL_REPEATED)
		return set_scalar(message, field, text);
	return field->type == PROTOBUF_C_TYPE_STRING ? append_words(message, field, text)
	                                             : set_numbers(message, field, text);
}

static int append_clear(char ***clear, size_t *count, const char *name)
{
	char **grown = realloc(*clear, (*count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*clear = grown;
	grown[*count] = strdup(name);
	(*count)++;
	return 0;
}

int fields_from_flags(ProtobufCMessage *message, const struct invocation *call, char ***clear,
                      size_t *clear_count)
{
	for (unsigned i = 0; i < call->flag_count; i++) {
		const struct given_flag *given = &call->flags[i];
		const char *name = given->flag->field;
		int error;

		// A command may make several objects; each takes the flags that are its own.
		if (!name ||
		    !protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name))
			continue;
		if (given->negated && given->flag->kind != VALUE_SWITCH)
			error = append_clear(clear, clear_count, name);
		else
			error = fields_set(message, name,
			                   given->text      ? given->text
			                   : given->negated ? "no"
			                                    : "yes");
		if (error < 0)
			return error;
	}
	return 0;
}
