// SPDX-License-Identifier: BSD-3-Clause
//
// model: the intent in memory, always consistent: every name refers to something, nothing is had twice.
//
// Changes come in batches: model_begin, then puts and removes, then model_settle, which checks the
// batch as a whole, then exactly one of model_commit and model_rollback. Main thread.

#pragma once

#include "controller/graph.h"
#include "controller/intent.h"
#include "controller/ipam.h"
#include "controller/refusal.h"

#include <stdbool.h>
#include <stddef.h>

// One object of a batch: what it was and what it is to be; NULL: nothing.
struct model_change {
	char key[KEY_SIZE];
	struct intent *before;
	struct intent *after;
};

// Static addresses that a port may have besides those in its net.
enum { PORT_ADDRESSES_MOST = 8 };

struct leases;
struct ways;

struct model {
	struct instance instance;
	const char *run_dir; // Where sockets without a place lie; borrowed. NULL: /run/weft.
	const struct leases *leases;      // That run; borrowed. NULL: none.
	const struct ways *ways;          // As the hosts tell; borrowed. NULL: they tell nothing.
	struct table objects[NOUN_COUNT]; // name -> struct intent, owned
	struct graph graph;
	struct table touched;         // key -> index into changes, plus one
	struct model_change *changes; // of the batch; before owned until commit
	size_t change_count, change_room;
	struct table dirty; // keys whose derived objects may differ
	struct refusals
		*heard; // Borrowed, of a batch of which all that is wrong is wanted; or NULL.
};

void model_init(struct model *model, const struct instance *instance);
void model_fini(struct model *model);

const struct intent *model_get(const struct model *model, enum noun noun, const char *name);
const struct intent *model_get_key(const struct model *model, const char *key);
// What the batch does to one object; NULL: nothing.
const struct model_change *model_change_of(const struct model *model, const char *key);
size_t model_count(const struct model *model, enum noun noun);
// Walks one noun in no order; *cursor starts at 0.
const struct intent *model_next(const struct model *model, enum noun noun, size_t *cursor);

void model_begin(struct model *model);

// Adds or replaces; the message is completed first: canonical addresses, chosen MAC and prefix.
int model_put(struct model *model, Weft__Intent *msg, struct refusal *refusal);
// As it is, without completing: from the store or the history. Takes the intent over.
int model_restore(struct model *model, struct intent *intent, struct refusal *refusal);
// With cascade, also everything that needs it.
int model_remove(struct model *model, enum noun noun, const char *name, bool cascade,
                 struct refusal *refusal);

// Checks the batch and collects in `dirty` the keys to derive anew.
int model_settle(struct model *model, struct refusal *refusal);
void model_commit(struct model *model);
// `dirty` still names what must be derived anew to get back.
void model_rollback(struct model *model);

// The name of those nouns that is nearest to what was typed; borrowed, NULL: none is near.
const char *model_suggest(const struct model *model, const char *typed, const enum noun *nouns,
                          size_t count);
// Refuses because of an unknown name, with the nearest known one as a hint.
int model_unknown(const struct model *model, const char *object, const char *field, enum noun noun,
                  const char *name, struct refusal *refusal);
