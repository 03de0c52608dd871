// SPDX-License-Identifier: BSD-3-Clause
//
// suggest: which of the known words somebody who mistyped one may have meant.

#pragma once

#include <stddef.h>

struct suggest {
	const char *typed; // Borrowed.
	char best[64];
	unsigned distance;
};

// => The typed word outlives the struct.
void suggest_init(struct suggest *suggest, const char *typed);
void suggest_consider(struct suggest *suggest, const char *candidate);

// NULL when nothing is near enough to be worth saying.
const char *suggest_result(const struct suggest *suggest);
