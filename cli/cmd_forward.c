// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_forward: adds what comes in from outside: port forwards, routes, reservations and DNS names.
//
// These objects seldom get a name by the user, so they are named after what makes them unique.

#include "cli/change.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/mapping.h"
#include "cli/output.h"
#include "cli/value.h"

#include "base/addr.h"
#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// The object with the given name, else with that of the flag --name.
static ProtobufCMessage *start(struct change_set *set, const struct invocation *call,
                               const char *noun, const char *name)
{
	const char *wanted = invocation_text(call, "name");

	change_set_init(set, call);
	return change_add(set, WEFT__VERB__VERB_ADD, noun, wanted ? wanted : name);
}

static int fill_forward(ProtobufCMessage *forward, const struct invocation *call,
                        const struct mapping *mapping)
{
	struct ip_addr address;
	bool is_address = ip_parse(mapping->inside, &address) == 0;
	int error = fields_set(forward, "net", call->arguments[0]);

	if (error == 0)
		error = fields_set(forward, "outside_port", mapping->outside);
	if (error == 0)
		error = fields_set(forward, is_address ? "inside" : "guest", mapping->inside);
	if (error == 0)
		error = fields_set(forward, "inside_port", mapping->inside_port);
	return error;
}

int cmd_forward_add(const struct invocation *call)
{
	const char *protocol = invocation_text(call, "protocol");
	struct fail fail = {0};
	struct change_set set;
	struct mapping mapping;
	char name[128];

	if (mapping_parse(call->arguments[1], &mapping, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	// The same port may lead to another address in the other family.
	snprintf(name, sizeof(name), "%s-%s%s-%s", call->arguments[0], protocol ? protocol : "tcp",
	         strchr(mapping.inside, ':') ? "6" : "", mapping.outside);

	ProtobufCMessage *forward = start(&set, call, "forward", name);
	int error = forward ? change_take_flags(&set, call) : -ENOMEM;

	if (error == 0)
		error = fill_forward(forward, call, &mapping);
	return change_send(&set, call, error);
}

int cmd_route_add(const struct invocation *call)
{
	struct change_set set;
	char name[128];

	// A name has no slash, so 10.9.0.0/16 is called 10.9.0.0-16.
	snprintf(name, sizeof(name), "%s", call->arguments[0]);
	for (char *slash = strchr(name, '/'); slash; slash = strchr(slash, '/'))
		*slash = '-';

	ProtobufCMessage *route = start(&set, call, "route", name);
	int error = route ? change_take_flags(&set, call) : -ENOMEM;

	if (error == 0)
		error = fields_set(route, "prefix", call->arguments[0]);
	return change_send(&set, call, error);
}

int cmd_lease_add(const struct invocation *call)
{
	struct change_set set;
	ProtobufCMessage *reservation = start(&set, call, "reservation", call->arguments[0]);
	int error = reservation ? change_take_flags(&set, call) : -ENOMEM;

	if (error == 0 && !invocation_text(call, "hostname"))
		error = fields_set(reservation, "hostname", call->arguments[0]);
	return change_send(&set, call, error);
}

int cmd_dns_add(const struct invocation *call)
{
	struct change_set set;
	ProtobufCMessage *entry = start(&set, call, "dns", call->arguments[0]);
	int error = entry ? change_take_flags(&set, call) : -ENOMEM;

	if (error == 0)
		error = fields_set(entry, "host", call->arguments[0]);
	return change_send(&set, call, error);
}
