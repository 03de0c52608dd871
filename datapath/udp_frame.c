// SPDX-License-Identifier: BSD-3-Clause
//
// udp_frame: reads and writes whole datagrams; no fragments, no IP options, no tags.
//
// A reply goes out by the headers the question came with, turned round, so no service needs a
// neighbour or a route to answer.

#include "datapath/udp_frame.h"

#include "base/bytes.h"
#include "vnic/checksum.h"

#include <string.h>

enum {
	ETH_LEN = 14,
	IP4_LEN = 20,
	IP6_LEN = 40,
	UDP_LEN = 8,
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	PROTOCOL_UDP = 17,
	HOPS = 64,
};

uint16_t ip_frame_sum(const uint8_t *ip, uint8_t protocol, const uint8_t *bytes, size_t len)
{
	uint64_t pseudo = ip[0] >> 4 == 4 ? checksum_pseudo4(ip, protocol, (uint32_t)len)
	                                  : checksum_pseudo6(ip, protocol, (uint32_t)len);

	return checksum_finish(pseudo + checksum_sum(bytes, len));
}

// Fills in the addresses; returns whether the IP header fits the offsets the worker found.
// => There is room for an IPv4 header at least.
static bool read_addresses(const struct service_frame *frame, struct udp_path *path)
{
	const uint8_t *ip = frame->bytes + frame->l3;
	uint16_t type = load_be16(ip - 2);

	memcpy(path->dst_mac.b, frame->bytes, 6);
	memcpy(path->src_mac.b, frame->bytes + 6, 6);
	if (type == TYPE_IP4 && ip[0] >> 4 == 4) {
		uint32_t src, dst;

		memcpy(&src, ip + 12, 4);
		memcpy(&dst, ip + 16, 4);
		path->src = ip_from4(src);
		path->dst = ip_from4(dst);
		return true;
	}
	if (type == TYPE_IP6 && frame->l4 >= frame->l3 + IP6_LEN && ip[0] >> 4 == 6) {
		path->src = ip_from6(ip + 8);
		path->dst = ip_from6(ip + 24);
		return !ip_is4(path->src) && !ip_is4(path->dst);
	}
	return false;
}

bool udp_frame_read(const struct service_frame *frame, struct udp_path *path,
                    const uint8_t **payload, size_t *len)
{
	const uint8_t *udp;
	size_t udp_len;

	if (frame->len > sizeof(frame->bytes) || frame->l3 < ETH_LEN ||
	    frame->l3 + IP4_LEN > frame->l4 || frame->l4 + UDP_LEN > frame->len ||
	    !read_addresses(frame, path))
		return false;
	udp = frame->bytes + frame->l4;
	udp_len = load_be16(udp + 4);
	if (udp_len < UDP_LEN || udp_len > (size_t)frame->len - frame->l4)
		return false;
	if (frame->flags & SERVICE_CHECK_SUM && load_be16(udp + 6) != 0 &&
	    ip_frame_sum(frame->bytes + frame->l3, PROTOCOL_UDP, udp, udp_len) != 0)
		return false;
	path->src_port = load_be16(udp);
	path->dst_port = load_be16(udp + 2);
	*payload = udp + UDP_LEN;
	*len = udp_len - UDP_LEN;
	return true;
}

struct udp_path udp_path_back(const struct udp_path *path)
{
	return (struct udp_path){
		.src_mac = path->dst_mac,
		.dst_mac = path->src_mac,
		.src = path->dst,
		.dst = path->src,
		.src_port = path->dst_port,
		.dst_port = path->src_port,
	};
}

static void write_ethernet(uint8_t *frame, const struct udp_path *path, uint16_t type)
{
	memcpy(frame, path->dst_mac.b, 6);
	memcpy(frame + 6, path->src_mac.b, 6);
	store_be16(frame + 12, type);
}

static void write_ip4(uint8_t *frame, const struct udp_path *path, size_t len)
{
	uint8_t *ip = frame + ETH_LEN;

	write_ethernet(frame, path, TYPE_IP4);
	memset(ip, 0, IP4_LEN);
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)(IP4_LEN + len));
	store_be16(ip + 6, 0x4000); // never fragmented, so the identification may stay 0 (RFC 6864)
	ip[8] = HOPS;
	ip[9] = PROTOCOL_UDP;
	memcpy(ip + 12, path->src.b + 12, 4);
	memcpy(ip + 16, path->dst.b + 12, 4);
	store_be16(ip + 10, checksum_finish(checksum_sum(ip, IP4_LEN)));
}

void ip6_frame_header(uint8_t *frame, const struct udp_path *path, uint8_t next, uint8_t hops,
                      size_t len)
{
	uint8_t *ip = frame + ETH_LEN;

	write_ethernet(frame, path, TYPE_IP6);
	store_be32(ip, 0x60000000);
	store_be16(ip + 4, (uint16_t)len);
	ip[6] = next;
	ip[7] = hops;
	memcpy(ip + 8, path->src.b, 16);
	memcpy(ip + 24, path->dst.b, 16);
}

size_t udp_frame_write(uint8_t *frame, size_t room, const struct udp_path *path,
                       const void *payload, size_t len)
{
	bool four = ip_is4(path->src);
	size_t headers = four ? UDP_FRAME_HEADERS4 : UDP_FRAME_HEADERS6;
	uint8_t *udp = frame + headers - UDP_LEN;
	uint16_t sum;

	if (len > room || headers + len > room)
		return 0;
	if (four)
		write_ip4(frame, path, UDP_LEN + len);
	else
		ip6_frame_header(frame, path, PROTOCOL_UDP, HOPS, UDP_LEN + len);
	store_be16(udp, path->src_port);
	store_be16(udp + 2, path->dst_port);
	store_be16(udp + 4, (uint16_t)(UDP_LEN + len));
	store_be16(udp + 6, 0);
	memcpy(udp + UDP_LEN, payload, len);
	sum = ip_frame_sum(frame + ETH_LEN, PROTOCOL_UDP, udp, UDP_LEN + len);
	store_be16(udp + 6, sum ? sum : 0xffff);
	return headers + len;
}
