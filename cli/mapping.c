// SPDX-License-Identifier: BSD-3-Clause
//
// mapping: reads the short form of a port forward.

#include "cli/mapping.h"

#include "base/fail.h"
#include "cli/value.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// "8080:h2:80"; an IPv6 address stands in brackets: "8080:[fd00::2]:80".
int mapping_parse(const char *text, struct mapping *ret, struct fail *fail)
{
	const char *first = strchr(text, ':'), *last = strrchr(text, ':');
	uint64_t outside, inside;

	if (first && first != last) {
		const char *host = first + 1, *end = last;

		if (*host == '[' && end[-1] == ']') {
			host++;
			end--;
		}
		snprintf(ret->outside, sizeof(ret->outside), "%.*s", (int)(first - text), text);
		snprintf(ret->inside, sizeof(ret->inside), "%.*s", (int)(end - host), host);
		snprintf(ret->inside_port, sizeof(ret->inside_port), "%s", last + 1);
		if (value_number(ret->outside, &outside) == 0 && outside && outside <= 65535 &&
		    value_number(ret->inside_port, &inside) == 0 && inside && inside <= 65535 &&
		    *ret->inside)
			return 0;
	}
	fail_set(fail, -EINVAL, "'%s' is no forward", text);
	fail_hint(fail, "OUTSIDE_PORT:GUEST:INSIDE_PORT with ports 1 to 65535, as 8080:web:80");
	return -EINVAL;
}
