// SPDX-License-Identifier: BSD-3-Clause
//
// addr: text and arithmetic of addresses.
//
// Prefix work is done on the sixteen mapped bytes, where an IPv4 length counts 96 more. An IPv4
// and an IPv6 prefix never contain one another, not even ::/0: the families are separate worlds.
// prefix_bits() is the only place that knows.

#include "base/addr.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int mac_parse(const char *text, struct mac *ret)
{
	struct mac mac;
	char joint = 0;

	for (unsigned i = 0; i < sizeof(mac.b); i++) {
		if (i == 1)
			joint = *text;
		if (i > 0 && (*text++ != joint || (joint != ':' && joint != '-')))
			return -EINVAL;
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		mac.b[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return -EINVAL;

	*ret = mac;
	return 0;
}

const char *mac_format(struct mac mac, char buf[static MAC_TEXT])
{
	snprintf(buf, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac.b[0], mac.b[1], mac.b[2],
	         mac.b[3], mac.b[4], mac.b[5]);
	return buf;
}

struct mac mac_from_group(struct ip_addr group)
{
	assert(ip_is_multicast(group));

	if (ip_is4(group))
		return (struct mac){
			{0x01, 0x00, 0x5e, group.b[13] & 0x7f, group.b[14], group.b[15]}};
	return (struct mac){{0x33, 0x33, group.b[12], group.b[13], group.b[14], group.b[15]}};
}

// The C library's inet_pton() already refuses leading zeros, short forms and trailing text.
int ip_parse(const char *text, struct ip_addr *ret)
{
	struct ip_addr addr;
	uint32_t be;

	if (inet_pton(AF_INET, text, &be) == 1) {
		*ret = ip_from4(be);
		return 0;
	}
	if (inet_pton(AF_INET6, text, addr.b) == 1 && !ip_is4(addr)) {
		*ret = addr;
		return 0;
	}
	return -EINVAL;
}

const char *ip_format(struct ip_addr addr, char buf[static IP_TEXT])
{
	bool is4 = ip_is4(addr);

	return inet_ntop(is4 ? AF_INET : AF_INET6, addr.b + (is4 ? 12 : 0), buf, IP_TEXT);
}

struct ip_addr ip_from4(uint32_t be)
{
	struct ip_addr addr;

	memcpy(addr.b, mapped, sizeof(mapped));
	memcpy(addr.b + 12, &be, sizeof(be));
	return addr;
}

struct ip_addr ip_from6(const void *bytes)
{
	struct ip_addr addr;

	memcpy(addr.b, bytes, sizeof(addr.b));
	return addr;
}

uint32_t ip_to4(struct ip_addr addr)
{
	uint32_t be;

	assert(ip_is4(addr));
	memcpy(&be, addr.b + 12, sizeof(be));
	return be;
}

bool ip_is4(struct ip_addr addr)
{
	return memcmp(addr.b, mapped, sizeof(mapped)) == 0;
}

bool ip_is_none(struct ip_addr addr)
{
	return ip_equal(addr, (struct ip_addr){{0}});
}

bool ip_is_unspecified(struct ip_addr addr)
{
	return ip_is_none(addr) || ip_equal(addr, ip_from4(0));
}

bool ip_is_loopback(struct ip_addr addr)
{
	if (ip_is4(addr))
		return addr.b[12] == 127;
	return ip_equal(addr, (struct ip_addr){{[15] = 1}});
}

bool ip_is_link_local(struct ip_addr addr)
{
	if (ip_is4(addr))
		return addr.b[12] == 169 && addr.b[13] == 254;
	return addr.b[0] == 0xfe && (addr.b[1] & 0xc0) == 0x80;
}

bool ip_is_multicast(struct ip_addr addr)
{
	return ip_is4(addr) ? (addr.b[12] & 0xf0) == 0xe0 : addr.b[0] == 0xff;
}

bool ip_is_broadcast(struct ip_addr addr)
{
	return ip_equal(addr, ip_from4(UINT32_MAX));
}

struct ip_addr ip_add(struct ip_addr addr, uint64_t n)
{
	if (ip_is4(addr)) {
		store_be32(addr.b + 12, load_be32(addr.b + 12) + (uint32_t)n);
		return addr;
	}

	uint64_t low = load_be64(addr.b + 8) + n;

	if (low < n)
		store_be64(addr.b, load_be64(addr.b) + 1);
	store_be64(addr.b + 8, low);
	return addr;
}

struct ip_addr ip_solicited_node(struct ip_addr addr)
{
	return (struct ip_addr){{0xff, 0x02, [11] = 0x01, [12] = 0xff, [13] = addr.b[13],
	                         [14] = addr.b[14], [15] = addr.b[15]}};
}

struct ip_addr ip_link_local_from_mac(struct mac mac)
{
	return (struct ip_addr){
		{0xfe, 0x80, [8] = mac.b[0] ^ 2, [9] = mac.b[1], [10] = mac.b[2], [11] = 0xff,
	         [12] = 0xfe, [13] = mac.b[3], [14] = mac.b[4], [15] = mac.b[5]}};
}

// Length of the prefix within the sixteen bytes.
static unsigned prefix_bits(struct ip_prefix prefix)
{
	return prefix.len + (ip_is4(prefix.addr) ? 96U : 0U);
}

static bool same_bits(struct ip_addr a, struct ip_addr b, unsigned bits)
{
	unsigned whole = bits / 8;

	if (memcmp(a.b, b.b, whole) != 0)
		return false;
	return bits % 8 == 0 || (a.b[whole] ^ b.b[whole]) >> (8 - bits % 8) == 0;
}

static int parse_length(const char *text, unsigned max, uint8_t *ret)
{
	unsigned len = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		len = len * 10 + (unsigned)(*text - '0');
		if (len > max)
			return -EINVAL;
	}
	*ret = (uint8_t)len;
	return 0;
}

int prefix_parse(const char *text, struct ip_prefix *ret)
{
	const char *slash = strchrnul(text, '/');
	size_t size = (size_t)(slash - text);
	struct ip_prefix prefix;
	char addr[IP_TEXT];

	if (size >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, size);
	addr[size] = '\0';
	if (ip_parse(addr, &prefix.addr) < 0)
		return -EINVAL;

	unsigned max = ip_is4(prefix.addr) ? 32 : 128;

	prefix.len = (uint8_t)max;
	if (*slash && parse_length(slash + 1, max, &prefix.len) < 0)
		return -EINVAL;

	*ret = prefix;
	return 0;
}

const char *prefix_format(struct ip_prefix prefix, char buf[static PREFIX_TEXT])
{
	char addr[IP_TEXT];

	snprintf(buf, PREFIX_TEXT, "%s/%u", ip_format(prefix.addr, addr), prefix.len);
	return buf;
}

bool prefix_is_host(struct ip_prefix prefix)
{
	return prefix_bits(prefix) == 128;
}

bool prefix_contains(struct ip_prefix prefix, struct ip_addr addr)
{
	return ip_is4(prefix.addr) == ip_is4(addr) &&
	       same_bits(prefix.addr, addr, prefix_bits(prefix));
}

bool prefix_overlaps(struct ip_prefix a, struct ip_prefix b)
{
	return a.len <= b.len ? prefix_contains(a, b.addr) : prefix_contains(b, a.addr);
}

bool prefix_equal(struct ip_prefix a, struct ip_prefix b)
{
	return a.len == b.len && prefix_contains(a, b.addr);
}

// Ones within the prefix, over all sixteen bytes.
static struct ip_addr mask_of(unsigned bits)
{
	struct ip_addr mask = {{0}};

	assert(bits <= 128);
	memset(mask.b, 0xff, bits / 8);
	if (bits % 8)
		mask.b[bits / 8] = (uint8_t)(0xff << (8 - bits % 8));
	return mask;
}

struct ip_prefix prefix_network(struct ip_prefix prefix)
{
	struct ip_addr mask = mask_of(prefix_bits(prefix));

	for (unsigned i = 0; i < sizeof(mask.b); i++)
		prefix.addr.b[i] &= mask.b[i];
	return prefix;
}

struct ip_addr prefix_mask(struct ip_prefix prefix)
{
	struct ip_addr mask = mask_of(prefix_bits(prefix));

	if (ip_is4(prefix.addr))
		memcpy(mask.b, mapped, sizeof(mapped));
	return mask;
}

struct ip_addr prefix_last(struct ip_prefix prefix)
{
	struct ip_addr mask = mask_of(prefix_bits(prefix));

	for (unsigned i = 0; i < sizeof(mask.b); i++)
		prefix.addr.b[i] |= (uint8_t)~mask.b[i];
	return prefix.addr;
}
