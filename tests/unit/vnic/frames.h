// SPDX-License-Identifier: BSD-3-Clause
//
// frames: builds frames for the tests of vnic/ and judges them, by code that shares nothing with vnic/.

#pragma once

#include "vnic/packet_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_SIZE = 66000, TCP_FIN = 1, TCP_SYN = 2, TCP_PSH = 8, TCP_ACK = 16, TCP_CWR = 128 };

struct frame {
	size_t len;
	size_t l3; // Offsets of what was built.
	size_t l4;
	size_t payload;
	uint8_t bytes[FRAME_SIZE];
};

struct frame_spec {
	bool has_vlan;
	uint16_t vlan;
	int ip_version;
	uint8_t proto;  // TCP, UDP, ICMP or ICMPv6
	size_t options; // bytes of IPv4 options, or of an IPv6 destination options header
	size_t tcp_options;
	uint8_t tcp_flags;
	uint32_t tcp_seq;
	uint16_t ip_id;
	size_t payload; // bytes that count up from `first`
	uint8_t first;
};

// A whole frame with right lengths and checksums.
void frame_build(const struct frame_spec *spec, struct frame *ret);
// Replaces the L4 checksum by that of the pseudo header, as a sender with offload leaves it.
void frame_make_partial(struct frame *frame, uint8_t proto);

// Whether lengths and checksums of an untagged IP frame are right, with nothing behind the packet.
bool frame_is_sound(const uint8_t *bytes, size_t len);

// The plainest checksum there is: byte pairs, one after the other.
uint16_t twin_checksum(const uint8_t *bytes, size_t len, uint32_t start);
uint32_t twin_pseudo(const uint8_t *ip, uint8_t proto, size_t len);

// A packet of these bytes with the head split off at `head` and the rest in `pieces` segments.
struct packet *frame_packet(struct packet_pool *pool, const uint8_t *bytes, size_t len, size_t head,
                            unsigned pieces);
