// SPDX-License-Identifier: BSD-3-Clause
//
// lend: frames of a wire's end, read straight into the buffers of the guest at its other end.
//
// Owning worker of the queue that is read.

#pragma once

#include "datapath/generation.h"
#include "vnic/port.h"

// From this many bytes on it pays (docs/decisions/0006).
enum { LEND_FROM = 16384 };

// The door that everything goes to which comes by `from`, whatever it is, and that can lend room for it; NULL: there
// is none. Borrowed until the end of the turn.
struct port *lend_taker(const struct generation *generation, const struct port *from);

// As rx of `from`, one frame at most if `taker` has room for it. *ret_lent: the pipeline is to run with that, and
// lend_end() must follow it.
unsigned lend_rx(struct port *from, unsigned queue, struct port *taker, struct packet_pool *pool,
                 struct batch *batch, bool *ret_lent);
void lend_end(struct port *taker);
