// SPDX-License-Identifier: BSD-3-Clause
//
// dns_name: a domain name in the form of the wire, in lower case, so that equal names are equal bytes.
//
// Any thread.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_NAME_MAX = 255,
	DNS_LABEL_MAX = 63,
	DNS_NAME_TEXT = 1024, // worst case: every byte escaped
};

// Labels, each with its length in front, and the empty one at the end.
struct dns_name {
	uint8_t len;
	uint8_t wire[DNS_NAME_MAX];
};

// Reads the name at *at of a message and moves *at behind it; compression pointers are followed, each
// only backwards. False: no name there.
bool dns_name_read(const uint8_t *message, size_t len, size_t *at, struct dns_name *ret);
// Moves *at behind a name without looking where pointers lead.
bool dns_name_skip(const uint8_t *message, size_t len, size_t *at);
// "h2.lan.test", with or without the dot at the end; "" is the root. False: no name.
bool dns_name_parse(const char *text, struct dns_name *ret);
// Bytes other than letters, digits, '-' and '_' come out as \DDD.
const char *dns_name_format(const struct dns_name *name, char buf[static DNS_NAME_TEXT]);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
// Whether the name is the zone or below it.
bool dns_name_is_under(const struct dns_name *name, const struct dns_name *zone);
unsigned dns_name_labels(const struct dns_name *name);
// Drops the leading label. => The name is not the root.
struct dns_name dns_name_parent(const struct dns_name *name);
// The leading labels of a name, which are `host` when it stands directly under the zone.
bool dns_name_join(const struct dns_name *host, const struct dns_name *zone, struct dns_name *ret);
// The first label as text with a NUL, when it is all the name has above the zone.
bool dns_name_host(const struct dns_name *name, const struct dns_name *zone,
                   char ret[static DNS_LABEL_MAX + 1]);
// "5.0.77.10.in-addr.arpa" and its IPv6 twin, both ways. `len` of the prefix counts bits, and tells
// how much of the address the name holds.
bool dns_name_to_prefix(const struct dns_name *name, struct ip_prefix *ret);
struct dns_name dns_name_from_prefix(const struct ip_prefix *prefix);
