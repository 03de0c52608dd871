// SPDX-License-Identifier: BSD-3-Clause
//
// main: weft-controller.

#include "base/log.h"
#include "controller/daemon.h"
#include "controller/options.h"

#include <stdio.h>

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

static void say(const struct fail *fail)
{
	fprintf(stderr, "weft-controller: %s\n", fail->what);
	if (fail->hint[0])
		fprintf(stderr, "  %s\n", fail->hint);
}

int main(int argc, char **argv)
{
	struct options options;
	struct daemon *daemon;
	struct fail fail = {0};
	int err = options_parse(argc, argv, &options, &fail);

	if (err > 0)
		return 0;
	if (err < 0) {
		say(&fail);
		return EXIT_USAGE;
	}
	if (log_open("weft-controller", options.log_level, options.log_file) < 0)
		fprintf(stderr, "weft-controller: cannot write %s\n", options.log_file);
	if (daemon_open(&options, &daemon, &fail) < 0) {
		say(&fail);
		return EXIT_RUNTIME;
	}
	daemon_run(daemon);
	daemon_close(daemon);
	return 0;
}
