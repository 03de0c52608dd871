// SPDX-License-Identifier: BSD-3-Clause
//
// failover: which of the ways to a peer is used, by what BFD says of each.
//
// The first way is the one to be used while it works, the second the one to be used meanwhile. Any one thread.
// Times in ns of one clock, UINT64_MAX is never.

#pragma once

#include "tunnels/bfd.h"

#include <stdint.h>

enum { WAYS_MAX = 2, WAY_NONE = WAYS_MAX };

struct failover {
	unsigned count; // of ways, from 1
	unsigned used;  // one of them, or WAY_NONE
	uint64_t hold_ns;
	enum bfd_verdict verdicts[WAYS_MAX];
	uint64_t since[WAYS_MAX];
};

// Nothing is known of the ways yet: the first is used.
void failover_init(struct failover *failover, unsigned count, uint64_t hold_ns, uint64_t now);
void failover_judge(struct failover *failover, unsigned way, enum bfd_verdict verdict,
                    uint64_t now);
// Looks at the time. Returns whether `used` changed; *ret_due is when it wants to be called again.
bool failover_run(struct failover *failover, uint64_t now, uint64_t *ret_due);
