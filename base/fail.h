// SPDX-License-Identifier: BSD-3-Clause
//
// fail: why something did not work, in a sentence for a person, carried outward to who asked.
//
// A caller that wants the sentence passes an empty struct fail; NULL means that the code is enough.
// The sentence names the object and the value ("port 'web0': the MTU 99 is below 576"); the hint
// says what to try next. Any thread, each with its own struct.

#pragma once

struct fail {
	int code; // Negative errno; 0 while nothing has failed.
	char what[512];
	char hint[256];
};

// Sets code and sentence, drops an earlier hint, and returns the code, so that a function can end
// in `return fail_set(fail, -EINVAL, "…")`. The code may be given with either sign.
int fail_set(struct fail *fail, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// As fail_set(), and appends ": " and the system's words for the code.
int fail_errno(struct fail *fail, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// Puts words and ": " before the sentence: where the failure happened, as it travels outward.
void fail_prefix(struct fail *fail, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void fail_hint(struct fail *fail, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

enum { FAIL_TEXT = 512 + 256 + 2 };

// Sentence and hint in one, for where there is one text only; returns buf.
const char *fail_text(const struct fail *fail, char buf[static FAIL_TEXT]);
