// SPDX-License-Identifier: BSD-3-Clause
//
// conn_icmp: reads and changes the quote inside ICMP errors.
//
// Only what lies in our copy of the head is touched; a quote needs to show an IP header and the first eight
// bytes behind it, which is all that hosts go by (RFC 5508, REQ-3 to REQ-5).

#include "datapath/conn_icmp.h"

#include "datapath/rewrite.h"
#include "datapath/wire.h"

bool conn_icmp_is_error(const struct packet *packet)
{
	if (!packet->l4 || packet->flags & PACKET_LATER_FRAGMENT)
		return false;

	uint8_t type = packet_l4(packet)[ICMP_TYPE];

	if (packet->ip_version == 4 && packet->ip_proto == PROTO_ICMP4)
		return type == ICMP4_UNREACHABLE || type == ICMP4_QUENCH ||
		       type == ICMP4_REDIRECT || type == ICMP4_TIME_EXCEEDED ||
		       type == ICMP4_PARAMETER;
	return packet->ip_version == 6 && packet->ip_proto == PROTO_ICMP6 &&
	       type < ICMP6_FIRST_QUERY;
}

// Where the quoted transport header begins, from data; 0 when the quote is no use. Sets *proto.
static uint32_t quoted_l4(const struct packet *packet, uint8_t *proto)
{
	uint32_t l3 = packet->l4 + (uint32_t)ICMP_HEADER;
	const uint8_t *ip = packet->data + l3;
	uint32_t l4;

	if (packet->ip_version == 4) {
		if (l3 + IP4_HEADER > packet->head_len || ip[0] >> 4 != 4 ||
		    load_be16(ip + IP4_OFFSET) & IP4_OFFSET_MASK)
			return 0;
		*proto = ip[IP4_PROTO];
		l4 = l3 + (ip[0] & 15) * 4U;
	} else {
		if (l3 + IP6_HEADER > packet->head_len || ip[0] >> 4 != 6)
			return 0;
		*proto = ip[IP6_NEXT];
		l4 = l3 + IP6_HEADER;
	}
	return l4 + 8 <= packet->head_len && l4 >= l3 + IP4_HEADER ? l4 : 0;
}

bool conn_icmp_quoted(const struct packet *packet, struct conn_key *ret)
{
	const uint8_t *ip = packet_l4(packet) + ICMP_HEADER;
	uint8_t proto = 0;
	uint32_t l4 = quoted_l4(packet, &proto);
	uint32_t be;

	if (l4 == 0)
		return false;
	*ret = (struct conn_key){.proto = proto};
	if (packet->ip_version == 4) {
		memcpy(&be, ip + IP4_SRC, sizeof(be));
		ret->src = ip_from4(be);
		memcpy(&be, ip + IP4_DST, sizeof(be));
		ret->dst = ip_from4(be);
	} else {
		ret->src = ip_from6(ip + IP6_SRC);
		ret->dst = ip_from6(ip + IP6_DST);
	}
	if (proto == PROTO_TCP || proto == PROTO_UDP) {
		ret->src_port = load_be16(packet->data + l4);
		ret->dst_port = load_be16(packet->data + l4 + 2);
		return true;
	}
	if (proto != (packet->ip_version == 4 ? PROTO_ICMP4 : PROTO_ICMP6))
		return false;
	ret->src_port = ret->dst_port = load_be16(packet->data + l4 + ICMP_ID);
	return true;
}

// Mends a checksum inside the quote, where the quote shows it. Returns what that does to the sum around it.
static uint32_t mend(struct packet *packet, uint32_t at, uint32_t delta, bool is_udp)
{
	uint8_t *field = packet->data + at;

	if (at + 2 > packet->head_len)
		return 0;

	uint16_t before = load_be16(field);

	if (is_udp && before == 0)
		return 0;
	rewrite_check(field, delta);
	return (uint32_t)(uint16_t)~before + load_be16(field);
}

void conn_icmp_rewrite(struct packet *packet, const struct conn_icmp_quote *quote)
{
	bool is4 = packet->ip_version == 4;
	uint8_t *ip = packet_l4(packet) + ICMP_HEADER;
	uint8_t proto = 0;
	uint32_t l4 = quoted_l4(packet, &proto);
	uint8_t *header = packet->data + l4;
	uint32_t addresses, ports, outer;

	addresses = rewrite_addr(ip + (is4 ? IP4_SRC : IP6_SRC), &quote->key.src, is4);
	addresses += rewrite_addr(ip + (is4 ? IP4_DST : IP6_DST), &quote->key.dst, is4);
	outer = addresses;
	if (is4)
		outer += mend(packet, (uint32_t)(ip - packet->data) + IP4_CHECK, addresses, false);

	if (proto == PROTO_TCP || proto == PROTO_UDP) {
		uint32_t check = l4 + (proto == PROTO_TCP ? TCP_CHECK : UDP_CHECK);

		ports = rewrite_16(header, quote->key.src_port);
		ports += rewrite_16(header + 2, quote->key.dst_port);
		outer += ports + mend(packet, check, addresses + ports, proto == PROTO_UDP);
	} else {
		ports = rewrite_16(header + ICMP_ID, quote->key.src_port);
		outer +=
			ports + mend(packet, l4 + ICMP_CHECK, ports + (is4 ? 0 : addresses), false);
	}
	if (!(packet->flags & PACKET_CSUM_PARTIAL))
		rewrite_check(packet_l4(packet) + ICMP_CHECK, outer);
}
