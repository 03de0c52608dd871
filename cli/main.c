// SPDX-License-Identifier: BSD-3-Clause
//
// weft: the command. Parses, checks what the command needs, runs it.

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int needs_root(const struct invocation *call)
{
	struct fail fail = {0};

	fail_set(&fail, -EPERM, "weft %s needs root", call->command->verb);
	fail_hint(&fail, "sudo %s", call->line);
	output_fail(call, &fail);
	return EXIT_ERROR;
}

int main(int argc, char **argv)
{
	struct invocation call = {0};
	struct fail fail = {0};

	// libsmartcols measures text by the locale.
	setlocale(LC_CTYPE, "");
	// A pager that ends early is no crash of ours.
	signal(SIGPIPE, SIG_DFL);

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return cmd_version(&call);
	if (command_parse(argc, argv, &call, &fail) < 0) {
		output_fail(&call, &fail);
		return EXIT_USAGE;
	}
	if (!call.command || call.help) {
		int code = cmd_help(&call);

		return call.help ? code : EXIT_USAGE;
	}
	if (call.command->traits & COMMAND_ROOT && geteuid() != 0)
		return needs_root(&call);

	int code = call.command->run(&call);

	// A full disk or a closed pipe behind standard output is a failure too.
	if (fflush(stdout) != 0 && code == EXIT_OK) {
		perror("weft: standard output");
		code = EXIT_ERROR;
	}
	return code;
}
