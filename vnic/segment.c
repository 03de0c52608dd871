// SPDX-License-Identifier: BSD-3-Clause
//
// segment: what differs from cut to cut is lengths, the IPv4 id, and TCP's number and flags.
//
// The headers are found anew from the frame itself, for the packet may have been parsed to L2 only since
// its offload header was checked. Each cut leaves with a partial checksum, which whoever lacks checksum
// offload completes; so there is one place that sums.

#include "vnic/segment.h"

#include "base/bytes.h"
#include "vnic/checksum.h"
#include "vnic/offload.h"
#include "vnic/parse.h"

#include <errno.h>
#include <netinet/in.h>

enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

static unsigned find_l3(const struct packet *packet)
{
	unsigned l3 = ETH_HEADER;
	uint16_t type = load_be16(packet->data + 12);

	// Tags that stayed in the frame; the headers are known to be within csum_start.
	while ((type == ETH_TYPE_VLAN || type == ETH_TYPE_SERVICE) &&
	       l3 + VLAN_TAG < packet->csum_start) {
		type = load_be16(packet->data + l3 + 2);
		l3 += VLAN_TAG;
	}
	return l3;
}

void segment_begin(struct segment_cutter *cutter, const struct packet *packet)
{
	unsigned headers = offload_headers_len(packet);

	*cutter = (struct segment_cutter){
		.packet = packet,
		.l3 = find_l3(packet),
		.headers = headers,
		.frames = 1,
		.payload = packet->len - headers,
	};
}

bool segment_is_done(const struct segment_cutter *cutter)
{
	return cutter->done == cutter->payload;
}

static struct segment piece_at(const struct segment_cutter *cutter, unsigned index)
{
	const struct packet *packet = cutter->packet;

	if (index == 0)
		return (struct segment){packet->data + cutter->headers,
		                        packet->head_len - cutter->headers};
	return packet->segments[index - 1];
}

// Borrows the next `len` bytes of payload. Returns the entries used, or -ENOSPC.
static int borrow(struct segment_cutter *cutter, uint32_t len, struct segment *storage,
                  unsigned room)
{
	unsigned piece = cutter->piece;
	uint32_t skip = cutter->skip;
	unsigned used = 0;

	while (len) {
		struct segment from = piece_at(cutter, piece);
		uint32_t part = MIN(len, from.len - skip);

		if (part) {
			if (used == room)
				return -ENOSPC;
			storage[used++] = (struct segment){from.base + skip, part};
		}
		len -= part;
		skip += part;
		if (skip == from.len) {
			piece++;
			skip = 0;
		}
	}
	cutter->piece = piece;
	cutter->skip = skip;
	return (int)used;
}

// Ids count up as they do where a sender cuts itself; receivers that coalesce expect it.
static void correct_ip4(uint8_t *ip, unsigned len, unsigned index)
{
	unsigned header = (ip[0] & 0xf) * 4U;

	store_be16(ip + 2, (uint16_t)len);
	store_be16(ip + 4, (uint16_t)(load_be16(ip + 4) + index));
	store_be16(ip + 10, 0);
	store_be16(ip + 10, checksum_finish(checksum_sum(ip, header)));
}

// CWR answers a congestion mark once (RFC 3168); FIN and PSH belong to the last byte.
static void correct_tcp(const struct segment_cutter *cutter, uint8_t *tcp, bool is_last)
{
	store_be32(tcp + 4, load_be32(tcp + 4) + cutter->done);
	if (cutter->index)
		tcp[13] &= (uint8_t)~TCP_CWR;
	if (!is_last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

// Writes what is this cut's own into the copied headers. `len` counts its payload.
static void correct_headers(const struct segment_cutter *cutter, struct packet *cut, uint32_t len)
{
	uint8_t *ip = cut->data + cutter->l3;
	uint8_t *l4 = cut->data + cut->csum_start;
	uint32_t l4_len = cut->head_len - cut->csum_start + len;
	bool is_udp = cutter->packet->gso == GSO_UDP;
	uint8_t proto = is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint64_t pseudo;

	if (ip[0] >> 4 == 4) {
		correct_ip4(ip, cut->csum_start - cutter->l3 + l4_len, cutter->index);
		pseudo = checksum_pseudo4(ip, proto, l4_len);
	} else {
		store_be16(ip + 4, (uint16_t)(cut->csum_start - cutter->l3 - 40 + l4_len));
		pseudo = checksum_pseudo6(ip, proto, l4_len);
	}
	if (is_udp)
		store_be16(l4 + 4, (uint16_t)l4_len);
	else
		correct_tcp(cutter, l4, cutter->done + len == cutter->payload);
	store_be16(l4 + cut->csum_offset, checksum_partial(pseudo));
}

int segment_next(struct segment_cutter *cutter, struct packet *cut, struct segment *storage,
                 unsigned room)
{
	const struct packet *packet = cutter->packet;
	uint32_t len = MIN(cutter->payload - cutter->done, packet->gso_size * cutter->frames);
	int used = borrow(cutter, len, storage, room);

	if (used < 0)
		return used;
	memcpy(cut->data, packet->data, cutter->headers);
	cut->head_len = (uint16_t)cutter->headers;
	cut->len = cutter->headers + len;
	cut->segments = storage;
	cut->segment_count = (uint16_t)used;
	cut->in_port = packet->in_port;
	cut->queue = packet->queue;
	cut->hash = packet->hash;
	cut->vlan = packet->vlan;
	cut->vni = packet->vni;
	cut->flags = packet->flags;
	cut->csum_start = packet->csum_start;
	cut->csum_offset = packet->csum_offset;
	cut->eth_type = packet->eth_type;
	cut->l3 = packet->l3;
	cut->l4 = packet->l4;
	cut->payload = packet->payload;
	cut->ip_version = packet->ip_version;
	cut->ip_proto = packet->ip_proto;
	if (len > packet->gso_size) {
		cut->gso = packet->gso;
		cut->gso_size = packet->gso_size;
	}
	correct_headers(cutter, cut, len);
	cutter->done += len;
	cutter->index += cutter->frames;
	return used;
}
