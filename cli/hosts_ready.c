// SPDX-License-Identifier: BSD-3-Clause
//
// hosts_ready: asks how the hosts are, some fifty times a second, until they are ready.
//
// A change is done when those hosts that are there have it. One that the same change makes has a process to be
// started first, and gets its part by the comparison that follows; a test that began meanwhile would find
// guests without an address. So the command is done when they are, and its time is true.
//
// A host that begins may be ready before the address of its tunnels is there, and leaves them out for some
// hundredths of a second. That is waited for too, but not for long: what is left out may be so for good.

#include "cli/hosts_ready.h"

#include "base/clock.h"
#include "base/fail.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 30, SETTLE_MSEC = 1000, POLL_USEC = 20000 };

struct watched {
	size_t count, ready;
	bool whole;        // None of them leaves anything out.
	char missing[160]; // The first that is not ready.
	char state[32];
};

static bool is_of_lab(const char *lab, const char *name)
{
	size_t len = lab ? strlen(lab) : 0;

	return !lab || (strncmp(name, lab, len) == 0 && name[len] == '.');
}

static void look(const char *lab, const Weft__Reply *reply, struct watched *ret)
{
	*ret = (struct watched){.whole = true};
	for (size_t i = 0; i < reply->n_records; i++) {
		const Weft__Record *record = reply->records[i];
		char name[160], kind[32], state[32];
		const char *text = record_text(record, "name", name, sizeof(name));

		if (!is_of_lab(lab, text) ||
		    strcmp(record_text(record, "kind", kind, sizeof(kind)), "ns") != 0)
			continue;
		ret->count++;
		ret->whole = ret->whole && !*record_text(record, "held_back", state, sizeof(state));
		if (strcmp(record_text(record, "state", state, sizeof(state)), "ready") == 0) {
			ret->ready++;
		} else if (!ret->missing[0]) {
			snprintf(ret->missing, sizeof(ret->missing), "%s", text);
			snprintf(ret->state, sizeof(ret->state), "%s",
			         record_text(record, "state", state, sizeof(state)));
		}
	}
}

static int give_up(const struct invocation *call, const struct watched *watched)
{
	struct fail fail = {0};

	fail_set(&fail, -ETIMEDOUT, "host %s is not ready after %d s: %s", watched->missing,
	         PATIENCE_SECONDS, watched->state);
	fail_hint(&fail,
	          "it gets its part when it comes; "
	          "'weft host show %s' tells more",
	          watched->missing);
	output_fail(call, &fail);
	return EXIT_ERROR;
}

int hosts_ready_await(const struct invocation *call, const char *lab, struct client *client)
{
	bool shows = call->format == OUTPUT_TABLE && isatty(STDERR_FILENO);
	uint64_t end = clock_now() + PATIENCE_SECONDS * NSEC_PER_SEC;
	uint64_t ready = 0; // since when they are
	Weft__List list = WEFT__LIST__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	struct watched watched = {0};

	list.what = "host";
	request.body_case = WEFT__REQUEST__BODY_LIST;
	request.list = &list;
	for (;;) {
		struct fail fail = {0};
		Weft__Reply *reply;

		if (client_ask(client, &request, &reply, &fail) < 0) {
			output_fail(call, &fail);
			return client_is_lost(client) ? EXIT_UNREACHABLE : EXIT_ERROR;
		}
		look(lab, reply, &watched);
		client_reply_free(reply);
		if (shows && watched.count && ready == 0)
			fprintf(stderr, "\r%zu of %zu hosts ready%s", watched.ready, watched.count,
			        watched.ready == watched.count ? "\n" : "");
		if (watched.ready == watched.count && ready == 0)
			ready = clock_now();
		if (watched.ready == watched.count &&
		    (watched.whole || clock_now() - ready > SETTLE_MSEC * NSEC_PER_MSEC))
			return EXIT_OK;
		if (clock_now() > end)
			return give_up(call, &watched);
		usleep(POLL_USEC);
	}
}
