// SPDX-License-Identifier: BSD-3-Clause
//
// frames: the twin of checksum, parser and segmentation that the tests believe.

#include "frames.h"

#include "test.h"

#include <netinet/in.h>
#include <string.h>

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static size_t get16(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

uint16_t twin_checksum(const uint8_t *bytes, size_t len, uint32_t start)
{
	uint64_t sum = start;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint64_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint32_t twin_pseudo(const uint8_t *ip, uint8_t proto, size_t len)
{
	bool is_ip4 = ip[0] >> 4 == 4;
	const uint8_t *addresses = is_ip4 ? ip + 12 : ip + 8;
	uint32_t sum = (uint32_t)(proto + (len & 0xffff) + (len >> 16));

	for (size_t i = 0; i < (is_ip4 ? 8 : 32); i += 2)
		sum += (uint32_t)get16(addresses + i);
	return sum;
}

static size_t checksum_place(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	default:
		return 2;
	}
}

static void put_l4_checksum(struct frame *frame, uint8_t proto)
{
	uint8_t *l4 = frame->bytes + frame->l4;
	size_t len = frame->len - frame->l4;
	uint32_t pseudo =
		proto == IPPROTO_ICMP ? 0 : twin_pseudo(frame->bytes + frame->l3, proto, len);

	put16(l4 + checksum_place(proto), 0);

	uint16_t checksum = twin_checksum(l4, len, pseudo);

	put16(l4 + checksum_place(proto), proto == IPPROTO_UDP && !checksum ? 0xffff : checksum);
}

static void put_ip4(struct frame *frame, const struct frame_spec *spec, size_t l4_len)
{
	uint8_t *ip = frame->bytes + frame->l3;
	size_t header = 20 + spec->options;

	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 2, header + l4_len);
	put16(ip + 4, spec->ip_id);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = spec->proto;
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	memset(ip + 20, 1, spec->options);
	put16(ip + 10, twin_checksum(ip, header, 0));
	frame->l4 = frame->l3 + header;
}

static void put_ip6(struct frame *frame, const struct frame_spec *spec, size_t l4_len)
{
	uint8_t *ip = frame->bytes + frame->l3;

	ip[0] = 0x60;
	put16(ip + 4, spec->options + l4_len);
	ip[6] = spec->options ? IPPROTO_DSTOPTS : spec->proto;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 1;
	ip[39] = 2;
	if (spec->options) {
		ip[40] = spec->proto;
		ip[41] = (uint8_t)(spec->options / 8 - 1);
		ip[42] = 1;
		ip[43] = (uint8_t)(spec->options - 4);
	}
	frame->l4 = frame->l3 + 40 + spec->options;
}

static size_t l4_header_len(const struct frame_spec *spec)
{
	return spec->proto == IPPROTO_TCP ? 20 + spec->tcp_options : 8;
}

static void put_l4(struct frame *frame, const struct frame_spec *spec, size_t len)
{
	uint8_t *l4 = frame->bytes + frame->l4;

	put16(l4, 4000);
	put16(l4 + 2, 80);
	if (spec->proto == IPPROTO_TCP) {
		put16(l4 + 4, spec->tcp_seq >> 16);
		put16(l4 + 6, spec->tcp_seq);
		l4[12] = (uint8_t)((20 + spec->tcp_options) / 4 << 4);
		l4[13] = spec->tcp_flags;
		put16(l4 + 14, 1000);
		memset(l4 + 20, 1, spec->tcp_options);
	} else if (spec->proto == IPPROTO_UDP) {
		put16(l4 + 4, len);
	} else {
		put16(l4, spec->proto == IPPROTO_ICMP ? 0x0800 : 0x8000);
	}
}

void frame_build(const struct frame_spec *spec, struct frame *ret)
{
	size_t l4_len = l4_header_len(spec) + spec->payload;
	uint8_t *type = ret->bytes + 12;

	memset(ret->bytes, 0, 256);
	memcpy(ret->bytes, (uint8_t[]){2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, 12);
	if (spec->has_vlan) {
		put16(type, 0x8100);
		put16(type + 2, spec->vlan);
		type += 4;
	}
	put16(type, spec->ip_version == 4 ? 0x0800 : 0x86dd);
	ret->l3 = (size_t)(type + 2 - ret->bytes);
	if (spec->ip_version == 4)
		put_ip4(ret, spec, l4_len);
	else
		put_ip6(ret, spec, l4_len);
	put_l4(ret, spec, l4_len);
	ret->payload = ret->l4 + l4_header_len(spec);
	ret->len = ret->l4 + l4_len;
	assert_true(ret->len <= FRAME_SIZE);
	for (size_t i = 0; i < spec->payload; i++)
		ret->bytes[ret->payload + i] = (uint8_t)(spec->first + i * 7 + (i >> 8));
	put_l4_checksum(ret, spec->proto);
}

void frame_make_partial(struct frame *frame, uint8_t proto)
{
	uint32_t sum = twin_pseudo(frame->bytes + frame->l3, proto, frame->len - frame->l4);

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(frame->bytes + frame->l4 + checksum_place(proto), sum);
}

static bool is_l4_sound(const uint8_t *ip, const uint8_t *l4, size_t len, uint8_t proto)
{
	uint32_t pseudo = proto == IPPROTO_ICMP ? 0 : twin_pseudo(ip, proto, len);

	if (proto == IPPROTO_UDP && get16(l4 + 4) != len)
		return false;
	return twin_checksum(l4, len, pseudo) == 0;
}

bool frame_is_sound(const uint8_t *bytes, size_t len)
{
	const uint8_t *ip = bytes + 14;
	size_t rest = len - 14;

	if (get16(bytes + 12) == 0x0800) {
		size_t header = (ip[0] & 0xf) * 4U;

		if (get16(ip + 2) != rest || twin_checksum(ip, header, 0))
			return false;
		return is_l4_sound(ip, ip + header, rest - header, ip[9]);
	}

	size_t header = 40;
	uint8_t proto = ip[6];

	if (get16(bytes + 12) != 0x86dd || get16(ip + 4) + 40 != rest)
		return false;
	if (proto == IPPROTO_DSTOPTS) {
		proto = ip[40];
		header += (ip[41] + 1U) * 8;
	}
	return is_l4_sound(ip, ip + header, rest - header, proto);
}

struct packet *frame_packet(struct packet_pool *pool, const uint8_t *bytes, size_t len, size_t head,
                            unsigned pieces)
{
	struct packet *packet = packet_take(pool);
	struct segment *first = NULL;

	assert_non_null(packet);
	if (head > len)
		head = len;
	memcpy(packet->data, bytes, head);
	packet->head_len = (uint16_t)head;
	packet->len = (uint32_t)len;
	for (unsigned i = 0; i < pieces && head < len; i++) {
		struct segment *segment = packet_arena_segment(pool);
		size_t part = i == pieces - 1 ? len - head : (len - head) / (pieces - i);

		assert_non_null(segment);
		first = first ? first : segment;
		segment->base = bytes + head;
		segment->len = (uint32_t)part;
		head += part;
		packet->segment_count++;
	}
	packet->segments = first;
	assert_int_equal(head, len);
	return packet;
}
