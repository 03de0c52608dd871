// SPDX-License-Identifier: BSD-3-Clause
//
// ask: opens, asks, closes, and turns what went wrong into an exit code.

#include "cli/ask.h"

#include "base/fail.h"
#include "cli/client.h"
#include "cli/output.h"

int ask_quietly(const struct invocation *call, Weft__Request *request, Weft__Reply **ret,
                struct fail *fail)
{
	struct client *client;

	if (client_open(call->run_dir, &client, fail) < 0)
		return EXIT_UNREACHABLE;

	int error = client_ask(client, request, ret, fail);
	int code = error == 0 ? EXIT_OK : client_is_lost(client) ? EXIT_UNREACHABLE : EXIT_ERROR;

	client_close(client);
	return code;
}

int ask(const struct invocation *call, Weft__Request *request, Weft__Reply **ret)
{
	struct fail fail = {0};
	int code = ask_quietly(call, request, ret, &fail);

	if (code != EXIT_OK)
		output_fail(call, &fail);
	return code;
}

int ask_list_quietly(const struct invocation *call, const struct ask_list *list, Weft__Reply **ret,
                     struct fail *fail)
{
	Weft__List body = WEFT__LIST__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;

	body.what = (char *)list->what;
	body.name = (char *)list->name;
	body.net = (char *)list->net;
	body.has_limit = list->limit != 0;
	body.limit = list->limit;
	request.body_case = WEFT__REQUEST__BODY_LIST;
	request.list = &body;
	return ask_quietly(call, &request, ret, fail);
}

int ask_list(const struct invocation *call, const struct ask_list *list, Weft__Reply **ret)
{
	struct fail fail = {0};
	int code = ask_list_quietly(call, list, ret, &fail);

	if (code != EXIT_OK)
		output_fail(call, &fail);
	return code;
}
