// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_impair: makes ports and links worse than they are, and well again.
//
// Each direction is an object of its own, named after the port and the direction ("web:out"), so that one can be
// changed without the other. What is said anew replaces what was said before, whole.

#include "cli/ask.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/output.h"
#include "cli/record.h"

#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// The words behind the name, as one text.
static void join_effects(const struct invocation *call, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 1; i < call->argument_count && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s", i > 1 ? " " : "",
		                        call->arguments[i]);
}

static bool says_effects(const struct invocation *call)
{
	for (unsigned i = 1; i < call->argument_count; i++)
		if (call->arguments[i][strspn(call->arguments[i], " \t\n")])
			return true;
	return false;
}

static int add_direction(struct change_set *set, const struct invocation *call, const char *field,
                         const char *direction)
{
	char name[128], effects[1024];
	ProtobufCMessage *impair;
	int error;

	snprintf(name, sizeof(name), "%s:%s", call->arguments[0], direction);
	join_effects(call, effects, sizeof(effects));
	impair = change_add(set, WEFT__VERB__VERB_PUT, "impair", name);
	error = impair ? change_take_flags(set, call) : -ENOMEM;
	if (error == 0)
		error = fields_set(impair, field, call->arguments[0]);
	if (error == 0)
		error = fields_set(impair, "direction", direction);
	return error == 0 ? fields_set(impair, "effects", effects) : error;
}

static int impair(const struct invocation *call, const char *field, const char *const words[2],
                  const bool wanted[2])
{
	struct change_set set;
	bool both = wanted[0] == wanted[1];
	int error = 0;

	if (!says_effects(call) && !invocation_text(call, "timeline"))
		return output_refuse(
			call, "it does not say what shall be wrong",
			"say EFFECTS, as delay 20ms loss 1%, or --timeline \"up 10s; down "
			"2s\"; weft impair clear ends an impairment");
	change_set_init(&set, call);
	for (unsigned i = 0; i < 2 && error == 0; i++)
		if (both || wanted[i])
			error = add_direction(&set, call, field, words[i]);
	return change_send(&set, call, error);
}

int cmd_impair_port(const struct invocation *call)
{
	static const char *const words[] = {"in", "out"};

	return impair(call, "port", words,
	              (const bool[]){invocation_has(call, "in"), invocation_has(call, "out")});
}

int cmd_impair_link(const struct invocation *call)
{
	static const char *const words[] = {"a-to-b", "b-to-a"};

	return impair(
		call, "link", words,
		(const bool[]){invocation_has(call, "a-to-b"), invocation_has(call, "b-to-a")});
}

// A port has up to two.
int cmd_impair_show(const struct invocation *call)
{
	struct ask_list list = {.what = "impair", .name = call->arguments[0]};
	Weft__Reply *reply;
	int code = ask_list(call, &list, &reply);

	if (code != EXIT_OK)
		return code;
	if (call->format != OUTPUT_TABLE && reply->n_records != 1)
		code = output_records(call, NULL, reply->records, reply->n_records, "");
	else
		for (size_t i = 0; i < reply->n_records && code == EXIT_OK; i++)
			code = output_record(call, reply->records[i]);
	client_reply_free(reply);
	return code;
}

// Adds a deletion of each impairment that has the name, or is of the port or link of that name.
static int add_deletions(struct change_set *set, const Weft__Reply *reply, const char *name)
{
	int found = 0;

	for (size_t i = 0; i < reply->n_records; i++) {
		static const char *const keys[] = {"name", "port", "link"};
		bool fits = false;
		char text[256];

		for (unsigned k = 0; k < 3; k++)
			fits |= strcmp(record_text(reply->records[i], keys[k], text, sizeof(text)),
			               name) == 0;
		if (!fits)
			continue;
		if (!change_add(set, WEFT__VERB__VERB_DELETE, "impair",
		                record_text(reply->records[i], "name", text, sizeof(text))))
			return -ENOMEM;
		found++;
	}
	return found;
}

int cmd_impair_clear(const struct invocation *call)
{
	struct ask_list list = {.what = "impair"};
	struct fail fail = {0};
	struct change_set set;
	Weft__Reply *reply;
	int code = ask_list(call, &list, &reply);

	if (code != EXIT_OK)
		return code;
	change_set_init(&set, call);
	for (unsigned i = 0; i < call->argument_count && code == EXIT_OK; i++) {
		int found = add_deletions(&set, reply, call->arguments[i]);

		if (found > 0)
			continue;
		fail_set(&fail, -ENOENT, "nothing impairs '%s'", call->arguments[i]);
		fail_hint(&fail, "weft impair ls shows what is impaired");
		output_fail(call, &fail);
		code = EXIT_ERROR;
	}
	client_reply_free(reply);
	return code == EXIT_OK ? change_send(&set, call, 0) : code;
}
