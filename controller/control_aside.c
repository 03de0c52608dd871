// SPDX-License-Identifier: BSD-3-Clause
//
// control_aside: changes that wait for a host that is away.
//
// Such a change is taken out of the queue, so that it holds up nobody who does not need that host, and has
// another chance whenever a host comes. After a while it is refused by the host's name: sooner if the host has
// been away for longer than that already, and at once if it was cut off since it does not answer.

#include "controller/control_priv.h"

#include "base/clock.h"
#include "controller/model_host.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>

void control_refuse_missing(struct control *control, const char *name, struct refusal *refusal)
{
	const struct host *host = hosts_get(&control->hosts, name);
	const char *trouble =
		host && control->trouble ? control->trouble(control->listener, host) : NULL;
	char key[KEY_SIZE];
	bool local = strcmp(name, HOST_LOCAL) == 0;
	bool hangs = host && host_hangs(host);

	refuse(refusal, -EAGAIN, local ? "datapath" : noun_key(key, NOUN_HOST, name), NULL,
	       "%s%.64s %s%s%s; nothing was changed", local ? "the datapath" : "host ",
	       local ? "" : name, hangs ? "does not answer" : "is away", trouble ? ": " : "",
	       trouble ? trouble : "");
	if (local)
		fail_hint(&refusal->fail,
		          "'weft status' tells more; the reasons are in datapath.log");
	else
		fail_hint(&refusal->fail,
		          "'weft host ls' tells more; if it is lost for good, 'weft host delete "
		          "%.64s --cascade' removes it and all that is there",
		          name);
}

// Until when it waits. A host that came and went has all the time to come again; for one that has been away
// for as long, a change waits only in case it is about to come.
static uint64_t deadline_of(const struct control *control, const struct change *change)
{
	const uint64_t patience = control->patience_seconds * NSEC_PER_SEC;
	const struct host *host = hosts_get(&control->hosts, change->missing);
	uint64_t since = host ? host_gone_since(host) : 0, least, most;

	most = change->aside_since + patience;
	if (since == 0 || since >= change->aside_since)
		return most;
	least = change->aside_since + patience / 4;
	return since + patience > least ? since + patience : least;
}

static void arm_overdue(struct control *control)
{
	uint64_t now = clock_now(), at = UINT64_MAX;
	struct timeval wait = {0};

	if (!control->aside)
		return;
	for (const struct change *change = control->aside; change; change = change->next)
		if (deadline_of(control, change) < at)
			at = deadline_of(control, change);
	if (at > now) {
		wait.tv_sec = (time_t)((at - now) / NSEC_PER_SEC);
		wait.tv_usec = (suseconds_t)((at - now) % NSEC_PER_SEC / NSEC_PER_USEC);
	}
	event_add(control->overdue, &wait);
}

// The first of the queue waits for a host that is away, and holds up nobody who does not.
void control_put_aside(struct control *control, struct change *change, const struct host *missing)
{
	struct change **last = &control->aside;
	struct refusal refusal = {0};

	if (host_is_silent(missing)) {
		control_refuse_missing(control, host_name(missing), &refusal);
		control_end(control, change, &refusal, false, NULL);
		return;
	}
	event_del(control->patience);
	event_del(control->slow);
	control_unshare(change);
	change->state = CHANGE_QUEUED;
	control->queue = change->next;
	change->next = NULL;
	if (!change->aside_since)
		change->aside_since = clock_now();
	snprintf(change->missing, sizeof(change->missing), "%s", host_name(missing));
	while (*last && (*last)->aside_since <= change->aside_since)
		last = &(*last)->next;
	change->next = *last;
	*last = change;
	arm_overdue(control);
}

static void refuse_one(struct control *control, struct change **at)
{
	struct refusal refusal = {0};
	struct change *change = *at;

	*at = change->next;
	control_refuse_missing(control, change->missing, &refusal);
	control_answer(control, change, &refusal, false, NULL);
}

// A host has been away for too long. Others may come to wait for in its place; time runs from the first.
static void on_overdue(evutil_socket_t fd, short what, void *user)
{
	struct control *control = user;
	// The clock of the event loop is coarser than ours.
	uint64_t now = clock_now() + NSEC_PER_MSEC;
	struct change **at = &control->aside;

	while (*at)
		if (deadline_of(control, *at) <= now)
			refuse_one(control, at);
		else
			at = &(*at)->next;
	arm_overdue(control);
}

void control_give_up(struct control *control, const struct host *host)
{
	struct change **at = &control->aside;

	while (*at)
		if (strcmp((*at)->missing, host_name(host)) == 0)
			refuse_one(control, at);
		else
			at = &(*at)->next;
}

void control_take_up(struct control *control)
{
	struct change **at = &control->queue, *rest;

	if (!control->aside)
		return;
	// Before those that came later, and behind the one that is under way.
	if (*at && (*at)->state != CHANGE_QUEUED)
		at = &(*at)->next;
	rest = *at;
	*at = control->aside;
	while (*at)
		at = &(*at)->next;
	*at = rest;
	control->aside = NULL;
	event_del(control->overdue);
}

int control_init_aside(struct control *control)
{
	control->overdue = evtimer_new(control->base, on_overdue, control);
	return control->overdue ? 0 : -ENOMEM;
}
