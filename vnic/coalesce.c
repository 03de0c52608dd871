// SPDX-License-Identifier: BSD-3-Clause
//
// coalesce: only what the cutter would cut into the very same frames again is joined (segment.c). So nothing of a
// header may differ but what it counts up: TCP's sequence number and the IPv4 id, both by as much as a cut
// adds; and FIN and PSH, which are the last segment's, and CWR, which is the first one's. Options are equal, and
// with them a timestamp and what is acknowledged; ECN and DSCP, TTL and DF; sizes, but for a shorter last.
// SYN, RST, URG, fragments, IP options, extension headers and what is padded stay as they are.
//
// A super-packet has a partial checksum, which says that its payload is whole. So the sum of each segment is
// verified before, one read of bytes that were just written; damage stays a frame of its own, for the receiver
// to refuse. Segments that came with a partial one have nothing to verify.
//
// Frames are joined to the one before them or not at all, so order is kept, between flows too. That suffices where
// what comes was joined by its outer addresses already: a tunnel gives each flow a source port of its own.

#include "vnic/coalesce.h"

#include "base/bytes.h"
#include "vnic/checksum.h"
#include "vnic/packet_pool.h"
#include "vnic/parse.h"

#include <netinet/in.h>

enum {
	IP4_BYTES = 20,
	IP4_FRAGMENT = 0x3fff, // the offset and MF
	IP6_BYTES = 40,
	TCP_BYTES = 20,
	TCP_CHECK = 16,
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
	L3_MAX = 65535,
};

struct shape {
	uint16_t l4, headers;
	uint32_t payload;
};

static bool is4(const struct packet *packet)
{
	return load_be16(packet->data + 12) == ETH_TYPE_IP4;
}

// Finds TCP right behind an IP header without options; 0: there is none.
static uint16_t find_tcp(const struct packet *packet)
{
	const uint8_t *ip = packet->data + ETH_HEADER;
	unsigned room = packet->head_len - ETH_HEADER;
	uint16_t type = load_be16(packet->data + 12);

	if (type == ETH_TYPE_IP4 && room >= IP4_BYTES + TCP_BYTES)
		return ip[0] == 0x45 && ip[9] == IPPROTO_TCP &&
		                       !(load_be16(ip + 6) & IP4_FRAGMENT) &&
		                       load_be16(ip + 2) == packet->len - ETH_HEADER
		               ? ETH_HEADER + IP4_BYTES
		               : 0;
	if (type == ETH_TYPE_IP6 && room >= IP6_BYTES + TCP_BYTES)
		return ip[0] >> 4 == 6 && ip[6] == IPPROTO_TCP &&
		                       load_be16(ip + 4) == packet->len - ETH_HEADER - IP6_BYTES
		               ? ETH_HEADER + IP6_BYTES
		               : 0;
	return 0;
}

// Whether the frame is a segment that may be joined to others, going by what it is alone.
static bool describe(const struct packet *packet, struct shape *ret)
{
	const uint8_t *tcp;
	unsigned headers;

	if (packet->gso || packet->flags & PACKET_VLAN || packet->head_len < ETH_HEADER)
		return false;
	ret->l4 = find_tcp(packet);
	if (!ret->l4)
		return false;
	tcp = packet->data + ret->l4;
	headers = ret->l4 + (tcp[12] >> 4) * 4U;
	if (headers < ret->l4 + (unsigned)TCP_BYTES || headers > packet->head_len ||
	    headers >= packet->len ||
	    (tcp[13] & ~(TCP_FIN | TCP_PSH | TCP_ECE | TCP_CWR)) != TCP_ACK)
		return false;
	ret->headers = (uint16_t)headers;
	ret->payload = packet->len - headers;
	return true;
}

// What comes after such a segment begins anew.
static bool is_last(const struct packet *packet, const struct coalescer *coalescer,
                    uint32_t payload)
{
	return packet->data[coalescer->l4 + 13] & (TCP_FIN | TCP_PSH) || payload < coalescer->size;
}

static bool is_like4(const uint8_t *ip, const uint8_t *other, unsigned index)
{
	// Version and TOS; DF, TTL and protocol; addresses.
	return load_be16(ip) == load_be16(other) && load_be32(ip + 6) == load_be32(other + 6) &&
	       load_be64(ip + 12) == load_be64(other + 12) &&
	       load_be16(other + 4) == (uint16_t)(load_be16(ip + 4) + index);
}

static bool is_like6(const uint8_t *ip, const uint8_t *other)
{
	// Version, class and flow label; next header and hop limit, addresses.
	return load_be32(ip) == load_be32(other) && memcmp(ip + 6, other + 6, IP6_BYTES - 6) == 0;
}

static bool is_like_tcp(const uint8_t *tcp, const uint8_t *other, unsigned len)
{
	unsigned differing = tcp[13] ^ other[13];

	// Ports; number acknowledged; length and flags; window; urgent pointer; options.
	return load_be32(tcp) == load_be32(other) && load_be32(tcp + 8) == load_be32(other + 8) &&
	       tcp[12] == other[12] && !(differing & ~(TCP_FIN | TCP_PSH | TCP_CWR)) &&
	       !(other[13] & TCP_CWR) && load_be16(tcp + 14) == load_be16(other + 14) &&
	       load_be16(tcp + 18) == load_be16(other + 18) &&
	       memcmp(tcp + TCP_BYTES, other + TCP_BYTES, len - TCP_BYTES) == 0;
}

// Whether the frame is the next segment of what was offered last.
static bool follows(const struct coalescer *coalescer, const struct packet *frame,
                    const struct shape *shape)
{
	const struct packet *packet = coalescer->packet;
	const uint8_t *ip, *tcp, *other;

	if (!packet || shape->l4 != coalescer->l4 || shape->headers != coalescer->headers ||
	    shape->payload > coalescer->size || packet->in_port != frame->in_port ||
	    !packet_is_like(packet, frame) ||
	    coalescer->headers - ETH_HEADER + coalescer->payload + shape->payload > L3_MAX)
		return false;
	ip = packet->data + ETH_HEADER;
	tcp = packet->data + coalescer->l4;
	other = frame->data + coalescer->l4;
	if (load_be32(other + 4) != load_be32(tcp + 4) + coalescer->payload ||
	    !is_like_tcp(tcp, other, coalescer->headers - coalescer->l4))
		return false;
	return is4(packet) ? is_like4(ip, frame->data + ETH_HEADER, coalescer->frames)
	                   : is_like6(ip, frame->data + ETH_HEADER);
}

// The sum of the pseudo header for so many bytes of TCP.
static uint64_t pseudo_of(const struct packet *packet, uint32_t len)
{
	const uint8_t *ip = packet->data + ETH_HEADER;

	return is4(packet) ? checksum_pseudo4(ip, IPPROTO_TCP, len)
	                   : checksum_pseudo6(ip, IPPROTO_TCP, len);
}

static bool is_sound(const struct packet *packet, unsigned l4)
{
	if (is4(packet) && checksum_finish(checksum_sum(packet->data + ETH_HEADER, IP4_BYTES)) != 0)
		return false;
	if (packet->flags & PACKET_CSUM_PARTIAL)
		return packet->csum_start == l4 && packet->csum_offset == TCP_CHECK;
	if (packet->flags & PACKET_CSUM_VALID)
		return true;
	return checksum_finish(checksum_packet(packet, l4) + pseudo_of(packet, packet->len - l4)) ==
	       0;
}

// The entry behind those of the packet, be it the frame's own; NULL: there is none.
static struct segment *next_entry(struct packet_pool *pool, const struct packet *packet,
                                  const struct packet *frame)
{
	struct segment *entry = frame->segment_count ? (struct segment *)(uintptr_t)frame->segments
	                                             : packet_arena_segment(pool);

	if (packet->segment_count && entry != packet->segments + packet->segment_count)
		return NULL;
	return entry;
}

static void begin(struct coalescer *coalescer, struct packet *packet, const struct shape *shape)
{
	*coalescer = (struct coalescer){
		.packet = packet,
		.l4 = shape->l4,
		.headers = shape->headers,
		.size = (uint16_t)shape->payload,
		.payload = shape->payload,
		.frames = 1,
	};
	if (is_last(packet, coalescer, shape->payload))
		coalescer->packet = NULL;
}

// The frame's payload behind that of the packet.
static void append(struct coalescer *coalescer, struct segment *entry, const struct packet *frame,
                   const struct shape *shape, const uint8_t *bytes)
{
	struct packet *packet = coalescer->packet;

	*entry = (struct segment){bytes + shape->headers, shape->payload};
	if (!packet->segment_count)
		packet->segments = entry;
	packet->segment_count++;
	packet->len += shape->payload;
	packet->data[coalescer->l4 + 13] |= frame->data[coalescer->l4 + 13] & (TCP_FIN | TCP_PSH);
	coalescer->payload += shape->payload;
	coalescer->frames++;
	if (is_last(frame, coalescer, shape->payload))
		coalesce_finish(coalescer);
}

bool coalesce_join(struct coalescer *coalescer, struct packet_pool *pool, struct packet *frame,
                   const uint8_t *bytes)
{
	struct packet *packet = coalescer->packet;
	struct segment *entry = NULL;
	bool sound = true;
	struct shape shape;

	if (!describe(frame, &shape)) {
		coalesce_finish(coalescer);
		return false;
	}
	if (follows(coalescer, frame, &shape) && packet->segment_count < COALESCE_PIECES) {
		// That of the first is looked at once, before anything is joined to it.
		coalescer->is_sound = coalescer->is_sound || is_sound(packet, coalescer->l4);
		sound = is_sound(frame, coalescer->l4);
		if (coalescer->is_sound && sound)
			entry = next_entry(pool, packet, frame);
	}
	if (entry) {
		append(coalescer, entry, frame, &shape, bytes);
		return true;
	}
	coalesce_finish(coalescer);
	if (sound)
		begin(coalescer, frame, &shape);
	return false;
}

void coalesce_finish(struct coalescer *coalescer)
{
	struct packet *packet = coalescer->packet;
	uint32_t l4_len;
	uint8_t *ip;

	coalescer->packet = NULL;
	if (!packet || coalescer->frames == 1)
		return;
	l4_len = packet->len - coalescer->l4;
	ip = packet->data + ETH_HEADER;
	if (is4(packet)) {
		store_be16(ip + 2, (uint16_t)(packet->len - ETH_HEADER));
		store_be16(ip + 10, 0);
		store_be16(ip + 10, checksum_finish(checksum_sum(ip, IP4_BYTES)));
		packet->gso = GSO_TCP4;
	} else {
		store_be16(ip + 4, (uint16_t)l4_len);
		packet->gso = GSO_TCP6;
	}
	packet->gso_size = coalescer->size;
	packet->flags |= PACKET_CSUM_PARTIAL;
	packet->flags &= (uint8_t)~PACKET_CSUM_VALID;
	packet->csum_start = coalescer->l4;
	packet->csum_offset = TCP_CHECK;
	store_be16(packet->data + coalescer->l4 + TCP_CHECK,
	           checksum_partial(pseudo_of(packet, l4_len)));
}
