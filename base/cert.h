// SPDX-License-Identifier: BSD-3-Clause
//
// cert: X.509 certificates by which the controller and the hosts of one instance know each other.
//
// An authority of the instance signs all of them. A certificate says who it is for in one URI of its
// subjectAltName (RFC 5280 4.2.1.6), "weft://controller" or "weft://host/NAME", and its extended
// key usage says the role once more: a host can never pass for the controller. Keys are ECDSA over P-256.
// Any thread.

#pragma once

#include <stdint.h>

struct fail;
struct X509_name_st;
struct evp_pkey_st;
struct x509_st;

enum cert_role { CERT_HOST, CERT_CONTROLLER };

enum {
	CERT_NAME = 64,    // Bytes of a name with its end; what a common name can hold.
	CERT_SERIAL = 44,  // Hexadecimal, with its end.
	CERT_ISSUER = 128, // The common name of who signed it.
	CERT_TIME = 32,
};

struct cert_facts {
	enum cert_role role;
	char name[CERT_NAME]; // Of the host; "controller" for the controller.
	char serial[CERT_SERIAL];
	char issuer[CERT_ISSUER];
	int64_t not_before, not_after; // Seconds since 1970.
};

// -EBADMSG when it does not say, in our way, who it is for; all but role and name are set even then.
int cert_read(struct x509_st *certificate, struct cert_facts *ret);

// The common name, in characters that can be printed; what a stranger wrote may hold any.
void cert_common_name(struct X509_name_st *name, char buf[static CERT_ISSUER]);

// "2026-11-21 18:00:00 UTC"; returns buf.
const char *cert_time(int64_t seconds, char buf[static CERT_TIME]);

// A certificate and its private key; both NULL, or both there.
struct cert_pair {
	struct x509_st *certificate;
	struct evp_pkey_st *key;
};

void cert_pair_fini(struct cert_pair *pair); // {0} is fine.

// A new authority. => cert_pair_fini().
int cert_make_authority(const char *name, int64_t not_before, int64_t not_after,
                        struct cert_pair *ret, struct fail *fail);

struct cert_wish {
	enum cert_role role;
	const char *name; // Of the host; not looked at for the controller.
	int64_t not_before, not_after;
};

// A new key, and a certificate for it that the authority has signed. => cert_pair_fini().
int cert_issue(const struct cert_pair *authority, const struct cert_wish *wish,
               struct cert_pair *ret, struct fail *fail);
