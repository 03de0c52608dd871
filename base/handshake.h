// SPDX-License-Identifier: BSD-3-Clause
//
// handshake: a TCP connection on its way to being one that frames may travel over: it connects, both
// ends prove who they are, all within a limit of time. Under libevent; the thread of the event base only.

#pragma once

#include <stdint.h>

struct cert_facts;
struct event_base;
struct fail;
struct handshake;
struct tls;

// Comes once, from the event loop, unless the handshake is freed before. fail NULL: it is done, and
// descriptor and tls are the callee's, for stream_new_tls(); else why not, and both are closed already.
// => Call handshake_free(), now or later.
typedef void (*handshake_done_fn)(void *user, int fd, struct tls *tls, const struct fail *fail);

// Takes over the descriptor, which may still be connecting, and the tls made for it; a NULL tls means
// that only the connecting is waited for. NULL with errno, and both are still the caller's.
struct handshake *handshake_new(struct event_base *base, int fd, struct tls *tls, unsigned limit_ms,
                                handshake_done_fn done, void *user);

// Who the other end said it is, even if it was refused; name "" when it did not say.
const struct cert_facts *handshake_peer(const struct handshake *handshake);

// Gives up if it is not done. Fine within the callback. NULL is fine.
void handshake_free(struct handshake *handshake);
