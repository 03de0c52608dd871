// SPDX-License-Identifier: BSD-3-Clause
//
// record: walks records; what comes from the controller may nest no deeper than DEPTH_MAX.

#include "cli/record.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8 };

const Weft__Field *record_find(const Weft__Record *record, const char *key)
{
	size_t part = strcspn(key, ".");

	for (size_t i = 0; record && i < record->n_fields; i++) {
		const Weft__Field *field = record->fields[i];

		if (strcmp(field->key, key) == 0)
			return field;
		if (key[part] && strncmp(field->key, key, part) == 0 && !field->key[part] &&
		    field->value_case == WEFT__FIELD__VALUE_RECORD)
			return record_find(field->record, key + part + 1);
	}
	return NULL;
}

// Appends what fits; the length may run past the end, as with snprintf().
static size_t append(char *buf, size_t size, size_t used, const char *text)
{
	if (used < size)
		snprintf(buf + used, size - used, "%s", text);
	return used + strlen(text);
}

static void list_text(const Weft__ValueList *list, char *buf, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < list->n_items; i++) {
		char item[256];

		if (i > 0)
			used = append(buf, size, used, ",");
		used = append(buf, size, used, field_text(list->items[i], item, sizeof(item)));
	}
}

static void nested_text(const Weft__Record *record, char *buf, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < record->n_fields; i++) {
		char item[256];

		if (i > 0)
			used = append(buf, size, used, " ");
		used = append(buf, size, used, record->fields[i]->key);
		used = append(buf, size, used, "=");
		used = append(buf, size, used, field_text(record->fields[i], item, sizeof(item)));
	}
}

const char *field_text(const Weft__Field *field, char *buf, size_t size)
{
	buf[0] = '\0';
	if (!field)
		return buf;
	switch (field->value_case) {
	case WEFT__FIELD__VALUE_TEXT:
		return field->text;
	case WEFT__FIELD__VALUE_NUMBER:
		snprintf(buf, size, "%llu", (unsigned long long)field->number);
		break;
	case WEFT__FIELD__VALUE_SIGNED:
		snprintf(buf, size, "%lld", (long long)field->signed_);
		break;
	case WEFT__FIELD__VALUE_REAL:
		snprintf(buf, size, "%.3f", field->real);
		break;
	case WEFT__FIELD__VALUE_FLAG:
		return field->flag ? "yes" : "no";
	case WEFT__FIELD__VALUE_LIST:
		list_text(field->list, buf, size);
		break;
	case WEFT__FIELD__VALUE_RECORD:
		nested_text(field->record, buf, size);
		break;
	default:
		break;
	}
	return buf;
}

const char *record_text(const Weft__Record *record, const char *key, char *buf, size_t size)
{
	return field_text(record_find(record, key), buf, size);
}

uint64_t record_number(const Weft__Record *record, const char *key)
{
	const Weft__Field *field = record_find(record, key);

	if (!field)
		return 0;
	if (field->value_case == WEFT__FIELD__VALUE_NUMBER)
		return field->number;
	if (field->value_case == WEFT__FIELD__VALUE_SIGNED && field->signed_ > 0)
		return (uint64_t)field->signed_;
	return 0;
}

static json_t *fields_json(const Weft__Record *record, unsigned depth);

static json_t *field_json(const Weft__Field *field, unsigned depth)
{
	json_t *list;

	switch (field->value_case) {
	case WEFT__FIELD__VALUE_TEXT: {
		json_t *text = json_string(field->text);

		// Not UTF-8: shown as far as it is readable rather than lost.
		return text ? text : json_string("(bytes)");
	}
	case WEFT__FIELD__VALUE_NUMBER:
		return json_integer((json_int_t)field->number);
	case WEFT__FIELD__VALUE_SIGNED:
		return json_integer((json_int_t)field->signed_);
	case WEFT__FIELD__VALUE_REAL:
		return json_real(field->real);
	case WEFT__FIELD__VALUE_FLAG:
		return json_boolean(field->flag);
	case WEFT__FIELD__VALUE_RECORD:
		return depth < DEPTH_MAX ? fields_json(field->record, depth + 1) : json_null();
	case WEFT__FIELD__VALUE_LIST:
		list = json_array();
		for (size_t i = 0; depth < DEPTH_MAX && i < field->list->n_items; i++)
			json_array_append_new(list, field_json(field->list->items[i], depth + 1));
		return list;
	default:
		return json_null();
	}
}

static json_t *fields_json(const Weft__Record *record, unsigned depth)
{
	json_t *object = json_object();

	for (size_t i = 0; i < record->n_fields; i++)
		json_object_set_new(object, record->fields[i]->key,
		                    field_json(record->fields[i], depth));
	return object;
}

json_t *record_json(const Weft__Record *record)
{
	return fields_json(record, 0);
}
