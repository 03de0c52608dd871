// SPDX-License-Identifier: BSD-3-Clause
//
// packet: one frame: where its bytes are and what is known of them.
//
// The first bytes (headers) are copied into the packet itself; what does not fit stays where the door
// found it, as borrowed segments that live until the end of the batch. Every decision reads the header
// copy only, never a byte of a segment. Outer 802.1Q tags are taken off by the first door and travel
// in `vlan`; the last door puts them back. Checksums and segmentation are deferred: `csum_*` and `gso_*`
// have the meaning of virtio_net_hdr (virtio 1.1, 5.1.6), offsets counted from `data`.
//
// Thread rule: a packet belongs to the worker whose pool it came from.

#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	PACKET_HEADROOM = 128,  // room in front for tags, vnet headers and outer headers
	PACKET_HEAD = 256,      // most header bytes held inline
	PACKET_MAX_LEN = 65550, // 64 KB of IP and its Ethernet header
	BATCH_SIZE = 64,
};

enum packet_flag {
	PACKET_CSUM_PARTIAL = 1 << 0,   // the L4 sum holds the pseudo header only; csum_* say where
	PACKET_CSUM_VALID = 1 << 1,     // the door vouches for the L4 checksum
	PACKET_VLAN = 1 << 2,           // vlan holds a tag
	PACKET_FRAGMENT = 1 << 3,       // any IP fragment
	PACKET_LATER_FRAGMENT = 1 << 4, // not the first: no L4 header here
	PACKET_IP_OPTIONS = 1 << 5,
	PACKET_PARSED = 1 << 6,
};

enum packet_gso { GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP };

// Borrowed bytes; they may change under us (a guest's memory), so nothing decides upon them.
struct segment {
	const uint8_t *base;
	uint32_t len;
};

struct packet {
	// Line 0: what every stage touches.
	uint8_t *data;        // first byte of the Ethernet header, inside `room`
	uint32_t len;         // whole frame, segments included
	uint16_t head_len;    // bytes at data
	uint16_t vlan;        // TCI, host order, valid with PACKET_VLAN
	uint32_t in_port;     // slot of the port it came by
	uint32_t hash;        // of its flow key, 0 before
	uint8_t flags;        // enum packet_flag
	uint8_t gso;          // enum packet_gso
	uint16_t gso_size;    // payload bytes of each segment
	uint16_t csum_start;  // from data
	uint16_t csum_offset; // from csum_start
	uint16_t eth_type;    // host order, behind the tag
	uint16_t l3;          // offset of the IP or ARP header from data
	uint16_t l4;          // offset of the transport header; 0: none
	uint16_t payload;     // offset behind the transport header
	uint8_t ip_version;   // 4, 6 or 0
	uint8_t ip_proto;     // the transport protocol, behind IPv6 extension headers
	uint16_t drop;        // enum drop_reason once it is dropped
	uint32_t domain;      // broadcast domain, set by the VLAN stage
	uint32_t vni;         // the number of its network in a tunnel; 0: it came by none
	// Line 1.
	const struct segment *segments __attribute__((aligned(64))); // borrowed array
	uint16_t segment_count;
	uint16_t queue;    // of in_port
	uint32_t source;   // the door's own mark (descriptor head)
	uint8_t line1[48]; // kept free: what tunnels will know of a packet
	uint8_t room[PACKET_HEADROOM + PACKET_HEAD];
} __attribute__((aligned(64)));

struct batch {
	unsigned count;
	struct packet *packets[BATCH_SIZE];
};

static inline uint8_t *packet_l3(const struct packet *packet)
{
	return packet->data + packet->l3;
}

static inline uint8_t *packet_l4(const struct packet *packet)
{
	return packet->data + packet->l4;
}

// Makes the packet an empty frame that starts behind the headroom.
static inline void packet_reset(struct packet *packet)
{
	packet->data = packet->room + PACKET_HEADROOM;
	packet->len = 0;
	packet->head_len = 0;
	packet->flags = 0;
	packet->gso = GSO_NONE;
	packet->gso_size = 0;
	packet->csum_start = 0;
	packet->csum_offset = 0;
	packet->segments = 0;
	packet->segment_count = 0;
	packet->drop = 0;
	packet->hash = 0;
	packet->domain = 0;
	packet->vni = 0;
	packet->l4 = 0;
	packet->payload = 0;
	packet->ip_version = 0;
	packet->ip_proto = 0;
}
