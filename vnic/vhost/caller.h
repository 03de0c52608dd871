// SPDX-License-Identifier: BSD-3-Clause
//
// caller: calls a front end by a descriptor that it gave us, and never waits for it.
//
// The descriptor is shared: what is set on it (O_NONBLOCK) its giver can clear at any moment, and an eventfd
// that is full then holds whoever writes to it for as long as the giver likes. A call here goes out
// or is left out, but comes back at once. init on any thread; call on any, one at a time for one caller.

#pragma once

#include <stdbool.h>

struct caller {
	int fd; // borrowed; -1: nobody is to be called
	bool is_socket;
};

// Whether it is what one can be called by; asks nothing of the file that it may be instead.
bool caller_is_eventfd(int fd);
bool caller_is_unix_socket(int fd);

// => fd is one of these two, or -1.
void caller_init(struct caller *caller, int fd);
// Whether the call went out. It does not when nobody listens any more, or there is no room for one more,
// which means that some were not heard yet.
bool caller_call(const struct caller *caller);
