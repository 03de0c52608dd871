// SPDX-License-Identifier: BSD-3-Clause
//
// access_priv: what the files of access share.

#pragma once

#include "controller/access.h"

#include "base/cert.h"
#include "base/credential.h"
#include "controller/store.h"

struct authority;
struct gate;

struct access {
	struct access_env env;
	struct authority *authority;
	struct gate *gate, *plain_gate; // NULL: not open.
	struct event *watch;            // Looks for certificates that end soon.
	char address[CREDENTIAL_ADDRESS];
	bool anywhere; // The gate listens at all addresses, so that its own names none.
};
