// SPDX-License-Identifier: BSD-3-Clause
//
// graph: who refers to whom, in both directions, by key.
//
// Besides objects ("net/lan") a key may stand for something that only one may have ("mac/02:…", "vlan/20",
// "ip/lan/10.77.0.1"): two that claim it are in conflict. Main thread.

#pragma once

#include "controller/noun.h"
#include "controller/table.h"

#include <stddef.h>

enum ref_kind {
	REF_NEEDS = 1, // The referent must exist, and cannot go first.
	REF_CLAIMS,    // Nobody else may claim it.
	REF_WATCHES,   // Concerned by its changes; it need not exist.
	REF_COUNTS,    // Only to be found from there; neither is concerned by the other's changes.
};

struct ref {
	char key[KEY_SIZE];
	enum ref_kind kind;
	const char *field; // Of the object that refers; a constant.
};

enum { REFS_MAX = 16 };

struct refs {
	struct ref items[REFS_MAX];
	unsigned count;
};

// No noun refers to as many as REFS_MAX things; what is beyond is left out.
void refs_add(struct refs *refs, enum ref_kind kind, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

struct graph {
	struct table refs;  // key -> struct refs (shrunk)
	struct table users; // key -> struct table of referrers
};

void graph_fini(struct graph *graph);

// Replaces what the key refers to; an empty list removes it. -ENOMEM leaves the graph usable, and the key
// with some of its references.
int graph_set(struct graph *graph, const char *key, const struct refs *refs);

// Borrowed until the next graph_set of the key; *ret_count 0 when there are none.
const struct ref *graph_refs(const struct graph *graph, const char *key, unsigned *ret_count);

// The kind of reference by which user refers to the key; 0 when it does not.
enum ref_kind graph_uses(const struct graph *graph, const char *user, const char *key);

size_t graph_user_count(const struct graph *graph, const char *key);

// Walks those that refer to the key, in no order: *cursor starts at 0. Returns NULL at the end. The
// user's key is copied into the buffer, and stays good whatever happens to the graph.
const char *graph_next_user(const struct graph *graph, const char *key, size_t *cursor,
                            char buf[static KEY_SIZE]);
