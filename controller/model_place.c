// SPDX-License-Identifier: BSD-3-Clause
//
// model_place: counted by the graph of references.
//
// A port is one of those at "at/HOST/net/NET". While there is any, that key is in turn one of those at
// "spread/net/NET" and at "nets/HOST", so the hosts of a net are found without a look at its ports, and so are
// the nets of a host. Only a net's first port
// on a host, or its last, concerns anybody but the port: then what the net has everywhere is derived anew. Ports
// whose MACs nobody knows are counted once more, at "open/HOST/net/NET", to the same end.

#include "controller/model_place.h"

#include "controller/model_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *model_place_of(const Weft__PortIntent *port)
{
	return port->host ? port->host : HOST_LOCAL;
}

void model_place_count(const Weft__PortIntent *port, struct refs *refs)
{
	if (port->net)
		refs_add(refs, REF_COUNTS, "host", "at/%s/net/%s", model_place_of(port), port->net);
	if (port->net && !port->mac)
		refs_add(refs, REF_COUNTS, "host", "open/%s/net/%s", model_place_of(port),
		         port->net);
}

// "at/HOST/net/NET", or "open/HOST/net/NET": the net; the host goes into the buffer.
static const char *split(const char *at, char host[static KEY_SIZE])
{
	const char *name = strchr(at, '/') + 1;
	size_t len = strcspn(name, "/");

	snprintf(host, KEY_SIZE, "%.*s", (int)len, name);
	return name + len + strlen("/net/");
}

static int mark(struct model *model, const char *net)
{
	char key[KEY_SIZE], user[KEY_SIZE];
	const struct ref *refs;
	unsigned count;
	size_t cursor = 0;
	int err = table_put_text(&model->dirty, noun_key(key, NOUN_NET, net), model);

	// What joins it with others has a part wherever the net is.
	refs = graph_refs(&model->graph, key, &count);
	for (unsigned i = 0; err == 0 && i < count; i++)
		if (refs[i].kind == REF_WATCHES || refs[i].kind == REF_NEEDS)
			err = table_put_text(&model->dirty, refs[i].key, model);
	// Rules that are wherever the net is.
	snprintf(key, sizeof(key), "spread/net/%s", net);
	while (err == 0 && graph_next_user(&model->graph, key, &cursor, user))
		if (strncmp(user, "at/", 3) != 0)
			err = table_put_text(&model->dirty, user, model);
	return err;
}

// Keys that whoever derives knows: a host that has left the net, which is found nowhere else, and a net of which other
// hosts have ports, too.
static int mark_mesh(struct model *model, const char *net, const char *host)
{
	bool joined = model_place_has(model, net, host);
	char key[KEY_SIZE + 16];
	int err = 0;

	snprintf(key, sizeof(key), "mesh/%s", host);
	if (!joined)
		err = table_put_text(&model->dirty, key, model);
	if (err < 0 || model_place_number(model, net) < (joined ? 2 : 1))
		return err;
	snprintf(key, sizeof(key), "spread/net/%s", net);
	return table_put_text(&model->dirty, key, model);
}

// The first port of the net on the host whose MACs nobody knows, or the last: how others reach the host differs.
static int follow_open(struct model *model, const char *key)
{
	struct refs refs = {0};
	char host[KEY_SIZE];
	const char *net = split(key, host);
	unsigned known;
	int err;

	graph_refs(&model->graph, key, &known);
	if ((known > 0) == (graph_user_count(&model->graph, key) > 0))
		return 0;
	if (known == 0)
		refs_add(&refs, REF_COUNTS, "host", "opens/net/%s", net);
	err = graph_set(&model->graph, key, &refs);
	return err == 0 ? mark(model, net) : err;
}

int model_place_follow(struct model *model, const char *at)
{
	struct refs refs = {0};
	char host[KEY_SIZE];
	const char *net;
	unsigned known;
	int err;

	if (strncmp(at, "open/", strlen("open/")) == 0)
		return follow_open(model, at);
	if (strncmp(at, "at/", 3) != 0)
		return 0;
	graph_refs(&model->graph, at, &known);
	if ((known > 0) == (graph_user_count(&model->graph, at) > 0))
		return 0;
	net = split(at, host);
	if (known == 0) {
		refs_add(&refs, REF_COUNTS, "host", "spread/net/%s", net);
		refs_add(&refs, REF_COUNTS, "host", "nets/%s", host);
	}
	err = graph_set(&model->graph, at, &refs);
	if (err == 0)
		err = mark_mesh(model, net, host);
	return err == 0 ? mark(model, net) : err;
}

bool model_place_has(const struct model *model, const char *net, const char *host)
{
	char key[KEY_SIZE];

	snprintf(key, sizeof(key), "at/%s/net/%s", host, net);
	return graph_user_count(&model->graph, key) > 0;
}

bool model_place_is_open(const struct model *model, const struct intent *net, const char *host)
{
	char key[KEY_SIZE];

	// Trunks of the VLAN are no ports of the net, and behind a tunnel by hand is anybody.
	if (net->msg->net->has_vlan || net->msg->net->tunnel)
		return true;
	snprintf(key, sizeof(key), "open/%s/net/%s", host, net->name);
	return graph_user_count(&model->graph, key) > 0;
}

const char *model_place_next(const struct model *model, const char *net, size_t *cursor,
                             char ret[static KEY_SIZE])
{
	char key[KEY_SIZE], user[KEY_SIZE];

	snprintf(key, sizeof(key), "spread/net/%s", net);
	while (graph_next_user(&model->graph, key, cursor, user)) {
		if (strncmp(user, "at/", 3) != 0)
			continue;
		split(user, ret);
		return ret;
	}
	return NULL;
}

const char *model_place_next_net(const struct model *model, const char *host, size_t *cursor,
                                 char ret[static KEY_SIZE])
{
	char key[KEY_SIZE], user[KEY_SIZE];

	snprintf(key, sizeof(key), "nets/%s", host);
	if (!graph_next_user(&model->graph, key, cursor, user))
		return NULL;
	snprintf(ret, KEY_SIZE, "%s", split(user, key));
	return ret;
}

size_t model_place_number(const struct model *model, const char *net)
{
	char host[KEY_SIZE];
	size_t cursor = 0, number = 0;

	while (model_place_next(model, net, &cursor, host))
		number++;
	return number;
}

const char *model_place_group(const struct intent *net, char ret[static KEY_SIZE])
{
	const Weft__Net *body = net->msg->net;

	if (!body->has_mode || body->mode == WEFT__NET_MODE__NET_ISOLATED)
		return noun_key(ret, NOUN_NET, net->name);
	return noun_key(ret, NOUN_ROUTER, body->router ? body->router : "gw");
}

// Looks at the hosts of one more net: the local one wins, else the first by name.
static void consider(const struct model *model, const char *net, char best[static KEY_SIZE])
{
	char host[KEY_SIZE];
	size_t cursor = 0;

	if (strcmp(best, HOST_LOCAL) == 0)
		return;
	if (model_place_has(model, net, HOST_LOCAL)) {
		snprintf(best, KEY_SIZE, "%s", HOST_LOCAL);
		return;
	}
	while (model_place_next(model, net, &cursor, host))
		if (!best[0] || strcmp(host, best) < 0)
			memcpy(best, host, KEY_SIZE);
}

// Of all legs of the router, or only of those that lead outside.
static void consider_legs(const struct model *model, const char *router_key, bool external,
                          char best[static KEY_SIZE])
{
	char user[KEY_SIZE];
	size_t cursor = 0;

	while (graph_next_user(&model->graph, router_key, &cursor, user)) {
		const struct intent *net = model_get_key(model, user);

		if (net && net->noun == NOUN_NET &&
		    (!external || net->msg->net->mode == WEFT__NET_MODE__NET_EXTERNAL))
			consider(model, net->name, best);
	}
}

const char *model_place_home(const struct model *model, const char *group,
                             char ret[static KEY_SIZE])
{
	const struct intent *intent = model_get_key(model, group);
	const char *name, *given = NULL;
	char best[KEY_SIZE] = "";

	if (noun_of_key(group, &name) == NOUN_ROUTER) {
		given = intent ? intent->msg->router->host : NULL;
		if (!given)
			consider_legs(model, group, true, best);
		if (!given && !best[0])
			consider_legs(model, group, false, best);
	} else if (intent) {
		given = intent->msg->net->host;
		if (!given)
			consider(model, name, best);
	}
	snprintf(ret, KEY_SIZE, "%s", given ? given : best[0] ? best : HOST_LOCAL);
	return ret;
}

static char **home_field(Weft__Intent *msg)
{
	if (msg->body_case == WEFT__INTENT__BODY_NET)
		return &msg->net->host;
	return msg->body_case == WEFT__INTENT__BODY_ROUTER ? &msg->router->host : NULL;
}

bool model_place_is_homed(const struct model *model, const char *key, const char *host_key)
{
	const struct intent *intent = model_get_key(model, key);
	char **host = intent ? home_field(intent->msg) : NULL;
	char at[KEY_SIZE];

	return host && *host && strcmp(noun_key(at, NOUN_HOST, *host), host_key) == 0;
}

int model_place_let_go(struct model *model, const char *key, struct refusal *refusal)
{
	const struct intent *intent = model_get_key(model, key);
	Weft__Intent *msg = weft__intent__unpack(NULL, intent->len, intent->packed);
	int err;

	if (!msg)
		return refuse(refusal, -ENOMEM, key, NULL, "%s: out of memory", key);
	free(*home_field(msg));
	*home_field(msg) = NULL;
	err = model_put(model, msg, refusal);
	weft__intent__free_unpacked(msg, NULL);
	return err;
}
