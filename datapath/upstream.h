// SPDX-License-Identifier: BSD-3-Clause
//
// upstream: asks resolvers outside on behalf of the DNS service, over UDP. Main thread only.
//
// Every question has a socket of its own, connected to its server, so its source port is the kernel's
// random choice and answers of others do not reach it.

#pragma once

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct upstream;

typedef void (*upstream_answer_fn)(void *user, uint64_t token, const uint8_t *answer, size_t len);

struct upstream *upstream_new(struct event_base *base, upstream_answer_fn answer, void *user);
void upstream_free(struct upstream *upstream); // NULL is fine.

// `server` is "ip" or "ip#port", or NULL: the first that the host itself uses. 0; -EAGAIN when too many
// questions are open; -EINVAL; or what the network says.
int upstream_ask(struct upstream *upstream, const char *server, const uint8_t *query, size_t len,
                 uint64_t token);
