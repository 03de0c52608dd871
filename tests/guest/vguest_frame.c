// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_frame: builds numbered frames, and verifies them with a checksum of its own.
//
// The sums are plain loops over 16-bit words on purpose: they are to share nothing with what they judge.

#include "tests/guest/vguest_frame.h"

#include "base/bytes.h"

#include <stddef.h>

enum {
	ETH = 14,
	IP4 = 20,
	IP6 = 40,
	TCP = 20,
	UDP = 8,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	MAGIC = 0x7667,
	GSO_UDP = 5,
};

// Where things are in the payload.
enum { AT_MAGIC = 0, AT_STREAM = 2, AT_NUMBER = 4, AT_STAMP = 12, PATTERN = 20 };

static uint8_t pattern(uint64_t number, uint32_t offset)
{
	return (uint8_t)(number * 31 + offset + (offset >> 8) * 13);
}

static uint32_t add_words(uint32_t sum, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 2) {
		sum += (uint32_t)bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t pseudo_sum(const uint8_t *ip, bool ip6, uint8_t proto, uint32_t len)
{
	uint32_t sum = proto + (len >> 16) + (len & 0xffff);

	return add_words((sum & 0xffff) + (sum >> 16), ip6 ? ip + 8 : ip + 12, ip6 ? 32 : 8);
}

uint32_t vguest_frame_head(const struct vguest_flow *flow)
{
	return ETH + (flow->ip6 ? IP6 : IP4) + (flow->tcp ? TCP : UDP);
}

uint32_t vguest_frame_min(const struct vguest_flow *flow)
{
	return vguest_frame_head(flow) + PATTERN;
}

static void write_ip4(const struct vguest_flow *flow, uint8_t *ip, uint32_t len)
{
	memset(ip, 0, IP4);
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)len);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = flow->tcp ? PROTO_TCP : PROTO_UDP;
	store_be32(ip + 12, flow->address_from);
	store_be32(ip + 16, flow->address_to);
	store_be16(ip + 10, (uint16_t)~add_words(0, ip, IP4));
}

static void write_ip6(const struct vguest_flow *flow, uint8_t *ip, uint32_t len)
{
	memset(ip, 0, IP6);
	ip[0] = 0x60;
	store_be16(ip + 4, (uint16_t)(len - IP6));
	ip[6] = flow->tcp ? PROTO_TCP : PROTO_UDP;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	store_be32(ip + 20, flow->address_from);
	store_be32(ip + 36, flow->address_to);
}

static void write_l4(const struct vguest_flow *flow, uint64_t number, uint8_t *l4, uint32_t len)
{
	store_be16(l4, flow->port_from);
	store_be16(l4 + 2, flow->port_to);
	if (!flow->tcp) {
		store_be16(l4 + 4, (uint16_t)len);
		store_be16(l4 + 6, 0);
		return;
	}
	memset(l4 + 4, 0, TCP - 4);
	store_be32(l4 + 8, (uint32_t)number);
	l4[12] = TCP / 4 << 4;
	l4[13] = 0x10;
	store_be16(l4 + 14, 0xffff);
}

static void write_payload(const struct vguest_flow *flow, uint64_t number, uint64_t stamp,
                          uint8_t *payload, uint32_t len)
{
	store_be16(payload + AT_MAGIC, MAGIC);
	store_be16(payload + AT_STREAM, flow->stream);
	store_be64(payload + AT_NUMBER, number);
	store_be64(payload + AT_STAMP, stamp);
	for (uint32_t i = PATTERN; i < len; i++)
		payload[i] = pattern(number, i);
}

void vguest_frame_build(const struct vguest_flow *flow, uint64_t number, uint64_t stamp,
                        uint32_t len, struct virtio_net_hdr_v1 *header, uint8_t *frame)
{
	uint32_t l3_len = flow->ip6 ? IP6 : IP4, l4_len = len - ETH - l3_len;
	uint8_t *ip = frame + ETH, *l4 = ip + l3_len;
	uint8_t *field = l4 + (flow->tcp ? 16 : 6);

	*header = (struct virtio_net_hdr_v1){0};
	memcpy(frame, flow->destination, 6);
	memcpy(frame + 6, flow->source, 6);
	store_be16(frame + 12, flow->ip6 ? 0x86dd : 0x0800);
	if (flow->ip6)
		write_ip6(flow, ip, len - ETH);
	else
		write_ip4(flow, ip, len - ETH);
	write_l4(flow, number, l4, l4_len);
	write_payload(flow, number, stamp, frame + vguest_frame_head(flow),
	              len - vguest_frame_head(flow));

	uint32_t sum = pseudo_sum(ip, flow->ip6, flow->tcp ? PROTO_TCP : PROTO_UDP, l4_len);

	if (flow->partial) {
		header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header->csum_start = (uint16_t)(l4 - frame);
		header->csum_offset = (uint16_t)(field - l4);
		store_be16(field, (uint16_t)sum);
	} else if (!flow->no_checksum) {
		uint16_t checksum = (uint16_t)~add_words(sum, l4, l4_len);

		store_be16(field, !flow->tcp && checksum == 0 ? 0xffff : checksum);
	}
	if (flow->gso_size && len > vguest_frame_head(flow) + flow->gso_size) {
		header->gso_type = !flow->tcp  ? GSO_UDP
		                   : flow->ip6 ? VIRTIO_NET_HDR_GSO_TCPV6
		                               : VIRTIO_NET_HDR_GSO_TCPV4;
		header->gso_size = flow->gso_size;
		header->hdr_len = (uint16_t)vguest_frame_head(flow);
	}
}

// Where the transport begins, and how long it is; 0 when the frame is none of ours.
static uint32_t find_l4(const uint8_t *frame, uint32_t len, uint8_t *proto, uint32_t *l4_len)
{
	uint32_t l3 = ETH, l4, ip_len;

	if (len < ETH + IP4 + UDP)
		return 0;
	if (load_be16(frame + 12) == 0x0800) {
		*proto = frame[l3 + 9];
		ip_len = load_be16(frame + l3 + 2);
		l4 = l3 + IP4;
	} else if (load_be16(frame + 12) == 0x86dd && len >= ETH + IP6 + UDP) {
		*proto = frame[l3 + 6];
		ip_len = load_be16(frame + l3 + 4) + (uint32_t)IP6;
		l4 = l3 + IP6;
	} else {
		return 0;
	}
	if (ETH + ip_len > len || ETH + ip_len < l4)
		return 0;
	*l4_len = ETH + ip_len - l4;
	if ((*proto != PROTO_TCP || *l4_len < TCP) && (*proto != PROTO_UDP || *l4_len < UDP))
		return 0;
	return l4;
}

bool vguest_frame_read(const uint8_t *frame, uint32_t len, struct vguest_frame_seen *seen)
{
	uint8_t proto = 0;
	uint32_t l4_len = 0, l4 = find_l4(frame, len, &proto, &l4_len);
	uint32_t head = proto == PROTO_TCP ? TCP : UDP;
	const uint8_t *payload = frame + l4 + head;

	if (!l4)
		return false;
	*seen = (struct vguest_frame_seen){.payload = l4_len - head};
	if (proto == PROTO_TCP) {
		seen->offset = load_be32(frame + l4 + 4);
		seen->number = load_be32(frame + l4 + 8);
		if (seen->offset)
			return load_be16(frame + l4 + 14) == 0xffff;
	}
	if (seen->payload < PATTERN || load_be16(payload + AT_MAGIC) != MAGIC)
		return false;
	seen->number = load_be64(payload + AT_NUMBER);
	seen->stamp = load_be64(payload + AT_STAMP);
	seen->stream = load_be16(payload + AT_STREAM);
	return true;
}

static const char *verify_sums(const struct virtio_net_hdr_v1 *header, const uint8_t *frame,
                               uint32_t l4, uint8_t proto, uint32_t l4_len)
{
	bool ip6 = frame[ETH] >> 4 == 6;
	uint32_t at = l4 + (proto == PROTO_TCP ? 16 : 6);
	uint32_t sum = pseudo_sum(frame + ETH, ip6, proto, l4_len);

	if (!ip6 && add_words(0, frame + ETH, IP4) != 0xffff)
		return "the IP checksum is wrong";
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (header->csum_start != l4 || l4 + header->csum_offset != at)
			return "the checksum is said to be elsewhere";
		return load_be16(frame + at) == sum ? NULL : "the partial checksum is wrong";
	}
	if (proto == PROTO_UDP && !ip6 && load_be16(frame + at) == 0)
		return NULL;
	return add_words(sum, frame + l4, l4_len) == 0xffff ? NULL : "the checksum is wrong";
}

const char *vguest_frame_verify(const struct virtio_net_hdr_v1 *header, const uint8_t *frame,
                                uint32_t len)
{
	struct vguest_frame_seen seen;
	uint8_t proto = 0;
	uint32_t l4_len = 0, l4 = find_l4(frame, len, &proto, &l4_len);

	if (!l4 || !vguest_frame_read(frame, len, &seen))
		return "the headers are damaged";
	// Only what is shorter than Ethernet allows may be padded.
	if (l4 + l4_len != len && len > 60)
		return "the frame is longer than its IP";

	const char *bad = verify_sums(header, frame, l4, proto, l4_len);
	const uint8_t *payload = frame + l4 + (l4_len - seen.payload);

	if (bad)
		return bad;
	if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE && seen.payload <= header->gso_size)
		return "one segment is called several";
	if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE &&
	    !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return "segments without a partial checksum";
	for (uint32_t i = seen.offset ? 0 : PATTERN; i < seen.payload; i++)
		if (payload[i] != pattern(seen.number, seen.offset + i))
			return "the payload is damaged";
	return NULL;
}
