// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_ledger: which numbers of one stream came: each once, in order, all. One thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { VGUEST_LEDGER = 1 << 20 }; // Numbers back from the highest that are remembered.

struct vguest_ledger {
	uint64_t next; // One past the highest number that came.
	uint64_t unique, doubled, reordered;
	uint64_t *seen;
};

int vguest_ledger_init(struct vguest_ledger *ledger);
void vguest_ledger_fini(struct vguest_ledger *ledger);

// Enters a number. What is older than is remembered counts as reordered and as new.
void vguest_ledger_enter(struct vguest_ledger *ledger, uint64_t number);
