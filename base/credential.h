// SPDX-License-Identifier: BSD-3-Clause
//
// credential: what one end of a secure connection shows and whom it believes: its certificate with the
// private key, and the certificate of the authority. As a file it is a bundle: lines for people ("Host:",
// "Controller:"), then the three in PEM. Any thread.

#pragma once

#include "base/cert.h"

#include <stddef.h>

enum { CREDENTIAL_ADDRESS = 128 };

struct credential {
	struct cert_pair own;
	struct x509_st *authority;
	struct cert_facts facts;          // Of the own certificate.
	char address[CREDENTIAL_ADDRESS]; // "ADDRESS:PORT" of the controller; empty: none is named.
};

void credential_fini(struct credential *credential); // {0} is fine.

// -EBADMSG with what is missing, or what does not belong together. => credential_fini().
int credential_parse(const char *text, size_t len, struct credential *ret, struct fail *fail);

// From a file, which nobody but its owner may read: -EACCES otherwise.
int credential_load(const char *path, struct credential *ret, struct fail *fail);

// The text of a bundle, to be freed; NULL when memory is short.
char *credential_write(const struct credential *credential);
