// SPDX-License-Identifier: BSD-3-Clause
//
// dns_name: reading, writing and comparing names.
//
// A pointer may only lead to a place before the one it was met at, and every jump goes further back,
// so that reading ends whatever the message says. A name never gets longer than 255 bytes.

#include "datapath/dns_name.h"

#include "base/bytes.h"

#include <ctype.h>
#include <stdio.h>

enum { POINTER = 0xc0, HEADER = 12 };

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

// Appends a label or, when it is empty, the end. False: too long.
static bool append_label(struct dns_name *name, const uint8_t *label, size_t len)
{
	if (len > DNS_LABEL_MAX || name->len + 1 + len > DNS_NAME_MAX)
		return false;
	name->wire[name->len++] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		name->wire[name->len++] = lower(label[i]);
	return true;
}

bool dns_name_read(const uint8_t *message, size_t len, size_t *at, struct dns_name *ret)
{
	struct dns_name name = {0};
	size_t here = *at, behind = 0, barrier = *at;

	for (;;) {
		if (here >= len)
			return false;
		uint8_t first = message[here];

		if (first >= POINTER) {
			if (here + 2 > len)
				return false;
			size_t target = load_be16(message + here) & 0x3fffu;

			// The header holds no names.
			if (target >= barrier || target < HEADER)
				return false;
			behind = behind ? behind : here + 2;
			here = barrier = target;
			continue;
		}
		if (first > DNS_LABEL_MAX || here + 1 + first > len ||
		    !append_label(&name, message + here + 1, first))
			return false;
		here += 1u + first;
		if (first == 0)
			break;
	}
	*at = behind ? behind : here;
	*ret = name;
	return true;
}

bool dns_name_skip(const uint8_t *message, size_t len, size_t *at)
{
	for (size_t here = *at; here < len;) {
		uint8_t first = message[here];

		if (first >= POINTER || first == 0) {
			here += first ? 2 : 1;
			*at = here;
			return here <= len;
		}
		if (first > DNS_LABEL_MAX)
			return false;
		here += 1u + first;
	}
	return false;
}

bool dns_name_parse(const char *text, struct dns_name *ret)
{
	struct dns_name name = {0};

	while (*text) {
		size_t len = strcspn(text, ".");

		if (len == 0 || !append_label(&name, (const uint8_t *)text, len))
			return false;
		text += len;
		if (*text == '.')
			text++;
	}
	if (!append_label(&name, NULL, 0))
		return false;
	*ret = name;
	return true;
}

const char *dns_name_format(const struct dns_name *name, char buf[static DNS_NAME_TEXT])
{
	char *out = buf;

	for (size_t at = 0; name->wire[at]; at += 1u + name->wire[at]) {
		if (at)
			*out++ = '.';
		for (size_t i = 1; i <= name->wire[at]; i++) {
			uint8_t c = name->wire[at + i];

			if (isalnum(c) || c == '-' || c == '_')
				*out++ = (char)c;
			else
				out += sprintf(out, "\\%03u", c);
		}
	}
	*out = 0;
	return buf;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}

// Where the suffix of that length begins, if a label begins there.
static bool find_suffix(const struct dns_name *name, size_t len, size_t *ret)
{
	size_t at = 0;

	while (name->len - at > len)
		at += 1u + name->wire[at];
	*ret = at;
	return name->len - at == len;
}

bool dns_name_is_under(const struct dns_name *name, const struct dns_name *zone)
{
	size_t at;

	return name->len >= zone->len && find_suffix(name, zone->len, &at) &&
	       memcmp(name->wire + at, zone->wire, zone->len) == 0;
}

unsigned dns_name_labels(const struct dns_name *name)
{
	unsigned count = 0;

	for (size_t at = 0; name->wire[at]; at += 1u + name->wire[at])
		count++;
	return count;
}

struct dns_name dns_name_parent(const struct dns_name *name)
{
	struct dns_name parent = {.len = (uint8_t)(name->len - 1 - name->wire[0])};

	memcpy(parent.wire, name->wire + 1 + name->wire[0], parent.len);
	return parent;
}

bool dns_name_join(const struct dns_name *host, const struct dns_name *zone, struct dns_name *ret)
{
	struct dns_name name = *host;

	if (host->len - 1 + zone->len > DNS_NAME_MAX)
		return false;
	memcpy(name.wire + host->len - 1, zone->wire, zone->len);
	name.len = (uint8_t)(host->len - 1 + zone->len);
	*ret = name;
	return true;
}

bool dns_name_host(const struct dns_name *name, const struct dns_name *zone,
                   char ret[static DNS_LABEL_MAX + 1])
{
	size_t label = name->wire[0];

	if (label == 0 || name->len != 1 + label + zone->len || !dns_name_is_under(name, zone) ||
	    memchr(name->wire + 1, 0, label))
		return false;
	memcpy(ret, name->wire + 1, label);
	ret[label] = 0;
	return true;
}

static const struct dns_name reverse4 = {14, "\7in-addr\4arpa"};
static const struct dns_name reverse6 = {10, "\3ip6\4arpa"};

// A decimal number below 256 as people write it: no sign, no leading zero.
static bool read_octet(const uint8_t *label, uint8_t *ret)
{
	unsigned value = 0;

	if (label[0] == 0 || label[0] > 3 || (label[0] > 1 && label[1] == '0'))
		return false;
	for (unsigned i = 1; i <= label[0]; i++) {
		if (!isdigit(label[i]))
			return false;
		value = value * 10 + label[i] - '0';
	}
	*ret = (uint8_t)value;
	return value <= 255;
}

static bool read_nibble(const uint8_t *label, uint8_t *ret)
{
	if (label[0] != 1 || !isxdigit(label[1]))
		return false;
	*ret = (uint8_t)(isdigit(label[1]) ? label[1] - '0' : label[1] - 'a' + 10);
	return true;
}

bool dns_name_to_prefix(const struct dns_name *name, struct ip_prefix *ret)
{
	bool four = dns_name_is_under(name, &reverse4);
	unsigned count = dns_name_labels(name) - 2; // digits in front of the two of the suffix
	uint8_t bytes[16] = {0};
	size_t at = 0;

	if ((!four && !dns_name_is_under(name, &reverse6)) || count > (four ? 4 : 32))
		return false;
	// The last digit of the address comes first.
	for (unsigned i = count; i-- > 0; at += 1u + name->wire[at]) {
		const uint8_t *label = name->wire + at;
		uint8_t digit;

		if (four ? !read_octet(label, &digit) : !read_nibble(label, &digit))
			return false;
		if (four)
			bytes[i] = digit;
		else
			bytes[i / 2] |= (uint8_t)(digit << (i % 2 ? 0 : 4));
	}
	if (four) {
		uint32_t address;

		memcpy(&address, bytes, sizeof(address));
		*ret = (struct ip_prefix){ip_from4(address), (uint8_t)(count * 8)};
	} else {
		*ret = (struct ip_prefix){ip_from6(bytes), (uint8_t)(count * 4)};
	}
	return true;
}

struct dns_name dns_name_from_prefix(const struct ip_prefix *prefix)
{
	bool four = ip_is4(prefix->addr);
	const uint8_t *bytes = prefix->addr.b + (four ? 12 : 0);
	const struct dns_name *suffix = four ? &reverse4 : &reverse6;
	unsigned count = four ? (prefix->len + 7u) / 8 : (prefix->len + 3u) / 4;
	struct dns_name name = {0};
	char text[4];

	for (unsigned i = count; i-- > 0;) {
		unsigned digit = four ? bytes[i] : bytes[i / 2] >> (i % 2 ? 0 : 4) & 0xf;
		int len = snprintf(text, sizeof(text), four ? "%u" : "%x", digit & 0xff);

		append_label(&name, (const uint8_t *)text, (size_t)len);
	}
	memcpy(name.wire + name.len, suffix->wire, suffix->len);
	name.len = (uint8_t)(name.len + suffix->len);
	return name;
}
