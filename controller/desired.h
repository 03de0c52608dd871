// SPDX-License-Identifier: BSD-3-Clause
//
// desired: what the datapath must hold: packed objects by id, grouped by the unit they are derived from.
//
// A unit is the key of a user's object ("port/h1") or one of our own ("shared"). Deriving a unit anew
// replaces its objects, and the difference becomes operations. Main thread.

#pragma once

#include "controller/table.h"
#include "proto/channel.pb-c.h"
#include "proto/objects.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DESIRED_KINDS = 32, UNIT_SIZE = 160 };

struct object {
	Weft__Kind kind;
	uint64_t id;
	uint64_t hash;
	const uint8_t *packed; // Within bytes, as are the texts.
	size_t len;
	const char *unit;
	const char *name; // The user's object, as in the message.
	bool held_back;   // The datapath refused it when it was resynced; tried again later.
	uint8_t bytes[];
};

// Objects of one unit while it is derived.
struct unit {
	char key[UNIT_SIZE];
	struct object **objects; // Owned until they are in.
	size_t count, room;
	int error; // The first -errno of unit_add.
};

void unit_init(struct unit *unit, const char *key);
void unit_fini(struct unit *unit);
// Packs; the id and the name are already in the message.
void unit_add(struct unit *unit, Weft__Kind kind, const Weft__Object *object);

struct op {
	Weft__OpVerb verb; // Upsert or delete.
	Weft__Kind kind;
	uint64_t id;
	uint8_t *packed; // Owned copy; NULL for a delete.
	size_t len;
	bool handed_over; // A port that goes from one host to another, with its interface.
	bool netns_ends;  // Delete of a port: the guest's namespace goes as well.
	char unit[UNIT_SIZE];
	char name[UNIT_SIZE];
};

struct ops {
	struct op *items;
	size_t count, room;
};

void ops_fini(struct ops *ops);
int ops_upsert(struct ops *ops, const struct object *object);
int ops_delete(struct ops *ops, Weft__Kind kind, uint64_t id, const char *unit);
// Into the order in which objects can be made, and unmade before that.
void ops_sort(struct ops *ops);

struct desired {
	struct table objects; // id -> struct object
	struct table units;   // key -> struct unit
	uint64_t count[DESIRED_KINDS];
	uint64_t hash[DESIRED_KINDS];
	size_t held_back;

	// Of the layout.
	char host[UNIT_SIZE];
	struct ops ops;   // Differences that were collected and not taken yet.
	struct unit part; // Of the unit that is derived now, in round:
	uint64_t round;
};

void desired_fini(struct desired *desired);

// Replaces the unit's objects by those of the unit given, which is emptied; appends the difference to
// ops (NULL: not wanted). -EEXIST when an id belongs to another unit; then nothing has changed.
int desired_replace(struct desired *desired, struct unit *unit, struct ops *ops);

const struct object *desired_get(const struct desired *desired, uint64_t id);

// Digests of what the datapath should be found to hold, that is without what is held back.
void desired_bucket_hashes(const struct desired *desired, Weft__Kind kind, uint64_t ret[256]);

// Appends what turns a bucket of the datapath (ids and hashes) into ours.
int desired_bucket_ops(const struct desired *desired, Weft__Kind kind, unsigned bucket,
                       const uint64_t *ids, const uint64_t *hashes, size_t count, struct ops *ops);

// Marks every object of the unit; returns how many that were not yet.
size_t desired_hold_back(struct desired *desired, const char *unit);
// Undoes all marks, appending what must be tried again.
int desired_release(struct desired *desired, struct ops *ops);
