// SPDX-License-Identifier: BSD-3-Clause
//
// front: a front end in the same process as the device that it speaks to, by the letter or against it.

#pragma once

#include "base/fail.h"
#include "vnic/vhost/device.h"
#include "vnic/vhost/message.h"

#define FRONT_BIT(number) (UINT64_C(1) << (number))

enum {
	FRONT_MEMORY = 1 << 20,
	FRONT_RING = 256,
	FRONT_USER = 0x10000000, // the front end's own address of its memory
};

struct front {
	struct vhost_device *device;
	struct fail fail; // of the last receive
	struct fail complaint;
	unsigned complaints;
	int fd; // -1: not connected
	int memory_fd;
	uint8_t *memory;
	unsigned fds_before, maps_before;
};

void front_open(struct front *front, unsigned pairs);
// Fails the test when a descriptor or a mapping was not given back.
void front_close(struct front *front);
// Connects, and begins to speak as QEMU does: features, protocol features.
void front_connect(struct front *front);
void front_agree(struct front *front, uint64_t features, uint64_t protocol);
// The other end closes; whatever came of it, the device has nothing of it left.
void front_hang_up(struct front *front);

// Sends a request with descriptors; the device receives it. Returns what it said.
int front_send(struct front *front, uint32_t request, uint32_t flags, const void *payload,
               uint32_t size, const int *fds, unsigned count);
int front_send_u64(struct front *front, uint32_t request, uint64_t value, int fd); // fd -1: none
int front_send_state(struct front *front, uint32_t request, uint32_t index, uint32_t num);
// Tells of the first `size` bytes of the file.
int front_send_table(struct front *front, int fd, uint64_t size);
int front_send_address(struct front *front, uint32_t index);
// Sets a ring up whole, with eventfds that it closes again, and enables it. 0 or -errno.
int front_start_ring(struct front *front, uint32_t index);
// Does all that a good front end does, from connect on; fails the test unless a pair is up.
void front_be_good(struct front *front);
