// SPDX-License-Identifier: BSD-3-Clause
//
// partial: a kernel that sends by a device with checksum offload leaves the inner checksum to the device: its field
// then holds the sum of the pseudo header. A veth has that offload and makes no checksums, since the receiver is the
// same machine; but through a UDP socket nobody tells us that it is pending. So we look.
// In the same way such a kernel leaves 64 KB of TCP to be cut: they come as one datagram, which no wire would carry.
// How long the sender wanted its segments is not told, so they are to be those that fit everywhere. Of a UDP
// super-packet the datagrams cannot be told apart: it stays as long as it is, and no door will take it.
//
// A whole checksum that happens to be that value is none the worse for it: to make it anew gives the same. Only damage
// could be hidden, in one of 65536 damaged packets, and the outer checksum is there against that.

#include "tunnels/partial.h"

#include "base/bytes.h"
#include "vnic/checksum.h"
#include "vnic/parse.h"

enum {
	IP4_BYTES = 20,
	IP4_FRAGMENT = 0x3fff, // the offset and MF
	IP6_BYTES = 40,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	TCP_HEADER = 20,
	TCP_CHECK = 16,
	UDP_CHECK = 6,
	WIRE_MTU = 1500,
	SAFE_MTU = 1280, // every IPv6 link has it
};

// Sets *l4 and *proto where there is a transport header right behind the IP header; returns the pseudo header's sum.
static bool find_transport(const struct packet *packet, unsigned *l4, uint8_t *proto, uint64_t *sum)
{
	const uint8_t *ip = packet->data + ETH_HEADER;
	unsigned room = packet->head_len - ETH_HEADER;
	uint16_t type = load_be16(packet->data + 12);

	if (type == ETH_TYPE_IP4 && room >= IP4_BYTES && !(load_be16(ip + 6) & IP4_FRAGMENT)) {
		unsigned header = (ip[0] & 0xf) * 4U;
		unsigned total = load_be16(ip + 2);

		if (header < IP4_BYTES || total < header)
			return false;
		*l4 = ETH_HEADER + header;
		*proto = ip[9];
		*sum = checksum_pseudo4(ip, *proto, total - header);
		return true;
	}
	if (type == ETH_TYPE_IP6 && room >= IP6_BYTES) {
		*l4 = ETH_HEADER + IP6_BYTES;
		*proto = ip[6];
		*sum = checksum_pseudo6(ip, *proto, load_be16(ip + 4));
		return true;
	}
	return false;
}

// => The packet has a partial TCP checksum.
static void find_super_packet(struct packet *packet)
{
	bool is4 = load_be16(packet->data + 12) == ETH_TYPE_IP4;
	const uint8_t *ip = packet->data + ETH_HEADER;
	uint32_t l3_len = is4 ? load_be16(ip + 2) : load_be16(ip + 4) + IP6_BYTES;
	unsigned headers = packet->csum_start + (packet->data[packet->csum_start + 12] >> 4) * 4U;

	if (packet->len <= WIRE_MTU + ETH_HEADER || l3_len != packet->len - ETH_HEADER ||
	    headers > packet->head_len || headers < (unsigned)packet->csum_start + TCP_HEADER)
		return;
	packet->gso = is4 ? GSO_TCP4 : GSO_TCP6;
	packet->gso_size = (uint16_t)(SAFE_MTU + ETH_HEADER - headers);
}

void partial_find(struct packet *packet)
{
	unsigned l4, check;
	uint8_t proto;
	uint64_t sum;

	if (packet->head_len < ETH_HEADER || !find_transport(packet, &l4, &proto, &sum) ||
	    (proto != PROTO_TCP && proto != PROTO_UDP))
		return;
	check = proto == PROTO_TCP ? TCP_CHECK : UDP_CHECK;
	if (l4 + check + 2 > packet->head_len ||
	    load_be16(packet->data + l4 + check) != checksum_partial(sum))
		return;
	packet->flags |= PACKET_CSUM_PARTIAL;
	packet->csum_start = (uint16_t)l4;
	packet->csum_offset = (uint16_t)check;
	if (proto == PROTO_TCP && l4 + TCP_HEADER <= packet->head_len)
		find_super_packet(packet);
}
