// SPDX-License-Identifier: BSD-3-Clause
//
// model_guest: guests, and how to find the port or the guest behind a name.

#include "controller/model_guest.h"

#include "controller/model_noun.h"
#include "controller/scope.h"

#include <errno.h>
#include <stdlib.h>

static int complete(const struct model *model, const char *key, Weft__Intent *msg,
                    struct refusal *refusal)
{
	if (!msg->guest->has_kind) {
		msg->guest->has_kind = true;
		msg->guest->kind = WEFT__GUEST_KIND__GUEST_NS;
	}
	return 0;
}

static void refs(const struct model *model, const struct intent *intent, struct refs *refs)
{
	// The namespace of a host's datapath goes before the host, and not without it.
	if (intent->msg->guest->kind == WEFT__GUEST_KIND__GUEST_HOST)
		refs_add(refs, REF_NEEDS, "name", "host/%s", intent->name);
}

static int check(const struct model *model, const struct intent *intent, struct refusal *refusal)
{
	// The name becomes a file under /run/netns, and part of commands people paste.
	if (strpbrk(intent->name, "/:@+"))
		return refuse(
			refusal, -EINVAL, intent->key, "name",
			"%s: the name of a guest is made of letters, digits, '.', '_' and '-'",
			intent->key);
	return model_check_domain(intent->key, "hostname", model_guest_hostname(intent), false,
	                          refusal);
}

const struct noun_ops model_guest = {.complete = complete, .refs = refs, .check = check};

const char *model_guest_hostname(const struct intent *guest)
{
	const char *own = guest->msg->guest->hostname;

	return own ? own : scope_short(guest->msg->lab, guest->name);
}

// The first by name, so that the answer does not depend on the order of a table; in the net, or in any for NULL, and
// behind the other name, or any for NULL.
static const struct intent *first_port(const struct model *model, const char *guest,
                                       const char *net, const char *after)
{
	char key[KEY_SIZE], user[KEY_SIZE];
	const struct intent *best = NULL;
	size_t cursor = 0;

	noun_key(key, NOUN_GUEST, guest);
	while (graph_next_user(&model->graph, key, &cursor, user)) {
		const struct intent *port = model_get_key(model, user);

		if (!port || port->noun != NOUN_PORT)
			continue;
		if (net && (!port->msg->port->net || strcmp(port->msg->port->net, net) != 0))
			continue;
		if (after && strcmp(port->name, after) <= 0)
			continue;
		if (!best || strcmp(port->name, best->name) < 0)
			best = port;
	}
	return best;
}

const struct intent *model_guest_port(const struct model *model, const char *guest, const char *net)
{
	return first_port(model, guest, net, NULL);
}

const struct intent *model_guest_port_after(const struct model *model, const char *guest,
                                            const struct intent *port)
{
	return first_port(model, guest, NULL, port->name);
}

const struct intent *model_find_port(const struct model *model, const char *name, const char *net)
{
	const struct intent *port = NULL;

	if (model_get(model, NOUN_GUEST, name))
		port = model_guest_port(model, name, net);
	return port ? port : model_get(model, NOUN_PORT, name);
}
