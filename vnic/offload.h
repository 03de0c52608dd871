// SPDX-License-Identifier: BSD-3-Clause
//
// offload: the virtio_net_hdr in front of a frame at kernel doors, to and from a packet's metadata.
//
// A header from outside is believed only as far as the frame bears it out. Owning worker.

#pragma once

#include "vnic/drop.h"
#include "vnic/packet.h"

#include <linux/virtio_net.h>
#include <stddef.h>

// Linux 6.2; the headers of the reference system are older.
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

// More cuts than this of one frame are refused: 64 KB at the smallest MSS that TCP stacks use.
enum { OFFLOAD_MAX_CUTS = 2048 };

// The bytes in front of each frame, the same at every kernel door. The one place that knows.
static inline size_t offload_header_len(void)
{
	return sizeof(struct virtio_net_hdr);
}

// Sets the packet's csum_*, gso* and checksum flags. => data, len, head_len and segments are set, and the
// tag too if it came beside the frame. A frame with GSO is parsed on the way (a tag in it is taken).
enum drop_reason offload_read(const struct virtio_net_hdr *header, struct packet *packet);
void offload_write(const struct packet *packet, struct virtio_net_hdr *header);

// Bytes of the headers that every cut of a GSO packet repeats. => packet->gso is set.
unsigned offload_headers_len(const struct packet *packet);
