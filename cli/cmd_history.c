// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_history: the revisions of the intent, and the ways back.

#include "cli/ask.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/output.h"
#include "cli/value.h"

#include "base/fail.h"

#include <errno.h>
#include <stdio.h>

int cmd_history(const struct invocation *call)
{
	struct ask_list list = {.what = "history",
	                        .limit = (uint32_t)invocation_number(call, "last", 20)};
	Weft__Reply *reply;
	int code = ask_list(call, &list, &reply);

	if (code != EXIT_OK)
		return code;
	code = output_records(call, columns_of("history"), reply->records, reply->n_records,
	                      "nothing was changed yet");
	client_reply_free(reply);
	return code;
}

// The optional argument REVISION.
static int parse_revision(const struct invocation *call, protobuf_c_boolean *has, uint64_t *ret)
{
	struct fail fail = {0};

	if (call->argument_count == 0)
		return EXIT_OK;
	if (value_number(call->arguments[0], ret) == 0) {
		*has = true;
		return EXIT_OK;
	}
	fail_set(&fail, -EINVAL, "'%s' is no revision", call->arguments[0]);
	fail_hint(&fail, "weft history lists them");
	output_fail(call, &fail);
	return EXIT_USAGE;
}

static int send_and_tell(const struct invocation *call, Weft__Request *request, const char *done)
{
	Weft__Reply *reply;
	int code = ask(call, request, &reply);

	if (code != EXIT_OK)
		return code;
	if (invocation_has(call, "dry-run")) {
		code = change_show_preview(call, reply);
		client_reply_free(reply);
		return code;
	}
	for (size_t i = 0; i < reply->n_notes; i++)
		printf("%s\n", reply->notes[i]);
	if (reply->has_revision)
		printf("%s; now at revision %llu\n", done, (unsigned long long)reply->revision);
	client_reply_free(reply);
	return EXIT_OK;
}

int cmd_undo(const struct invocation *call)
{
	Weft__Undo undo = WEFT__UNDO__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	int code = parse_revision(call, &undo.has_revision, &undo.revision);

	if (code != EXIT_OK)
		return code;
	request.body_case = WEFT__REQUEST__BODY_UNDO;
	request.undo = &undo;
	undo.has_dry_run = undo.dry_run = invocation_has(call, "dry-run");
	return send_and_tell(call, &request, "undone");
}

int cmd_confirm(const struct invocation *call)
{
	Weft__Confirm confirm = WEFT__CONFIRM__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	int code = parse_revision(call, &confirm.has_revision, &confirm.revision);

	if (code != EXIT_OK)
		return code;
	request.body_case = WEFT__REQUEST__BODY_CONFIRM;
	request.confirm = &confirm;
	return send_and_tell(call, &request, "confirmed");
}

int cmd_destroy(const struct invocation *call)
{
	Weft__Destroy destroy = WEFT__DESTROY__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	struct fail fail = {0};
	struct daemons daemons;
	Weft__Reply *reply;
	bool stopping;

	destroy.lab = (char *)(call->argument_count ? call->arguments[0] : NULL);
	destroy.has_stop = destroy.stop = !invocation_has(call, "keep-running");
	request.body_case = WEFT__REQUEST__BODY_DESTROY;
	destroy.has_dry_run = destroy.dry_run = invocation_has(call, "dry-run");
	request.destroy = &destroy;

	int code = daemons_find(call, &daemons, &fail);

	if (code == EXIT_OK)
		code = ask_quietly(call, &request, &reply, &fail);
	if (code != EXIT_OK) {
		output_fail(call, &fail);
		return code;
	}
	if (destroy.dry_run) {
		code = change_show_preview(call, reply);
		client_reply_free(reply);
		return code;
	}
	for (size_t i = 0; i < reply->n_notes; i++)
		printf("%s\n", reply->notes[i]);
	// Daemons that go on say why.
	stopping = destroy.stop && reply->n_notes == 0;
	client_reply_free(reply);
	if (!stopping || daemons_await_end(&daemons, &fail) == 0)
		return EXIT_OK;
	output_fail(call, &fail);
	return EXIT_ERROR;
}
