// SPDX-License-Identifier: BSD-3-Clause
//
// probe_tls: TLS as any client of a web server speaks it, over a nonblocking socket, each step until a deadline by
// clock_now(). Within the process of a probe.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct probe_tls;

struct probe_tls_peer {
	const char *host; // whose certificate it must be: a name, or an address
	const char *ca;   // file of authorities (PEM); NULL or "": those that the system trusts
	bool insecure;    // any certificate will do
	uint64_t ends_ns;
};

// The handshake, TLS 1.2 or later (RFC 8446; names by RFC 6125). NULL: `trouble` is a sentence. The socket stays the
// caller's.
struct probe_tls *probe_tls_open(int fd, const struct probe_tls_peer *peer, char *trouble,
                                 size_t size);
void probe_tls_free(struct probe_tls *tls); // NULL is fine.

// All of it, or -errno.
int probe_tls_send(struct probe_tls *tls, const void *bytes, size_t len, uint64_t ends_ns);
// 0: the end, or nothing came in time.
size_t probe_tls_receive(struct probe_tls *tls, void *buf, size_t size, uint64_t ends_ns);
