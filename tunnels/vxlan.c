// SPDX-License-Identifier: BSD-3-Clause
//
// vxlan: RFC 7348, section 5: eight bytes, of which one flag and 24 bits mean something.
//
// The other bits are reserved: zero on the way out, not looked at on the way in, but for those by which
// extensions change what follows (GPE's next protocol, where P is set without its being Ethernet). Whoever sends
// a group policy (the G bit) still sends an Ethernet frame, which is taken.

#include "tunnels/encap.h"

#include "base/bytes.h"

enum {
	HEADER = 8,
	FLAG_VNI = 0x08,
	FLAG_PROTOCOL = 0x04, // VXLAN-GPE: the fourth byte says what follows
	FLAG_OAM = 0x01,      // VXLAN-GPE: a message to the endpoint, no frame
	GPE_ETHERNET = 3,
};

static void vxlan_write(uint8_t *to, uint32_t vni, const struct encap_options *own)
{
	store_be32(to, (uint32_t)FLAG_VNI << 24);
	store_be32(to + 4, vni << 8);
}

static enum drop_reason vxlan_read(const uint8_t *bytes, uint32_t len,
                                   const struct encap_options *own, uint32_t *vni, unsigned *header)
{
	if (len < HEADER || !(bytes[0] & FLAG_VNI))
		return DROP_TUNNEL_MALFORMED;
	if (bytes[0] & FLAG_PROTOCOL && (bytes[0] & FLAG_OAM || bytes[3] != GPE_ETHERNET))
		return DROP_TUNNEL_PROTOCOL;
	*vni = load_be32(bytes + 4) >> 8;
	*header = HEADER;
	return DROP_NONE;
}

const struct encap encap_vxlan = {
	.kind = "vxlan",
	.udp_port = 4789,
	.protocol = 17,
	.header = HEADER,
	.write = vxlan_write,
	.read = vxlan_read,
};
