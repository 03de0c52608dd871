// SPDX-License-Identifier: BSD-3-Clause
//
// histogram: how often which time: buckets that grow with the time, four to each doubling.
//
// One writer at a time, any number of readers, who may see a record half counted.

#pragma once

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 4 * 44 };

struct histogram {
	_Atomic uint64_t count, sum_ns, most_ns;
	_Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
// The time, in ns, that the bucket ends with; what is longer than any, some nine hours, is in the last.
uint64_t histogram_end(unsigned bucket);
// How many are known to stay within so long: those of the buckets that end by then.
uint64_t histogram_within(const struct histogram *histogram, uint64_t ns);
// The time that `thousandths` of all stay within, rounded up to a bucket's end; 0 when there is none.
uint64_t histogram_quantile(const struct histogram *histogram, unsigned thousandths);
