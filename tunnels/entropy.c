// SPDX-License-Identifier: BSD-3-Clause
//
// entropy: a multiply and a fold for each eight bytes. It decides about a path, never about a policy, so it need
// not resist somebody who chooses his ports: all he could do is to crowd his own flows.

#include "tunnels/entropy.h"

#include "base/bytes.h"
#include "vnic/parse.h"

enum {
	IP4_BYTES = 20,
	IP4_FRAGMENT = 0x3fff, // the offset and MF
	IP6_BYTES = 40,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t mix_ports(uint64_t hash, const struct packet *packet, uint8_t protocol, unsigned at)
{
	hash = mix(hash, protocol);
	if ((protocol == PROTO_TCP || protocol == PROTO_UDP) && at + 4U <= packet->head_len)
		hash = mix(hash, load_be32(packet->data + at));
	return hash;
}

uint32_t entropy_of(const struct packet *packet)
{
	const uint8_t *data = packet->data;
	const uint8_t *ip = data + ETH_HEADER;
	unsigned room = packet->head_len;
	uint64_t hash = 0;
	uint16_t type;

	if (room < ETH_HEADER)
		return 0;
	type = load_be16(data + 12);
	if (type == ETH_TYPE_IP4 && room >= ETH_HEADER + IP4_BYTES) {
		hash = mix(hash, load_be64(ip + 12));
		if (!(load_be16(ip + 6) & IP4_FRAGMENT))
			hash = mix_ports(hash, packet, ip[9], ETH_HEADER + (ip[0] & 0xf) * 4U);
	} else if (type == ETH_TYPE_IP6 && room >= ETH_HEADER + IP6_BYTES) {
		for (unsigned at = 8; at < IP6_BYTES; at += 8)
			hash = mix(hash, load_be64(ip + at));
		hash = mix_ports(hash, packet, ip[6], ETH_HEADER + IP6_BYTES);
	} else {
		hash = mix(mix(hash, load_be64(data)), load_be32(data + 8));
	}
	return (uint32_t)hash;
}
