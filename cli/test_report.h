// SPDX-License-Identifier: BSD-3-Clause
//
// test_report: what came of the tests, for people, for TAP readers and as JUnit. One thread.

#pragma once

#include "cli/test_run.h"

#include <stdio.h>

struct test_count {
	size_t passed, failed;
};

struct test_count test_report_count(const struct test_set *set);

// A line a case; matrices as grids, of which only what failed has lines. Last line: "N passed, N failed".
void test_report_table(FILE *file, const struct test_run *run);
// TAP version 13.
void test_report_tap(FILE *file, const struct test_run *run);
// JSON: an array of objects.
void test_report_json(FILE *file, const struct test_run *run);
// As JUnit's readers take it. 0 or -errno.
int test_report_junit(FILE *file, const struct test_run *run);
