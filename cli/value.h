// SPDX-License-Identifier: BSD-3-Clause
//
// value: reads what stands behind a flag: numbers, times with their unit, lists. One thread.

#pragma once

#include <stdint.h>

struct fail;
struct flag;

// Decimal without a sign. -EINVAL, -ERANGE.
int value_number(const char *text, uint64_t *ret);

// A number of seconds, or one with its unit: s, m, h, d. -EINVAL, -ERANGE.
int value_seconds(const char *text, uint64_t *ret);

// A number with its unit, us, ms, s, m or h: microseconds. -EINVAL, -ERANGE.
int value_time(const char *text, uint64_t *ret);

// "10,20,30". Returns how many, or -errno; -E2BIG when there are more than max.
int value_numbers(const char *text, uint32_t *ret, unsigned max);

// Whether the text is of the flag's kind; the fail names flag and text otherwise.
int value_check(const struct flag *flag, const char *text, struct fail *fail);
