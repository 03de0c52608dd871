// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_guest: adds a guest with its first port, and changes both, in one revision.

#include "cli/change.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>

static int add(struct change_set *set, const struct invocation *call)
{
	const char *name = call->arguments[0];
	ProtobufCMessage *guest = change_add(set, WEFT__VERB__VERB_ADD, "guest", name);
	int error = guest ? change_take_flags(set, call) : -ENOMEM;

	if (error == 0)
		error = fields_set(guest, "kind", "ns");
	if (error < 0 || invocation_has(call, "bare"))
		return error;

	ProtobufCMessage *port = change_add(set, WEFT__VERB__VERB_ADD, "port", name);

	error = port ? change_take_flags(set, call) : -ENOMEM;
	if (error == 0)
		error = fields_set(port, "guest", name);
	return error == 0 ? fields_set(port, "attach", "tap") : error;
}

// Where its eth0 is belongs to that port, which has its name.
static int set(struct change_set *set, const struct invocation *call)
{
	const char *name = call->arguments[0];
	int error = -ENOMEM;

	if (change_add(set, WEFT__VERB__VERB_SET, "guest", name))
		error = change_take_flags(set, call);
	if (error < 0 || !invocation_text(call, "host"))
		return error;
	return change_add(set, WEFT__VERB__VERB_SET, "port", name) ? change_take_flags(set, call)
	                                                           : -ENOMEM;
}

int cmd_guest_set(const struct invocation *call)
{
	struct change_set changes;

	if (!invocation_text(call, "host"))
		return cmd_object_set(call);
	change_set_init(&changes, call);
	return change_send(&changes, call, set(&changes, call));
}

int cmd_guest_add(const struct invocation *call)
{
	struct fail fail = {0};
	struct change_set set;
	bool placed = invocation_text(call, "net") || invocation_text(call, "trunk") ||
	              invocation_text(call, "native");

	if (!placed && !invocation_has(call, "bare")) {
		fail_set(&fail, -EINVAL, "guest '%s' is in no net", call->arguments[0]);
		fail_hint(&fail, "say --net NET, --trunk VLANS, or --bare for a namespace without "
		                 "a port");
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	if (placed && invocation_has(call, "bare"))
		return output_refuse(call, "a --bare guest has no port",
		                     "leave --net, --trunk and --native away");
	change_set_init(&set, call);
	return change_send(&set, call, add(&set, call));
}
