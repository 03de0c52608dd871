// SPDX-License-Identifier: BSD-3-Clause
//
// tls_priv: one connection, shared by tls.c, which moves its bytes, and tls_words.c, which says what is wrong.

#pragma once

#include "base/fail.h"
#include "base/tls.h"

#include <openssl/ssl.h>

struct tls_end {
	unsigned users; // Whoever made it, and each connection.
	SSL_CTX *context;
	BIO_METHOD *socket;
	struct cert_facts own;
	char authority[CERT_ISSUER];
	enum cert_role peer;
};

struct tls {
	struct tls_end *end;
	SSL *ssl;
	int fd;     // Borrowed.
	int error;  // What the socket said last; 0: nothing.
	bool ended; // The socket is at its end.
	bool wants_write, more, done;
	struct fail broken; // The connection is over, and why.
	tls_judge_fn judge;
	void *user;
	struct cert_facts peer;
	struct fail refused; // Why the peer's certificate is not taken.
	uint64_t bytes_in;
};

// Notes in tls->refused why OpenSSL (X509_V_ERR_*) does not take the peer's certificate.
void tls_say_untrusted(struct tls *tls, int error);

// What stands in OpenSSL's queue of errors, or why we refused.
void tls_say_error(const struct tls *tls, struct fail *fail);
