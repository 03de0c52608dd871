// SPDX-License-Identifier: BSD-3-Clause
//
// record: builds the records of the api: named values, one record per row of a table.
//
// A NULL text and the like leave the key out. When memory runs out fields are left out, and the record
// stays usable. Main thread.

#pragma once

#include "proto/api.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

Weft__Record *record_new(void); // NULL when out of memory.
void record_free(Weft__Record *record);

void record_text(Weft__Record *record, const char *key, const char *text);
void record_format(Weft__Record *record, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void record_number(Weft__Record *record, const char *key, uint64_t number);
// Adds to the number of this key, which is made when there is none.
void record_add_number(Weft__Record *record, const char *key, uint64_t number);
void record_real(Weft__Record *record, const char *key, double real);
void record_flag(Weft__Record *record, const char *key, bool flag);
// Takes the inner record over.
void record_record(Weft__Record *record, const char *key, Weft__Record *inner);
// Appends to the list of this key, which is made when it is the first.
void record_append(Weft__Record *record, const char *key, const char *text);
void record_append_number(Weft__Record *record, const char *key, uint64_t number);
// Takes the inner record over.
void record_append_record(Weft__Record *record, const char *key, Weft__Record *inner);
// An empty list, so that the key is there.
void record_list(Weft__Record *record, const char *key);

// The field of this key, or NULL.
const Weft__Field *record_find(const Weft__Record *record, const char *key);
