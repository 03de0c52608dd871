// SPDX-License-Identifier: BSD-3-Clause
//
// ecn: the table of RFC 6040, figure 4, of which three entries change anything.
//
// In the normal mode the outer field is a copy of the inner one, so on the way in there is nothing to do but
// to read it. On the way out only the outer values 1 and 3 may matter.

#include "tunnels/ecn.h"

#include "base/bytes.h"
#include "vnic/checksum.h"
#include "vnic/parse.h"

enum { IP4_TOS = 1, IP4_CHECK = 10, IP4_BYTES = 20, IP6_BYTES = 40 };

// Offset of the IP header that the EtherType promises, or 0. Its first bytes are within the head.
static unsigned find_ip(const struct packet *packet, bool *is4)
{
	unsigned at = ETH_HEADER;
	uint16_t type;

	if (packet->head_len < ETH_HEADER + VLAN_TAG)
		return 0;
	type = load_be16(packet->data + 12);
	if (type == ETH_TYPE_VLAN) {
		type = load_be16(packet->data + 16);
		at += VLAN_TAG;
	}
	*is4 = type == ETH_TYPE_IP4;
	if (!*is4 && type != ETH_TYPE_IP6)
		return 0;
	return packet->head_len >= at + (unsigned)(*is4 ? IP4_BYTES : IP6_BYTES) ? at : 0;
}

static uint8_t tos_at(const uint8_t *ip, bool is4)
{
	return is4 ? ip[IP4_TOS] : (uint8_t)(load_be16(ip) >> 4);
}

bool ecn_inner_tos(const struct packet *packet, uint8_t *tos)
{
	bool is4;
	unsigned at = find_ip(packet, &is4);

	if (!at)
		return false;
	*tos = tos_at(packet->data + at, is4);
	return true;
}

static void set_ecn(uint8_t *ip, bool is4, enum ecn ecn)
{
	uint16_t before = load_be16(ip);
	unsigned shift = is4 ? 0 : 4;
	uint16_t after = (uint16_t)((before & ~(ECN_MASK << shift)) | (unsigned)ecn << shift);

	store_be16(ip, after);
	if (is4)
		store_be16(ip + IP4_CHECK,
		           checksum_update16(load_be16(ip + IP4_CHECK), before, after));
}

bool ecn_leave(struct packet *packet, uint8_t tos)
{
	enum ecn outer = tos & ECN_MASK;
	enum ecn inner;
	unsigned at;
	bool is4;

	if (outer != ECN_CE && outer != ECN_ECT1)
		return true;
	at = find_ip(packet, &is4);
	if (!at)
		return true;
	inner = tos_at(packet->data + at, is4) & ECN_MASK;
	if (inner == ECN_NONE)
		return outer != ECN_CE;
	if (outer == ECN_CE || inner == ECN_ECT0)
		set_ecn(packet->data + at, is4, inner == ECN_CE ? ECN_CE : outer);
	return true;
}
