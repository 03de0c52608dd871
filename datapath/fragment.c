// SPDX-License-Identifier: BSD-3-Clause
//
// fragment: a small two-way table; entries live FRAGMENT_SECONDS, which is what reassembly waits at most
// (RFC 791, 3.2 and RFC 8200, 4.5 allow 15 to 60 s).

#include "datapath/fragment.h"

#include "base/bytes.h"
#include "base/rand.h"
#include "datapath/wire.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FRAGMENT_BUCKETS = 512, FRAGMENT_WAYS = 2, FRAGMENT_SECONDS = 30 };

struct entry {
	struct ip_addr src, dst;
	uint32_t id;
	uint16_t zone;
	uint8_t proto;
	uint8_t used;
	uint16_t src_port, dst_port;
	uint32_t until;
};

struct fragment_table {
	uint64_t seed;
	struct entry entries[FRAGMENT_BUCKETS][FRAGMENT_WAYS];
};

struct fragment_table *fragment_table_new(void)
{
	struct fragment_table *table = calloc(1, sizeof(*table));

	if (table)
		table->seed = rand_u64();
	return table;
}

void fragment_table_free(struct fragment_table *table)
{
	free(table);
}

// The identification, which IPv6 keeps in a header of its own. The parser has been through: offsets are good.
static uint32_t identification(const struct packet *packet)
{
	const uint8_t *l3 = packet_l3(packet);
	uint32_t at = IP6_HEADER;
	uint8_t next;

	if (packet->ip_version == 4)
		return load_be16(l3 + IP4_ID);
	next = l3[IP6_NEXT];
	while (next != PROTO_IP6_FRAGMENT && packet->l3 + at + 8 <= packet->head_len) {
		next = l3[at];
		at += (l3[at + 1] + 1U) * 8;
	}
	return packet->l3 + at + 8 <= packet->head_len ? load_be32(l3 + at + 4) : 0;
}

static uint32_t bucket_of(const struct fragment_table *table, uint32_t id,
                          const struct conn_key *key)
{
	struct {
		struct ip_addr src, dst;
		uint32_t id;
		uint32_t zone_proto;
	} words = {key->src, key->dst, id, (uint32_t)key->zone << 8 | key->proto};

	return XXH3_64bits_withSeed(&words, sizeof(words), table->seed) % FRAGMENT_BUCKETS;
}

static bool is_same(const struct entry *entry, uint32_t id, const struct conn_key *key)
{
	return entry->used && entry->id == id && entry->zone == key->zone &&
	       entry->proto == key->proto && ip_equal(entry->src, key->src) &&
	       ip_equal(entry->dst, key->dst);
}

void fragment_learn(struct fragment_table *table, const struct packet *packet,
                    const struct conn_key *key, uint32_t now)
{
	uint32_t id = identification(packet);
	struct entry *ways = table->entries[bucket_of(table, id, key)];
	struct entry *entry = &ways[0];

	for (unsigned i = 0; i < FRAGMENT_WAYS; i++) {
		if (is_same(&ways[i], id, key)) {
			entry = &ways[i];
			break;
		}
		if (!ways[i].used || (int32_t)(ways[i].until - entry->until) < 0)
			entry = &ways[i];
	}
	*entry = (struct entry){
		.src = key->src,
		.dst = key->dst,
		.id = id,
		.zone = key->zone,
		.proto = key->proto,
		.used = 1,
		.src_port = key->src_port,
		.dst_port = key->dst_port,
		.until = now + FRAGMENT_SECONDS,
	};
}

bool fragment_find(const struct fragment_table *table, const struct packet *packet,
                   struct conn_key *key, uint32_t now)
{
	uint32_t id = identification(packet);
	const struct entry *ways = table->entries[bucket_of(table, id, key)];

	for (unsigned i = 0; i < FRAGMENT_WAYS; i++) {
		if (!is_same(&ways[i], id, key) || (int32_t)(ways[i].until - now) < 0)
			continue;
		key->src_port = ways[i].src_port;
		key->dst_port = ways[i].dst_port;
		return true;
	}
	return false;
}
