// SPDX-License-Identifier: BSD-3-Clause
//
// memport: an in-process door for scenarios and benches: frames put in come out of rx, what tx takes
// can be taken out. Any one thread at a time.

#pragma once

#include "vnic/port.h"

#include <stddef.h>

struct memport_config {
	const char *name;
	uint32_t mtu;
	uint32_t offloads;
	unsigned depth; // most frames each way
};

struct port *memport_open(const struct memport_config *config); // NULL with errno
// Metadata that rides with a frame, as a vnet header would carry it.
struct memport_meta {
	uint8_t flags; // PACKET_CSUM_PARTIAL, PACKET_CSUM_VALID
	uint8_t gso;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};

// Copies the frame in; -ENOBUFS when the queue is full, -EMSGSIZE for a frame that no door could carry.
// meta may be NULL.
int memport_put(struct port *port, const void *frame, size_t len, const struct memport_meta *meta);
// Takes the oldest sent frame; returns its length, or -EAGAIN, or -ENOSPC when `size` is too small.
int memport_take(struct port *port, void *frame, size_t size, struct memport_meta *meta);
// Bench mode: rx hands out the frames put in so far for ever, tx counts and forgets.
// => Put before, at the first lap of the ring: as many frames as are there go round.
void memport_loop(struct port *port, bool on);
uint64_t memport_sent(const struct port *port);
