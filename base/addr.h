// SPDX-License-Identifier: BSD-3-Clause
//
// addr: MAC addresses, IP addresses of both families, and prefixes.
//
// An IP address is sixteen bytes in network order, IPv4 in its mapped form (::ffff:a.b.c.d), so one
// compare and one key serve both families. All zero is "none", which is also the IPv6 address ::.
// A frame on the wire may not carry a mapped address as IPv6; who parses frames drops such a frame.
// Everything is a plain value, passed by value; any thread may call.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	MAC_TEXT = 18,    // Bytes that hold any formatted MAC address, with the final NUL.
	IP_TEXT = 46,     // The same for an IP address,
	PREFIX_TEXT = 50, // and for a prefix.
};

struct mac {
	uint8_t b[6];
};

struct ip_addr {
	uint8_t b[16];
};

// The address may have bits set past the length, as in the address of an interface; see
// prefix_network(). The length counts within the address's own family: 0..32 or 0..128.
struct ip_prefix {
	struct ip_addr addr;
	uint8_t len;
};

// Takes six pairs of hexadecimal digits, all joined by ':' or all by '-'. -EINVAL otherwise.
int mac_parse(const char *text, struct mac *ret);
const char *mac_format(struct mac mac, char buf[static MAC_TEXT]);

// The MAC address that carries an IP multicast group on Ethernet (RFC 1112, RFC 2464).
struct mac mac_from_group(struct ip_addr group);

static inline bool mac_equal(struct mac a, struct mac b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

// The address as a number below 2^48, first byte on the wire highest.
static inline uint64_t mac_to_u64(struct mac mac)
{
	return (uint64_t)mac.b[0] << 40 | (uint64_t)mac.b[1] << 32 | (uint64_t)mac.b[2] << 24 |
	       (uint64_t)mac.b[3] << 16 | (uint64_t)mac.b[4] << 8 | mac.b[5];
}

static inline struct mac mac_from_u64(uint64_t value)
{
	return (struct mac){{(uint8_t)(value >> 40), (uint8_t)(value >> 32), (uint8_t)(value >> 24),
	                     (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value}};
}

static inline bool mac_is_zero(struct mac mac)
{
	return mac_to_u64(mac) == 0;
}

// The group bit: multicast or broadcast.
static inline bool mac_is_multicast(struct mac mac)
{
	return mac.b[0] & 1;
}

static inline bool mac_is_broadcast(struct mac mac)
{
	return mac_to_u64(mac) == UINT64_C(0xffffffffffff);
}

// Given by an administrator rather than burnt in.
static inline bool mac_is_local(struct mac mac)
{
	return mac.b[0] & 2;
}

// Strict: no octal, no short forms of IPv4, no scope, no mapped form. -EINVAL otherwise.
int ip_parse(const char *text, struct ip_addr *ret);
const char *ip_format(struct ip_addr addr, char buf[static IP_TEXT]);

struct ip_addr ip_from4(uint32_t be);
struct ip_addr ip_from6(const void *bytes);
uint32_t ip_to4(struct ip_addr addr); // => The address is IPv4. Network order.

bool ip_is4(struct ip_addr addr);
bool ip_is_none(struct ip_addr addr);
bool ip_is_unspecified(struct ip_addr addr); // :: or 0.0.0.0
bool ip_is_loopback(struct ip_addr addr);
bool ip_is_link_local(struct ip_addr addr);
bool ip_is_multicast(struct ip_addr addr);
bool ip_is_broadcast(struct ip_addr addr); // 255.255.255.255

static inline bool ip_equal(struct ip_addr a, struct ip_addr b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

// Order of the bytes, so IPv4 addresses stand together and in their usual order.
static inline int ip_compare(struct ip_addr a, struct ip_addr b)
{
	return memcmp(a.b, b.b, sizeof(a.b));
}

// The address n further on; it wraps within its family.
struct ip_addr ip_add(struct ip_addr addr, uint64_t n);

// ff02::1:ffXX:XXXX, the group in which an IPv6 address is asked for.
struct ip_addr ip_solicited_node(struct ip_addr addr);

// fe80::/64 with the modified EUI-64 of the MAC address.
struct ip_addr ip_link_local_from_mac(struct mac mac);

// "10.0.0.0/8", "2001:db8::/32"; a bare address is a host prefix. Bits past the length are kept.
int prefix_parse(const char *text, struct ip_prefix *ret);
const char *prefix_format(struct ip_prefix prefix, char buf[static PREFIX_TEXT]);

bool prefix_is_host(struct ip_prefix prefix);
bool prefix_contains(struct ip_prefix prefix, struct ip_addr addr);
bool prefix_overlaps(struct ip_prefix a, struct ip_prefix b);

// Same family, same length, same bits within the length.
bool prefix_equal(struct ip_prefix a, struct ip_prefix b);

// The prefix with all bits past its length cleared; its mask; its highest address (of an IPv4
// subnet, the directed broadcast).
struct ip_prefix prefix_network(struct ip_prefix prefix);
struct ip_addr prefix_mask(struct ip_prefix prefix);
struct ip_addr prefix_last(struct ip_prefix prefix);
