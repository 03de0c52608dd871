// SPDX-License-Identifier: BSD-3-Clause
//
// neighbour_question: two layouts, each with all its fields. A solicitation goes to the MAC of the target's
// solicited-node group (RFC 2464, 7), with a hop limit that shows that no router has passed it on.

#include "controller/neighbour_question.h"

#include "base/bytes.h"

#include <string.h>

enum {
	MAC_LEN = 6,
	ETHERNET = 14,
	ARP = 28,
	IP6 = 40,
	SOLICITATION = 32, // with one option of 8 bytes
	ICMP6 = 58,
	NEIGHBOUR_SOLICITATION = 135,
	IP4_WITHIN = 12, // where the four bytes of an IPv4 address are in an ip_addr
};

static void put_ethernet(uint8_t *frame, const uint8_t *to, const struct mac *from, uint16_t type)
{
	memcpy(frame, to, MAC_LEN);
	memcpy(frame + MAC_LEN, from->b, MAC_LEN);
	store_be16(frame + 12, type);
}

static size_t put_arp(const struct mac *from, struct ip_addr sender, struct ip_addr target,
                      uint8_t *frame)
{
	static const uint8_t everybody[MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	// Ethernet, IPv4, six bytes, four bytes, a request.
	static const uint8_t head[] = {0, 1, 8, 0, MAC_LEN, 4, 0, 1};
	uint8_t *arp = frame + ETHERNET;

	put_ethernet(frame, everybody, from, 0x0806);
	memcpy(arp, head, sizeof(head));
	memcpy(arp + 8, from->b, MAC_LEN);
	memcpy(arp + 14, sender.b + IP4_WITHIN, 4);
	memset(arp + 18, 0, MAC_LEN);
	memcpy(arp + 24, target.b + IP4_WITHIN, 4);
	return ETHERNET + ARP;
}

static uint32_t sum(const uint8_t *bytes, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i < len; i += 2)
		total += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return total;
}

// Over the addresses, the length, the protocol and the message (RFC 8200, 8.1), all of which have even lengths.
static uint16_t checksum(const uint8_t *ip, const uint8_t *message)
{
	uint32_t total = sum(ip + 8, 32) + SOLICITATION + ICMP6 + sum(message, SOLICITATION);

	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

static size_t put_solicitation(const struct mac *from, struct ip_addr sender, struct ip_addr target,
                               uint8_t *frame)
{
	struct ip_addr group = ip_solicited_node(target);
	const uint8_t to[MAC_LEN] = {0x33,        0x33,        group.b[12],
	                             group.b[13], group.b[14], group.b[15]};
	uint8_t *ip = frame + ETHERNET, *message = ip + IP6;

	memset(frame, 0, ETHERNET + IP6 + SOLICITATION);
	put_ethernet(frame, to, from, 0x86dd);
	ip[0] = 0x60;
	store_be16(ip + 4, SOLICITATION);
	ip[6] = ICMP6;
	ip[7] = 255;
	memcpy(ip + 8, sender.b, sizeof(sender.b));
	memcpy(ip + 24, group.b, sizeof(group.b));
	message[0] = NEIGHBOUR_SOLICITATION;
	memcpy(message + 8, target.b, sizeof(target.b));
	message[24] = message[25] = 1; // source link-layer address, eight bytes
	memcpy(message + 26, from->b, MAC_LEN);
	store_be16(message + 2, checksum(ip, message));
	return ETHERNET + IP6 + SOLICITATION;
}

size_t neighbour_question(const struct mac *from, struct ip_addr sender, struct ip_addr target,
                          uint8_t frame[static NEIGHBOUR_QUESTION_ROOM])
{
	return ip_is4(target) ? put_arp(from, sender, target, frame)
	                      : put_solicitation(from, sender, target, frame);
}
