// SPDX-License-Identifier: BSD-3-Clause
//
// layout: what every host must hold: a set of desired objects for each, and which of them have objects of
// which unit. Main thread.

#pragma once

#include "controller/desired.h"

struct layout {
	struct table hosts;  // name -> struct desired, owned
	struct table places; // unit's key -> struct places, owned
	struct table homes;  // group of nets -> name of its home, owned

	// Sets with differences that were collected and not taken yet.
	struct desired **collected;
	size_t collected_count, collected_room;

	// The unit that is derived now.
	char key[UNIT_SIZE];
	struct desired **at; // Its hosts; each set has its part.
	size_t count, room;
	uint64_t round;
	struct unit lost; // What found no memory.
};

void layout_fini(struct layout *layout);

// The set of the host, made when there is none: it stays where it is until it is forgotten. NULL: no memory.
struct desired *layout_at(struct layout *layout, const char *host);
struct desired *layout_next(const struct layout *layout, size_t *cursor);
// => Nothing refers to the set any more.
void layout_forget(struct layout *layout, const char *host);
size_t layout_objects(const struct layout *layout);

// A unit is derived anew between these: what is added to it on one host or another replaces what it has
// anywhere. With `collect` the differences are appended to the ops of each host's set. -EEXIST when an id
// belongs to another unit, -ENOMEM.
void layout_begin(struct layout *layout, const char *key);
struct unit *layout_unit(struct layout *layout, const char *host);
int layout_end(struct layout *layout, bool collect);

// Walks the sets with differences, to take their ops; then they are forgotten.
struct desired *layout_collected(const struct layout *layout,
                                 size_t index); // NULL beyond the last.
void layout_forget_collected(struct layout *layout);

// The home of the group as it was last noted; NULL when it never was.
const char *layout_home(const struct layout *layout, const char *group);
int layout_set_home(struct layout *layout, const char *group, const char *home);
