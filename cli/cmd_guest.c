// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_guest: adds a guest with its first port, in one revision.

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

	if (!guest || change_take_flags(set, call) < 0 || fields_set(guest, "kind", "ns") < 0)
		return -ENOMEM;
	if (invocation_has(call, "bare"))
		return 0;

	ProtobufCMessage *port = change_add(set, WEFT__VERB__VERB_ADD, "port", name);

	if (!port || change_take_flags(set, call) < 0 || fields_set(port, "guest", name) < 0 ||
	    fields_set(port, "attach", "tap") < 0)
		return -ENOMEM;
	return 0;
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
	if (placed && invocation_has(call, "bare")) {
		fail_set(&fail, -EINVAL,
		         "a --bare guest has no port, so --net, --trunk and --native "
		         "say nothing");
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	change_set_init(&set, call);
	if (add(&set, call) < 0) {
		fail_set(&fail, -ENOMEM, "no memory for the request");
		output_fail(call, &fail);
		return EXIT_ERROR;
	}
	return change_send(&set, call);
}
