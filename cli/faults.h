// SPDX-License-Identifier: BSD-3-Clause
//
// faults: all that is wrong with a topology, as far as a person wants to read it at once. One thread.

#pragma once

#include "base/fail.h"

#include <stddef.h>

struct invocation;
struct yaml_place;

enum { FAULTS_MOST = 20 };

struct faults {
	struct fail items[FAULTS_MOST];
	size_t count;
	size_t beyond; // That there was no room for.
};

// Takes a copy; returns the fail's code.
int faults_add(struct faults *faults, const struct fail *fail);
// "FILE:LINE:COLUMN: " and the sentence, with a hint (NULL: none). Returns -EINVAL.
int faults_refuse(struct faults *faults, const struct yaml_place *place, const char *hint,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
// Into the order of the file.
void faults_sort(struct faults *faults);
// Prints each as output_fail() does, and how many more there are.
void faults_print(const struct invocation *call, const struct faults *faults);
