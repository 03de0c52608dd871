// SPDX-License-Identifier: BSD-3-Clause
//
// keeper: descriptors that must outlive a datapath process: TAP queues, state and statistics segments.
//
// The datapath hands them over with names; its successor gets them back as they are. Main thread.

#pragma once

#include "controller/table.h"

#include <stddef.h>
#include <stdint.h>

struct stream;
struct stream_frame;

struct keeper {
	struct table kept; // name -> struct kept
};

void keeper_fini(struct keeper *keeper);

// Frames KEEP and KEEP_DROP. -EBADMSG when the body cannot be read, or KEEP comes without its descriptor.
int keeper_keep(struct keeper *keeper, struct stream_frame *frame);
int keeper_drop(struct keeper *keeper, const struct stream_frame *frame);

// Sends the queues of a TAP to another datapath, which is to go on with it. -ENOENT when none is kept.
int keeper_hand(const struct keeper *keeper, uint64_t port, struct stream *to);
// It is that one's now.
void keeper_forget(struct keeper *keeper, uint64_t port);

// Sends everything back, the leases (a packed Leases message), and the end mark. Descriptors stay here
// too, for the successor's successor.
int keeper_return(const struct keeper *keeper, struct stream *stream, const void *leases,
                  size_t leases_len);
