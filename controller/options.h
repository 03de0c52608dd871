// SPDX-License-Identifier: BSD-3-Clause
//
// options: what the command line of weft-controller says.

#pragma once

#include "base/fail.h"
#include "base/log.h"

#include <limits.h>
#include <stdbool.h>

struct options {
	char run_dir[PATH_MAX];
	char state_dir[PATH_MAX];
	char datapath[PATH_MAX]; // Program to start; empty: somebody else starts it.
	const char *log_file;    // NULL: standard error.
	enum log_level log_level;
	bool fresh;
	// Where hosts of other machines come in: "ADDRESS:PORT", and without TLS "HOST@ADDRESS:PORT". "none":
	// nowhere; NULL: as at an earlier start.
	const char *listen;
	const char *listen_plain;
};

// 0: go on; 1: said what was asked for (help, version); -EINVAL with the reason in fail.
int options_parse(int argc, char **argv, struct options *ret, struct fail *fail);
