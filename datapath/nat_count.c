// SPDX-License-Identifier: BSD-3-Clause
//
// nat_count: one word that all workers add to. To begin a connection takes two locks anyway, so a line
// for each worker, as flow rules have, would save nothing and take 4 KiB for each of maybe thousands
// of forwards.

#include "datapath/nat_count.h"

#include <stdatomic.h>
#include <stdlib.h>

struct nat_count {
	_Atomic uint64_t connections;
	unsigned references;
};

struct nat_count *nat_count_new(void)
{
	struct nat_count *count = calloc(1, sizeof(*count));

	if (count)
		count->references = 1;
	return count;
}

struct nat_count *nat_count_take(struct nat_count *count)
{
	count->references++;
	return count;
}

void nat_count_give(struct nat_count *count)
{
	if (count && --count->references == 0)
		free(count);
}

void nat_count_add(struct nat_count *count)
{
	atomic_fetch_add_explicit(&count->connections, 1, memory_order_relaxed);
}

uint64_t nat_count_read(const struct nat_count *count)
{
	return atomic_load_explicit(&count->connections, memory_order_relaxed);
}
