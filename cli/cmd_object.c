// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_object: the verbs that every noun of the model has: add, set, delete, ls, show.
//
// Which flags a noun has and which field each fills stands in the command table; whether the values
// make sense together is the controller's to say, so that all its clients hear the same.

#include "cli/ask.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// What `lease add` adds is a reservation; the leases themselves are the datapath's.
static const char *intent_word(const char *noun)
{
	return strcmp(noun, "lease") == 0 ? "reservation" : noun;
}

static int change_one(const struct invocation *call, Weft__Verb verb)
{
	struct change_set set;
	int error;

	change_set_init(&set, call);
	error = change_add(&set, verb, intent_word(call->noun), call->arguments[0])
	                ? change_take_flags(&set, call)
	                : -ENOMEM;
	return change_send(&set, call, error);
}

int cmd_object_add(const struct invocation *call)
{
	return change_one(call, WEFT__VERB__VERB_ADD);
}

int cmd_object_set(const struct invocation *call)
{
	if (call->flag_count == 0) {
		struct fail fail = {0};

		fail_set(&fail, -EINVAL, "nothing to set for %s '%s'", call->noun,
		         call->arguments[0]);
		fail_hint(&fail, "weft help %s set lists what can be set", call->noun);
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	return change_one(call, WEFT__VERB__VERB_SET);
}

int cmd_object_delete(const struct invocation *call)
{
	struct change_set set;

	change_set_init(&set, call);
	for (unsigned i = 0; i < call->argument_count; i++) {
		if (!change_add(&set, WEFT__VERB__VERB_DELETE, intent_word(call->noun),
		                call->arguments[i]))
			return change_send(&set, call, -ENOMEM);
		if (invocation_has(call, "cascade"))
			change_cascade(&set);
	}
	return change_send(&set, call, 0);
}

int cmd_object_ls(const struct invocation *call)
{
	struct ask_list list = {
		.what = call->noun,
		.name = call->argument_count ? call->arguments[0] : NULL,
		.net = invocation_text(call, "net"),
		.limit = (uint32_t)invocation_number(call, "limit", 0),
	};
	Weft__Reply *reply;
	int code = ask_list(call, &list, &reply);
	char none[64];

	if (code != EXIT_OK)
		return code;
	snprintf(none, sizeof(none), "no %s", call->noun);
	code = output_records(call, columns_of(call->noun), reply->records, reply->n_records, none);
	client_reply_free(reply);
	return code;
}

int cmd_object_show(const struct invocation *call)
{
	struct ask_list list = {.what = call->noun, .name = call->arguments[0]};
	Weft__Reply *reply;
	int code = ask_list(call, &list, &reply);

	if (code != EXIT_OK)
		return code;
	if (reply->n_records == 0) {
		struct fail fail = {0};

		fail_set(&fail, -ENOENT, "there is no %s '%s'", call->noun, call->arguments[0]);
		fail_hint(&fail, "weft %s ls", call->noun);
		output_fail(call, &fail);
		code = EXIT_ERROR;
	} else {
		code = output_record(call, reply->records[0]);
	}
	client_reply_free(reply);
	return code;
}
