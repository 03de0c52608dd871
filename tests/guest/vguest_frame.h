// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_frame: frames that say which they are, so that the receiver can tell loss, doubles and damage.
//
// Each holds a number, the time it was made, and a pattern that follows from the number. In TCP the number
// is the acknowledged sequence and the sequence is the place in the payload, so that a frame that a device cut
// into segments is still held to the pattern byte by byte. Any thread.

#pragma once

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	VGUEST_FRAME_MIN = 62, // The shortest, in IPv4 and UDP.
};

struct vguest_flow {
	uint8_t destination[6], source[6];
	uint32_t address_to, address_from; // IPv4; of IPv6 the last 32 bits.
	uint16_t port_to, port_from;
	uint16_t stream; // Which sender; of the payload.
	bool tcp;
	bool ip6;
	bool partial;      // Leaves the checksum to the device.
	uint16_t gso_size; // 0 for no segments; needs `partial`.
	bool no_checksum;  // UDP over IPv4 only.
};

struct vguest_frame_seen {
	uint64_t number;
	uint64_t stamp;
	uint32_t offset; // Of a TCP segment's payload; number and stamp are whole at 0 only.
	uint32_t payload;
	uint16_t stream;
};

// Bytes in front of the payload.
uint32_t vguest_frame_head(const struct vguest_flow *flow);
// The shortest of the flow, which has number and time and nothing else.
uint32_t vguest_frame_min(const struct vguest_flow *flow);

// Writes the frame of `len` bytes in all and the header that it goes with.
void vguest_frame_build(const struct vguest_flow *flow, uint64_t number, uint64_t stamp,
                        uint32_t len, struct virtio_net_hdr_v1 *header, uint8_t *frame);

// Looks only at what tells the frame: false when it is none of ours.
bool vguest_frame_read(const uint8_t *frame, uint32_t len, struct vguest_frame_seen *seen);

// Holds lengths, checksums and every byte of the payload against what they should be. NULL, or why not.
const char *vguest_frame_verify(const struct virtio_net_hdr_v1 *header, const uint8_t *frame,
                                uint32_t len);
