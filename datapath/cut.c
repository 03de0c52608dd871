// SPDX-License-Identifier: BSD-3-Clause
//
// cut: fragments share nothing with the packet: their payload is copied to the turn's arena. Slow, and meant
// to be rare: senders that care about speed discover the path's MTU.

#include "datapath/cut.h"

#include "base/bytes.h"
#include "datapath/pipeline_priv.h"
#include "datapath/rewrite.h"
#include "datapath/wire.h"
#include "vnic/checksum.h"

bool cut_is_due(const struct packet *packet, uint32_t mtu)
{
	return mtu && packet->ip_version == 4 && program_l3_length(packet) > mtu &&
	       packet->gso == GSO_NONE;
}

static uint32_t header_length(const struct packet *packet)
{
	return (packet_l3(packet)[0] & 15) * 4U;
}

// The payload of a fragment, copied to where it may be borrowed from.
static bool copy_payload(struct pipeline *pipeline, struct packet *part,
                         const struct packet *packet, uint32_t from, uint32_t len)
{
	uint8_t *room = packet_arena_reserve(pipeline->pool, len);
	struct segment *segment = room ? packet_arena_segment(pipeline->pool) : NULL;

	if (!segment || packet_copy(packet, from, len, room) != len)
		return false;
	packet_arena_commit(pipeline->pool, len);
	*segment = (struct segment){.base = room, .len = len};
	part->segments = segment;
	part->segment_count = 1;
	return true;
}

struct packet *cut_next(struct pipeline *pipeline, struct packet *packet, uint32_t mtu,
                        uint32_t *at)
{
	const uint8_t *ip = packet_l3(packet);
	uint32_t header = header_length(packet);
	uint32_t payload = load_be16(ip + IP4_TOTAL) - header;
	uint32_t most = (mtu - header) & ~7U;
	uint32_t len = MIN(payload - *at, most);
	uint16_t field = load_be16(ip + IP4_OFFSET);
	struct packet *part;

	if (*at >= payload || mtu < header + 8)
		return NULL;
	// The sum of the whole must be there before its parts go apart.
	checksum_complete(packet);
	part = packet_take(pipeline->pool);
	if (!part)
		return NULL;
	part->in_port = packet->in_port;
	part->vlan = packet->vlan;
	part->vni = packet->vni;
	part->flags = packet->flags & (PACKET_VLAN | PACKET_PARSED);
	part->eth_type = packet->eth_type;
	part->l3 = packet->l3;
	part->ip_version = 4;
	part->ip_proto = packet->ip_proto;
	part->head_len = (uint16_t)(packet->l3 + header);
	part->len = part->head_len + len;
	memcpy(part->data, packet->data, part->head_len);
	if (!copy_payload(pipeline, part, packet, packet->l3 + header + *at, len)) {
		packet_give(pipeline->pool, part);
		return NULL;
	}

	uint8_t *out = packet_l3(part);
	bool more = *at + len < payload || field & IP4_MF;
	uint16_t offset = (uint16_t)((field & IP4_OFFSET_MASK) + *at / 8);
	uint32_t delta = rewrite_16(out + IP4_TOTAL, (uint16_t)(header + len));

	delta += rewrite_16(out + IP4_OFFSET, (uint16_t)(offset | (more ? IP4_MF : 0)));
	rewrite_check(out + IP4_CHECK, delta);
	*at += len;
	return part;
}
