// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_host: adds a host: alone, or with the namespace it runs in and the port by which that is attached.

#include "cli/change.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS_TEXT = 64 };

// "192.0.2.1/24" as people write an address on a wire: the length is the net's to know.
static const char *address(const char *text, char buf[static ADDRESS_TEXT])
{
	snprintf(buf, ADDRESS_TEXT, "%.*s", (int)strcspn(text, "/"), text);
	return buf;
}

static int set_addresses(ProtobufCMessage *body, const struct invocation *call)
{
	static const char *const fields[] = {"ip", "ip6"};
	char buf[ADDRESS_TEXT];
	int err = 0;

	for (unsigned i = 0; i < 2 && err == 0; i++) {
		const char *text = invocation_text(call, fields[i]);

		if (text)
			err = fields_set(body, fields[i], address(text, buf));
	}
	return err;
}

static int add_namespace(struct change_set *set, const struct invocation *call)
{
	const char *name = call->arguments[0];
	const char *mtu = invocation_text(call, "mtu");
	ProtobufCMessage *guest = change_add(set, WEFT__VERB__VERB_ADD, "guest", name);
	int error = guest ? fields_set(guest, "kind", "host") : -ENOMEM;

	if (error == 0)
		error = fields_set(guest, "static_ip", "yes");
	if (error < 0)
		return error;

	ProtobufCMessage *port = change_add(set, WEFT__VERB__VERB_ADD, "port", name);

	error = port ? change_take_flags(set, call) : -ENOMEM;
	if (error == 0)
		error = fields_set(port, "guest", name);
	if (error == 0)
		error = fields_set(port, "attach", "tap");
	if (error == 0)
		error = fields_set(port, "net", invocation_text(call, "net"));
	if (error == 0 && mtu)
		error = fields_set(port, "mtu", mtu);
	return error == 0 ? set_addresses(port, call) : error;
}

static int add(struct change_set *set, const struct invocation *call)
{
	const char *name = call->arguments[0], *net = invocation_text(call, "net");
	ProtobufCMessage *host = change_add(set, WEFT__VERB__VERB_ADD, "host", name);
	const char *kind = net ? "ns" : strcmp(name, "local") == 0 ? "local" : "remote";

	int error = host ? change_take_flags(set, call) : -ENOMEM;

	if (error == 0)
		error = fields_set(host, "kind", kind);
	if (error < 0)
		return error;
	// In a namespace it is the port that has the address.
	return net ? add_namespace(set, call) : set_addresses(host, call);
}

static int refuse_usage(const struct invocation *call, const char *what, const char *hint)
{
	struct fail fail = {0};

	fail_set(&fail, -EINVAL, "host '%s' %s", call->arguments[0], what);
	fail_hint(&fail, "%s", hint);
	output_fail(call, &fail);
	return EXIT_USAGE;
}

int cmd_host_add(const struct invocation *call)
{
	const char *net = invocation_text(call, "net");
	bool local = strcmp(call->arguments[0], "local") == 0;
	struct change_set set;

	if (!net && !local && !invocation_has(call, "remote"))
		return refuse_usage(call, "is nowhere",
		                    "say --net NET for a namespace of this machine, or --remote");
	if (net && (local || invocation_has(call, "remote")))
		return refuse_usage(call, "runs in no namespace of ours",
		                    "leave --net away; --ip is the address that it has there");
	change_set_init(&set, call);
	return change_send(&set, call, add(&set, call));
}
