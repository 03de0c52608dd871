// SPDX-License-Identifier: BSD-3-Clause
//
// vguest: a virtual machine without a machine: memory, rings and the front end of the vhost-user protocol.
//
// It knows the published protocol only, nothing of the back end that it is to test. Options say what it asks
// for; what the back end lacks is left out, and `features` and `protocol` say what was agreed. All members may
// be read. One thread.

#pragma once

#include "tests/guest/vguest_memory.h"
#include "tests/guest/vguest_message.h"
#include "tests/guest/vguest_ring.h"

#include <stdbool.h>
#include <stdint.h>

struct fail;

enum { VGUEST_PAIRS = 16, VGUEST_TIMEOUT_MS = 10000 };

#define VGUEST_BIT(number) (UINT64_C(1) << (number))

// Everything that a network driver may ask for, but packed rings and order.
extern const uint64_t VGUEST_FEATURES;
extern const uint64_t VGUEST_PROTOCOL;

struct vguest_options {
	const char *path;
	bool listen; // As QEMU with server=on; else we connect.
	uint64_t features;
	uint64_t protocol;
	uint16_t pairs;
	uint16_t size; // Of each ring.
	unsigned regions;
	uint64_t memory;
	bool slots;      // Memory by ADD_MEM_REG rather than in one table.
	bool stale_base; // Reconnect a packed ring with the base of its last start, as QEMU does.
	uint16_t mtu;    // Told when agreed upon; 0 is untold.
};

struct vguest_inflight {
	int fd;
	uint64_t size;
	uint64_t offset;
};

struct vguest {
	struct vguest_options options;
	int fd, listener;
	int requests; // Our end of the back end's own channel.
	uint64_t offered, features;
	uint64_t protocol_offered, protocol;
	uint64_t queues_offered, slots_offered;
	struct vguest_memory memory;
	struct vguest_ring rings[2 * VGUEST_PAIRS];
	uint32_t bases[2 * VGUEST_PAIRS];
	unsigned ring_count;
	struct vguest_inflight inflight;
	unsigned connections;
};

// Connects or listens, negotiates and makes the rings; the device is not started.
int vguest_open(struct vguest *guest, const struct vguest_options *options, struct fail *fail);
void vguest_close(struct vguest *guest);

// Tells memory and rings, and enables them. Also what follows on vguest_stop().
int vguest_start(struct vguest *guest, struct fail *fail);
// As a machine that is paused: buffers stay out and are seen again after a start.
int vguest_stop(struct vguest *guest, struct fail *fail);

// Returns 0 while the connection lives, or -ECONNRESET; answers what the back end asks.
int vguest_service(struct vguest *guest);
// Connects again and starts with the rings as they are. A back end that lost features is an error.
int vguest_reconnect(struct vguest *guest, int timeout_ms, struct fail *fail);

static inline bool vguest_has(const struct vguest *guest, unsigned feature)
{
	return guest->features >> feature & 1;
}
