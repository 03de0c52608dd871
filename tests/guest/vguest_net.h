// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_net: frames in and out of one ring: buffers, their layout in descriptors, the virtio-net header.
//
// A layout says how a buffer is cut into descriptors, so that a back end can be held to all that a driver may
// do. What the device does to buffers is verified as far as `strict` says; a breach is a fault of the ring.
// One thread.

#pragma once

#include "tests/guest/vguest_ring.h"

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	VGUEST_FRAME_MAX = 65535 + 14 + 4,
	VGUEST_F_GUEST_USO4 = 54, // These are not in the headers of the reference system.
	VGUEST_F_GUEST_USO6 = 55,
	VGUEST_F_HOST_USO = 56,
	VGUEST_GSO_UDP = 5,
	VGUEST_GAP = 16, // Bytes between the pieces of a buffer that nobody may write.
};

enum vguest_layout {
	VGUEST_JOINED, // Header and frame in one descriptor.
	VGUEST_APART,  // The header in one, the frame in another.
	VGUEST_PAGES,  // The header in one, the frame in pieces of 4 KB.
	VGUEST_RANDOM, // Cuts anywhere behind the header.
	VGUEST_SHREDS, // Cuts anywhere, also within the header.
};

struct vguest_net_setup {
	uint64_t features;
	enum vguest_layout layout;
	bool indirect; // Tables for buffers of more than one piece, where agreed upon.
	bool mixed;    // And for some of them direct pieces before the table; split rings only.
	bool strict;   // Gaps, and that frames sent are not written.
	bool any_count; // Without mergeable buffers let num_buffers be anything, as older back ends do.
	uint32_t room; // Of a receive buffer without the header; of sent frames the longest.
	uint32_t buffers;
};

struct vguest_buffer {
	uint8_t *bytes;
	struct vguest_piece *pieces;
	uint64_t sum; // Of a sent frame's bytes.
	uint32_t len; // Of all pieces.
	uint16_t count;
};

struct vguest_net {
	struct vguest_ring *ring;
	struct vguest_net_setup setup;
	uint32_t header_len;
	uint32_t area; // Bytes of one buffer with gaps.
	struct vguest_buffer *buffers;
	struct vguest_piece *pieces;
	uint32_t *free;
	uint32_t free_count;
	uint8_t *scratch; // A received frame of several pieces, in one.
	uint64_t frames, bytes;
	bool starved; // A frame found no room, and what was sent must come back first.
};

// `header` is the device's; `frame` is good until the call returns.
typedef void (*vguest_seen)(void *context, const struct virtio_net_hdr_v1 *header,
                            const uint8_t *frame, uint32_t len);

// `buffers` of them, spread over the memory's regions. A ring with an even index receives.
int vguest_net_init(struct vguest_net *net, struct vguest_ring *ring,
                    const struct vguest_net_setup *setup);
void vguest_net_fini(struct vguest_net *net);

// Gives the device all buffers it has room for, and publishes. Returns how many.
unsigned vguest_net_fill(struct vguest_net *net);

// Shows up to `max` frames and gives their buffers back to the device. Returns how many, or -EPROTO.
int vguest_net_receive(struct vguest_net *net, unsigned max, vguest_seen seen, void *context);

// Adds a frame; the device sees it after vguest_net_flush(). Returns 0, -EAGAIN when the ring or the buffers
// are used up.
int vguest_net_send(struct vguest_net *net, const struct virtio_net_hdr_v1 *header,
                    const uint8_t *frame, uint32_t len);

// The same without a copy: claim room of a joined layout for header and frame, fill it, push it.
uint8_t *vguest_net_claim(struct vguest_net *net, uint32_t *buffer);
int vguest_net_push(struct vguest_net *net, uint32_t buffer, uint32_t len);

void vguest_net_flush(struct vguest_net *net);

// Takes back what was sent. Returns how many frames, or -EPROTO.
int vguest_net_reclaim(struct vguest_net *net);
