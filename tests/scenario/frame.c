// SPDX-License-Identifier: BSD-3-Clause
//
// frame: headers written field by field, in the order of the RFCs' drawings.

#include "tests/scenario/frame.h"

#include "base/addr.h"
#include "base/bytes.h"
#include "vnic/packet.h"

#include <stdio.h>
#include <stdlib.h>

enum { ETH = 14, IP4 = 20, IP6 = 40, UDP = 8, TCP = 20, ICMP = 8 };

static struct mac to_mac(const char *text)
{
	struct mac mac;

	if (mac_parse(text, &mac) < 0)
		abort();
	return mac;
}

static struct ip_addr to_ip(const char *text)
{
	struct ip_addr ip;

	if (ip_parse(text, &ip) < 0)
		abort();
	return ip;
}

static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static size_t l3_of(const struct frame *frame)
{
	return load_be16(frame->bytes + 12) == 0x8100 ? ETH + 4 : ETH;
}

static bool is4(const struct frame *frame)
{
	return load_be16(frame->bytes + l3_of(frame) - 2) == 0x0800;
}

static bool is_ip(const struct frame *frame)
{
	return is4(frame) || load_be16(frame->bytes + l3_of(frame) - 2) == 0x86dd;
}

static bool is_fragment(const struct frame *frame)
{
	return is4(frame) && load_be16(frame->bytes + l3_of(frame) + 6) & 0x3fff;
}

// Where L4 begins and ends, by the IP header.
static size_t l4_of(const struct frame *frame, uint8_t *proto, size_t *end)
{
	const uint8_t *l3 = frame->bytes + l3_of(frame);

	if (is4(frame)) {
		*proto = l3[9];
		*end = l3_of(frame) + load_be16(l3 + 2);
		return l3_of(frame) + (l3[0] & 15) * 4U;
	}
	*proto = l3[6];
	*end = l3_of(frame) + IP6 + load_be16(l3 + 4);
	return l3_of(frame) + IP6;
}

static uint32_t pseudo(const struct frame *frame, uint8_t proto, size_t len)
{
	const uint8_t *l3 = frame->bytes + l3_of(frame);
	uint8_t tail[4] = {0, proto, (uint8_t)(len >> 8), (uint8_t)len};
	uint32_t sum = is4(frame) ? add(0, l3 + 12, 8) : add(0, l3 + 8, 32);

	if (proto == 1)
		return 0;
	return add(sum, tail, sizeof(tail));
}

static size_t check_place(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

static bool has_check(uint8_t proto)
{
	return proto == 1 || proto == 6 || proto == 17 || proto == 58;
}

// The value of the L4 checksum over what the frame holds now, the field itself left out.
static uint16_t l4_sum(const struct frame *frame, size_t l4, size_t end, uint8_t proto)
{
	size_t place = l4 + check_place(proto);
	uint32_t sum = pseudo(frame, proto, end - l4);

	if (frame->meta.flags & PACKET_CSUM_PARTIAL)
		return (uint16_t)sum;
	sum = add(sum, frame->bytes + l4, place - l4);
	sum = add(sum, frame->bytes + place + 2, end - place - 2);
	sum = (uint16_t)~sum;
	return proto == 17 && sum == 0 ? 0xffff : (uint16_t)sum;
}

void frame_sum(struct frame *frame)
{
	uint8_t *l3 = frame->bytes + l3_of(frame);
	uint8_t proto;
	size_t end, l4;

	if (!is_ip(frame))
		return;
	l4 = l4_of(frame, &proto, &end);
	if (is4(frame)) {
		store_be16(l3 + 10, 0);
		store_be16(l3 + 10, (uint16_t)~add(0, l3, l4 - l3_of(frame)));
	}
	if (has_check(proto) && !is_fragment(frame))
		store_be16(frame->bytes + l4 + check_place(proto), l4_sum(frame, l4, end, proto));
}

bool frame_sums_are_right(const struct frame *frame)
{
	const uint8_t *l3 = frame->bytes + l3_of(frame);
	uint8_t proto;
	size_t end, l4;

	if (!is_ip(frame))
		return true;
	l4 = l4_of(frame, &proto, &end);
	if (is4(frame) && add(0, l3, l4 - l3_of(frame)) != 0xffff)
		return false;
	if (!has_check(proto) || is_fragment(frame))
		return true;

	uint16_t check = load_be16(frame->bytes + l4 + check_place(proto));

	if (proto == 17 && check == 0)
		return is4(frame);
	return check == l4_sum(frame, l4, end, proto);
}

struct frame frame_eth(const char *dst, const char *src, uint16_t type, const void *bytes,
                       size_t len)
{
	struct frame frame = {.len = ETH + len};
	struct mac to = to_mac(dst);
	struct mac from = to_mac(src);

	if (frame.len > FRAME_MAX)
		abort();
	memcpy(frame.bytes, to.b, 6);
	memcpy(frame.bytes + 6, from.b, 6);
	store_be16(frame.bytes + 12, type);
	if (len)
		memcpy(frame.bytes + ETH, bytes, len);
	return frame;
}

static struct frame frame_arp(const char *dst, const struct end *from, uint16_t operation,
                              const char *target_mac, const char *target)
{
	uint8_t arp[28] = {0, 1, 8, 0, 6, 4};
	struct mac mac = to_mac(from->mac);
	struct ip_addr sender = to_ip(from->ip);
	struct ip_addr asked = to_ip(target);

	store_be16(arp + 6, operation);
	memcpy(arp + 8, mac.b, 6);
	memcpy(arp + 14, sender.b + 12, 4);
	if (target_mac) {
		mac = to_mac(target_mac);
		memcpy(arp + 18, mac.b, 6);
	}
	memcpy(arp + 24, asked.b + 12, 4);
	return frame_eth(dst, from->mac, 0x0806, arp, sizeof(arp));
}

struct frame frame_arp_request(const struct end *from, const char *target)
{
	return frame_arp("ff:ff:ff:ff:ff:ff", from, 1, NULL, target);
}

struct frame frame_arp_reply(const struct end *from, const struct end *to)
{
	return frame_arp(to->mac, from, 2, to->mac, to->ip);
}

struct frame frame_ip(const struct end *from, const struct end *to, uint8_t proto,
                      const void *bytes, size_t len)
{
	struct ip_addr src = to_ip(from->ip);
	struct ip_addr dst = to_ip(to->ip);
	uint8_t packet[FRAME_MAX];

	if (len > FRAME_MAX - ETH - IP6)
		abort();
	memset(packet, 0, IP6);
	if (ip_is4(src)) {
		packet[0] = 0x45;
		store_be16(packet + 2, (uint16_t)(IP4 + len));
		store_be16(packet + 6, 0x4000);
		packet[8] = 64;
		packet[9] = proto;
		memcpy(packet + 12, src.b + 12, 4);
		memcpy(packet + 16, dst.b + 12, 4);
	} else {
		packet[0] = 0x60;
		store_be16(packet + 4, (uint16_t)len);
		packet[6] = proto;
		packet[7] = 64;
		memcpy(packet + 8, src.b, 16);
		memcpy(packet + 24, dst.b, 16);
	}
	size_t header = ip_is4(src) ? IP4 : IP6;

	if (len)
		memcpy(packet + header, bytes, len);

	struct frame frame =
		frame_eth(to->mac, from->mac, ip_is4(src) ? 0x0800 : 0x86dd, packet, header + len);

	frame_sum(&frame);
	return frame;
}

struct frame frame_udp_bytes(const struct end *from, const struct end *to, const void *bytes,
                             size_t len)
{
	uint8_t udp[FRAME_MAX] = {0};

	store_be16(udp, from->port);
	store_be16(udp + 2, to->port);
	store_be16(udp + 4, (uint16_t)(UDP + len));
	if (len)
		memcpy(udp + UDP, bytes, len);
	return frame_ip(from, to, 17, udp, UDP + len);
}

struct frame frame_udp(const struct end *from, const struct end *to, const char *payload)
{
	return frame_udp_bytes(from, to, payload, strlen(payload));
}

struct frame frame_tcp_at(const struct end *from, const struct end *to, unsigned flags,
                          uint32_t seq, uint32_t ack, const void *bytes, size_t len)
{
	uint8_t tcp[FRAME_MAX] = {0};

	store_be16(tcp, from->port);
	store_be16(tcp + 2, to->port);
	store_be32(tcp + 4, seq);
	store_be32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = (uint8_t)flags;
	store_be16(tcp + 14, 64240);
	if (len)
		memcpy(tcp + TCP, bytes, len);
	return frame_ip(from, to, 6, tcp, TCP + len);
}

struct frame frame_tcp(const struct end *from, const struct end *to, unsigned flags,
                       const char *payload)
{
	return frame_tcp_at(from, to, flags, 1000, flags & TCP_A ? 2000 : 0, payload,
	                    strlen(payload));
}

struct frame frame_icmp(const struct end *from, const struct end *to, uint8_t type, uint8_t code,
                        uint32_t rest, const void *bytes, size_t len)
{
	uint8_t icmp[FRAME_MAX] = {type, code};

	store_be32(icmp + 4, rest);
	if (len)
		memcpy(icmp + ICMP, bytes, len);
	return frame_ip(from, to, ip_is4(to_ip(from->ip)) ? 1 : 58, icmp, ICMP + len);
}

struct frame frame_ping(const struct end *from, const struct end *to, uint16_t seq,
                        const char *payload)
{
	uint8_t type = ip_is4(to_ip(from->ip)) ? 8 : 128;

	return frame_icmp(from, to, type, 0, (uint32_t)from->port << 16 | seq, payload,
	                  strlen(payload));
}

struct frame frame_pong(const struct end *from, const struct end *to, uint16_t seq,
                        const char *payload)
{
	uint8_t type = ip_is4(to_ip(from->ip)) ? 0 : 129;

	return frame_icmp(from, to, type, 0, (uint32_t)to->port << 16 | seq, payload,
	                  strlen(payload));
}

struct frame frame_icmp_error(const struct end *from, const struct end *to, uint8_t type,
                              uint8_t code, uint32_t rest, const struct frame *about, size_t limit)
{
	size_t l3 = l3_of(about);
	struct frame frame = frame_icmp(from, to, type, code, rest, about->bytes + l3,
	                                MIN(about->len - l3, limit));

	// Routers write their own errors without "don't fragment".
	if (is4(&frame))
		frame = frame_no_df(frame);
	return frame;
}

struct frame frame_solicit(const struct end *from, const char *target)
{
	struct ip_addr asked = to_ip(target);
	struct ip_addr group = ip_solicited_node(asked);
	struct mac mac = to_mac(from->mac);
	char group_mac[MAC_TEXT], group_ip[IP_TEXT];
	struct end to = {mac_format(mac_from_group(group), group_mac), ip_format(group, group_ip),
	                 0};
	bool probe = ip_is_unspecified(to_ip(from->ip));
	uint8_t rest[24] = {0};

	memcpy(rest, asked.b, 16);
	rest[16] = 1;
	rest[17] = 1;
	memcpy(rest + 18, mac.b, 6);

	// An address that is only being tried is asked for without an option.
	struct frame frame = frame_icmp(from, &to, 135, 0, 0, rest, probe ? 16 : 24);

	return frame_ttl(frame, 255);
}

struct frame frame_advert(const struct end *from, const struct end *to, bool host)
{
	struct ip_addr target = to_ip(from->ip);
	struct mac mac = to_mac(from->mac);
	uint8_t rest[24];

	memcpy(rest, target.b, 16);
	rest[16] = 2;
	rest[17] = 1;
	memcpy(rest + 18, mac.b, 6);
	return frame_ttl(frame_icmp(from, to, 136, 0, host ? 0x60000000 : 0xe0000000, rest, 24),
	                 255);
}

struct frame frame_tagged(struct frame frame, uint16_t tci)
{
	memmove(frame.bytes + 16, frame.bytes + 12, frame.len - 12);
	store_be16(frame.bytes + 12, 0x8100);
	store_be16(frame.bytes + 14, tci);
	frame.len += 4;
	if (frame.meta.flags & PACKET_CSUM_PARTIAL)
		frame.meta.csum_start += 4;
	return frame;
}

struct frame frame_ttl(struct frame frame, uint8_t ttl)
{
	frame.bytes[l3_of(&frame) + (is4(&frame) ? 8 : 7)] = ttl;
	frame_sum(&frame);
	return frame;
}

struct frame frame_tos(struct frame frame, uint8_t tos)
{
	uint8_t *ip = frame.bytes + l3_of(&frame);

	if (is4(&frame))
		ip[1] = tos;
	else
		store_be16(ip, (uint16_t)(0x6000 | tos << 4 | (ip[1] & 0xf)));
	frame_sum(&frame);
	return frame;
}

struct frame frame_no_df(struct frame frame)
{
	store_be16(frame.bytes + l3_of(&frame) + 6, 0);
	frame_sum(&frame);
	return frame;
}

struct frame frame_fragment(const struct frame *frame, size_t offset, size_t len)
{
	struct frame part = *frame;
	size_t start = l3_of(frame) + IP4;
	bool more = start + offset + len < frame->len;

	memcpy(part.bytes + start, frame->bytes + start + offset, len);
	part.len = start + len;
	store_be16(part.bytes + start - IP4 + 2, (uint16_t)(IP4 + len));
	store_be16(part.bytes + start - IP4 + 4, 0x77);
	store_be16(part.bytes + start - IP4 + 6, (uint16_t)(offset / 8 + (more ? 0x2000 : 0)));
	frame_sum(&part);
	return part;
}

struct frame frame_partial(struct frame frame)
{
	uint8_t proto;
	size_t end;
	size_t l4 = l4_of(&frame, &proto, &end);

	frame.meta.flags |= PACKET_CSUM_PARTIAL;
	frame.meta.csum_start = (uint16_t)l4;
	frame.meta.csum_offset = (uint16_t)check_place(proto);
	frame_sum(&frame);
	return frame;
}

struct frame frame_gso(struct frame frame, uint16_t size)
{
	frame = frame_partial(frame);
	frame.meta.gso = is4(&frame) ? GSO_TCP4 : GSO_TCP6;
	frame.meta.gso_size = size;
	return frame;
}

void frame_print(const char *title, const struct frame *frame)
{
	fprintf(stderr, "%s (%zu bytes)\n", title, frame->len);
	for (size_t i = 0; i < MIN(frame->len, 160); i++)
		fprintf(stderr, "%s%02x", i % 16 ? " " : i ? "\n    " : "    ", frame->bytes[i]);
	fprintf(stderr, "\n");
}

bool frame_equal(const struct frame *expected, const struct frame *got)
{
	if (expected->len == got->len && memcmp(expected->bytes, got->bytes, got->len) == 0)
		return true;

	frame_print("expected", expected);
	frame_print("got", got);
	fprintf(stderr, "they differ at");
	for (size_t i = 0, told = 0; i < MIN(expected->len, got->len) && told < 40; i++)
		if (expected->bytes[i] != got->bytes[i] && ++told)
			fprintf(stderr, " %zu", i);
	fprintf(stderr, "\n");
	return false;
}
