// SPDX-License-Identifier: BSD-3-Clause
//
// refusal: fills in the reason for a person and for a program at once.

#include "controller/refusal.h"

#include <stdarg.h>
#include <stdio.h>

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
