// SPDX-License-Identifier: BSD-3-Clause
//
// topology_fill: keys of the file into fields of a message, by the names that the schema's table gives them.
//
// The message's own descriptor says of what type a field is, so a key more is a line of the table and no code.

#include "cli/topology.h"

#include "base/fail.h"
#include "cli/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ProtobufCMessage *member_at(ProtobufCMessage *body, unsigned offset)
{
	return (ProtobufCMessage *)(void *)((char *)body + offset);
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
	return field->type == PROTOBUF_C_TYPE_STRING   ? sizeof(char *)
	       : field->type == PROTOBUF_C_TYPE_UINT64 ? sizeof(uint64_t)
	                                               : sizeof(uint32_t);
}

// NET_NAT for "nat".
static int choice_of(const ProtobufCEnumDescriptor *choices, const char *text)
{
	for (unsigned i = 0; i < choices->n_values; i++) {
		const char *word = strchr(choices->values[i].name, '_');

		if (word && strcasecmp(word + 1, text) == 0)
			return choices->values[i].value;
	}
	return 0;
}

static int write_value(const ProtobufCFieldDescriptor *field, const char *text, void *at)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		free(*(char **)at);
		*(char **)at = strdup(text);
		return *(char **)at ? 0 : -ENOMEM;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
		return 0;
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)at = choice_of(field->descriptor, text);
		return 0;
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)at = strtoull(text, NULL, 10);
		return 0;
	default:
		*(uint32_t *)at = (uint32_t)strtoull(text, NULL, 10);
		return 0;
	}
}

int topology_set(ProtobufCMessage *body, const char *name, const char *text, struct fail *fail)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(body->descriptor, name);
	void *at = member_at(body, field->offset), *has = member_at(body, field->quantifier_offset);
	int err;

	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t count = *(size_t *)has;
		char *more = realloc(*(void **)at, (count + 1) * size_of(field));

		if (!more)
			return fail_set(fail, -ENOMEM, "out of memory");
		*(char **)at = more;
		memset(more + count * size_of(field), 0, size_of(field));
		err = write_value(field, text, more + count * size_of(field));
		*(size_t *)has = count + (err == 0);
	} else {
		err = write_value(field, text, at);
		if (err == 0 && field->type != PROTOBUF_C_TYPE_STRING)
			*(protobuf_c_boolean *)has = true;
	}
	return err < 0 ? fail_set(fail, -ENOMEM, "out of memory") : 0;
}

static int fill_key(const struct schema_key *key, const struct yaml_node *node,
                    ProtobufCMessage *body, struct fail *fail)
{
	struct fail why = {0};
	struct scalar scalar;
	char number[32];
	size_t count = node->kind == YAML_LIST ? node->count : 1;

	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = node->kind == YAML_LIST ? node->items[i] : node;

		if (item->kind != YAML_TEXT || yaml_is_empty(item))
			continue;
		if (scalar_read(key, item->text, &scalar, &why) < 0)
			return yaml_refuse(&item->place, fail, "%s", why.what);
		snprintf(number, sizeof(number), "%llu", (unsigned long long)scalar.number);
		if (topology_set(body, key->field, scalar.is_number ? number : scalar.text, fail) <
		    0)
			return fail->code;
	}
	return 0;
}

int topology_fill(struct topology *topology, const struct schema_object *schema,
                  const struct yaml_node *node, ProtobufCMessage *body, struct fail *fail)
{
	for (const struct schema_key *key = schema->keys; key->name; key++) {
		const struct yaml_node *value = yaml_get(node, key->name);

		// A mere text stands for one of the keys.
		if (schema->bare && strcmp(schema->bare, key->name) == 0 && node->kind == YAML_TEXT)
			value = node;
		if (!value || !key->field || key->kind == SCHEMA_OBJECT ||
		    !protobuf_c_message_descriptor_get_field_by_name(body->descriptor, key->field))
			continue;
		if (fill_key(key, value, body, fail) < 0 ||
		    topology_note(topology, topology->current, key->field, &value->place, fail) < 0)
			return fail->code;
	}
	return 0;
}
