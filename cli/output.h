// SPDX-License-Identifier: BSD-3-Clause
//
// output: shows records as a table, as JSON or as lines of JSON; and what went wrong. One thread.

#pragma once

#include "cli/command.h"
#include "proto/api.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

enum output_unit {
	OUTPUT_PLAIN,
	OUTPUT_RIGHT, // A number.
	OUTPUT_BYTES, // A number of bytes, shown as 1.5M.
	OUTPUT_TIME,  // Seconds or nanoseconds since 1970, shown as date and time of here.
};

struct output_column {
	const char *key;   // Of the record's field; NULL ends an array.
	const char *title; // In capitals.
	enum output_unit unit;
};

// One row a record. Columns that no record fills are left out; NULL columns: every plain field.
// => An empty list says `none` in a table, "no nets".
int output_records(const struct invocation *call, const struct output_column *columns,
                   Weft__Record *const *records, size_t count, const char *none);

// Every field of one record, a line each.
int output_record(const struct invocation *call, const Weft__Record *record);

// One record as a line, for lists that grow: a JSON line, or the row's text.
void output_line(const struct invocation *call, const struct output_column *columns,
                 const Weft__Record *record);

// "weft: what" and the hint, on standard error; as one JSON object with -o json.
struct fail;
void output_fail(const struct invocation *call, const struct fail *fail);
// What was typed makes no sense, and what would. Returns EXIT_USAGE.
int output_refuse(const struct invocation *call, const char *what, const char *hint);

bool output_in_colour(void); // Standard output is a terminal that wants it.
