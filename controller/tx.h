// SPDX-License-Identifier: BSD-3-Clause
//
// tx: one transaction on its way to a datapath. Main thread.

#pragma once

#include "controller/desired.h"
#include "controller/refusal.h"

#include <stdbool.h>
#include <stdint.h>

struct stream;

struct tx_result {
	int code;               // 0 or -errno.
	struct refusal refusal; // When code < 0; the object is the user's.
	size_t op_index;        // Of the operation at fault; ops->count when it is none of them.
	uint64_t generation;
	uint64_t settle_ns;
};

struct tx {
	uint64_t id;
	const struct ops *ops; // Borrowed.
	bool dry_run;
	uint32_t confirm_ms;
	bool prepare; // Stops before it takes effect; TX_FINISH or TX_ABORT is the caller's to set.
	size_t sent;  // Operations on their way.
	enum { TX_BEGIN, TX_OPS, TX_COMMIT, TX_FINISH, TX_ABORT, TX_SENT } stage;
};

// Sends as much as the stream takes. 0, or -errno; -EAGAIN is not one: call again when it is writable.
int tx_send(struct tx *tx, struct stream *stream);

// From the datapath's answer, in the user's terms.
void tx_read_result(const struct tx *tx, const Weft__TxResult *message, struct tx_result *ret);
