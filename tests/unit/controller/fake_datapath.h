// SPDX-License-Identifier: BSD-3-Clause
//
// fake_datapath: the datapath's end of the channel without a datapath: it keeps objects as bytes, applies
// transactions whole or not at all, and answers for what it holds. Runs in the test's own event loop.

#pragma once

#include "controller/desired.h"
#include "controller/table.h"
#include "proto/channel.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct stream;
struct fake_object;

struct fake_datapath {
	struct event_base *base;
	struct stream *stream; // NULL while nobody is there.
	struct table objects;  // id -> struct fake_object
	struct table before;   // The same before the transaction that waits to be confirmed.
	uint64_t generation;
	bool fresh;            // Says that it starts anew.
	const char *refuse;    // Refuses objects whose name holds this; NULL: none.
	const char *orphan;    // Without those it refuses these too, for want of the port
	uint64_t orphan_of;    // of this number.
	bool deaf;             // Takes transactions and answers none.
	bool lose_next;        // Applies the next transaction and hangs up instead of answering.
	unsigned transactions; // Applied.
	unsigned operations;   // Of the last one.
	unsigned all_operations;
	unsigned handed;       // Leases that were handed over while it ran,
	uint64_t handed_scope; // the scope for which the last frame of them came that named one.
	unsigned kept;         // Frames KEPT that came.
	bool kept_end;
	uint64_t tentative; // The transaction that waits to be confirmed, or 0.

	uint64_t epoch;    // Refuses a controller with a lower one.
	bool prepared;     // The transaction waits for its commit.
	bool die_prepared; // Hangs up as it is to prepare one.
	bool die_decided;  // Hangs up as it is to commit a prepared one.
	bool deaf_decided; // Does not hear that it is to commit it.
	unsigned prepares, aborts;
	uint64_t tx; // Being received.
	bool dry_run;
	uint32_t confirm_ms;
	struct fake_op *ops;
	size_t op_count;
};

// Takes the descriptor and greets.
void fake_connect(struct fake_datapath *fake, int fd);
// Undoes the transaction that waits to be confirmed; what it had was put aside when it came.
void fake_revert(struct fake_datapath *fake);
void fake_hang_up(struct fake_datapath *fake);
void fake_fini(struct fake_datapath *fake);
void fake_digest(const struct fake_datapath *fake, uint64_t count[DESIRED_KINDS],
                 uint64_t hash[DESIRED_KINDS]);
// Sends a frame of its own accord.
void fake_send(struct fake_datapath *fake, unsigned stream_id, uint16_t type, uint64_t request,
               const ProtobufCMessage *message, const int *fds, unsigned nfds);
