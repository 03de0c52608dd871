// SPDX-License-Identifier: BSD-3-Clause
//
// test_trace: what would become of a packet, and which step says so; nothing is sent.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/record.h"
#include "cli/test_run.h"

#include "base/fail.h"

#include <string.h>

static bool has_step(const Weft__Record *answer, const char *wanted)
{
	const Weft__Field *steps = record_find(answer, "steps");
	char text[512];

	for (size_t i = 0;
	     steps && steps->value_case == WEFT__FIELD__VALUE_LIST && i < steps->list->n_items; i++)
		if (strstr(field_text(steps->list->items[i], text, sizeof(text)), wanted))
			return true;
	return strstr(record_text(answer, "drop", text, sizeof(text)), wanted) != NULL;
}

static bool has_flag(const Weft__Record *answer, const char *key)
{
	const Weft__Field *flag = record_find(answer, key);

	return flag && flag->value_case == WEFT__FIELD__VALUE_FLAG && flag->flag;
}

static void judge(struct test_case *item, const Weft__Record *answer)
{
	const Weft__LabTest *test = item->test;
	char text[256], would[320];
	const char *drop = record_text(answer, "drop", text, sizeof(text)), *verdict = "dropped";

	if (has_flag(answer, "forwarded"))
		verdict = "forwarded";
	else if (has_flag(answer, "answered"))
		verdict = "answered";
	else if (!*drop)
		verdict = "held until the neighbour answers";
	if (*drop)
		snprintf(would, sizeof(would), "it would be dropped: %s", drop);
	else if (strcmp(verdict, "forwarded") == 0)
		snprintf(would, sizeof(would), "it would be forwarded to %s",
		         record_text(answer, "out", text, sizeof(text)));
	else
		snprintf(would, sizeof(would), "it would be %s", verdict);
	if (test->verdict && strcmp(test->verdict, verdict) != 0)
		test_fail(item, "%s", would);
	else if (test->rule && !has_step(answer, test->rule))
		test_fail(item, "it would be %s, but no step says '%.100s'", verdict, test->rule);
	else
		test_pass(item, "%s", would);
}

static void run_alone(struct test_run *run, struct test_case *item)
{
	Weft__TraceQuery query = WEFT__TRACE_QUERY__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	struct fail fail = {0};
	Weft__Reply *reply;

	if (!item->from) {
		test_fail(item, "there is no guest to begin at");
		return;
	}
	query.from = (char *)item->from->place.name;
	query.to = item->to ? (char *)item->to->place.name : item->target;
	query.protocol = item->test->protocol ? item->test->protocol : (char *)"icmp";
	query.has_port = item->test->has_port;
	query.port = item->test->port;
	request.body_case = WEFT__REQUEST__BODY_TRACE;
	request.trace = &query;
	if (ask_quietly(run->call, &request, &reply, &fail) != EXIT_OK) {
		test_fail(item, "%s", fail.what);
		return;
	}
	if (reply->n_records)
		judge(item, reply->records[0]);
	else
		test_fail(item, "the trace has no result");
	client_reply_free(reply);
}

const struct test_kind test_kind_trace = {.run_alone = run_alone};
