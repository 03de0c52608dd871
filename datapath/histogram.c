// SPDX-License-Identifier: BSD-3-Clause
//
// histogram: the bucket is the place of the highest bit and the two bits behind it; error 25 % at most.

#include "datapath/histogram.h"

#include <stdatomic.h>

static unsigned bucket_of(uint64_t ns)
{
	unsigned bucket = (unsigned)ns;

	if (ns >= 4) {
		unsigned high = 63 - (unsigned)__builtin_clzll(ns);

		bucket = (high - 1) * 4 + (ns >> (high - 2) & 3);
	}
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static void grow(_Atomic uint64_t *word, uint64_t by)
{
	atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + by,
	                      memory_order_relaxed);
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	grow(&histogram->buckets[bucket_of(ns)], 1);
	grow(&histogram->sum_ns, ns);
	grow(&histogram->count, 1);
	if (ns > atomic_load_explicit(&histogram->most_ns, memory_order_relaxed))
		atomic_store_explicit(&histogram->most_ns, ns, memory_order_relaxed);
}

uint64_t histogram_end(unsigned bucket)
{
	unsigned high = bucket / 4 + 1;

	if (bucket < 4)
		return bucket;
	return ((UINT64_C(4) + bucket % 4 + 1) << (high - 2)) - 1;
}

uint64_t histogram_within(const struct histogram *histogram, uint64_t ns)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && histogram_end(i) <= ns; i++)
		count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
	return count;
}

uint64_t histogram_quantile(const struct histogram *histogram, unsigned thousandths)
{
	uint64_t count = atomic_load_explicit(&histogram->count, memory_order_relaxed);
	uint64_t wanted = (count * thousandths + 999) / 1000;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && count; i++) {
		seen += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
		if (seen >= wanted)
			return histogram_end(i);
	}
	return 0;
}
