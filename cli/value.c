// SPDX-License-Identifier: BSD-3-Clause
//
// value: strict readers: the whole text is the value, or it is refused.

#include "cli/value.h"

#include "base/fail.h"
#include "base/suggest.h"
#include "cli/command.h"
#include "cli/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS_MAX = 4096 };

// Reads digits up to *end; at least one.
static int read_digits(const char *text, const char **end, uint64_t *ret)
{
	uint64_t number = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return -ERANGE;
	if (at == text)
		return -EINVAL;
	*end = at;
	*ret = number;
	return 0;
}

int value_number(const char *text, uint64_t *ret)
{
	uint64_t number;
	const char *end;
	int error = read_digits(text, &end, &number);

	if (error < 0)
		return error;
	if (*end)
		return -EINVAL;
	*ret = number;
	return 0;
}

static uint64_t unit_seconds(const char *unit)
{
	if (!*unit || strcmp(unit, "s") == 0)
		return 1;
	if (strcmp(unit, "m") == 0)
		return 60;
	if (strcmp(unit, "h") == 0)
		return 3600;
	if (strcmp(unit, "d") == 0)
		return 86400;
	return 0;
}

int value_seconds(const char *text, uint64_t *ret)
{
	uint64_t number;
	const char *unit;
	int error = read_digits(text, &unit, &number);

	if (error < 0)
		return error;
	if (!unit_seconds(unit))
		return -EINVAL;
	if (__builtin_mul_overflow(number, unit_seconds(unit), &number) || number > UINT32_MAX)
		return -ERANGE;
	*ret = number;
	return 0;
}

int value_time(const char *text, uint64_t *ret)
{
	static const struct schema_key key = {
		.name = "time", .kind = SCHEMA_TIME, .most = UINT32_MAX};
	struct fail fail = {0};
	struct scalar scalar;
	int error = scalar_read(&key, text, &scalar, &fail);

	if (error == 0)
		*ret = scalar.number;
	return error;
}

int value_numbers(const char *text, uint32_t *ret, unsigned max)
{
	unsigned count = 0;

	for (const char *at = text;; at++) {
		uint64_t number;
		int error = read_digits(at, &at, &number);

		if (error < 0)
			return error;
		if (number > UINT32_MAX)
			return -ERANGE;
		if (count == max)
			return -E2BIG;
		ret[count++] = (uint32_t)number;
		if (!*at)
			return (int)count;
		if (*at != ',')
			return -EINVAL;
	}
}

static int check_choice(const struct flag *flag, const char *text, struct fail *fail)
{
	char words[256], *rest = words;
	struct suggest suggest;

	snprintf(words, sizeof(words), "%s", flag->choices);
	suggest_init(&suggest, text);
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		if (strcmp(word, text) == 0)
			return 0;
		suggest_consider(&suggest, word);
	}
	fail_set(fail, -EINVAL, "--%s '%s' is none of: %s", flag->name, text, flag->choices);
	if (suggest.best)
		fail_hint(fail, "did you mean --%s %s?", flag->name, suggest.best);
	return -EINVAL;
}

int value_check(const struct flag *flag, const char *text, struct fail *fail)
{
	uint32_t numbers[NUMBERS_MAX];
	uint64_t number;

	switch (flag->kind) {
	case VALUE_NUMBER:
		if (value_number(text, &number) == 0 && number <= UINT32_MAX)
			return 0;
		return fail_set(fail, -EINVAL, "--%s '%s' is not a number", flag->name, text);
	case VALUE_SECONDS:
		if (value_seconds(text, &number) == 0)
			return 0;
		fail_set(fail, -EINVAL, "--%s '%s' is not a time", flag->name, text);
		fail_hint(fail, "a number with its unit, as 90s, 5m, 1h or 2d");
		return -EINVAL;
	case VALUE_TIME:
		if (value_time(text, &number) == 0)
			return 0;
		fail_set(fail, -EINVAL, "--%s '%s' is not a time", flag->name, text);
		fail_hint(fail, "a number with its unit, as 300ms or 5s");
		return -EINVAL;
	case VALUE_NUMBERS:
		if (value_numbers(text, numbers, NUMBERS_MAX) >= 0)
			return 0;
		fail_set(fail, -EINVAL, "--%s '%s' is not a list of numbers", flag->name, text);
		fail_hint(fail, "numbers between commas, as 10,20,30");
		return -EINVAL;
	case VALUE_CHOICE:
		return check_choice(flag, text, fail);
	case VALUE_SWITCH:
	case VALUE_TEXT:
	case VALUE_NAME:
	case VALUE_FILE:
		break;
	}
	return 0;
}
