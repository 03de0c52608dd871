// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_demo: hands over to a demo's script, which uses this very program.

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/program.h"

#include "base/fail.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

// The script that the flags ask for; NULL: they contradict each other.
static const char *script_of(const struct invocation *call)
{
	bool clean = invocation_has(call, "clean");

	if (invocation_has(call, "vm"))
		return clean ? NULL : "demo-vm/run";
	return clean ? "demo/clean" : "demo/run";
}

int cmd_demo(const struct invocation *call)
{
	const char *name = script_of(call);
	char script[PATH_MAX], self[PATH_MAX];
	struct fail fail = {0};
	int error;

	if (!name) {
		fail_set(&fail, -EINVAL, "the demo with virtual machines leaves nothing to remove");
		fail_hint(&fail, "weft demo --clean removes the other one");
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	error = program_find_demo(name, script, sizeof(script));
	if (error == 0)
		error = program_self(self, sizeof(self));
	if (error < 0) {
		fail_set(&fail, error,
		         "the demo's script is neither in the source tree nor installed");
		fail_hint(&fail, "make demo in the source tree, or install Weft whole");
		output_fail(call, &fail);
		return EXIT_ERROR;
	}
	setenv("WEFT", self, 1);
	setenv("WEFT_RUN_DIR", call->run_dir, 1);
	setenv("WEFT_STATE_DIR", call->state_dir, 1);
	execl(script, script, NULL);
	fail_errno(&fail, -errno, "%s", script);
	output_fail(call, &fail);
	return EXIT_ERROR;
}
