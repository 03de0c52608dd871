// SPDX-License-Identifier: BSD-3-Clause
//
// lpm: longest-prefix match over one address family, persistent like pmap.
//
// Zeroed is empty. Readers: any thread, no locks. Writers: main thread, with an edit. A lookup
// touches at most one node per distinct prefix length on its path, and as many forks.

#pragma once

#include "base/addr.h"
#include "datapath/edit.h"

#include <stdint.h>

struct lpm_node;

struct lpm {
	struct lpm_node *root;
	uint32_t count;
};

// NULL when no prefix holds the address, which may be of another family than the prefixes.
void *lpm_lookup(const struct lpm *lpm, const struct ip_addr *addr);
void *lpm_exact(const struct lpm *lpm, const struct ip_prefix *prefix);

// NULL value removes. Bits past the prefix's length are ignored. The values are the caller's to
// register with the edit. 0, or -EAFNOSUPPORT (the lpm holds the other family) or -ENOMEM (lpm
// unchanged).
int lpm_set(struct lpm *lpm, struct edit *edit, const struct ip_prefix *prefix, void *value);

// Empties the lpm; older copies stay as they were. 0 or -ENOMEM (lpm unchanged).
int lpm_clear(struct lpm *lpm, struct edit *edit);

// Frees the nodes at once. => No copy that shares them is read any more, no open edit knows them.
void lpm_fini(struct lpm *lpm);
