// SPDX-License-Identifier: BSD-3-Clause
//
// refusal: why a change was not made: what, for which of the user's objects and which field, and what to
// try next. Goes into the api's Error as it is.

#pragma once

#include "base/fail.h"

struct refusal {
	struct fail fail;
	char object[160]; // "net/lan"
	char field[48];   // "subnet"
};

// Returns the code, so that a check can end in `return refuse(…)`. The field may be NULL.
int refuse(struct refusal *refusal, int code, const char *object, const char *field,
           const char *fmt, ...) __attribute__((format(printf, 5, 6)));
