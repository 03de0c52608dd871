// SPDX-License-Identifier: BSD-3-Clause
//
// record: reads the controller's records: keys with values, which may be records again. One thread.

#pragma once

#include "proto/api.pb-c.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

// The field with the key, or NULL. A dot goes into a record: "rx.bytes".
const Weft__Field *record_find(const Weft__Record *record, const char *key);

// Text of the field, "" if there is none. Lists come between commas. => The buffer holds the text
// unless it is one already.
const char *record_text(const Weft__Record *record, const char *key, char *buf, size_t size);
uint64_t record_number(const Weft__Record *record, const char *key);

// One line for a person.
const char *field_text(const Weft__Field *field, char *buf, size_t size);

// The same as JSON. => json_decref() the result. NULL when memory is short.
json_t *record_json(const Weft__Record *record);
