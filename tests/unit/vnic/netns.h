// SPDX-License-Identifier: BSD-3-Clause
//
// netns: namespaces for tests that make interfaces; everything in them goes when the test ends.

#pragma once

#include <stdbool.h>

enum { NETNS_PATH = 32 };

// Takes the test's process into a network namespace of its own. Group setup: returns 0, also where that is
// not possible; then netns_required() skips each test, or fails it where WEFT_REQUIRE=all.
int netns_setup(void **state);
void netns_required(void);

// A further namespace, as a descriptor to close and the path of it. The loopback interface is up.
int netns_make(char path[static NETNS_PATH]);

// socket(2) within the namespace.
int netns_socket(const char *netns, int family, int type);

// Whether `ready` becomes true within some seconds; asks again and again.
bool netns_eventually(bool (*ready)(void *user), void *user);
