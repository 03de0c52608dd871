// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_link: adds a wire and the ports at its ends, as one change.
//
// An end that is a guest gets an interface more, by a port "GUEST.LINK"; any other is a port that is there. What
// was made with the link goes with it.

#include "cli/ask.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/output.h"

#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_guest(const struct invocation *call, const char *name)
{
	struct ask_list list = {.what = "guest", .name = name};
	struct fail ignored = {0};
	Weft__Reply *reply;
	bool found;

	if (ask_list_quietly(call, &list, &reply, &ignored) != EXIT_OK)
		return false;
	found = reply->n_records > 0;
	client_reply_free(reply);
	return found;
}

// What the flags say of one end, besides whose it is.
static int add_settings(ProtobufCMessage *port, const struct invocation *call, const char *end)
{
	char flag[32];
	int error = 0;

	snprintf(flag, sizeof(flag), "%s-address", end);
	for (unsigned i = 0; i < call->flag_count && error == 0; i++)
		if (strcmp(call->flags[i].flag->name, flag) == 0 && call->flags[i].text)
			error = fields_set(port, "addresses", call->flags[i].text);
	if (error == 0 && invocation_text(call, "mtu"))
		error = fields_set(port, "mtu", invocation_text(call, "mtu"));
	return error;
}

static int add_end(struct change_set *set, const struct invocation *call, const char *end)
{
	const char *link = call->arguments[0];
	char owner[128], name[256], *ifname;
	ProtobufCMessage *port;
	bool guest;
	int error;

	snprintf(owner, sizeof(owner), "%s", invocation_text(call, end));
	ifname = strchr(owner, ':');
	if (ifname)
		*ifname++ = '\0';
	guest = ifname || is_guest(call, owner);
	snprintf(name, sizeof(name), guest ? "%s.%s" : "%s", owner, link);
	port = change_add(set, guest ? WEFT__VERB__VERB_ADD : WEFT__VERB__VERB_SET, "port", name);
	if (!port)
		return -ENOMEM;
	error = guest ? fields_set(port, "guest", owner) : 0;
	if (error == 0 && guest)
		error = fields_set(port, "attach", "tap");
	if (error == 0 && ifname)
		error = fields_set(port, "ifname", ifname);
	if (error == 0)
		error = fields_set(port, "link", link);
	if (error == 0)
		error = fields_set(port, "end", end);
	return error == 0 ? add_settings(port, call, end) : error;
}

int cmd_link_add(const struct invocation *call)
{
	struct change_set set;
	int error;

	change_set_init(&set, call);
	error = change_add(&set, WEFT__VERB__VERB_ADD, "link", call->arguments[0])
	                ? change_take_flags(&set, call)
	                : -ENOMEM;
	if (error == 0 && invocation_text(call, "a"))
		error = add_end(&set, call, "a");
	if (error == 0 && invocation_text(call, "b"))
		error = add_end(&set, call, "b");
	return change_send(&set, call, error);
}

int cmd_link_delete(const struct invocation *call)
{
	struct change_set set;

	change_set_init(&set, call);
	for (unsigned i = 0; i < call->argument_count; i++) {
		if (!change_add(&set, WEFT__VERB__VERB_DELETE, "link", call->arguments[i]))
			return change_send(&set, call, -ENOMEM);
		change_cascade(&set);
	}
	return change_send(&set, call, 0);
}
