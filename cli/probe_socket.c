// SPDX-License-Identifier: BSD-3-Clause
//
// probe_socket: the few bytes of ICMP that probes need (RFC 792, RFC 4443 4.1 and 4.2).

#include "cli/probe_socket.h"

#include "base/bytes.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

enum { IP4_HEADER = 20 };

socklen_t probe_sockaddr(const struct ip_addr *ip, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (ip_is4(*ip)) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_family = AF_INET;
		in->sin_port = htobe16(port);
		in->sin_addr.s_addr = ip_to4(*ip);
		return sizeof(*in);
	}

	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htobe16(port);
	memcpy(&in6->sin6_addr, ip->b, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

static uint16_t sum(const uint8_t *bytes, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		total += load_be16(bytes + i);
	if (len % 2)
		total += (uint32_t)bytes[len - 1] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

void probe_echo_request(bool v4, uint16_t mark, uint16_t sequence, uint8_t *bytes, size_t len)
{
	memset(bytes, 0, PROBE_ECHO_HEADER);
	bytes[0] = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	store_be16(bytes + 4, mark);
	store_be16(bytes + 6, sequence);
	if (v4)
		store_be16(bytes + 2, sum(bytes, len));
}

bool probe_echo_is_reply(bool v4, uint16_t mark, const uint8_t *bytes, size_t len,
                         uint16_t *ret_sequence)
{
	if (v4) {
		size_t header = len >= IP4_HEADER ? (size_t)(bytes[0] & 0x0f) * 4 : len;

		if (header < IP4_HEADER || header > len)
			return false;
		bytes += header;
		len -= header;
	}
	if (len < PROBE_ECHO_HEADER || bytes[0] != (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) ||
	    load_be16(bytes + 4) != mark)
		return false;
	*ret_sequence = load_be16(bytes + 6);
	return true;
}
