// SPDX-License-Identifier: BSD-3-Clause
//
// control_ways: nets follow what the ways between their hosts carry: TAPs, DHCP and router advertisements are told.
//
// It is no change of the intent. Who tells that his ways carry something else has the nets looked at that he has a
// part of, and only what differs then is derived anew, and sent as to a host that returns.

#include "controller/control_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "controller/model_host.h"
#include "controller/model_way.h"
#include "proto/channel.pb-c.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

enum {
	MTU_MOST = 65535,
	HOLD_MS = 10000,
	MSEC_PER_SEC = 1000,
	USEC_PER_MSEC = 1000,
	AS_USUAL = 1500, // where neither the user nor a way says anything
};

// What a net had when it was looked at last, as a pointer: the MTU, and whether a way was why.
#define NARROWED ((uintptr_t)1 << 20)

static void remember(struct control *control, const char *net, const struct net_mtu *now)
{
	uintptr_t value = (now->mtu ? now->mtu : AS_USUAL) | (now->host[0] ? NARROWED : 0);

	// Not remembered it is looked at once more.
	table_put_text(&control->net_mtus, net, (void *)value);
}

static uint32_t intended(const struct model *model, const struct intent *net)
{
	uint32_t way = model_way_mtu(model, net);

	if (net->msg->net->has_mtu)
		return net->msg->net->mtu;
	return way ? way : AS_USUAL;
}

static void say(struct control *control, const char *host, const struct intent *net,
                uint32_t before, const struct net_mtu *now)
{
	char text[3 * KEY_SIZE];
	int len = snprintf(text, sizeof(text), "packets of %u bytes at most now, no longer %u: ",
	                   now->mtu ? now->mtu : AS_USUAL, before);

	if (!now->host[0])
		snprintf(text + len, sizeof(text) - (size_t)len,
		         "the ways of host %s carry what they should", host);
	else if (now->peer[0])
		snprintf(text + len, sizeof(text) - (size_t)len,
		         "the way from host %s to %s carries no more", now->host, now->peer);
	else
		snprintf(text + len, sizeof(text) - (size_t)len,
		         "the ways from host %s carry no more", now->host);
	control->told(control->listener, strcmp(host, HOST_LOCAL) == 0 ? NULL : host, "net_mtu",
	              net->key, text);
}

// Derives the net and its ports anew. Returns whether that made a difference.
static bool derive_again(struct control *control, const struct intent *net)
{
	struct refusal refusal = {0};
	struct table keys = {0};
	struct desired *desired;
	bool differs = false;
	char user[KEY_SIZE];
	size_t cursor = 0;
	int err = table_put_text(&keys, net->key, control);

	while (err == 0 && graph_next_user(&control->model.graph, net->key, &cursor, user)) {
		const struct intent *port = model_get_key(&control->model, user);

		if (port && port->noun == NOUN_PORT)
			err = table_put_text(&keys, user, control);
	}
	if (err == 0)
		err = derive_units(&control->model, &control->layout, &keys, &refusal);
	if (err < 0)
		log_warn("%s: its MTU could not be told: %s", net->key, refusal.fail.what);
	for (size_t i = 0; (desired = layout_collected(&control->layout, i)); i++) {
		struct host *host = hosts_get(&control->hosts, desired->host);

		differs = differs || desired->ops.count > 0;
		if (host)
			control_want_resync(control, host);
	}
	layout_forget_collected(&control->layout);
	table_fini(&keys);
	return differs;
}

static void follow_net(struct control *control, const char *host, const struct intent *net)
{
	struct net_mtu now = model_way_net(&control->model, net);
	uintptr_t last = (uintptr_t)table_get_text(&control->net_mtus, net->key);
	uint32_t before =
		last & NARROWED ? (uint32_t)(last & ~NARROWED) : intended(&control->model, net);
	bool same = last ? (last & ~NARROWED) == (now.mtu ? now.mtu : AS_USUAL) : !now.host[0];

	remember(control, net->key, &now);
	if (!same && derive_again(control, net))
		say(control, host, net, before, &now);
}

// The nets that the host has a part of are among its units.
static void follow_host(struct control *control, const char *host)
{
	const struct desired *desired = layout_at(&control->layout, host);
	const void *key;
	size_t cursor = 0, len;
	struct table nets = {0};
	char text[KEY_SIZE];

	while (desired && table_next(&desired->units, &cursor, &key, &len))
		if (len > strlen("net/") && memcmp(key, "net/", strlen("net/")) == 0)
			table_put(&nets, key, len, control, NULL);
	cursor = 0;
	while (table_next(&nets, &cursor, &key, &len)) {
		const struct intent *net;

		snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)key);
		net = model_get_key(&control->model, text);
		if (net)
			follow_net(control, host, net);
	}
	table_fini(&nets);
	control_next(control);
}

static void grow(struct control *control)
{
	uint64_t due, now = clock_now();
	struct timeval wait;
	const char *host;

	while ((host = ways_grow(&control->ways, now, &due)))
		follow_host(control, host);
	if (due == UINT64_MAX)
		return;
	due = (due - now) / NSEC_PER_MSEC + 1;
	wait = (struct timeval){.tv_sec = (time_t)(due / MSEC_PER_SEC),
	                        .tv_usec = (suseconds_t)(due % MSEC_PER_SEC * USEC_PER_MSEC)};
	event_add(control->grow, &wait);
}

static void on_grow(evutil_socket_t unused, short what, void *user)
{
	grow(user);
}

// What it tells of peers that it need not have any more is passed over.
static int read_ways(const struct host *host, const Weft__Ways *message, struct way_list *ret)
{
	*ret = (struct way_list){.most = message->mtu};
	if (message->mtu > MTU_MOST)
		return -ERANGE;
	for (size_t i = 0; i < message->n_narrower; i++) {
		const Weft__Way *way = message->narrower[i];
		const struct object *peer = desired_get(host_desired(host), way->peer);
		int err = 0;

		if (!way->mtu || way->mtu > message->mtu)
			return -ERANGE;
		if (peer && peer->kind == WEFT__KIND__KIND_PORT)
			err = way_list_add(ret, peer->name, way->mtu);
		if (err < 0)
			return err;
	}
	return 0;
}

void control_host_ways(struct control *control, struct host *host, const Weft__Ways *message)
{
	struct way_list told;

	if (read_ways(host, message, &told) < 0) {
		way_list_fini(&told);
		log_warn("%s: what it tells of its ways is left out", host_label(host));
		return;
	}
	if (ways_tell(&control->ways, host_name(host), &told, clock_now()))
		follow_host(control, host_name(host));
	grow(control);
}

int control_init_ways(struct control *control, struct fail *fail)
{
	control->ways.hold_ns = (control->hold_ms ? control->hold_ms : HOLD_MS) * NSEC_PER_MSEC;
	control->model.ways = &control->ways;
	control->grow = evtimer_new(control->base, on_grow, control);
	return control->grow ? ways_open(&control->ways, control->store, fail)
	                     : fail_set(fail, -ENOMEM, "out of memory");
}

void control_fini_ways(struct control *control)
{
	ways_close(&control->ways);
	table_fini(&control->net_mtus);
	if (control->grow)
		event_free(control->grow);
}

void control_know_mtus(struct control *control)
{
	const struct intent *net;
	size_t cursor = 0;

	while (control->ways.hosts.count &&
	       (net = model_next(&control->model, NOUN_NET, &cursor))) {
		struct net_mtu now = model_way_net(&control->model, net);

		remember(control, net->key, &now);
	}
}
