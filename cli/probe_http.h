// SPDX-License-Identifier: BSD-3-Clause
//
// probe_http: fetches a page. Runs in a guest, in a process of its own.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBE_HTTP_BODY = 64 << 10 };

struct probe_http_question {
	char host[256];    // a name, or an address, without brackets
	struct ip_addr ip; // none: the guest's resolver is asked for the host
	uint16_t port;
	char path[1024];
	bool tls;       // https
	bool insecure;  // whatever certificate comes
	const char *ca; // file of authorities, borrowed; NULL: those of the system
	uint32_t wait_ms;
};

struct probe_http_answer {
	char trouble[300]; // "": there is a status
	unsigned status;
	size_t len;
	char bytes[PROBE_HTTP_BODY + 1]; // header and body, ended by a zero; the rest was not read
};

// Takes "http://HOST[:PORT]/PATH" apart, or https. Or -EINVAL.
int probe_http_parse(const char *url, struct probe_http_question *ret);

// The status of an answer as it came; 0: it is none.
unsigned probe_http_status(const char *bytes);
// What stands behind the header, or NULL.
const char *probe_http_body(const char *bytes);

// A job's run. => With the guest's files as well.
void probe_http(const void *question, void *answer);
