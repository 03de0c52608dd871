// SPDX-License-Identifier: BSD-3-Clause
//
// geneve: RFC 8926, section 3.4: eight bytes and up to 252 of options.
//
// Those that we send are the tunnel's, the same with every frame, and checked when it is opened. Those that come are
// skipped one by one, so that a length that lies is found; one whose type has the critical bit, and whose class and
// type are not among ours, is refused, as section 3.5.1 wants of an endpoint that does not know it. So is a packet
// that claims to hold a critical one and has none. Cost: bounded by 63 options, and for critical ones by 63 of ours.

#include "tunnels/encap.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

enum {
	HEADER = 8,
	VERSION_SHIFT = 6,
	LENGTH_MASK = 0x3f, // of the options, in four bytes
	FLAG_CONTROL = 0x80,
	FLAG_CRITICAL = 0x40,
	OPTION_HEADER = 4,
	OPTION_CRITICAL = 0x80, // of its type
	OPTION_LENGTH = 0x1f,   // in four bytes, without its header
	OPTION_NAME = 3,        // its class and type
	ETHERNET = 0x6558,
};

static void geneve_write(uint8_t *to, uint32_t vni, const struct encap_options *own)
{
	store_be32(to, (own->len / 4) << 24 | (own->critical ? FLAG_CRITICAL << 16 : 0) | ETHERNET);
	store_be32(to + 4, vni << 8);
}

// Bytes of the first option; 0: it is cut off.
static unsigned option_len(const uint8_t *options, unsigned len)
{
	unsigned whole;

	if (len < OPTION_HEADER)
		return 0;
	whole = OPTION_HEADER + (options[3] & OPTION_LENGTH) * 4U;
	return whole > len ? 0 : whole;
}

// Whether an option of that class and type is among the first len bytes. => They are well formed.
static bool has_option(const uint8_t *options, unsigned len, const uint8_t *name)
{
	for (unsigned at = 0; at < len; at += option_len(options + at, len - at))
		if (memcmp(options + at, name, OPTION_NAME) == 0)
			return true;
	return false;
}

static enum drop_reason read_options(const uint8_t *options, unsigned len, bool claims_critical,
                                     const struct encap_options *own)
{
	bool unknown = false, critical = false;

	while (len) {
		unsigned whole = option_len(options, len);

		if (!whole)
			return DROP_TUNNEL_MALFORMED;
		if (options[2] & OPTION_CRITICAL) {
			critical = true;
			unknown |= !has_option(own->bytes, own->len, options);
		}
		options += whole;
		len -= whole;
	}
	return unknown || (claims_critical && !critical) ? DROP_TUNNEL_OPTION : DROP_NONE;
}

static enum drop_reason geneve_read(const uint8_t *bytes, uint32_t len,
                                    const struct encap_options *own, uint32_t *vni,
                                    unsigned *header)
{
	enum drop_reason refused;
	unsigned options;

	if (len < HEADER || bytes[0] >> VERSION_SHIFT)
		return DROP_TUNNEL_MALFORMED;
	options = (bytes[0] & LENGTH_MASK) * 4U;
	if (HEADER + options > len)
		return DROP_TUNNEL_MALFORMED;
	refused = read_options(bytes + HEADER, options, bytes[1] & FLAG_CRITICAL, own);
	if (refused)
		return refused;
	if (bytes[1] & FLAG_CONTROL || load_be16(bytes + 2) != ETHERNET)
		return DROP_TUNNEL_PROTOCOL;
	*vni = load_be32(bytes + 4) >> 8;
	*header = HEADER + options;
	return DROP_NONE;
}

int geneve_options_set(struct encap_options *ret, const uint8_t *bytes, size_t len, unsigned *at)
{
	*ret = (struct encap_options){0};
	*at = 0;
	if (len > ENCAP_OPTIONS_MAX)
		return -E2BIG;
	while (*at < len) {
		unsigned whole = option_len(bytes + *at, (unsigned)len - *at);

		if (!whole || bytes[*at + 3] & ~OPTION_LENGTH)
			return -EINVAL;
		if (has_option(bytes, *at, bytes + *at))
			return -EEXIST;
		ret->critical |= (bytes[*at + 2] & OPTION_CRITICAL) != 0;
		*at += whole;
	}
	if (len)
		memcpy(ret->bytes, bytes, len);
	ret->len = (unsigned)len;
	return 0;
}

const struct encap encap_geneve = {
	.kind = "geneve",
	.udp_port = 6081,
	.protocol = 17,
	.header = HEADER,
	.write = geneve_write,
	.read = geneve_read,
};
