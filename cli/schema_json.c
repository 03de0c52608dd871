// SPDX-License-Identifier: BSD-3-Clause
//
// schema_json: the table as JSON Schema.
//
// Other programs give scalars types before they look at a schema, so a number is let in as a number, and
// a text may be whatever they took it for.

#include "cli/schema.h"
#include "cli/schema_text.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

// "#/definitions/net"; the spaces of a name become hyphens.
static void definition_name(const struct schema_object *object, char *buf, size_t size)
{
	snprintf(buf, size, "%s", object->name);
	for (char *space = strchr(buf, ' '); space; space = strchr(space, ' '))
		*space = '-';
}

static json_t *reference(const struct schema_object *object)
{
	char name[64];

	definition_name(object, name, sizeof(name));
	return json_pack("{s:s+}", "$ref", "#/definitions/", name);
}

static json_t *words_of(const char *choices)
{
	json_t *words = json_array();
	char text[256], *rest = text;

	snprintf(text, sizeof(text), "%s", choices);
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " "))
		json_array_append_new(words, json_string(word));
	return words;
}

static json_t *number_of(const struct schema_key *key)
{
	json_t *number = json_pack("{s:s}", "type", "integer");

	json_object_set_new(number, "minimum", json_integer((json_int_t)key->least));
	if (key->most)
		json_object_set_new(number, "maximum", json_integer((json_int_t)key->most));
	return number;
}

static json_t *scalar_of(const struct schema_key *key)
{
	const char *pattern = scalar_pattern(key->kind);
	json_t *scalar;

	switch (key->kind) {
	case SCHEMA_OBJECT:
		return reference(key->object);
	case SCHEMA_CHOICE:
		return json_pack("{s:o}", "enum", words_of(key->choices));
	case SCHEMA_FLAG:
		return json_pack("{s:[b,b,s,s,s,s]}", "enum", 1, 0, "yes", "no", "on", "off");
	case SCHEMA_NUMBER:
		return number_of(key);
	case SCHEMA_TEXT:
	case SCHEMA_NAME:
		scalar = json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean");
		break;
	case SCHEMA_TIME:
		scalar = json_pack("{s:[s,s]}", "type", "string", "integer");
		break;
	default:
		scalar = json_pack("{s:s}", "type", "string");
		break;
	}
	// Nothing but 0 goes without a unit.
	if (key->kind == SCHEMA_TIME)
		json_object_set_new(scalar, "maximum", json_integer(0));
	if (pattern)
		json_object_set_new(scalar, "pattern", json_string(pattern));
	if (!key->choices)
		return scalar;
	return json_pack("{s:[o,{s:o}]}", "anyOf", scalar, "enum", words_of(key->choices));
}

static json_t *nothing(void)
{
	return json_pack("{s:s}", "type", "null");
}

static json_t *value_of(const struct schema_key *key)
{
	json_t *item = scalar_of(key), *value;

	switch (key->shape) {
	case SCHEMA_ONE:
		value = item;
		break;
	case SCHEMA_LIST:
		value = json_pack("{s:[O,{s:s,s:o},o]}", "anyOf", item, "type", "array", "items",
		                  item, nothing());
		break;
	default:
		// What may be left empty is empty.
		if (key->kind == SCHEMA_OBJECT)
			item = json_pack("{s:[o,o]}", "anyOf", item, nothing());
		value = json_pack("{s:[s,s],s:o}", "type", "object", "null", "additionalProperties",
		                  item);
		if (strcmp(key->name, "routes") != 0)
			json_object_set_new(
				value, "propertyNames",
				json_pack("{s:s}", "pattern", "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"));
		break;
	}
	// A reference may have nothing beside it.
	if (!json_object_get(value, "$ref"))
		json_object_set_new(value, "description", json_string(key->help));
	return value;
}

static json_t *object_of(const struct schema_object *object)
{
	json_t *schema = json_pack("{s:s,s:s,s:{},s:b}", "type", "object", "description",
	                           object->help, "properties", "additionalProperties", 0);
	json_t *required = json_array();

	for (const struct schema_key *key = object->keys; key->name; key++) {
		json_object_set_new(json_object_get(schema, "properties"), key->name,
		                    value_of(key));
		if (key->required)
			json_array_append_new(required, json_string(key->name));
	}
	if (json_array_size(required) > 0)
		json_object_set(schema, "required", required);
	json_decref(required);
	if (object->single) {
		json_object_set_new(schema, "minProperties", json_integer(1));
		json_object_set_new(schema, "maxProperties", json_integer(1));
	}
	if (!object->bare)
		return schema;
	return json_pack("{s:[o,o]}", "anyOf", scalar_of(schema_key(object, object->bare)), schema);
}

// The object and those that it leads to, each once.
static void define(json_t *definitions, const struct schema_object *object)
{
	char name[64];

	definition_name(object, name, sizeof(name));
	if (json_object_get(definitions, name))
		return;
	json_object_set_new(definitions, name, object_of(object));
	for (const struct schema_key *key = object->keys; key->name; key++)
		if (key->object)
			define(definitions, key->object);
}

void schema_print_json(FILE *out)
{
	json_t *schema = object_of(&schema_topology), *definitions = json_object();

	for (const struct schema_key *key = schema_topology.keys; key->name; key++)
		if (key->object)
			define(definitions, key->object);
	json_object_set_new(schema, "$schema",
	                    json_string("http://json-schema.org/draft-07/schema#"));
	json_object_set_new(schema, "title", json_string("Weft topology file"));
	json_object_set_new(schema, "definitions", definitions);
	json_dumpf(schema, out, JSON_INDENT(1) | JSON_SORT_KEYS);
	fputc('\n', out);
	json_decref(schema);
}
