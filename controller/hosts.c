// SPDX-License-Identifier: BSD-3-Clause
//
// hosts: a table of hosts that follows the intent.
//
// A host may be told to go from within one of its own calls, as when the answer to the change that removes
// it has just come. So it is only put aside there, and freed by the event loop.

#include "controller/hosts.h"

#include "base/log.h"
#include "controller/model_host.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

static void reap(struct hosts *hosts)
{
	for (size_t i = 0; i < hosts->gone_count; i++) {
		// One of the same name may have come meanwhile.
		if (!hosts_get(hosts, host_name(hosts->gone[i])))
			layout_forget(hosts->layout, host_name(hosts->gone[i]));
		host_free(hosts->gone[i]);
	}
	hosts->gone_count = 0;
}

static void on_reap(evutil_socket_t fd, short what, void *user)
{
	reap(user);
}

static struct host *add(struct hosts *hosts, const char *name)
{
	struct desired *desired = layout_at(hosts->layout, name);
	struct host *host = desired ? host_new(name, desired, &hosts->env) : NULL;

	if (!host || table_put_text(&hosts->by_name, name, host) < 0) {
		host_free(host);
		log_err("host %s cannot be watched: out of memory", name);
		return NULL;
	}
	if (hosts->came)
		hosts->came(hosts->user, host);
	return host;
}

int hosts_open(struct hosts *hosts)
{
	hosts->reaper = evtimer_new(hosts->env.base, on_reap, hosts);
	if (!hosts->reaper)
		return -ENOMEM;
	hosts->local = add(hosts, HOST_LOCAL);
	return hosts->local ? 0 : -ENOMEM;
}

void hosts_close(struct hosts *hosts)
{
	struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(hosts, &cursor)))
		host_free(host);
	table_fini(&hosts->by_name);
	for (size_t i = 0; i < hosts->gone_count; i++)
		host_free(hosts->gone[i]);
	free(hosts->gone);
	if (hosts->reaper)
		event_free(hosts->reaper);
}

static void put_aside(struct hosts *hosts, struct host *host)
{
	struct host **more = realloc(hosts->gone, (hosts->gone_count + 1) * sizeof(*hosts->gone));
	struct timeval now = {0};

	table_remove_text(&hosts->by_name, host_name(host));
	if (hosts->left)
		hosts->left(hosts->user, host);
	host_detach(host, "it is removed");
	// Without memory for the list it stays, idle.
	if (!more)
		return;
	hosts->gone = more;
	hosts->gone[hosts->gone_count++] = host;
	event_add(hosts->reaper, &now);
}

void hosts_follow(struct hosts *hosts, const struct model *model)
{
	const struct intent *intent;
	struct host *host;
	size_t cursor = 0;

	// Nothing is added on this walk, so removing what it has just met is the one change it allows.
	while ((host = hosts_next(hosts, &cursor)))
		if (!model_host_exists(model, host_name(host)))
			put_aside(hosts, host);
	cursor = 0;
	while ((intent = model_next(model, NOUN_HOST, &cursor)))
		if (!hosts_get(hosts, intent->name))
			add(hosts, intent->name);
}

struct host *hosts_get(const struct hosts *hosts, const char *name)
{
	return table_get_text(&hosts->by_name, name);
}

struct host *hosts_next(const struct hosts *hosts, size_t *cursor)
{
	return table_next(&hosts->by_name, cursor, NULL, NULL);
}

const struct refusal *hosts_held(const struct hosts *hosts, const char *unit)
{
	const struct refusal *held = NULL;
	const struct host *host;
	size_t cursor = 0;

	while (!held && (host = hosts_next(hosts, &cursor)))
		held = host_held(host, unit);
	return held;
}

void hosts_forget(const struct hosts *hosts, void *user)
{
	struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(hosts, &cursor)))
		host_forget(host, user);
}

bool hosts_have_pid(const struct hosts *hosts, pid_t pid)
{
	const struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(hosts, &cursor)))
		if (host_pid(host) == pid)
			return true;
	return false;
}
