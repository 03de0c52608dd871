// SPDX-License-Identifier: BSD-3-Clause
//
// daemons: asks the controller, and looks at /proc for the end, when nobody is left to ask.

#include "cli/daemons.h"

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/record.h"

#include "base/fail.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

// The controller itself gives the datapath three seconds to end in order.
enum { END_SECONDS = 10, POLL_USEC = 20000 };

int daemons_status(const struct invocation *call, Weft__Reply **ret, struct fail *fail)
{
	Weft__Request request = WEFT__REQUEST__INIT;

	request.body_case = WEFT__REQUEST__BODY_STATUS;
	request.status = true;

	int code = ask_quietly(call, &request, ret, fail);

	if (code == EXIT_OK && (*ret)->n_records == 0) {
		client_reply_free(*ret);
		fail_set(fail, -EPROTO, "the controller's status is empty");
		return EXIT_ERROR;
	}
	return code;
}

int daemons_find(const struct invocation *call, struct daemons *ret, struct fail *fail)
{
	Weft__Reply *reply;
	int code = daemons_status(call, &reply, fail);

	if (code != EXIT_OK)
		return code;
	ret->controller = (pid_t)record_number(reply->records[0], "pid");
	ret->datapath = (pid_t)record_number(reply->records[0], "host.pid");
	client_reply_free(reply);
	return EXIT_OK;
}

// A process is gone when there is none, or only its remains for the parent to collect.
static bool is_gone(pid_t pid)
{
	char path[64], state = 0;

	if (pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);

	FILE *stat = fopen(path, "re");

	if (!stat)
		return true;
	if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(stat);
	return state == 'Z' || state == 'X';
}

int daemons_await_end(const struct daemons *daemons, struct fail *fail)
{
	for (unsigned i = 0; i < END_SECONDS * (1000000 / POLL_USEC); i++) {
		if (is_gone(daemons->controller) && is_gone(daemons->datapath))
			return 0;
		usleep(POLL_USEC);
	}
	fail_set(fail, -ETIMEDOUT, "the daemons did not end within %d seconds", END_SECONDS);
	fail_hint(fail, "their process ids are %d and %d", daemons->controller, daemons->datapath);
	return -ETIMEDOUT;
}
