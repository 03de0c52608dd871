// SPDX-License-Identifier: BSD-3-Clause
//
// udp_frame: a UDP datagram in an Ethernet frame, of both IP versions, as services take and give it.
//
// Any thread.

#pragma once

#include "base/addr.h"
#include "datapath/service.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UDP_FRAME_HEADERS4 = 14 + 20 + 8,
	UDP_FRAME_HEADERS6 = 14 + 40 + 8,
	UDP_FRAME_MAX = 2048,
};

struct udp_path {
	struct mac src_mac, dst_mac;
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
};

// Finds the datagram in a punted frame. False: it is not whole, or its checksum is wrong.
bool udp_frame_read(const struct service_frame *frame, struct udp_path *path,
                    const uint8_t **payload, size_t *len);
// Turns the path round, for the answer.
struct udp_path udp_path_back(const struct udp_path *path);
// Returns the length of the frame, or 0 when it does not fit.
size_t udp_frame_write(uint8_t *frame, size_t room, const struct udp_path *path,
                       const void *payload, size_t len);
// Writes the Ethernet and the IPv6 header of a packet whose next header follows.
void ip6_frame_header(uint8_t *frame, const struct udp_path *path, uint8_t next, uint8_t hops,
                      size_t len);
// The checksum of what stands behind the IP header, pseudo header included. Zero when the one inside
// is right already.
uint16_t ip_frame_sum(const uint8_t *ip, uint8_t protocol, const uint8_t *bytes, size_t len);
