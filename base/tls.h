// SPDX-License-Identifier: BSD-3-Clause
//
// tls: TLS 1.3 (RFC 8446) over a connected, nonblocking socket, where each end shows a certificate of the
// same authority. No older version, no resumption: every connection is judged by what holds today.
//
// What goes wrong is said in a sentence that names the certificate: expired, not yet valid, of another
// authority, of another name, revoked; whether we refused theirs, or they ours.
// A connection is used by one thread at a time.

#pragma once

#include "base/cert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct credential;
struct fail;
struct tls;
struct tls_end;

// What an end shows and whom it believes, for any number of connections. The role is the peer's: with
// CERT_CONTROLLER we connect to a controller, with CERT_HOST hosts connect to us. The credential may go
// afterwards, and the end too: its connections keep what they need of it. NULL with fail.
struct tls_end *tls_end_new(const struct credential *credential, enum cert_role peer,
                            struct fail *fail);
void tls_end_free(struct tls_end *end); // NULL is fine.

// Whether a certificate that is valid in itself is welcome: 0; -EKEYREVOKED or another -errno, with the
// sentence. Called within tls_handshake().
typedef int (*tls_judge_fn)(void *user, const struct cert_facts *peer, struct fail *fail);

// Borrows the socket. The judge may be NULL. NULL with errno.
struct tls *tls_new(struct tls_end *end, int fd, tls_judge_fn judge, void *user);

// Says the end to the other side if that can be done at once. The socket stays open. NULL is fine.
void tls_free(struct tls *tls);

// 0 when it is done; -EAGAIN: again once the socket is readable, or writable if tls_wants_write(). The
// end that connects may be done before the other has judged: a refusal then comes in tls_read().
int tls_handshake(struct tls *tls, struct fail *fail);

// The bytes read, 0 at the orderly end, -EAGAIN, or -errno for good with fail. -ECONNRESET: cut off.
ssize_t tls_read(struct tls *tls, void *buf, size_t size, struct fail *fail);

// The bytes taken, -EAGAIN, -EPIPE when the other end is gone, or -errno for good with fail.
// => After -EAGAIN the next call begins with the same bytes.
ssize_t tls_write(struct tls *tls, const void *bytes, size_t len, struct fail *fail);

// Tells the other end that no more will come: 0, -EAGAIN, or -errno.
int tls_finish(struct tls *tls);

bool tls_wants_write(const struct tls *tls); // The last -EAGAIN waits for room in the socket.
bool tls_has_more(const struct tls *tls);    // tls_read() has something that no event announces.

// Who is at the other end, once it has shown it; name "" before.
const struct cert_facts *tls_peer(const struct tls *tls);
uint64_t tls_bytes_in(const struct tls *tls); // From the socket.
