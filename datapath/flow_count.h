// SPDX-License-Identifier: BSD-3-Clause
//
// flow_count: what a flow rule has matched, a line for each worker.
//
// Made with the rule and handed from one generation to the next while there is a rule of that id: each
// generation's rule holds a reference. Workers count through the programs of the current generation,
// each in its own line; anyone may sum. All else: main thread only.

#pragma once

#include <stdint.h>

struct flow_counts;

struct flow_counts *flow_counts_new(void); // With one reference. NULL with errno.
struct flow_counts *flow_counts_take(struct flow_counts *counts);
void flow_counts_give(struct flow_counts *counts); // NULL is fine.

void flow_counts_add(struct flow_counts *counts, unsigned worker, uint32_t bytes);
void flow_counts_sum(const struct flow_counts *counts, uint64_t *packets, uint64_t *bytes);
