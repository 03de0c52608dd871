// SPDX-License-Identifier: BSD-3-Clause
//
// guests_ran: asks how the commands of the guests are, until none is running or the patience is over.
//
// Nobody waits for commands that serve for ever, and most that fail do so in their first moments.

#include "cli/guests_ran.h"

#include "base/clock.h"
#include "base/fail.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000, POLL_USEC = 50000, NAMED_MAX = 8 };

struct ran {
	size_t running, failed;
	char first[160];  // that failed
	char names[1024]; // of NAMED_MAX, each with what it ended with
};

static bool has_commands(const struct topology *topology)
{
	for (size_t i = 0; i < topology->object_count; i++)
		if (topology->objects[i]->body_case == WEFT__INTENT__BODY_GUEST &&
		    topology->objects[i]->guest->n_run)
			return true;
	return false;
}

static void note_failed(struct ran *ran, const char *name, const char *state)
{
	size_t used = strlen(ran->names);

	if (ran->failed == 0)
		snprintf(ran->first, sizeof(ran->first), "%s", name);
	if (ran->failed++ < NAMED_MAX)
		snprintf(ran->names + used, sizeof(ran->names) - used, "%s%s %s", used ? ", " : "",
		         name, state);
}

static int look(const struct invocation *call, const char *lab, struct client *client,
                struct ran *ret)
{
	Weft__List list = WEFT__LIST__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	struct fail fail = {0};
	Weft__Reply *reply;

	list.what = "guest";
	request.body_case = WEFT__REQUEST__BODY_LIST;
	request.list = &list;
	if (client_ask(client, &request, &reply, &fail) < 0) {
		output_fail(call, &fail);
		return client_is_lost(client) ? EXIT_UNREACHABLE : EXIT_ERROR;
	}
	*ret = (struct ran){0};
	for (size_t i = 0; i < reply->n_records; i++) {
		const Weft__Record *record = reply->records[i];
		char of[160], name[160], text[64];
		const char *state = record_text(record, "run", text, sizeof(text));

		if (strcmp(record_text(record, "lab", of, sizeof(of)), lab) != 0)
			continue;
		ret->running += strcmp(state, "running") == 0;
		if (strncmp(state, "failed", 6) == 0)
			note_failed(ret, record_text(record, "name", name, sizeof(name)), state);
	}
	client_reply_free(reply);
	return EXIT_OK;
}

int guests_ran_await(const struct invocation *call, const struct topology *topology,
                     struct client *client)
{
	uint64_t end = clock_now() + PATIENCE_MS * NSEC_PER_MSEC;
	struct fail fail = {0};
	struct ran ran;
	int code;

	if (!has_commands(topology))
		return EXIT_OK;
	for (;;) {
		code = look(call, topology->lab, client, &ran);
		if (code != EXIT_OK)
			return code;
		if (!ran.running || clock_now() > end)
			break;
		usleep(POLL_USEC);
	}
	if (!ran.failed)
		return EXIT_OK;
	fail_set(&fail, -ECHILD, "the lab is up, but commands of %zu guest%s did not work: %s%s",
	         ran.failed, ran.failed == 1 ? "" : "s", ran.names,
	         ran.failed > NAMED_MAX ? " and more" : "");
	fail_hint(&fail, "what they said is in guests/%s/run.log of the run directory", ran.first);
	output_fail(call, &fail);
	return EXIT_ERROR;
}
