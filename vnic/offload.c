// SPDX-License-Identifier: BSD-3-Clause
//
// offload: checks what a virtio_net_hdr claims (virtio 1.1, 5.1.6) against the frame behind it.
//
// A plain frame costs two tests; only one with a checksum or GSO claim is looked at further. What holds
// afterwards, and what segment.c and checksum.c build upon: the partial checksum field is within the head;
// a GSO packet is a whole, unfragmented IP packet of its type whose headers are within the head, whose
// partial checksum is its TCP or UDP one, and whose payload is more than one cut and at most
// OFFLOAD_MAX_CUTS of them. ECN needs no metadata: a super-packet with CWR says so itself.

#include "vnic/offload.h"

#include "base/bytes.h"
#include "vnic/parse.h"

#include <netinet/in.h>

enum { TCP_FLAGS = 13, TCP_CWR = 0x80 };

static enum drop_reason read_checksum(const struct virtio_net_hdr *header, struct packet *packet)
{
	uint32_t field_end = (uint32_t)header->csum_start + header->csum_offset + 2;

	if (header->csum_start < ETH_HEADER || field_end > packet->head_len)
		return DROP_OFFLOAD_INVALID;
	packet->flags |= PACKET_CSUM_PARTIAL;
	packet->csum_start = header->csum_start;
	packet->csum_offset = header->csum_offset;
	return DROP_NONE;
}

static bool is_type_valid(const struct packet *packet, uint8_t type)
{
	bool is_tcp = packet->ip_proto == IPPROTO_TCP;

	switch (type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return packet->ip_version == 4 && is_tcp;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return packet->ip_version == 6 && is_tcp;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return packet->ip_version && packet->ip_proto == IPPROTO_UDP;
	default:
		return false;
	}
}

// The length the IP header claims, itself included.
static uint32_t ip_len(const struct packet *packet)
{
	const uint8_t *ip = packet_l3(packet);

	return packet->ip_version == 4 ? load_be16(ip + 2) : load_be16(ip + 4) + 40U;
}

static enum drop_reason read_gso(const struct virtio_net_hdr *header, struct packet *packet)
{
	static const uint8_t types[] = {
		[VIRTIO_NET_HDR_GSO_TCPV4] = GSO_TCP4,
		[VIRTIO_NET_HDR_GSO_TCPV6] = GSO_TCP6,
		[VIRTIO_NET_HDR_GSO_UDP_L4] = GSO_UDP,
	};
	uint8_t type = header->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

	if (!(packet->flags & PACKET_CSUM_PARTIAL) || !header->gso_size)
		return DROP_OFFLOAD_INVALID;

	enum drop_reason refused = packet_parse(packet, PARSE_L4);

	if (refused)
		return refused;
	if (!is_type_valid(packet, type) || packet->csum_start != packet->l4 ||
	    packet->flags & PACKET_FRAGMENT || ip_len(packet) != packet->len - packet->l3)
		return DROP_OFFLOAD_INVALID;

	uint32_t payload = packet->len - packet->payload;

	// What fits one cut is an ordinary frame; some senders mark it nevertheless.
	if (payload <= header->gso_size)
		return DROP_NONE;
	if ((payload - 1) / header->gso_size + 1 > OFFLOAD_MAX_CUTS)
		return DROP_OFFLOAD_INVALID;
	packet->gso = types[type];
	packet->gso_size = header->gso_size;
	return DROP_NONE;
}

enum drop_reason offload_read(const struct virtio_net_hdr *header, struct packet *packet)
{
	enum drop_reason refused = DROP_NONE;

	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		refused = read_checksum(header, packet);
	else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		packet->flags |= PACKET_CSUM_VALID;
	if (!refused && header->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		refused = read_gso(header, packet);
	return refused;
}

unsigned offload_headers_len(const struct packet *packet)
{
	const uint8_t *l4 = packet->data + packet->csum_start;

	// From csum_start and not from `payload`, which moves with the depth of the last parse.
	return packet->csum_start + (packet->gso == GSO_UDP ? 8U : (l4[12] >> 4) * 4U);
}

void offload_write(const struct packet *packet, struct virtio_net_hdr *header)
{
	static const uint8_t types[] = {
		[GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
		[GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
		[GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
		[GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
	};

	*header = (struct virtio_net_hdr){0};
	if (packet->flags & PACKET_CSUM_PARTIAL) {
		header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header->csum_start = packet->csum_start;
		header->csum_offset = packet->csum_offset;
	} else if (packet->flags & PACKET_CSUM_VALID) {
		header->flags = VIRTIO_NET_HDR_F_DATA_VALID;
	}
	if (packet->gso == GSO_NONE)
		return;

	header->gso_type = types[packet->gso];
	header->gso_size = packet->gso_size;
	// The kernel puts this much into the linear part of its buffer and the rest into pages; without it,
	// each frame would cost an allocation of 64 KB in one piece.
	header->hdr_len = (uint16_t)offload_headers_len(packet);
	if (packet->gso != GSO_UDP && packet->data[packet->csum_start + TCP_FLAGS] & TCP_CWR)
		header->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
}
