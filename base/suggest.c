// SPDX-License-Identifier: BSD-3-Clause
//
// suggest: edit distance with transpositions, over words of at most WORD_MAX letters.
//
// A word is near enough when at most a third of its letters differ, or when it begins with all that
// was typed. Longer words than WORD_MAX are compared by their beginnings.

#include "base/suggest.h"

#include <string.h>

enum { WORD_MAX = 32 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

unsigned suggest_distance(const char *a, const char *b)
{
	unsigned la = (unsigned)strnlen(a, WORD_MAX), lb = (unsigned)strnlen(b, WORD_MAX);
	unsigned cost[WORD_MAX + 1][WORD_MAX + 1];

	for (unsigned i = 0; i <= la; i++)
		cost[i][0] = i;
	for (unsigned j = 0; j <= lb; j++)
		cost[0][j] = j;
	for (unsigned i = 1; i <= la; i++)
		for (unsigned j = 1; j <= lb; j++) {
			unsigned replaced = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			cost[i][j] = min3(replaced, cost[i - 1][j] + 1, cost[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    cost[i - 2][j - 2] + 1 < cost[i][j])
				cost[i][j] = cost[i - 2][j - 2] + 1;
		}
	return cost[la][lb];
}

void suggest_init(struct suggest *suggest, const char *typed)
{
	// The distance that is too far: a third of the letters, and at least two.
	unsigned letters = (unsigned)strlen(typed);

	*suggest = (struct suggest){
		.typed = typed,
		.distance = (letters / 3 < 1 ? 1 : letters / 3) + 1,
	};
}

void suggest_consider(struct suggest *suggest, const char *known)
{
	unsigned distance = suggest_distance(suggest->typed, known);

	if (strlen(suggest->typed) > 1 &&
	    strncmp(known, suggest->typed, strlen(suggest->typed)) == 0)
		distance = distance ? 1 : 0;
	if (distance >= suggest->distance)
		return;
	suggest->distance = distance;
	suggest->best = known;
}
