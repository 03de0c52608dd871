// SPDX-License-Identifier: BSD-3-Clause
//
// flow_count: one writer a line, so that counting takes no locked instruction.

#include "datapath/flow_count.h"

#include "datapath/stats.h"
#include "datapath/worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct flow_count {
	uint64_t packets;
	uint64_t bytes;
} __attribute__((aligned(64)));

struct flow_counts {
	struct flow_count workers[WORKERS_MAX];
	unsigned references;
};

struct flow_counts *flow_counts_new(void)
{
	struct flow_counts *counts = aligned_alloc(_Alignof(struct flow_counts), sizeof(*counts));

	if (!counts)
		return NULL;
	memset(counts, 0, sizeof(*counts));
	counts->references = 1;
	return counts;
}

struct flow_counts *flow_counts_take(struct flow_counts *counts)
{
	counts->references++;
	return counts;
}

void flow_counts_give(struct flow_counts *counts)
{
	if (counts && --counts->references == 0)
		free(counts);
}

void flow_counts_add(struct flow_counts *counts, unsigned worker, uint32_t bytes)
{
	assert(worker < WORKERS_MAX);
	stats_add(&counts->workers[worker].packets, 1);
	stats_add(&counts->workers[worker].bytes, bytes);
}

void flow_counts_sum(const struct flow_counts *counts, uint64_t *packets, uint64_t *bytes)
{
	*packets = *bytes = 0;
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		*packets += __atomic_load_n(&counts->workers[i].packets, __ATOMIC_RELAXED);
		*bytes += __atomic_load_n(&counts->workers[i].bytes, __ATOMIC_RELAXED);
	}
}
