// SPDX-License-Identifier: BSD-3-Clause
//
// parse: finds the headers of a frame and checks that they are what they claim.
//
// Reads only the packet's own header copy. Each byte is checked against head_len before it is read; the
// lengths headers claim are checked against len. A header that goes on beyond head_len is refused as
// malformed. Cost: bounded by PACKET_HEAD bytes and by PARSE_MAX_EXTENSIONS IPv6 extension headers.

#pragma once

#include "base/bytes.h"
#include "vnic/drop.h"
#include "vnic/packet.h"

enum parse_depth { PARSE_L2, PARSE_L3, PARSE_L4 };

enum { PARSE_MAX_EXTENSIONS = 8 };

enum {
	ETH_HEADER = 14,
	VLAN_TAG = 4,
	ETH_TYPE_IP4 = 0x0800,
	ETH_TYPE_ARP = 0x0806,
	ETH_TYPE_VLAN = 0x8100,    // 802.1Q
	ETH_TYPE_SERVICE = 0x88a8, // 802.1ad, the outer of two tags
	ETH_TYPE_IP6 = 0x86dd,
};

// Sets eth_type, l3 and, by depth, ip_version, ip_proto, l4, payload and the fragment flags. A source MAC
// that is zero or a group is refused at any depth.
//
// An 802.1Q tag is taken into packet->vlan by moving the MACs, and csum_start corrected, unless the packet
// holds a tag already. A further tag stays in the frame: bridged at L2, where eth_type says ETH_TYPE_VLAN or
// ETH_TYPE_SERVICE, refused as DROP_VLAN_NESTED when more was asked for. An outer 802.1ad tag is never
// taken. VLAN id 0 is reported as it stands: a priority, no VLAN.
//
// At L3, payload is where the transport header would be, and ip_proto is known; at L4, l4 is that place and
// payload lies behind a TCP, UDP or ICMP header. Later fragments have l4 0 and PACKET_LATER_FRAGMENT. An
// IPv6 fragment header of a whole packet (RFC 6946) makes no fragment. PACKET_IP_OPTIONS means options of
// IPv4 or hop-by-hop options of IPv6. Bytes behind the IP length (padding) are fine.
//
// A partial checksum must be that of the transport header, or lie behind it (a guest's own tunnel).
//
// Returns DROP_NONE or why the frame is refused. A frame of an EtherType that we do not parse is fine at any
// depth (ip_version 0). May be repeated, also at another depth.
enum drop_reason packet_parse(struct packet *packet, enum parse_depth depth);

// Puts packet->vlan back into the frame as an 802.1Q tag, and takes it out again. All offsets follow.
// => PACKET_VLAN is set; there is headroom. For pop: the tag was pushed.
void packet_push_vlan(struct packet *packet);
void packet_pop_vlan(struct packet *packet);

// Whether both have the same VNI and Ethernet header, in which no tag is or was. => Both have one.
static inline bool packet_is_like(const struct packet *packet, const struct packet *other)
{
	return !((packet->flags | other->flags) & PACKET_VLAN) && packet->vni == other->vni &&
	       load_be64(packet->data) == load_be64(other->data) &&
	       load_be64(packet->data + 6) == load_be64(other->data + 6);
}

// What packet_parse() does at PARSE_L2. => It is like one that was just parsed so; its length is fine.
static inline void packet_parse_like(struct packet *packet, const struct packet *parsed)
{
	packet->flags |= PACKET_PARSED;
	packet->eth_type = parsed->eth_type;
	packet->l3 = packet->payload = ETH_HEADER;
	packet->l4 = 0;
	packet->ip_version = packet->ip_proto = 0;
}
