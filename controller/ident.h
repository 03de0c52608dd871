// SPDX-License-Identifier: BSD-3-Clause
//
// ident: the 64-bit id of a derived object: a hash of its kind and of a key within the kind.
//
// The same thing has the same id in every run and on every machine, with nothing to be stored; after a
// loss of the store a datapath is found to hold already what is derived anew. Any thread.

#pragma once

#include "proto/objects.pb-c.h"

#include <stdint.h>

// Never 0.
uint64_t ident(Weft__Kind kind, const char *key);
