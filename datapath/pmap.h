// SPDX-License-Identifier: BSD-3-Clause
//
// pmap: a persistent map from 32-bit keys to pointers; changing it leaves older copies as they were.
//
// A radix tree of 64-way nodes with path copying: a change costs at most PMAP_LEVELS node copies, a
// copy of the whole map costs one struct assignment. Zeroed is empty. Readers: any thread, no locks.
// Writers: main thread, with an edit. Iteration is in key order.

#pragma once

#include "datapath/edit.h"

#include <stdint.h>

enum { PMAP_LEVELS = 6 };

struct pmap_node;

struct pmap {
	struct pmap_node *root;
	uint32_t levels;
	uint32_t count;
};

void *pmap_get(const struct pmap *map, uint32_t key);

// NULL removes. The values are the caller's to register with the edit. 0 or -ENOMEM (map
// unchanged).
int pmap_set(struct pmap *map, struct edit *edit, uint32_t key, void *value);

// The first entry with a key >= *key; sets *key; NULL at the end.
void *pmap_next(const struct pmap *map, uint32_t *key);

// Calls for every key whose value differs between the two, in key order; a value is NULL where there
// is none. What the maps share is passed over, so the cost is that of the change.
typedef void (*pmap_diff_fn)(void *user, uint32_t key, void *before, void *after);
void pmap_diff(const struct pmap *before, const struct pmap *after, pmap_diff_fn differs,
               void *user);

// Empties the map; older copies stay as they were. 0 or -ENOMEM (map unchanged).
int pmap_clear(struct pmap *map, struct edit *edit);

// Frees the nodes at once. => No copy that shares them is read any more, no open edit knows them.
void pmap_fini(struct pmap *map);
