// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_watch: what was dropped and why, and what happened.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"

#include "base/fail.h"

int cmd_drops(const struct invocation *call)
{
	struct ask_list list = {
		.what = "drops",
		.name = call->argument_count ? call->arguments[0] : NULL,
		.limit = (uint32_t)invocation_number(call, "last", 20),
	};
	Weft__Reply *reply;
	int code = ask_list(call, &list, &reply);

	if (code != EXIT_OK)
		return code;
	code = output_records(call, columns_of("drops"), reply->records, reply->n_records,
	                      "nothing was dropped");
	client_reply_free(reply);
	return code;
}

static bool show_events(void *user, const Weft__Reply *reply)
{
	for (size_t i = 0; i < reply->n_records; i++)
		output_line(user, columns_of("events"), reply->records[i]);
	return true;
}

static int follow(const struct invocation *call)
{
	Weft__Watch watch = WEFT__WATCH__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	struct invocation shown = *call;
	struct fail fail = {0};
	struct client *client;

	if (client_open(call->run_dir, &client, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_UNREACHABLE;
	}
	watch.what = (char *)"events";
	request.body_case = WEFT__REQUEST__BODY_WATCH;
	request.watch = &watch;

	int error = client_watch(client, &request, show_events, &shown, &fail);
	bool lost = client_is_lost(client);

	client_close(client);
	if (error == 0)
		return EXIT_OK;
	output_fail(call, &fail);
	return lost ? EXIT_UNREACHABLE : EXIT_ERROR;
}

int cmd_events(const struct invocation *call)
{
	if (invocation_has(call, "follow"))
		return follow(call);

	struct ask_list list = {.what = "events",
	                        .limit = (uint32_t)invocation_number(call, "last", 20)};
	Weft__Reply *reply;
	int code = ask_list(call, &list, &reply);

	if (code != EXIT_OK)
		return code;
	code = output_records(call, columns_of("events"), reply->records, reply->n_records,
	                      "nothing has happened");
	client_reply_free(reply);
	return code;
}
