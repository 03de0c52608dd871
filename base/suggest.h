// SPDX-License-Identifier: BSD-3-Clause
//
// suggest: finds the known word nearest to a mistyped one. One thread.

#pragma once

struct suggest {
	const char *typed; // Borrowed.
	const char *best;  // Borrowed; NULL while nothing was near enough.
	unsigned distance;
};

void suggest_init(struct suggest *suggest, const char *typed);
void suggest_consider(struct suggest *suggest, const char *known);

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
unsigned suggest_distance(const char *a, const char *b);
