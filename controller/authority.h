// SPDX-License-Identifier: BSD-3-Clause
//
// authority: signs the certificates of an instance: of its hosts, and of the controller itself.
//
// Its key stays in STATE_DIR/pki/authority.pem, for the controller's user alone, and is read, or made, when
// it is first needed: a damaged one troubles nobody who has no hosts on other machines. The key of a host
// is handed out once and not kept. Main thread.

#pragma once

#include "base/fail.h"

#include <stdint.h>

struct authority;
struct credential;
struct tls_end;

// The label makes its name.
int authority_open(const char *state_dir, const char *label, struct authority **ret,
                   struct fail *fail);
void authority_close(struct authority *authority); // NULL is fine.

// A certificate for the host from now on. -EBADMSG or -EACCES when the authority's file is no good.
// => credential_fini().
int authority_enrol(struct authority *authority, const char *host, int64_t valid_seconds,
                    struct credential *ret, struct fail *fail);

// The controller's end of connections, with a certificate that is valid now; borrowed, and until the
// next call only. NULL with the reason.
struct tls_end *authority_end(struct authority *authority, struct fail *fail);
