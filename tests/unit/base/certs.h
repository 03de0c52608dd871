// SPDX-License-Identifier: BSD-3-Clause
//
// certs: authorities and credentials for the tests of what is built on TLS.

#pragma once

#include "base/cert.h"
#include "base/clock.h"
#include "base/credential.h"
#include "base/fail.h"
#include "tests/unit/unit.h"

#include <openssl/x509.h>

enum { CERTS_HOUR = 3600 };

static inline int64_t certs_now(void)
{
	return (int64_t)(clock_wall() / NSEC_PER_SEC);
}

static inline struct cert_pair certs_authority(const char *name)
{
	struct cert_pair pair;
	struct fail fail = {0};

	assert_int_equal(cert_make_authority(name, certs_now() - CERTS_HOUR,
	                                     certs_now() + CERTS_HOUR, &pair, &fail),
	                 0);
	return pair;
}

// Valid from and until so many seconds from now.
static inline struct credential certs_issue(const struct cert_pair *authority, enum cert_role role,
                                            const char *name, int64_t from, int64_t until)
{
	struct cert_wish wish = {.role = role,
	                         .name = name,
	                         .not_before = certs_now() + from,
	                         .not_after = certs_now() + until};
	struct credential made = {0};
	struct fail fail = {0};

	assert_int_equal(cert_issue(authority, &wish, &made.own, &fail), 0);
	assert_int_equal(X509_up_ref(authority->certificate), 1);
	made.authority = authority->certificate;
	assert_int_equal(cert_read(made.own.certificate, &made.facts), 0);
	return made;
}

static inline struct credential certs_host(const struct cert_pair *authority, const char *name)
{
	return certs_issue(authority, CERT_HOST, name, -CERTS_HOUR, CERTS_HOUR);
}

static inline struct credential certs_controller(const struct cert_pair *authority)
{
	return certs_issue(authority, CERT_CONTROLLER, NULL, -CERTS_HOUR, CERTS_HOUR);
}
