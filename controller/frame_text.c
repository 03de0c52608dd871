// SPDX-License-Identifier: BSD-3-Clause
//
// frame_text: decodes for people, not for decisions: what is cut off or odd is simply left out.

#include "controller/frame_text.h"

#include "base/addr.h"
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	ETH_HEADER = 14,
	TYPE_VLAN = 0x8100,
	TYPE_ARP = 0x0806,
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	HOP_BY_HOP = 0,
};

struct out {
	char *buf;
	size_t size, len;
};

static void say(struct out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct out *out, const char *fmt, ...)
{
	va_list args;
	int added;

	va_start(args, fmt);
	added = vsnprintf(out->buf + out->len, out->size - out->len, fmt, args);
	va_end(args);
	if (added > 0)
		out->len = MIN(out->len + (size_t)added, out->size - 1);
}

static struct ip_addr address(const uint8_t *bytes, bool v4)
{
	uint32_t be;

	memcpy(&be, bytes, sizeof(be));
	return v4 ? ip_from4(be) : ip_from6(bytes);
}

static const char *protocol_word(uint8_t protocol)
{
	switch (protocol) {
	case PROTO_ICMP:
		return "icmp";
	case PROTO_TCP:
		return "tcp";
	case PROTO_UDP:
		return "udp";
	case PROTO_ICMP6:
		return "icmp6";
	default:
		return NULL;
	}
}

// Addresses of n bytes at src and behind it; the transport header at l4.
static void say_ip(struct out *out, const uint8_t *src, bool v4, uint8_t protocol,
                   const uint8_t *l4, size_t l4_len)
{
	const uint8_t *dst = src + (v4 ? 4 : 16);
	bool ports = (protocol == PROTO_TCP || protocol == PROTO_UDP) && l4_len >= 4;
	const char *word = protocol_word(protocol);
	const char *open = ports && !v4 ? "[" : "", *close = ports && !v4 ? "]" : "";
	char text[IP_TEXT];

	say(out, "%s%s%s", open, ip_format(address(src, v4), text), close);
	if (ports)
		say(out, ":%u", load_be16(l4));
	say(out, " > %s%s%s", open, ip_format(address(dst, v4), text), close);
	if (ports)
		say(out, ":%u", load_be16(l4 + 2));
	if (word)
		say(out, " %s", word);
	else
		say(out, " protocol %u", protocol);
	if ((protocol == PROTO_ICMP || protocol == PROTO_ICMP6) && l4_len >= 2)
		say(out, " type %u code %u", l4[0], l4[1]);
}

static void say_ip4(struct out *out, const uint8_t *l3, size_t len)
{
	size_t header = len > 0 ? (size_t)(l3[0] & 15) * 4 : 0;
	size_t l4_len;

	if (len < 20 || header < 20) {
		say(out, "IPv4, cut short");
		return;
	}
	l4_len = len > header ? len - header : 0;
	// A later fragment has no transport header.
	if (load_be16(l3 + 6) & 0x1fff)
		l4_len = 0;
	say_ip(out, l3 + 12, true, l3[9], l3 + header, l4_len);
	if (load_be16(l3 + 6) & 0x3fff)
		say(out, " fragment");
}

static void say_ip6(struct out *out, const uint8_t *l3, size_t len)
{
	size_t header = 40;
	uint8_t protocol;

	if (len < header) {
		say(out, "IPv6, cut short");
		return;
	}
	protocol = l3[6];
	// Multicast listener reports carry this one option; other extensions are named by number.
	if (protocol == HOP_BY_HOP && len >= header + 8) {
		protocol = l3[header];
		header += 8 + (size_t)l3[header + 1] * 8;
	}
	say_ip(out, l3 + 8, false, protocol, l3 + MIN(header, len),
	       len > header ? len - header : 0);
}

static void say_arp(struct out *out, const uint8_t *l3, size_t len)
{
	char target[IP_TEXT], sender[IP_TEXT];

	if (len < 28) {
		say(out, "ARP, cut short");
		return;
	}
	ip_format(address(l3 + 14, true), sender);
	ip_format(address(l3 + 24, true), target);
	if (load_be16(l3 + 6) == 1)
		say(out, "ARP who has %s, asks %s", target, sender);
	else
		say(out, "ARP %s answers %s", sender, target);
}

void frame_text(const uint8_t *frame, size_t len, char *buf, size_t size)
{
	struct out out = {.buf = buf, .size = size};
	size_t l3 = ETH_HEADER;
	char src[MAC_TEXT], dst[MAC_TEXT];
	struct mac mac;
	uint16_t type;

	buf[0] = '\0';
	if (len < ETH_HEADER) {
		say(&out, "%zu bytes, less than a header", len);
		return;
	}
	type = load_be16(frame + 12);
	if (type == TYPE_VLAN && len >= ETH_HEADER + 4) {
		say(&out, "vlan %u ", load_be16(frame + 14) & 0xfff);
		type = load_be16(frame + 16);
		l3 += 4;
	}
	if (type == TYPE_IP4) {
		say_ip4(&out, frame + l3, len - l3);
	} else if (type == TYPE_IP6) {
		say_ip6(&out, frame + l3, len - l3);
	} else if (type == TYPE_ARP) {
		say_arp(&out, frame + l3, len - l3);
	} else {
		memcpy(mac.b, frame + 6, 6);
		mac_format(mac, src);
		memcpy(mac.b, frame, 6);
		say(&out, "%s > %s type %#06x", src, mac_format(mac, dst), type);
	}
}
