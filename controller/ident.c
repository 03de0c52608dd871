// SPDX-License-Identifier: BSD-3-Clause
//
// ident: hashes keys. Two of a million objects share an id with probability 3e-8; whoever collects
// objects notices and refuses (desired.c).

#include "controller/ident.h"

#include <string.h>
#include <xxhash.h>

uint64_t ident(Weft__Kind kind, const char *key)
{
	uint64_t id = XXH3_64bits_withSeed(key, strlen(key), (uint64_t)kind);

	return id ? id : 1;
}
