// SPDX-License-Identifier: BSD-3-Clause
//
// panel: workers that bridge any doors with each other, by a generation made by hand; and a door on
// a socket pair, whose other end is the test's.

#pragma once

#include "datapath/worker.h"
#include "vnic/port.h"

#include <stddef.h>

enum { PANEL_DOORS = 128 };

struct panel_generation;

struct panel {
	struct state *state;
	struct stats *stats;
	struct workers *workers;
	struct panel_generation *current;
	// What each door's guest receives and sends meets these, from the next panel_connect() on.
	const struct impair_setting *in[PANEL_DOORS], *out[PANEL_DOORS];
	uint64_t number;
};

// With workers that run already. spin_ns 0: as they like.
void panel_open(struct panel *panel, unsigned workers, uint64_t spin_ns);
// Publishes a generation of one domain over the doors, whose slots are their places from 1 on (NULL:
// a port without a door), and settles. Returns how long that took.
uint64_t panel_connect(struct panel *panel, struct port *const *doors, unsigned count);
void panel_close(struct panel *panel);

// A door that takes frames of at most 256 bytes; *ret_fd is the far end, a nonblocking seqpacket socket.
// Aborts if two threads send by it at once.
struct port *wire_open(uint32_t slot, int *ret_fd);
