// SPDX-License-Identifier: BSD-3-Clause
//
// agent_rows: values live in an arena; rows stop before the frame that carries them would be too large.

#include "datapath/agent_rows.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_LIMIT = 64 << 20, VALUE_BYTES = 14 };

struct agent_rows *agent_rows_new(size_t limit)
{
	struct agent_rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return NULL;
	agent_arena_init(&rows->arena, ARENA_LIMIT);
	weft__rows__init(&rows->message);
	rows->limit = limit == 0 || limit > ROWS_MAX ? ROWS_MAX : limit;
	rows->message.columns = rows->columns;
	rows->message.rows = rows->rows;
	return rows;
}

void agent_rows_free(struct agent_rows *rows)
{
	if (!rows)
		return;
	agent_arena_fini(&rows->arena);
	free(rows);
}

void agent_rows_column(struct agent_rows *rows, const char *name)
{
	if (rows->column_count == ROW_COLUMNS_MAX)
		return;
	rows->columns[rows->column_count++] = (char *)name;
	rows->message.n_columns = rows->column_count;
}

bool agent_rows_full(const struct agent_rows *rows)
{
	return rows->failed || rows->message.n_rows >= rows->limit || rows->bytes > ROWS_BYTES_MAX;
}

bool agent_rows_begin(struct agent_rows *rows)
{
	Weft__Row *row;

	if (agent_rows_full(rows))
		return false;
	row = agent_arena_take(&rows->arena, sizeof(*row));
	if (row) {
		weft__row__init(row);
		row->values = agent_arena_take(&rows->arena,
		                               (rows->column_count + 1) * sizeof(Weft__Value *));
	}
	if (!row || !row->values) {
		rows->failed = true;
		return false;
	}
	rows->rows[rows->message.n_rows++] = row;
	rows->bytes += VALUE_BYTES;
	return true;
}

// The next value of the row; never NULL, so that callers need not care: what finds no room is lost.
static Weft__Value *next(struct agent_rows *rows)
{
	static Weft__Value nowhere;
	Weft__Row *row = rows->rows[rows->message.n_rows - 1];
	Weft__Value *value = NULL;

	if (row->n_values < rows->column_count)
		value = agent_arena_take(&rows->arena, sizeof(*value));
	if (!value) {
		rows->failed = true;
		return &nowhere;
	}
	weft__value__init(value);
	row->values[row->n_values++] = value;
	rows->bytes += VALUE_BYTES;
	return value;
}

static uint8_t *copy(struct agent_rows *rows, const void *from, size_t len)
{
	uint8_t *bytes = agent_arena_take(&rows->arena, len + 1);

	if (!bytes) {
		rows->failed = true;
		return NULL;
	}
	memcpy(bytes, from, len);
	bytes[len] = '\0';
	rows->bytes += len;
	return bytes;
}

void agent_rows_text(struct agent_rows *rows, const char *text)
{
	Weft__Value *value = next(rows);

	value->text = (char *)copy(rows, text, strlen(text));
	if (value->text)
		value->value_case = WEFT__VALUE__VALUE_TEXT;
}

void agent_rows_number(struct agent_rows *rows, uint64_t number)
{
	Weft__Value *value = next(rows);

	value->value_case = WEFT__VALUE__VALUE_NUMBER;
	value->number = number;
}

void agent_rows_flag(struct agent_rows *rows, bool flag)
{
	Weft__Value *value = next(rows);

	value->value_case = WEFT__VALUE__VALUE_FLAG;
	value->flag = flag;
}

void agent_rows_object(struct agent_rows *rows, uint64_t id)
{
	Weft__Value *value = next(rows);

	value->value_case = WEFT__VALUE__VALUE_OBJECT;
	value->object = id;
}

void agent_rows_ip(struct agent_rows *rows, struct ip_addr ip)
{
	Weft__Value *value = next(rows);
	size_t len = ip_is4(ip) ? 4 : sizeof(ip.b);

	// The mapped form of IPv4 ends in its four bytes.
	value->ip.data = copy(rows, ip.b + sizeof(ip.b) - len, len);
	value->ip.len = len;
	if (value->ip.data)
		value->value_case = WEFT__VALUE__VALUE_IP;
}

void agent_rows_mac(struct agent_rows *rows, struct mac mac)
{
	Weft__Value *value = next(rows);

	value->mac.data = copy(rows, mac.b, sizeof(mac.b));
	value->mac.len = sizeof(mac.b);
	if (value->mac.data)
		value->value_case = WEFT__VALUE__VALUE_MAC;
}

void agent_rows_none(struct agent_rows *rows)
{
	next(rows);
}
