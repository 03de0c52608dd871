// SPDX-License-Identifier: BSD-3-Clause
//
// table: a hash table from short keys (text, numbers) to pointers. Main thread.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct table_slot;

struct table {
	struct table_slot *slots;
	size_t size; // A power of two, or 0.
	size_t count;
	size_t used; // Slots taken, those of removed keys included.
};

// A table of all zero is empty and ready. Frees keys and slots, not the values.
void table_fini(struct table *table);

// The value, or NULL.
void *table_get(const struct table *table, const void *key, size_t len);

// Adds or replaces; the key is copied. Returns 0 or -ENOMEM; *ret_old (if not NULL) is set on success.
// => The value is not NULL.
int table_put(struct table *table, const void *key, size_t len, void *value, void **ret_old);

// Returns the value that was there, or NULL.
void *table_remove(struct table *table, const void *key, size_t len);

// Walks in no order: start with *cursor 0; NULL at the end. The walk survives table_remove() of the
// key just returned, and nothing else. The key and its length may be NULL.
void *table_next(const struct table *table, size_t *cursor, const void **key, size_t *len);

static inline void *table_get_text(const struct table *table, const char *key)
{
	return table_get(table, key, strlen(key));
}

static inline int table_put_text(struct table *table, const char *key, void *value)
{
	return table_put(table, key, strlen(key), value, NULL);
}

static inline void *table_remove_text(struct table *table, const char *key)
{
	return table_remove(table, key, strlen(key));
}

static inline void *table_get_id(const struct table *table, uint64_t id)
{
	return table_get(table, &id, sizeof(id));
}
