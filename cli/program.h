// SPDX-License-Identifier: BSD-3-Clause
//
// program: finds what belongs to this program on disk, built or installed. Any thread.

#pragma once

#include <stddef.h>

// The path of another program: beside this one, else wherever PATH has it. -ENOENT.
int program_find(const char *name, char *buf, size_t size);

// This program's own path. -errno.
int program_self(char *buf, size_t size);

// A script of the demos ("demo/run"): in the source tree of a build, else in the installed place. -ENOENT.
int program_find_demo(const char *name, char *buf, size_t size);
