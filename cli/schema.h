// SPDX-License-Identifier: BSD-3-Clause
//
// schema: what may stand in a topology file, as one table. One thread.
//
// The parser, the JSON Schema and the page of the documentation all read the table, so none of them can
// know a key that the others do not. A scalar has the type that its key gives it, and no other: YAML's own
// guesses at numbers, booleans and times are not made.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fail;
struct faults;
struct yaml_node;

enum schema_kind {
	SCHEMA_TEXT,
	SCHEMA_NAME,    // Of something in the lab; "/NAME" of something outside of it.
	SCHEMA_NUMBER,  // Decimal, between least and most.
	SCHEMA_FLAG,    // true, false, yes, no, on, off
	SCHEMA_CHOICE,  // One of the words in `choices`.
	SCHEMA_SECONDS, // "90s", "5m", "1h", "2d": seconds
	SCHEMA_TIME,    // "200us", "5ms", "1.5s": microseconds
	SCHEMA_SHARE,   // "0.5%": parts of a million
	SCHEMA_RATE,    // "10mbit", "1.5gbit": bits a second
	SCHEMA_MAC,
	SCHEMA_IP,
	SCHEMA_PREFIX,
	SCHEMA_OBJECT, // Keys and values, as `object` says.
};

enum schema_shape {
	SCHEMA_ONE,
	SCHEMA_LIST,  // A list, or one item that stands for a list of one.
	SCHEMA_NAMED, // Names of the user's, each with an item.
};

struct schema_key {
	const char *name; // NULL ends an array.
	enum schema_kind kind;
	enum schema_shape shape;
	const char *help;
	const char *
		choices; // Words between spaces; of other kinds than CHOICE: words allowed as well.
	const struct schema_object *object;
	const char *field; // Of the message that it fills; NULL: the topology looks itself.
	uint64_t least, most;
	bool required;
};

struct schema_object {
	const char *name; // In the JSON Schema and as a heading of the page.
	const char *help;
	const struct schema_key *keys;
	const char *bare; // The key that a mere text stands for; NULL: none may stand here.
	bool single;      // Exactly one of the keys.
	const char *
		strange; // What to do about a key that is like none of its own; NULL: see the table.
	const char *example; // A line or several.
};

// The file as a whole.
extern const struct schema_object schema_topology;

const struct schema_key *schema_key(const struct schema_object *object, const char *name);

// Whether the node is what the object says, all the way down; else -EINVAL, and of each fault the place, the
// key and what could be meant. The item of a list or of names that has a fault is broken, else the whole value.
int schema_check(const struct schema_object *object, const struct yaml_node *node,
                 struct faults *faults);

struct scalar {
	const char *text; // Borrowed from the text that was read.
	uint64_t number;  // Kinds that are numbers, and flags.
	bool is_number;
};

// Reads a text as the key's kind. -EINVAL, -ERANGE: the fail says why, without a place.
int scalar_read(const struct schema_key *key, const char *text, struct scalar *ret,
                struct fail *fail);

// The text that scalar_read() reads as this number: "5ms", "0.5%", "10mbit".
void scalar_format(enum schema_kind kind, uint64_t number, char *buf, size_t size);

// The regular expression that texts of the kind match, for the JSON Schema; NULL: any.
const char *scalar_pattern(enum schema_kind kind);
// How a person writes one: "a time with its unit, as 200us, 5ms or 1.5s".
const char *scalar_words(enum schema_kind kind);
