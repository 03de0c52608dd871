// SPDX-License-Identifier: BSD-3-Clause
//
// tunnel_option: three fields between colons, the last of them pairs of hexadecimal digits.

#include "controller/tunnel_option.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CLASS_MOST = 0xffff,
	TYPE_MOST = 0xff,
	HEADER = 4,
	NAME = 3, // class and type
	WORD = 4, // data comes in words of so many bytes
	DATA_MOST = 124,
	TEXT = sizeof("0xffff:0xff:") + 2 * DATA_MOST,
};

static const char field[] = "options";
static const char hexadecimal[] = "0123456789abcdefABCDEF";

struct option {
	unsigned option_class, type, len;
	uint8_t data[DATA_MOST];
};

static int misread(const char *key, const char *text, struct refusal *refusal)
{
	refuse(refusal, -EINVAL, key, field, "%s: '%s' is no option of Geneve", key, text);
	fail_hint(&refusal->fail,
	          "write CLASS:TYPE:DATA, the data in hexadecimal: 0x0102:0x80:aabbccdd");
	return -EINVAL;
}

// Reads a number up to a colon, and goes behind that.
static bool read_number(const char **at, unsigned long *ret)
{
	bool is_hex = (*at)[0] == '0' && ((*at)[1] == 'x' || (*at)[1] == 'X');
	const char *digits = *at + (is_hex ? 2 : 0);
	size_t count = strspn(digits, is_hex ? hexadecimal : "0123456789");

	if (!count || digits[count] != ':')
		return false;
	*ret = strtoul(digits, NULL, is_hex ? 16 : 10);
	*at = digits + count + 1;
	return true;
}

static unsigned digit_of(char c)
{
	if (isdigit((unsigned char)c))
		return (unsigned)(c - '0');
	return (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

static int read_data(const char *key, const char *text, const char *hex, struct option *ret,
                     struct refusal *refusal)
{
	size_t digits = strlen(hex);

	if (digits % 2 || strspn(hex, hexadecimal) != digits)
		return misread(key, text, refusal);
	if (digits / 2 > DATA_MOST)
		return refuse(refusal, -E2BIG, key, field,
		              "%s: an option with %zu bytes of data; %d are the most", key,
		              digits / 2, DATA_MOST);
	if (digits / 2 % WORD)
		return refuse(refusal, -EINVAL, key, field,
		              "%s: %zu bytes of data in '%s'; options have multiples of %d", key,
		              digits / 2, text, WORD);
	ret->len = (unsigned)digits / 2;
	for (unsigned i = 0; i < ret->len; i++)
		ret->data[i] = (uint8_t)(digit_of(hex[2 * i]) << 4 | digit_of(hex[2 * i + 1]));
	return 0;
}

static int parse(const char *key, const char *text, struct option *ret, struct refusal *refusal)
{
	unsigned long option_class, type;
	const char *at = text;

	if (!read_number(&at, &option_class) || !read_number(&at, &type))
		return misread(key, text, refusal);
	if (option_class > CLASS_MOST)
		return refuse(refusal, -ERANGE, key, field,
		              "%s: the class in '%s' is not one of 0 to 0x%x", key, text,
		              CLASS_MOST);
	if (type > TYPE_MOST)
		return refuse(refusal, -ERANGE, key, field,
		              "%s: the type in '%s' is not one of 0 to 0x%x", key, text, TYPE_MOST);
	ret->option_class = (unsigned)option_class;
	ret->type = (unsigned)type;
	return read_data(key, text, at, ret, refusal);
}

int tunnel_option_canon(const char *key, char **text, struct refusal *refusal)
{
	struct option option;
	char canon[TEXT], *copy;
	int err = parse(key, *text, &option, refusal), len;

	if (err < 0)
		return err;
	len = snprintf(canon, sizeof(canon), "0x%04x:0x%02x:", option.option_class, option.type);
	for (unsigned i = 0; i < option.len; i++, len += 2)
		snprintf(canon + len, sizeof(canon) - (size_t)len, "%02x", option.data[i]);
	copy = strdup(canon);
	if (!copy)
		return refuse(refusal, -ENOMEM, key, field, "%s: out of memory", key);
	free(*text);
	*text = copy;
	return 0;
}

static bool has_option(const uint8_t *options, size_t len, const uint8_t *option)
{
	for (size_t at = 0; at < len; at += HEADER + options[at + NAME] * (size_t)WORD)
		if (memcmp(options + at, option, NAME) == 0)
			return true;
	return false;
}

int tunnel_options_pack(const char *key, char *const *texts, size_t count,
                        uint8_t ret[static TUNNEL_OPTIONS_MAX], size_t *len,
                        struct refusal *refusal)
{
	*len = 0;
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = ret + *len;
		struct option option;
		int err = parse(key, texts[i], &option, refusal);

		if (err < 0)
			return err;
		if (*len + HEADER + option.len > TUNNEL_OPTIONS_MAX)
			return refuse(refusal, -E2BIG, key, field,
			              "%s: more than the %d bytes of options that a header has "
			              "room for, each counted with the %d of its own",
			              key, TUNNEL_OPTIONS_MAX, HEADER);
		at[0] = (uint8_t)(option.option_class >> 8);
		at[1] = (uint8_t)option.option_class;
		at[2] = (uint8_t)option.type;
		at[3] = (uint8_t)(option.len / WORD);
		memcpy(at + HEADER, option.data, option.len);
		if (has_option(ret, *len, at))
			return refuse(refusal, -EEXIST, key, field,
			              "%s: two options of class 0x%04x and type 0x%02x", key,
			              option.option_class, option.type);
		*len += HEADER + option.len;
	}
	return 0;
}
