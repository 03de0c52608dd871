// SPDX-License-Identifier: BSD-3-Clause
//
// ways: what the way from each host to each of its peers carries, as its datapath tells, in bytes of L3 within the
// tunnel. Main thread.

#pragma once

#include "controller/store.h"
#include "controller/table.h"

#include <stdbool.h>
#include <stdint.h>

struct ways {
	struct store *store; // Borrowed.
	struct table hosts;  // name -> struct host_ways, owned
	uint64_t hold_ns;    // How long a way must have been wider before that counts.
};

// One host's, as it tells them: `most`, but for those listed, by their object's key ("host/b", "peer/x").
struct way_list {
	uint32_t most;       // 0: it has no peers
	struct table narrow; // key -> MTU, as a pointer
};

void way_list_fini(struct way_list *list);
// 0 or -ENOMEM.
int way_list_add(struct way_list *list, const char *peer, uint32_t mtu);

// With what was known when the last controller ended.
int ways_open(struct ways *ways, struct store *store, struct fail *fail);
void ways_close(struct ways *ways);

// Takes the list over, which stands for all that the host told before. What is narrower counts at once; what is wider
// when nothing has changed for `hold_ns`. Returns whether anything else counts now.
bool ways_tell(struct ways *ways, const char *host, struct way_list *told, uint64_t now);
// Lets count what has been wider for long enough; *due is when there is more to do, UINT64_MAX: never. Returns a
// host of which something else counts now, borrowed; NULL: there is none (any more).
const char *ways_grow(struct ways *ways, uint64_t now, uint64_t *due);
void ways_forget(struct ways *ways, const char *host);

// What counts. `ways` may be NULL. 0: it is not known.
uint32_t ways_mtu(const struct ways *ways, const char *host, const char *peer);
uint32_t ways_most(const struct ways *ways, const char *host);
bool ways_have_narrow(const struct ways *ways, const char *host);
