// SPDX-License-Identifier: BSD-3-Clause
//
// conn_index: from the hash of a key to the entries (slot << 1 | direction) that may have it.
//
// Private memory of the process. Walks take no lock and may miss an entry that moves in or out
// meanwhile, never find half of one; who adds or removes holds the stripes of both keys. Any
// worker.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct conn_index;

struct conn_index *conn_index_new(uint32_t connections); // NULL with errno
void conn_index_free(struct conn_index *index);          // NULL is fine.

// Locks the stripes of both hashes, which may be one.
void conn_index_lock(struct conn_index *index, const uint64_t hashes[static 2]);
void conn_index_unlock(struct conn_index *index, const uint64_t hashes[static 2]);

// => The hash's stripe is locked. 0, or -ENOSPC when both buckets are full.
int conn_index_add(struct conn_index *index, uint64_t hash, uint32_t entry);
void conn_index_remove(struct conn_index *index, uint64_t hash, uint32_t entry); // If there.

struct conn_index_walk {
	const struct conn_index *index; // Borrowed.
	uint64_t hash;
	unsigned at;
};

static inline struct conn_index_walk conn_index_walk(const struct conn_index *index, uint64_t hash)
{
	return (struct conn_index_walk){.index = index, .hash = hash};
}

// The next entry with the hash's tag; false at the end.
bool conn_index_next(struct conn_index_walk *walk, uint32_t *ret);
