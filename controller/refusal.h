// SPDX-License-Identifier: BSD-3-Clause
//
// refusal: why a change was not made: what, for which of the user's objects and which field, and what to
// try next. Goes into the api's Error as it is.

#pragma once

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>

struct refusal {
	struct fail fail;
	char object[160]; // "net/lan"
	char field[48];   // "subnet"
};

enum { REFUSALS_MOST = 20 };

// All reasons at once, for somebody who would otherwise come back with each.
struct refusals {
	struct refusal *items; // Owned.
	size_t count;
};

void refusals_fini(struct refusals *list);
// Notes the refusal and empties it: 0, go on. Without a list, or when it is full, its code: that is the end.
int refusals_take(struct refusals *list, struct refusal *refusal);
// Whether one of them is about the object.
bool refusals_have(const struct refusals *list, const char *object);

// Returns the code, so that a check can end in `return refuse(…)`. The field may be NULL.
int refuse(struct refusal *refusal, int code, const char *object, const char *field,
           const char *fmt, ...) __attribute__((format(printf, 5, 6)));
