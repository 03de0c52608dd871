// SPDX-License-Identifier: BSD-3-Clause
//
// gate: where datapaths of other machines come in: a TCP address, TLS 1.3, and a certificate that says which
// host it is. Who is turned away is told once, not at each attempt. Main thread.

#pragma once

#include "base/fail.h"
#include "base/tcp.h"

#include <stdint.h>

struct authority;
struct cert_facts;
struct event_base;
struct gate;
struct tls;

struct gate_env {
	void *user;
	struct event_base *base;
	struct authority *authority; // Borrowed.
	// Whether the holder of a certificate of ours, valid by its dates, may come in. As tls_judge_fn.
	int (*judge)(void *user, const struct cert_facts *facts, struct fail *fail);
	// The host is at the other end; descriptor and tls change hands. tls NULL: plain.
	void (*arrived)(void *user, const char *host, int fd, struct tls *tls, const char *from);
	// Somebody was turned away; the host is the one that was claimed, "" when none was.
	void (*refused)(void *user, const char *host, const char *from, const char *text);
};

// plain NULL: TLS. Else whoever connects is that host, unasked: -EACCES unless the address is one of
// this machine alone. Port 0 of the address becomes the one that was chosen.
int gate_open(const struct gate_env *env, struct tcp_address *address, const char *plain,
              struct gate **ret, struct fail *fail);
void gate_close(struct gate *gate); // NULL is fine.

// Why the host was last turned away, if it has not come in since; or NULL. When: seconds since 1970.
const char *gate_refusal(const struct gate *gate, const char *host, int64_t *ret_when);
// The same of one that came from the address, did not say who it is and refused our certificate.
const char *gate_refusal_at(const struct gate *gate, const char *ip, int64_t *ret_when);
