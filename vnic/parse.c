// SPDX-License-Identifier: BSD-3-Clause
//
// parse: one pass from the Ethernet header down, as far as asked.
//
// Offsets count from packet->data and are carried as unsigned, which no sum of two header lengths can
// overflow. `end` is where the IP packet ends by its own length, already checked against the frame.

#include "vnic/parse.h"

#include "base/bytes.h"
#include "vnic/checksum.h"

#include <netinet/in.h>
#include <stddef.h>

enum {
	IP4_HEADER = 20,
	IP6_HEADER = 40,
	TCP_HEADER = 20,
	UDP_HEADER = 8,
	ICMP_HEADER = 8,
	IP4_MORE_FRAGMENTS = 0x2000,
	IP4_OFFSET = 0x1fff,
	IP6_OFFSET = 0xfff8,
	TCP_CHECKSUM = 16,
	UDP_CHECKSUM = 6,
	ICMP6_CHECKSUM = 2,
};

static bool is_source_mac_valid(const uint8_t *mac)
{
	bool is_zero = load_be32(mac) == 0 && load_be16(mac + 4) == 0;

	return !(mac[0] & 1) && !is_zero;
}

// Four bytes go from behind the MACs to before them: the headers then stand where they stand without a
// tag, and nobody further on needs to ask.
static enum drop_reason take_tag(struct packet *packet)
{
	if (packet->head_len < ETH_HEADER + VLAN_TAG)
		return DROP_FRAME_SHORT;
	if (packet->flags & PACKET_CSUM_PARTIAL) {
		if (packet->csum_start < ETH_HEADER + VLAN_TAG)
			return DROP_OFFLOAD_INVALID;
		packet->csum_start -= VLAN_TAG;
	}
	packet->vlan = load_be16(packet->data + ETH_HEADER);
	packet->flags |= PACKET_VLAN;
	memmove(packet->data + VLAN_TAG, packet->data, 12);
	packet->data += VLAN_TAG;
	packet->len -= VLAN_TAG;
	packet->head_len -= VLAN_TAG;
	return DROP_NONE;
}

// Whether a partial checksum stands where it cannot touch what decisions are made upon.
static bool is_partial_valid(const struct packet *packet)
{
	if (!(packet->flags & PACKET_CSUM_PARTIAL))
		return true;
	if (packet->flags & PACKET_FRAGMENT)
		return false;
	if (packet->csum_start >= packet->payload)
		return true;
	if (packet->csum_start != packet->l4)
		return false;
	switch (packet->ip_proto) {
	case IPPROTO_TCP:
		return packet->csum_offset == TCP_CHECKSUM;
	case IPPROTO_UDP:
		return packet->csum_offset == UDP_CHECKSUM;
	default:
		return packet->ip_version == 6 && packet->csum_offset == ICMP6_CHECKSUM;
	}
}

// Returns the length of the transport header, 0 if we know none of that protocol, or -1.
static int transport_header_len(const struct packet *packet, unsigned start, unsigned end)
{
	const uint8_t *header = packet->data + start;
	unsigned room = MIN(end, packet->head_len) - start;
	bool is_icmp =
		packet->ip_proto == (packet->ip_version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	if (packet->ip_proto == IPPROTO_TCP) {
		if (room < TCP_HEADER)
			return -1;

		unsigned len = (header[12] >> 4) * 4U;

		return len < TCP_HEADER || len > room ? -1 : (int)len;
	}
	if (packet->ip_proto == IPPROTO_UDP) {
		if (room < UDP_HEADER)
			return -1;

		unsigned len = load_be16(header + 4);

		// The first fragment announces the length of the whole datagram.
		if (len < UDP_HEADER || (len > end - start && !(packet->flags & PACKET_FRAGMENT)))
			return -1;
		return UDP_HEADER;
	}
	if (is_icmp)
		return room < ICMP_HEADER ? -1 : ICMP_HEADER;
	return 0;
}

// The common end of both families: `start` is the first byte behind the IP headers.
static enum drop_reason parse_transport(struct packet *packet, unsigned start, unsigned end,
                                        enum parse_depth depth)
{
	packet->payload = (uint16_t)start;
	if (depth == PARSE_L4 && !(packet->flags & PACKET_LATER_FRAGMENT)) {
		if (start > packet->head_len)
			return DROP_L4_MALFORMED;

		int len = transport_header_len(packet, start, end);

		if (len < 0)
			return DROP_L4_MALFORMED;
		packet->l4 = (uint16_t)start;
		packet->payload = (uint16_t)(start + (unsigned)len);
	}
	return is_partial_valid(packet) ? DROP_NONE : DROP_OFFLOAD_INVALID;
}

// Checks the place of a fragment; `offset` in bytes, `len` what it holds of the datagram.
static bool mark_fragment(struct packet *packet, unsigned offset, unsigned len, bool more)
{
	// A reassembled datagram may not exceed what its length field could say.
	if (offset + len > UINT16_MAX || (more && len % 8))
		return false;
	packet->flags |= PACKET_FRAGMENT;
	if (offset)
		packet->flags |= PACKET_LATER_FRAGMENT;
	return true;
}

static enum drop_reason parse_ip4(struct packet *packet, enum parse_depth depth)
{
	const uint8_t *ip = packet_l3(packet);
	unsigned room = packet->head_len - packet->l3;

	if (room < IP4_HEADER || ip[0] >> 4 != 4)
		return DROP_IP4_MALFORMED;

	unsigned header = (ip[0] & 0xf) * 4U;
	unsigned total = load_be16(ip + 2);
	unsigned fragment = load_be16(ip + 6);

	if (header < IP4_HEADER || header > room || total < header ||
	    total > packet->len - packet->l3)
		return DROP_IP4_MALFORMED;
	// Checked on arrival, for NAT and routing update it in place and would pass an error on.
	if (checksum_finish(checksum_sum(ip, header)) != 0)
		return DROP_IP4_CHECKSUM;
	packet->ip_version = 4;
	packet->ip_proto = ip[9];
	if (header > IP4_HEADER)
		packet->flags |= PACKET_IP_OPTIONS;
	if (fragment & (IP4_MORE_FRAGMENTS | IP4_OFFSET) &&
	    !mark_fragment(packet, (fragment & IP4_OFFSET) * 8, total - header,
	                   fragment & IP4_MORE_FRAGMENTS))
		return DROP_IP4_MALFORMED;
	return parse_transport(packet, packet->l3 + header, packet->l3 + total, depth);
}

// ::ffff:0:0/96 is how we write IPv4 addresses; as IPv6 on the wire it would pass for one of them.
static bool is_mapped(const uint8_t *address)
{
	return load_be64(address) == 0 && load_be32(address + 8) == 0xffff;
}

// Walks the extension headers from `*at`. Sets ip_proto and the flags, leaves *at behind them.
static bool walk_extensions(struct packet *packet, unsigned *at, unsigned end)
{
	uint8_t next = packet_l3(packet)[6];

	// One turn more than headers are allowed: the last one only finds the transport protocol.
	for (unsigned i = 0; i <= PARSE_MAX_EXTENSIONS; i++) {
		bool is_first_hop = next == IPPROTO_HOPOPTS;

		packet->ip_proto = next;
		if (!is_first_hop && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT)
			return true;
		if (*at + 8 > MIN(end, packet->head_len) || (is_first_hop && i > 0))
			return false;

		const uint8_t *header = packet->data + *at;
		unsigned offset = load_be16(header + 2);

		if (is_first_hop)
			packet->flags |= PACKET_IP_OPTIONS;
		*at += next == IPPROTO_FRAGMENT ? 8 : (header[1] + 1U) * 8;
		if (*at > MIN(end, packet->head_len))
			return false;
		if (next == IPPROTO_FRAGMENT && offset & (IP6_OFFSET | 1) &&
		    !mark_fragment(packet, offset & IP6_OFFSET, end - *at, offset & 1))
			return false;
		next = header[0];
		// What follows belongs to the middle of the datagram, be it an extension header by name.
		if (packet->flags & PACKET_LATER_FRAGMENT) {
			packet->ip_proto = next;
			return true;
		}
	}
	return false;
}

static enum drop_reason parse_ip6(struct packet *packet, enum parse_depth depth)
{
	const uint8_t *ip = packet_l3(packet);

	if (packet->head_len - packet->l3 < IP6_HEADER || ip[0] >> 4 != 6)
		return DROP_IP6_MALFORMED;

	unsigned at = packet->l3 + IP6_HEADER;
	unsigned end = at + load_be16(ip + 4);

	if (end > packet->len || is_mapped(ip + 8) || is_mapped(ip + 24))
		return DROP_IP6_MALFORMED;
	packet->ip_version = 6;
	// A jumbogram says 0 and has its length in an option, which then lies beyond `end`: refused here.
	if (!walk_extensions(packet, &at, end))
		return DROP_IP6_MALFORMED;
	return parse_transport(packet, at, end, depth);
}

enum drop_reason packet_parse(struct packet *packet, enum parse_depth depth)
{
	if (packet->head_len < ETH_HEADER)
		return DROP_FRAME_SHORT;
	if (!is_source_mac_valid(packet->data + 6))
		return DROP_SOURCE_MAC_INVALID;

	packet->eth_type = load_be16(packet->data + 12);
	if (packet->eth_type == ETH_TYPE_VLAN && !(packet->flags & PACKET_VLAN)) {
		enum drop_reason refused = take_tag(packet);

		if (refused)
			return refused;
		packet->eth_type = load_be16(packet->data + 12);
	}
	if (packet->len > PACKET_MAX_LEN)
		return DROP_FRAME_LONG;

	packet->flags &= (uint8_t) ~(PACKET_FRAGMENT | PACKET_LATER_FRAGMENT | PACKET_IP_OPTIONS);
	packet->flags |= PACKET_PARSED;
	packet->l3 = ETH_HEADER;
	packet->l4 = 0;
	packet->payload = ETH_HEADER;
	packet->ip_version = 0;
	packet->ip_proto = 0;
	if (depth == PARSE_L2)
		return DROP_NONE;

	bool is_tagged = packet->flags & PACKET_VLAN;

	switch (packet->eth_type) {
	case ETH_TYPE_IP4:
		return parse_ip4(packet, depth);
	case ETH_TYPE_IP6:
		return parse_ip6(packet, depth);
	case ETH_TYPE_VLAN:
	case ETH_TYPE_SERVICE:
		return is_tagged ? DROP_VLAN_NESTED : DROP_NONE;
	default:
		return DROP_NONE;
	}
}

// Moves every offset but those that are not in use.
static void shift_offsets(struct packet *packet, int by)
{
	packet->data -= by;
	packet->len += (uint32_t)by;
	packet->head_len = (uint16_t)(packet->head_len + by);
	packet->l3 = (uint16_t)(packet->l3 + by);
	packet->payload = (uint16_t)(packet->payload + by);
	if (packet->l4)
		packet->l4 = (uint16_t)(packet->l4 + by);
	if (packet->flags & PACKET_CSUM_PARTIAL)
		packet->csum_start = (uint16_t)(packet->csum_start + by);
}

void packet_push_vlan(struct packet *packet)
{
	shift_offsets(packet, VLAN_TAG);
	memmove(packet->data, packet->data + VLAN_TAG, 12);
	store_be16(packet->data + 12, ETH_TYPE_VLAN);
	store_be16(packet->data + 14, packet->vlan);
	packet->flags &= (uint8_t)~PACKET_VLAN;
}

void packet_pop_vlan(struct packet *packet)
{
	packet->vlan = load_be16(packet->data + 14);
	memmove(packet->data + VLAN_TAG, packet->data, 12);
	shift_offsets(packet, -VLAN_TAG);
	packet->flags |= PACKET_VLAN;
}
