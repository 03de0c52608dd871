// SPDX-License-Identifier: BSD-3-Clause
//
// suggest: nearest word by edit distance (insert, delete, replace, swap of neighbours).
//
// Words longer than 63 bytes are not considered, which bounds a comparison to 64 x 64 steps.

#include "controller/suggest.h"

#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 63 };

void suggest_init(struct suggest *suggest, const char *typed)
{
	*suggest = (struct suggest){.typed = typed, .distance = WORD_MAX + 1};
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1];

	for (unsigned j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned differs = a[i - 1] != b[j - 1];

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min3(row[j], twice[j - 2] + 1, row[j]);
		}
	}
	return rows[a_len % 3][b_len];
}

void suggest_consider(struct suggest *suggest, const char *candidate)
{
	size_t typed_len = strlen(suggest->typed), len = strlen(candidate);
	unsigned found;

	if (typed_len > WORD_MAX || len > WORD_MAX)
		return;
	found = distance(suggest->typed, typed_len, candidate, len);
	if (found >= suggest->distance)
		return;
	suggest->distance = found;
	snprintf(suggest->best, sizeof(suggest->best), "%s", candidate);
}

const char *suggest_result(const struct suggest *suggest)
{
	size_t len = strlen(suggest->typed);
	// One slip in a short word, two in a longer one.
	unsigned allowed = len < 4 ? 1 : 2;

	return suggest->best[0] && suggest->distance <= allowed ? suggest->best : NULL;
}
