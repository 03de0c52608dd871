// SPDX-License-Identifier: BSD-3-Clause
//
// flow_key: keys out of the packet's own header copy, and their hash.
//
// XXH3 with a secret seed: who sends packets cannot choose them to meet in one bucket. The header
// bytes that are read were bounded by the parser; a packet that ends before its ports has none.

#include "datapath/flow_key.h"

#include "base/bytes.h"
#include "base/rand.h"

#include <netinet/in.h>
#include <stdatomic.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { ICMP4_ECHO = 8, ICMP4_ECHO_REPLY = 0, ICMP6_ECHO = 128, ICMP6_ECHO_REPLY = 129 };

void flow_key_l2(const struct packet *packet, struct flow_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->in_port = packet->in_port;
	ret->vni = packet->vni;
	if (packet->flags & PACKET_VLAN)
		ret->vlan = packet->vlan | FLOW_KEY_TAGGED;
	memcpy(ret->macs, packet->data, sizeof(ret->macs));
}

static void fill_icmp(struct flow_key *key, const uint8_t *icmp, bool is_echo)
{
	key->dst_port = load_be16(icmp);
	if (is_echo)
		key->src_port = load_be16(icmp + 4);
}

static void fill_ports(struct flow_key *key, const uint8_t *l4, uint32_t len)
{
	switch (key->ip_proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		if (len < 4)
			return;
		key->src_port = load_be16(l4);
		key->dst_port = load_be16(l4 + 2);
		return;
	case IPPROTO_ICMP:
		if (len >= 8)
			fill_icmp(key, l4, l4[0] == ICMP4_ECHO || l4[0] == ICMP4_ECHO_REPLY);
		return;
	case IPPROTO_ICMPV6:
		if (len >= 8)
			fill_icmp(key, l4, l4[0] == ICMP6_ECHO || l4[0] == ICMP6_ECHO_REPLY);
		return;
	}
}

void flow_key_l4(const struct packet *packet, struct flow_key *ret)
{
	flow_key_l2(packet, ret);
	ret->eth_type = packet->eth_type;
	ret->ip_proto = packet->ip_proto;
	if (packet->ip_version == 4) {
		uint32_t src, dst;

		memcpy(&src, packet_l3(packet) + 12, sizeof(src));
		memcpy(&dst, packet_l3(packet) + 16, sizeof(dst));
		ret->src = ip_from4(src);
		ret->dst = ip_from4(dst);
	} else if (packet->ip_version == 6) {
		ret->src = ip_from6(packet_l3(packet) + 8);
		ret->dst = ip_from6(packet_l3(packet) + 24);
	}
	if (packet->l4 && packet->l4 < packet->head_len)
		fill_ports(ret, packet_l4(packet), (uint32_t)packet->head_len - packet->l4);
}

// Whoever comes first draws the seed; 0 means that none is drawn.
static uint64_t draw_seed(_Atomic uint64_t *seed)
{
	uint64_t drawn = rand_u64() | 1, before = 0;

	return atomic_compare_exchange_strong(seed, &before, drawn) ? drawn : before;
}

uint32_t flow_key_hash(const struct flow_key *key)
{
	static _Atomic uint64_t seed;
	uint64_t known = atomic_load_explicit(&seed, memory_order_relaxed);

	if (!known)
		known = draw_seed(&seed);

	uint32_t hash = (uint32_t)XXH3_64bits_withSeed(key, sizeof(*key), known);

	return hash ? hash : 1;
}
