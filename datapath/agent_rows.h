// SPDX-License-Identifier: BSD-3-Clause
//
// agent_rows: an answer in rows and columns, put together value by value. Main thread only.

#pragma once

#include "base/addr.h"
#include "datapath/agent_arena.h"
#include "proto/channel.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROWS_MAX = 4000, ROW_COLUMNS_MAX = 64, ROWS_BYTES_MAX = 900 << 10 };

struct agent_rows {
	struct agent_arena arena;
	Weft__Rows message;
	size_t column_count;
	size_t limit; // rows
	size_t bytes; // what the rows will take on the wire, about
	bool failed;  // out of memory
	char *columns[ROW_COLUMNS_MAX];
	Weft__Row *rows[ROWS_MAX];
};

// NULL: no memory. => Free with agent_rows_free().
struct agent_rows *agent_rows_new(size_t limit);
void agent_rows_free(struct agent_rows *rows);

// Columns may be added until the first row is begun; the name is borrowed.
void agent_rows_column(struct agent_rows *rows, const char *name);
// Begins a row; its values follow in the order of the columns. False: there is no room for one.
bool agent_rows_begin(struct agent_rows *rows);
bool agent_rows_full(const struct agent_rows *rows);

void agent_rows_text(struct agent_rows *rows, const char *text); // copied
void agent_rows_number(struct agent_rows *rows, uint64_t number);
void agent_rows_flag(struct agent_rows *rows, bool flag);
void agent_rows_object(struct agent_rows *rows, uint64_t id);
void agent_rows_ip(struct agent_rows *rows, struct ip_addr ip);
void agent_rows_mac(struct agent_rows *rows, struct mac mac);
void agent_rows_none(struct agent_rows *rows);
