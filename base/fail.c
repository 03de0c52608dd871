// SPDX-License-Identifier: BSD-3-Clause
//
// fail: fills the sentence; text that does not fit is cut, and ends in dots to say so.

#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Writes over the last bytes of a cut text.
static void mark_cut(char *text, size_t size)
{
	memcpy(text + size - 4, "...", 4);
}

static void print(char *text, size_t size, const char *fmt, va_list args)
{
	int wanted = vsnprintf(text, size, fmt, args);

	if (wanted < 0)
		text[0] = '\0';
	else if ((size_t)wanted >= size)
		mark_cut(text, size);
}

static int set(struct fail *fail, int code, const char *fmt, va_list args)
{
	code = -abs(code);
	if (!fail)
		return code;

	fail->code = code;
	fail->hint[0] = '\0';
	print(fail->what, sizeof(fail->what), fmt, args);
	return code;
}

int fail_set(struct fail *fail, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	code = set(fail, code, fmt, args);
	va_end(args);
	return code;
}

int fail_errno(struct fail *fail, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	code = set(fail, code, fmt, args);
	va_end(args);
	if (!fail)
		return code;

	size_t used = strlen(fail->what);
	size_t left = sizeof(fail->what) - used;
	const char *words = strerrordesc_np(-code);
	int wanted = snprintf(fail->what + used, left, ": %s", words ? words : "unknown error");

	if (wanted > 0 && (size_t)wanted >= left)
		mark_cut(fail->what, sizeof(fail->what));
	return code;
}

void fail_prefix(struct fail *fail, const char *fmt, ...)
{
	char what[sizeof(((struct fail *)NULL)->what)];
	va_list args;

	if (!fail)
		return;
	memcpy(what, fail->what, sizeof(what));
	va_start(args, fmt);
	print(fail->what, sizeof(fail->what), fmt, args);
	va_end(args);

	size_t used = strlen(fail->what);
	size_t left = sizeof(fail->what) - used;
	int wanted = snprintf(fail->what + used, left, ": %s", what);

	if (wanted > 0 && (size_t)wanted >= left)
		mark_cut(fail->what, sizeof(fail->what));
}

void fail_hint(struct fail *fail, const char *fmt, ...)
{
	va_list args;

	if (!fail)
		return;
	va_start(args, fmt);
	print(fail->hint, sizeof(fail->hint), fmt, args);
	va_end(args);
}

const char *fail_text(const struct fail *fail, char buf[static FAIL_TEXT])
{
	snprintf(buf, FAIL_TEXT, "%s%s%s", fail->what, fail->hint[0] ? "; " : "", fail->hint);
	return buf;
}
