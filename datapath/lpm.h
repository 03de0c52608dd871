// SPDX-License-Identifier: BSD-3-Clause
//
// lpm: longest-prefix match over one address family, persistent like pmap.
//
// Readers: any thread, no locks. Writers: main thread, with an edit. Bits are taken from the family's own
// address (32 for IPv4, 128 for IPv6). A lookup touches at most one node per distinct prefix length on
// its path.

#pragma once

#include "base/addr.h"
#include "datapath/edit.h"

struct lpm_node;

struct lpm {
	struct lpm_node *root;
	uint32_t count;
};

// NULL when no prefix holds the address. All prefixes of one lpm are of one family.
void *lpm_lookup(const struct lpm *lpm, const struct ip_addr *addr);
void *lpm_exact(const struct lpm *lpm, const struct ip_prefix *prefix);
// NULL value removes. 0 or -ENOMEM (lpm unchanged).
int lpm_set(struct lpm *lpm, struct edit *edit, const struct ip_prefix *prefix, void *value);
