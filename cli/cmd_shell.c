// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_shell: runs a command inside a guest that is a network namespace.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/guest_place.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int find_guest(const struct invocation *call, struct guest_place *ret)
{
	struct ask_list list = {.what = "guest", .name = call->arguments[0]};
	struct fail fail = {0};
	Weft__Reply *reply;
	int code = ask_list(call, &list, &reply);

	if (code != EXIT_OK)
		return code;
	if (reply->n_records > 0) {
		guest_place_read(reply->records[0], ret);
	} else {
		fail_set(&fail, -ENOENT, "there is no guest '%s'", call->arguments[0]);
		fail_hint(&fail, "weft ns ls lists them");
		output_fail(call, &fail);
		code = EXIT_ERROR;
	}
	client_reply_free(reply);
	return code;
}

int cmd_shell(const struct invocation *call)
{
	const char *shell = getenv("SHELL");
	char *fallback[] = {(char *)(shell && *shell ? shell : "/bin/sh"), NULL};
	char **command = call->rest && *call->rest ? call->rest : fallback;
	struct fail fail = {0};
	struct guest_place place = {0};
	int code = find_guest(call, &place);

	if (code != EXIT_OK)
		return code;
	if (guest_place_enter(&place, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_ERROR;
	}
	setenv("WEFT_GUEST", place.name, 1);
	execvp(command[0], command);
	fail_errno(&fail, -errno, "'%s' could not be run in guest '%s'", command[0], place.name);
	output_fail(call, &fail);
	// The codes that shells give to a command that is not there or not executable.
	return fail.code == -ENOENT ? 127 : 126;
}
