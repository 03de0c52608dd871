// SPDX-License-Identifier: BSD-3-Clause
//
// scalar: texts of a topology file, read by the kind of their key.
//
// Numbers with a unit must have it: "delay: 5" could be anything. Fractions are decimal and exact down to
// the unit in which the value is kept; what would be lost is refused.

#include "cli/schema.h"

#include "base/addr.h"
#include "base/fail.h"
#include "base/suggest.h"
#include "cli/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *word;
	uint64_t size;
};

static const struct unit times[] = {
	{"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000}, {NULL, 0},
};

static const struct unit shares[] = {{"%", 10000}, {NULL, 0}};

static const struct unit rates[] = {
	{"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}, {NULL, 0},
};

static const struct {
	const char *pattern, *words;
	const struct unit *units;
} kinds[] = {
	[SCHEMA_TEXT] = {NULL, "a text", NULL},
	[SCHEMA_NAME] = {"^/?[A-Za-z0-9][A-Za-z0-9._-]*$",
                         "a name of letters, digits, '.', '_' or '-'", NULL},
	[SCHEMA_NUMBER] = {"^[0-9]+$", "a whole number", NULL},
	[SCHEMA_FLAG] = {"^(true|false|yes|no|on|off)$", "true or false", NULL},
	[SCHEMA_CHOICE] = {NULL, "one of some words", NULL},
	[SCHEMA_SECONDS] = {"^[0-9]+(s|m|h|d)$", "a time, as 90s, 5m, 1h or 2d", NULL},
	[SCHEMA_TIME] = {"^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h)|0)$",
                         "a time with its unit, as 200us, 5ms or 1.5s", times},
	[SCHEMA_SHARE] = {"^[0-9]+(\\.[0-9]+)?%$", "a share with its sign, as 1% or 0.05%", shares},
	[SCHEMA_RATE] = {"^[0-9]+(\\.[0-9]+)?[kmg]?bit$",
                         "a rate with its unit, as 64kbit, 10mbit or 1.5gbit", rates},
	[SCHEMA_MAC] = {"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$",
                        "a MAC address, as 02:00:00:00:00:01", NULL},
	[SCHEMA_IP] = {"^[0-9A-Fa-f.:]+$", "an IP address", NULL},
	[SCHEMA_PREFIX] = {"^[0-9A-Fa-f.:]+(/[0-9]+)?$", "a prefix, as 10.0.0.0/8 or 2001:db8::/32",
                           NULL},
	[SCHEMA_OBJECT] = {NULL, "keys with values", NULL},
};

const char *scalar_pattern(enum schema_kind kind)
{
	return kinds[kind].pattern;
}

const char *scalar_words(enum schema_kind kind)
{
	return kinds[kind].words;
}

// Digits, perhaps a point and digits, and one of the units.
static int read_with_unit(const struct unit *units, const char *text, uint64_t *ret)
{
	uint64_t whole = 0, part = 0, scale = 1, value;
	const char *at = text;

	if (!isdigit((unsigned char)*at))
		return -EINVAL;
	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole))
			return -ERANGE;
	if (*at == '.' && isdigit((unsigned char)at[1]))
		for (at++; isdigit((unsigned char)*at); at++) {
			if (scale >= 1000000000000)
				return -ERANGE;
			part = part * 10 + (uint64_t)(*at - '0');
			scale *= 10;
		}
	// Nothing is nothing in every unit.
	if (!*at && whole == 0 && part == 0 && units == times) {
		*ret = 0;
		return 0;
	}
	while (units->word && strcasecmp(units->word, at) != 0)
		units++;
	if (!units->word)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, units->size, &value) ||
	    __builtin_mul_overflow(part, units->size, &part) || part % scale != 0 ||
	    __builtin_add_overflow(value, part / scale, &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

static bool is_word_of(const char *words, const char *text)
{
	size_t len = strlen(text);

	for (const char *at = words; at && *at; at += strcspn(at, " "), at += *at == ' ')
		if (strcspn(at, " ") == len && strncmp(at, text, len) == 0)
			return true;
	return false;
}

static int refuse_choice(const struct schema_key *key, const char *text, struct fail *fail)
{
	char words[256], *rest = words;
	struct suggest suggest;

	snprintf(words, sizeof(words), "%s", key->choices);
	suggest_init(&suggest, text);
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " "))
		suggest_consider(&suggest, word);
	fail_set(fail, -EINVAL, "%s: '%.60s' is none of: %s", key->name, text, key->choices);
	if (suggest.best)
		fail_hint(fail, "did you mean '%s'?", suggest.best);
	return -EINVAL;
}

static int read_flag(const char *text, uint64_t *ret)
{
	static const char *const truths[] = {"true", "yes", "on"}, *const lies[] = {"false", "no",
	                                                                            "off"};

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, truths[i]) == 0 || strcmp(text, lies[i]) == 0) {
			*ret = strcmp(text, truths[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_name(const char *text)
{
	const char *at = text + (*text == '/');

	if (!isalnum((unsigned char)*at))
		return -EINVAL;
	for (; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("._-", *at))
			return -EINVAL;
	return strlen(text) <= 63 ? 0 : -ENAMETOOLONG;
}

static int read_kind(const struct schema_key *key, const char *text, struct scalar *ret)
{
	struct ip_prefix prefix;
	struct ip_addr ip;
	struct mac mac;

	switch (key->kind) {
	case SCHEMA_NAME:
		return read_name(text);
	case SCHEMA_NUMBER:
		ret->is_number = true;
		return value_number(text, &ret->number);
	case SCHEMA_FLAG:
		ret->is_number = true;
		return read_flag(text, &ret->number);
	case SCHEMA_SECONDS:
		ret->is_number = true;
		// In a file a bare number could be minutes.
		if (text[0] && isdigit((unsigned char)text[strlen(text) - 1]))
			return -EINVAL;
		return value_seconds(text, &ret->number);
	case SCHEMA_TIME:
	case SCHEMA_SHARE:
	case SCHEMA_RATE:
		ret->is_number = true;
		return read_with_unit(kinds[key->kind].units, text, &ret->number);
	case SCHEMA_MAC:
		return mac_parse(text, &mac);
	case SCHEMA_IP:
		return ip_parse(text, &ip);
	case SCHEMA_PREFIX:
		return prefix_parse(text, &prefix);
	case SCHEMA_CHOICE:
	case SCHEMA_TEXT:
	case SCHEMA_OBJECT:
		break;
	}
	return 0;
}

static int check_range(const struct schema_key *key, const char *text, const struct scalar *scalar,
                       struct fail *fail)
{
	char least[32], most[32];

	if (!key->most || (scalar->number >= key->least && scalar->number <= key->most))
		return 0;
	scalar_format(key->kind, key->least, least, sizeof(least));
	scalar_format(key->kind, key->most, most, sizeof(most));
	return fail_set(fail, -ERANGE, "%s: %.60s is outside %s to %s", key->name, text, least,
	                most);
}

int scalar_read(const struct schema_key *key, const char *text, struct scalar *ret,
                struct fail *fail)
{
	struct scalar scalar = {.text = text};
	int err;

	if (is_word_of(key->choices, text)) {
		*ret = scalar;
		return 0;
	}
	if (key->kind == SCHEMA_CHOICE)
		return refuse_choice(key, text, fail);
	err = read_kind(key, text, &scalar);
	if (err < 0) {
		fail_set(fail, err,
		         err == -ERANGE ? "%s: '%.60s' is too large or too fine"
		                        : "%s: '%.60s' is not as it must be",
		         key->name, text);
		fail_hint(fail, "write %s%s%s", kinds[key->kind].words, key->choices ? ", or " : "",
		          key->choices ? key->choices : "");
		return err;
	}
	if (scalar.is_number && check_range(key, text, &scalar, fail) < 0)
		return fail->code;
	*ret = scalar;
	return 0;
}

void scalar_format(enum schema_kind kind, uint64_t number, char *buf, size_t size)
{
	const struct unit *units = kinds[kind].units, *best = units;

	if (kind == SCHEMA_FLAG) {
		snprintf(buf, size, "%s", number ? "true" : "false");
		return;
	}
	if (!units) {
		snprintf(buf, size, "%" PRIu64 "%s", number, kind == SCHEMA_SECONDS ? "s" : "");
		return;
	}
	if (kind == SCHEMA_SHARE) {
		int len = snprintf(buf, size, "%" PRIu64 ".%04" PRIu64, number / 10000,
		                   number % 10000);

		while (len > 0 && buf[len - 1] == '0')
			len--;
		snprintf(buf + len - (buf[len - 1] == '.'), 2, "%%");
		return;
	}
	// The largest unit that it is a whole number of; minutes and hours are said in seconds.
	for (const struct unit *unit = units; unit->word && unit->size <= 1000000000; unit++)
		if (number && number % unit->size == 0 && strcmp(unit->word, "m") != 0)
			best = unit;
	snprintf(buf, size, "%" PRIu64 "%s", number / best->size, best->word);
}
