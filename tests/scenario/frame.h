// SPDX-License-Identifier: BSD-3-Clause
//
// frame: builds whole frames for scenarios, checksums included, and compares them readably.
//
// Checksums are summed here by a plain loop, independent of the code under test. Frames are values.

#pragma once

#include "vnic/memport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 4096 };

struct frame {
	size_t len;
	struct memport_meta meta;
	uint8_t bytes[FRAME_MAX];
};

// One end of a conversation. Either family.
struct end {
	const char *mac;
	const char *ip;
	uint16_t port; // or the identifier of an echo
};

enum { TCP_F = 1, TCP_S = 2, TCP_R = 4, TCP_P = 8, TCP_A = 16 };

// Any EtherType, any bytes.
struct frame frame_eth(const char *dst, const char *src, uint16_t type, const void *bytes,
                       size_t len);
struct frame frame_arp_request(const struct end *from, const char *target);
struct frame frame_arp_reply(const struct end *from, const struct end *to);
// IPv4 or IPv6, by the ends; TTL 64.
struct frame frame_ip(const struct end *from, const struct end *to, uint8_t proto,
                      const void *bytes, size_t len);
struct frame frame_udp(const struct end *from, const struct end *to, const char *payload);
struct frame frame_udp_bytes(const struct end *from, const struct end *to, const void *bytes,
                             size_t len);
struct frame frame_tcp(const struct end *from, const struct end *to, unsigned flags,
                       const char *payload);
struct frame frame_tcp_at(const struct end *from, const struct end *to, unsigned flags,
                          uint32_t seq, uint32_t ack, const void *bytes, size_t len);
// Echo request and reply; the identifier is the port of `from`, or of `to`.
struct frame frame_ping(const struct end *from, const struct end *to, uint16_t seq,
                        const char *payload);
struct frame frame_pong(const struct end *from, const struct end *to, uint16_t seq,
                        const char *payload);
// Any ICMP or ICMPv6 message: type, code, the four bytes behind the checksum, and the rest.
struct frame frame_icmp(const struct end *from, const struct end *to, uint8_t type, uint8_t code,
                        uint32_t rest, const void *bytes, size_t len);
// An ICMP error that quotes `about` from its L3 header on, at most `limit` bytes.
struct frame frame_icmp_error(const struct end *from, const struct end *to, uint8_t type,
                              uint8_t code, uint32_t rest, const struct frame *about, size_t limit);
struct frame frame_solicit(const struct end *from, const char *target);
// Solicited, override, from a router unless `host`.
struct frame frame_advert(const struct end *from, const struct end *to, bool host);

// The same frame, changed.
struct frame frame_tagged(struct frame frame, uint16_t tci);
struct frame frame_ttl(struct frame frame, uint8_t ttl);
// DSCP and ECN.
struct frame frame_tos(struct frame frame, uint8_t tos);
struct frame frame_no_df(struct frame frame);
// Splits the IPv4 frame's payload: the part of `len` bytes from `offset` (both multiples of 8 but the end).
struct frame frame_fragment(const struct frame *frame, size_t offset, size_t len);
// With the checksum that a guest leaves when it has offloads: of the pseudo header only.
struct frame frame_partial(struct frame frame);
// A super-packet whose segments carry `size` bytes each.
struct frame frame_gso(struct frame frame, uint16_t size);
// Recomputes all checksums after bytes were changed by hand.
void frame_sum(struct frame *frame);

// Whether all sums that the frame carries are right (a partial one: of the pseudo header).
bool frame_sums_are_right(const struct frame *frame);
// Equal in bytes; where not, prints both with the places that differ.
bool frame_equal(const struct frame *expected, const struct frame *got);
void frame_print(const char *title, const struct frame *frame);
