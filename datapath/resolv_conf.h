// SPDX-License-Identifier: BSD-3-Clause
//
// resolv_conf: the resolvers of the host, from resolv.conf(5).
//
// Main thread only.

#pragma once

#include <netinet/in.h>
#include <sys/stat.h>

enum { RESOLV_CONF_SERVERS = 8, RESOLVER_PORT = 53 };

union resolver {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct resolv_conf {
	const char *path; // borrowed
	struct timespec changed;
	ino_t inode;
	unsigned count;
	union resolver servers[RESOLV_CONF_SERVERS];
};

// Reads the file again if it is another one than last time. Without a file there are no servers.
void resolv_conf_refresh(struct resolv_conf *conf);
// "192.0.2.1", "192.0.2.1#5353", "fe80::1%eth0". 0 or -EINVAL.
int resolver_parse(const char *text, union resolver *ret);
socklen_t resolver_len(const union resolver *resolver);
