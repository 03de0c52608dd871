// SPDX-License-Identifier: BSD-3-Clause
//
// path_watch: tells when something appears under a path. Main thread, libevent.
//
// All watches of the process share one descriptor of the kernel's, of which a user has few.

#pragma once

#include <event2/event.h>

struct path_watch;

// Calls `appeared` each time a file of this name is made, renamed to, or given other rights, from now on. The
// directory must exist. => All watches use one event base. NULL with errno.
struct path_watch *path_watch_new(struct event_base *base, const char *path,
                                  void (*appeared)(void *user), void *user);
void path_watch_free(struct path_watch *watch); // NULL is fine; also from `appeared`.
