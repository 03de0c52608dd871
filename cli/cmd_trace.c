// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_trace: asks why a packet would go where it goes.
//
// The arrow between the two ends is for the eye: it may be "to", "->" in quotes, or nothing. Unquoted,
// the shell reads -> as the word "-" and a redirection of our output into a file named after the
// target; that is noticed and explained, since nothing would appear otherwise.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"
#include "cli/value.h"

#include "base/bytes.h"
#include "base/fail.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct question {
	char from[128], to[256], protocol[16];
	uint64_t port;
};

static int explain_redirection(const struct invocation *call, struct fail *fail)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/fd/1", path, sizeof(path) - 1);
	const char *rest = call->argument_count > 2 ? call->arguments[2] : "";

	path[length < 0 ? 0 : length] = '\0';

	const char *slash = strrchr(path, '/');

	fail_set(fail, -EINVAL,
	         "the shell took '->' for a redirection, and this output would go "
	         "into the file %s",
	         path);
	fail_hint(fail, "remove that file, and write: weft trace %s to %s%s%s", call->arguments[0],
	          slash ? slash + 1 : "TARGET", *rest ? " " : "", rest);
	return -EINVAL;
}

// "tcp/80", "udp/53", "icmp", and who has the address: "arp", "nd".
static int parse_protocol(const char *text, struct question *ret, struct fail *fail)
{
	static const char *const protocols[] = {"tcp", "udp", "icmp", "arp", "nd"};
	enum { PORTED = 2 };
	size_t length = strcspn(text, "/:"), known = 0;

	snprintf(ret->protocol, sizeof(ret->protocol), "%.*s", (int)length, text);
	while (known < ARRAY_SIZE(protocols) && strcmp(ret->protocol, protocols[known]) != 0)
		known++;
	if (known == ARRAY_SIZE(protocols)) {
		fail_set(fail, -EINVAL, "'%s' is no protocol that can be traced", text);
		fail_hint(fail, "tcp/PORT, udp/PORT, icmp, arp or nd");
		return -EINVAL;
	}
	if (text[length] && known >= PORTED)
		return fail_set(fail, -EINVAL, "%s has no ports", ret->protocol);
	if (text[length] &&
	    (value_number(text + length + 1, &ret->port) < 0 || !ret->port || ret->port > 65535)) {
		fail_set(fail, -EINVAL, "'%s' has no port from 1 to 65535", text);
		return -EINVAL;
	}
	return 0;
}

static int parse_question(const struct invocation *call, struct question *ret, struct fail *fail)
{
	const char *const *words = call->arguments;
	unsigned count = call->argument_count;
	const char *arrow = strstr(words[0], "->");

	*ret = (struct question){0};
	if (arrow && arrow != words[0]) {
		snprintf(ret->from, sizeof(ret->from), "%.*s", (int)(arrow - words[0]), words[0]);
		snprintf(ret->to, sizeof(ret->to), "%s", arrow + 2);
		words++;
		count--;
	} else {
		unsigned to = strcmp(words[1], "to") == 0 || strcmp(words[1], "->") == 0 ? 2 : 1;

		if (strcmp(words[1], "-") == 0)
			return explain_redirection(call, fail);
		if (count <= to)
			return fail_set(fail, -EINVAL, "the trace wants a target after '%s'",
			                words[1]);
		snprintf(ret->from, sizeof(ret->from), "%s", words[0]);
		snprintf(ret->to, sizeof(ret->to), "%s", words[to]);
		words += to + 1;
		count -= to + 1;
	}
	if (count > 1)
		return fail_set(fail, -EINVAL, "'%s' is one word too many for trace", words[1]);
	return count == 1 ? parse_protocol(words[0], ret, fail) : 0;
}

static void show_steps(const Weft__Record *answer)
{
	const Weft__Field *steps = record_find(answer, "steps");
	char stage[64], text[512];

	if (!steps || steps->value_case != WEFT__FIELD__VALUE_LIST)
		return;
	for (size_t i = 0; i < steps->list->n_items; i++) {
		const Weft__Field *item = steps->list->items[i];

		if (item->value_case != WEFT__FIELD__VALUE_RECORD)
			continue;
		printf("    %-10s %s\n", record_text(item->record, "stage", stage, sizeof(stage)),
		       record_text(item->record, "text", text, sizeof(text)));
	}
}

static int show(const struct invocation *call, const Weft__Record *answer)
{
	const Weft__Field *forwarded = record_find(answer, "forwarded");
	const Weft__Field *answered = record_find(answer, "answered");
	char text[512];

	if (call->format != OUTPUT_TABLE)
		return output_record(call, answer);
	show_steps(answer);
	if (forwarded && forwarded->flag)
		printf("    forwarded  to %s\n", record_text(answer, "out", text, sizeof(text)));
	else if (*record_text(answer, "drop", text, sizeof(text)))
		printf("    dropped    %s\n", record_text(answer, "drop", text, sizeof(text)));
	else if (answered && answered->flag)
		printf("    answered   by the switch itself\n");
	else
		printf("    waits      it is sent when the neighbour has answered\n");
	if (*record_text(answer, "hint", text, sizeof(text)))
		printf("    %s\n", record_text(answer, "hint", text, sizeof(text)));
	return EXIT_OK;
}

int cmd_trace(const struct invocation *call)
{
	Weft__TraceQuery query = WEFT__TRACE_QUERY__INIT;
	Weft__Request request = WEFT__REQUEST__INIT;
	struct question question;
	struct fail fail = {0};
	Weft__Reply *reply;

	if (parse_question(call, &question, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	query.from = question.from;
	query.to = question.to;
	query.protocol = *question.protocol ? question.protocol : NULL;
	query.has_port = question.port != 0;
	query.port = (uint32_t)question.port;
	query.source_port = (uint32_t)invocation_number(call, "source-port", 0);
	query.has_source_port = query.source_port != 0;
	request.body_case = WEFT__REQUEST__BODY_TRACE;
	request.trace = &query;

	int code = ask(call, &request, &reply);

	if (code != EXIT_OK)
		return code;
	if (reply->n_records > 0)
		code = show(call, reply->records[0]);
	client_reply_free(reply);
	return code;
}
