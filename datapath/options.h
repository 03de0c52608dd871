// SPDX-License-Identifier: BSD-3-Clause
//
// options: the command line of weft-datapath. Main thread only.

#pragma once

#include "base/log.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct options {
	char socket[PATH_MAX]; // of the controller; empty: by TCP
	const char *address;   // of the controller, "ADDRESS:PORT"; NULL: as the bundle says
	const char *bundle;    // NULL: none
	unsigned workers;
	uint32_t connections; // powers of two
	uint32_t macs;
	uint32_t neighbours;
	uint32_t leases;
	uint32_t flows; // of each worker's cache
	uint32_t miss_per_second;
	uint32_t spin_us;
	bool sandbox;
	bool sandbox_kill;
	enum log_level log_level;
	const char *log_file; // NULL: standard error
};

// Ends the process on --help, --version and on what cannot be understood.
void options_parse(int argc, char **argv, struct options *ret);
