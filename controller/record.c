// SPDX-License-Identifier: BSD-3-Clause
//
// record: messages made of malloc'ed parts, so that protobuf's own free takes them apart.

#include "controller/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Weft__Record *record_new(void)
{
	Weft__Record *record = malloc(sizeof(*record));

	if (record)
		weft__record__init(record);
	return record;
}

void record_free(Weft__Record *record)
{
	weft__record__free_unpacked(record, NULL);
}

static Weft__Field *new_field(const char *key)
{
	Weft__Field *field = malloc(sizeof(*field));

	if (!field)
		return NULL;
	weft__field__init(field);
	field->key = strdup(key);
	if (field->key)
		return field;
	free(field);
	return NULL;
}

// Grown one by one: records are short.
static bool push(Weft__Field ***fields, size_t *count, Weft__Field *field)
{
	Weft__Field **more = realloc(*fields, (*count + 1) * sizeof(*more));

	if (!more) {
		weft__field__free_unpacked(field, NULL);
		return false;
	}
	*fields = more;
	more[(*count)++] = field;
	return true;
}

static Weft__Field *add(Weft__Record *record, const char *key)
{
	Weft__Field *field = record ? new_field(key) : NULL;

	return field && push(&record->fields, &record->n_fields, field) ? field : NULL;
}

static void set_text(Weft__Field *field, const char *text)
{
	field->text = strdup(text);
	if (field->text)
		field->value_case = WEFT__FIELD__VALUE_TEXT;
}

void record_text(Weft__Record *record, const char *key, const char *text)
{
	Weft__Field *field = text ? add(record, key) : NULL;

	if (field)
		set_text(field, text);
}

void record_format(Weft__Record *record, const char *key, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	record_text(record, key, text);
}

void record_number(Weft__Record *record, const char *key, uint64_t number)
{
	Weft__Field *field = add(record, key);

	if (!field)
		return;
	field->value_case = WEFT__FIELD__VALUE_NUMBER;
	field->number = number;
}

void record_real(Weft__Record *record, const char *key, double real)
{
	Weft__Field *field = add(record, key);

	if (!field)
		return;
	field->value_case = WEFT__FIELD__VALUE_REAL;
	field->real = real;
}

void record_flag(Weft__Record *record, const char *key, bool flag)
{
	Weft__Field *field = add(record, key);

	if (!field)
		return;
	field->value_case = WEFT__FIELD__VALUE_FLAG;
	field->flag = flag;
}

void record_record(Weft__Record *record, const char *key, Weft__Record *inner)
{
	Weft__Field *field = inner ? add(record, key) : NULL;

	if (!field) {
		record_free(inner);
		return;
	}
	field->value_case = WEFT__FIELD__VALUE_RECORD;
	field->record = inner;
}

const Weft__Field *record_find(const Weft__Record *record, const char *key)
{
	for (size_t i = 0; i < record->n_fields; i++)
		if (strcmp(record->fields[i]->key, key) == 0)
			return record->fields[i];
	return NULL;
}

void record_add_number(Weft__Record *record, const char *key, uint64_t number)
{
	Weft__Field *field = record ? (Weft__Field *)record_find(record, key) : NULL;

	if (!field)
		record_number(record, key, number);
	else if (field->value_case == WEFT__FIELD__VALUE_NUMBER)
		field->number += number;
}

static Weft__ValueList *list_of(Weft__Record *record, const char *key)
{
	Weft__Field *field = record ? (Weft__Field *)record_find(record, key) : NULL;
	Weft__ValueList *list;

	if (field)
		return field->value_case == WEFT__FIELD__VALUE_LIST ? field->list : NULL;
	list = malloc(sizeof(*list));
	field = list ? add(record, key) : NULL;
	if (!field) {
		free(list);
		return NULL;
	}
	weft__value_list__init(list);
	field->value_case = WEFT__FIELD__VALUE_LIST;
	field->list = list;
	return list;
}

void record_list(Weft__Record *record, const char *key)
{
	list_of(record, key);
}

void record_append(Weft__Record *record, const char *key, const char *text)
{
	Weft__ValueList *list = list_of(record, key);
	Weft__Field *item = list ? new_field("") : NULL;

	if (!item)
		return;
	set_text(item, text);
	push(&list->items, &list->n_items, item);
}

void record_append_number(Weft__Record *record, const char *key, uint64_t number)
{
	Weft__ValueList *list = list_of(record, key);
	Weft__Field *item = list ? new_field("") : NULL;

	if (!item)
		return;
	item->value_case = WEFT__FIELD__VALUE_NUMBER;
	item->number = number;
	push(&list->items, &list->n_items, item);
}

void record_append_record(Weft__Record *record, const char *key, Weft__Record *inner)
{
	Weft__ValueList *list = inner ? list_of(record, key) : NULL;
	Weft__Field *item = list ? new_field("") : NULL;

	if (!item) {
		record_free(inner);
		return;
	}
	item->value_case = WEFT__FIELD__VALUE_RECORD;
	item->record = inner;
	push(&list->items, &list->n_items, item);
}
