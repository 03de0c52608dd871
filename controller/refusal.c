// SPDX-License-Identifier: BSD-3-Clause
//
// refusal: fills in the reason for a person and for a program at once.

#include "controller/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int refuse(struct refusal *refusal, int code, const char *object, const char *field,
           const char *fmt, ...)
{
	char what[sizeof(refusal->fail.what)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	snprintf(refusal->object, sizeof(refusal->object), "%s", object);
	snprintf(refusal->field, sizeof(refusal->field), "%s", field ? field : "");
	return fail_set(&refusal->fail, code, "%s", what);
}

void refusals_fini(struct refusals *list)
{
	free(list->items);
	*list = (struct refusals){0};
}

int refusals_take(struct refusals *list, struct refusal *refusal)
{
	struct refusal *more = NULL;

	if (list && list->count < REFUSALS_MOST)
		more = realloc(list->items, (list->count + 1) * sizeof(*more));
	if (!more)
		return refusal->fail.code;
	list->items = more;
	more[list->count++] = *refusal;
	*refusal = (struct refusal){0};
	return 0;
}

bool refusals_have(const struct refusals *list, const char *object)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (strcmp(list->items[i].object, object) == 0)
			return true;
	return false;
}
