// SPDX-License-Identifier: BSD-3-Clause
//
// gre: RFC 2784 with the key of RFC 2890, carrying Ethernet (0x6558); the key is the VNI.
//
// A sequence number is skipped: frames may overtake each other on any Ethernet. A checksum is verified where
// the sender put one. Without a key there is no telling which network is meant; a key beyond 24 bits is none
// of ours.

#include "tunnels/encap.h"

#include "base/bytes.h"
#include "vnic/checksum.h"

enum {
	HEADER = 8,
	FLAG_CHECKSUM = 0x8000,
	FLAG_ROUTING = 0x4000, // RFC 1701's, which nobody may send any more
	FLAG_KEY = 0x2000,
	FLAG_SEQUENCE = 0x1000,
	RESERVED = 0x0fff, // and the version; RFC 2784 refuses the upper five, PPTP has version 1
	ETHERNET = 0x6558,
};

static void gre_write(uint8_t *to, uint32_t vni, const struct encap_options *own)
{
	store_be16(to, FLAG_KEY);
	store_be16(to + 2, ETHERNET);
	store_be32(to + 4, vni);
}

static enum drop_reason gre_read(const uint8_t *bytes, uint32_t len,
                                 const struct encap_options *own, uint32_t *vni, unsigned *header)
{
	unsigned flags, at = 4;

	if (len < 4)
		return DROP_TUNNEL_MALFORMED;
	flags = load_be16(bytes);
	if (flags & (FLAG_ROUTING | RESERVED))
		return DROP_TUNNEL_MALFORMED;
	if (load_be16(bytes + 2) != ETHERNET)
		return DROP_TUNNEL_PROTOCOL;
	if (!(flags & FLAG_KEY))
		return DROP_VNI_UNKNOWN;
	at += flags & FLAG_CHECKSUM ? 4 : 0;
	if (at + 4 > len || (flags & FLAG_SEQUENCE && at + 8 > len))
		return DROP_TUNNEL_MALFORMED;
	if (flags & FLAG_CHECKSUM && checksum_finish(checksum_sum(bytes, len)) != 0)
		return DROP_TUNNEL_MALFORMED;
	if (load_be32(bytes + at) > VNI_MAX)
		return DROP_VNI_UNKNOWN;
	*vni = load_be32(bytes + at);
	*header = at + (flags & FLAG_SEQUENCE ? 8 : 4);
	return DROP_NONE;
}

const struct encap encap_gre = {
	.kind = "gre",
	.protocol = 47,
	.header = HEADER,
	.write = gre_write,
	.read = gre_read,
};
