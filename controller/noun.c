// SPDX-License-Identifier: BSD-3-Clause
//
// noun: words, keys and message fields of the nouns, from one table.

#include "controller/noun.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *word;
	Weft__Intent__BodyCase body;
} nouns[] = {
	[NOUN_HOST] = {"host", WEFT__INTENT__BODY_HOST},
	[NOUN_ROUTER] = {"router", WEFT__INTENT__BODY_ROUTER},
	[NOUN_TUNNEL] = {"tunnel", WEFT__INTENT__BODY_TUNNEL},
	[NOUN_PEER] = {"peer", WEFT__INTENT__BODY_PEER},
	[NOUN_NET] = {"net", WEFT__INTENT__BODY_NET},
	[NOUN_GUEST] = {"guest", WEFT__INTENT__BODY_GUEST},
	[NOUN_LINK] = {"link", WEFT__INTENT__BODY_LINK},
	[NOUN_PORT] = {"port", WEFT__INTENT__BODY_PORT},
	[NOUN_ROUTE] = {"route", WEFT__INTENT__BODY_ROUTE},
	[NOUN_FORWARD] = {"forward", WEFT__INTENT__BODY_FORWARD},
	[NOUN_LEASE] = {"lease", WEFT__INTENT__BODY_RESERVATION},
	[NOUN_DNS] = {"dns", WEFT__INTENT__BODY_DNS},
	[NOUN_FLOW] = {"flow", WEFT__INTENT__BODY_FLOW},
	[NOUN_LAB] = {"lab", WEFT__INTENT__BODY_LAB_BODY},
	[NOUN_IMPAIR] = {"impair", WEFT__INTENT__BODY_IMPAIR},
};

_Static_assert(sizeof(nouns) / sizeof(nouns[0]) == NOUN_COUNT, "every noun has its words");

const char *noun_word(enum noun noun)
{
	return nouns[noun].word;
}

enum noun noun_from_word(const char *word)
{
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		if (strcmp(nouns[noun].word, word) == 0)
			return noun;
	return NOUN_NONE;
}

enum noun noun_of(const Weft__Intent *intent)
{
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		if (nouns[noun].body == intent->body_case)
			return noun;
	return NOUN_NONE;
}

enum noun noun_of_key(const char *key, const char **ret_name)
{
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
		size_t len = strlen(nouns[noun].word);

		if (strncmp(key, nouns[noun].word, len) == 0 && key[len] == '/') {
			*ret_name = key + len + 1;
			return noun;
		}
	}
	return NOUN_NONE;
}

const char *noun_key(char buf[static KEY_SIZE], enum noun noun, const char *name)
{
	snprintf(buf, KEY_SIZE, "%s/%s", nouns[noun].word, name);
	return buf;
}

unsigned noun_field(enum noun noun)
{
	return (unsigned)nouns[noun].body;
}
