// SPDX-License-Identifier: BSD-3-Clause
//
// geneve: RFC 8926, section 3.4: eight bytes and up to 252 of options.
//
// We send no options. Those that come are skipped one by one, so that a length that lies is found; one whose
// type has the critical bit, or a packet that claims to hold such a one, is refused, as section 3.5.1 wants
// of an endpoint that does not know it. Cost: bounded by 63 options.

#include "tunnels/encap.h"

#include "base/bytes.h"

enum {
	HEADER = 8,
	VERSION_SHIFT = 6,
	LENGTH_MASK = 0x3f, // of the options, in four bytes
	FLAG_CONTROL = 0x80,
	FLAG_CRITICAL = 0x40,
	OPTION_HEADER = 4,
	OPTION_CRITICAL = 0x80, // of its type
	OPTION_LENGTH = 0x1f,
	ETHERNET = 0x6558,
};

static void geneve_write(uint8_t *to, uint32_t vni)
{
	store_be32(to, ETHERNET);
	store_be32(to + 4, vni << 8);
}

static enum drop_reason read_options(const uint8_t *options, unsigned len)
{
	while (len) {
		unsigned whole;

		if (len < OPTION_HEADER)
			return DROP_TUNNEL_MALFORMED;
		whole = OPTION_HEADER + (options[3] & OPTION_LENGTH) * 4U;
		if (whole > len)
			return DROP_TUNNEL_MALFORMED;
		if (options[2] & OPTION_CRITICAL)
			return DROP_TUNNEL_OPTION;
		options += whole;
		len -= whole;
	}
	return DROP_NONE;
}

static enum drop_reason geneve_read(const uint8_t *bytes, uint32_t len, uint32_t *vni,
                                    unsigned *header)
{
	enum drop_reason refused;
	unsigned options;

	if (len < HEADER || bytes[0] >> VERSION_SHIFT)
		return DROP_TUNNEL_MALFORMED;
	options = (bytes[0] & LENGTH_MASK) * 4U;
	if (HEADER + options > len)
		return DROP_TUNNEL_MALFORMED;
	if (bytes[1] & FLAG_CRITICAL)
		return DROP_TUNNEL_OPTION;
	refused = read_options(bytes + HEADER, options);
	if (refused)
		return refused;
	if (bytes[1] & FLAG_CONTROL || load_be16(bytes + 2) != ETHERNET)
		return DROP_TUNNEL_PROTOCOL;
	*vni = load_be32(bytes + 4) >> 8;
	*header = HEADER + options;
	return DROP_NONE;
}

const struct encap encap_geneve = {
	.kind = "geneve",
	.udp_port = 6081,
	.protocol = 17,
	.header = HEADER,
	.write = geneve_write,
	.read = geneve_read,
};
