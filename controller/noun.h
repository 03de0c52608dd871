// SPDX-License-Identifier: BSD-3-Clause
//
// noun: the kinds of things a user can name, in the order in which they are made.
//
// A key is the noun's word and the name: "net/lan". Keys are what references, derived objects and
// errors use. Any thread.

#pragma once

#include "proto/model.pb-c.h"

#include <stddef.h>

enum noun {
	NOUN_HOST,
	NOUN_ROUTER,
	NOUN_TUNNEL,
	NOUN_PEER,
	NOUN_NET,
	NOUN_GUEST,
	NOUN_LINK,
	NOUN_PORT,
	NOUN_ROUTE,
	NOUN_FORWARD,
	NOUN_LEASE, // A reservation.
	NOUN_DNS,
	NOUN_FLOW,
	NOUN_LAB, // What belongs to a lab as a whole.
	NOUN_IMPAIR,
	NOUN_COUNT,
	NOUN_NONE = NOUN_COUNT,
};

enum { NAME_MAX_LEN = 63, KEY_SIZE = 160 };

const char *noun_word(enum noun noun);
enum noun noun_from_word(const char *word);    // NOUN_NONE when there is no such noun.
enum noun noun_of(const Weft__Intent *intent); // NOUN_NONE when the body is missing.
enum noun noun_of_key(const char *key, const char **ret_name); // *ret_name points into the key.

// Writes "noun/name" and returns the buffer.
const char *noun_key(char buf[static KEY_SIZE], enum noun noun, const char *name);

// The body's field number within Intent.
unsigned noun_field(enum noun noun);
