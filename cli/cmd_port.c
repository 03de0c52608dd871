// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_port: adds a port: a TAP of ours, a virtual machine's socket, an interface that is there, or pcap files.

#include "cli/change.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>

static const char *kind_of(const struct invocation *call)
{
	if (invocation_text(call, "vhost"))
		return "vhost";
	if (invocation_text(call, "netdev"))
		return "netdev";
	return invocation_text(call, "pcap-read") || invocation_text(call, "pcap-write") ? "pcap"
	                                                                                 : "tap";
}

static unsigned count_kinds(const struct invocation *call)
{
	bool pcap = invocation_text(call, "pcap-read") || invocation_text(call, "pcap-write");
	unsigned doors = (invocation_text(call, "vhost") != NULL) +
	                 (invocation_text(call, "netdev") != NULL) + pcap;

	// A capture's interface has a name for its own sake.
	return doors + (doors > 0 && !pcap && invocation_text(call, "ifname"));
}

int cmd_port_add(const struct invocation *call)
{
	const char *name = invocation_text(call, "name");
	const char *netdev = invocation_text(call, "netdev");
	const char *net = call->argument_count ? call->arguments[0] : NULL;
	struct change_set set;
	int error;

	if (!name)
		return output_refuse(call, "the port wants a name", "say --name NAME");
	if (count_kinds(call) > 1)
		return output_refuse(call, "a port has one kind of door",
		                     "say one of --vhost, --netdev, --ifname and --pcap-read or "
		                     "--pcap-write");
	if (invocation_has(call, "vhost-server") && !invocation_text(call, "vhost"))
		return output_refuse(call, "the port has no socket that weft could listen at",
		                     "say --vhost PATH as well");
	if (!net && !invocation_text(call, "trunk") && !invocation_text(call, "native") &&
	    !invocation_text(call, "link"))
		return output_refuse(
			call, "the port is in no net",
			"weft port add NET --name NAME, or --trunk VLANS for a trunk, or "
			"--link LINK --end a");

	change_set_init(&set, call);

	ProtobufCMessage *port = change_add(&set, WEFT__VERB__VERB_ADD, "port", name);

	error = port ? change_take_flags(&set, call) : -ENOMEM;
	if (error == 0 && net)
		error = fields_set(port, "net", net);
	if (error == 0)
		error = fields_set(port, "attach", kind_of(call));
	if (error == 0 && netdev)
		error = fields_set(port, "ifname", netdev);
	return change_send(&set, call, error);
}
