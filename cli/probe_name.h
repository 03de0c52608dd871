// SPDX-License-Identifier: BSD-3-Clause
//
// probe_name: asks for the addresses of a name as programs in the guest do. Runs there, in a process of its own.

#pragma once

#include "base/addr.h"

enum { PROBE_NAME_ADDRESSES = 32 };

struct probe_name_question {
	char name[256];
};

struct probe_name_answer {
	int error; // of getaddrinfo(), 0: none
	unsigned count;
	struct ip_addr addresses[PROBE_NAME_ADDRESSES];
};

// A job's run. => With the guest's files as well.
void probe_name(const void *question, void *answer);
