// SPDX-License-Identifier: BSD-3-Clause
//
// impair_step: the steps of a timeline stand between its semicolons; what is between two without a word is none, as
// for impair_text. A timeline that ends has one step more, in which the effects besides it remain.

#include "controller/impair_step.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char blanks[] = " \t\n";

// Finds the step of the number, from 0, and counts all.
static unsigned find(const char *timeline, uint32_t number, const char **ret_at, size_t *ret_len)
{
	unsigned count = 0;

	*ret_len = 0;
	while (*timeline) {
		const char *at = timeline + strspn(timeline, blanks);
		size_t len = strcspn(at, ";");

		timeline = at + len + (at[len] == ';');
		if (!len)
			continue;
		if (count++ != number)
			continue;
		*ret_at = at;
		while (strchr(blanks, at[len - 1]))
			len--;
		*ret_len = len;
	}
	return count;
}

const char *impair_step_text(const Weft__Impair *impair, uint32_t step, uint64_t passed, char *buf,
                             size_t size)
{
	const char *timeline = impair->timeline ? impair->timeline : "", *at = "", *comma = "";
	const char *effects = impair->effects && impair->effects[0] ? impair->effects : NULL;
	char over[64] = "";
	size_t len;
	unsigned count = find(timeline, step, &at, &len) + (impair->once ? 1 : 0);

	if (!len) {
		at = effects ? "the timeline is over" : "the timeline is over, nothing remains";
		len = strlen(at);
	}
	if (effects)
		comma = ", besides ";
	if (passed)
		snprintf(over, sizeof(over), " (%" PRIu64 " step%s passed over)", passed,
		         passed == 1 ? " was" : "s were");
	snprintf(buf, size, "step %u of %u: %.*s%s%.200s%s", step + 1, count, (int)len, at, comma,
	         effects ? effects : "", over);
	return buf;
}
