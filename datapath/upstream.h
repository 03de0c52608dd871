// SPDX-License-Identifier: BSD-3-Clause
//
// upstream: carries DNS questions to resolvers outside, over UDP sockets of the host.
//
// Main thread only; answers come from the event loop.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct upstream;

enum {
	UPSTREAM_OPEN = 512,
	UPSTREAM_PATIENCE_MS = 1400, // a little less than until the question is repeated
};

// An answer, as it came; or SERVFAIL, when the network said at once that nobody listens there.
typedef void (*upstream_answer_fn)(void *user, uint64_t token, const uint8_t *answer, size_t len);
typedef bool (*upstream_own_fn)(void *user, struct ip_addr ip);

// NULL with errno. The base is borrowed.
struct upstream *upstream_new(struct event_base *base, upstream_answer_fn answer, void *user);
void upstream_free(struct upstream *upstream);
// The host's resolvers stand in this file; /etc/resolv.conf unless told otherwise. Borrowed.
void upstream_set_resolv_conf(struct upstream *upstream, const char *path);
// Resolvers of the host at an address for which this is true are left out: asking ourselves would
// never end.
void upstream_set_own(struct upstream *upstream, upstream_own_fn is_own);
// Asks "ip" or "ip#port", or the host's resolvers when `server` is NULL. The query is copied. 0,
// -EINVAL for a server that is none, -ENOENT when the host has none, or why the socket failed.
int upstream_ask(struct upstream *upstream, const char *server, const uint8_t *query, size_t len,
                 uint64_t token);
// Questions that wait now.
unsigned upstream_open(const struct upstream *upstream);
