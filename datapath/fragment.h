// SPDX-License-Identifier: BSD-3-Clause
//
// fragment: remembers which ports the first fragment of a datagram showed, for the later ones.
//
// Bounded: a new datagram takes the place of an older one of its bucket. Owning worker.

#pragma once

#include "datapath/conn_key.h"
#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct fragment_table;

struct fragment_table *fragment_table_new(void); // NULL with errno
void fragment_table_free(struct fragment_table *table);

// => `key` is that of the packet, a first fragment.
void fragment_learn(struct fragment_table *table, const struct packet *packet,
                    const struct conn_key *key, uint32_t now);
// Fills in the ports of `key`, whose other fields are set. False: the first fragment was not seen.
bool fragment_find(const struct fragment_table *table, const struct packet *packet,
                   struct conn_key *key, uint32_t now);
