// SPDX-License-Identifier: BSD-3-Clause
//
// stray: what this instance made and nothing in the intent explains: namespaces, files of guests, sockets.
// Main thread.

#pragma once

#include "controller/guests.h"

struct stray {
	const char *kind; // "namespace", "files", "socket"
	const char *name; // Borrowed for the call.
	const char *why;
};

typedef void (*stray_fn)(void *user, const struct stray *stray);

// Calls for each. With `remove` it is gone when the call comes. Only what bears our mark is touched: a claim
// in the store, a folder of ours for the guest, a place in our run directory.
void stray_each(const struct guests *guests, const struct model *model, bool remove, stray_fn each,
                void *user);
