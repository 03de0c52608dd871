// SPDX-License-Identifier: BSD-3-Clause
//
// control_aside: changes that wait for a host that is away.
//
// Such a change is taken out of the queue, so that it holds up nobody who does not need that host, and has
// another chance whenever a host comes. After a while it is refused by the host's name.

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

	refuse(refusal, -EAGAIN, local ? "datapath" : noun_key(key, NOUN_HOST, name), NULL,
	       "%s%.64s is away%s%s; nothing was changed", local ? "the datapath" : "host ",
	       local ? "" : name, trouble ? ": " : "", trouble ? trouble : "");
	if (local)
		fail_hint(&refusal->fail,
		          "'weft status' tells more; the reasons are in datapath.log");
	else
		fail_hint(&refusal->fail,
		          "'weft host ls' tells more; if it is lost for good, 'weft host delete "
		          "%.64s --cascade' removes it and all that is there",
		          name);
}

static void arm_overdue(struct control *control)
{
	const uint64_t patience = control->patience_seconds * NSEC_PER_SEC;
	uint64_t now = clock_now(), at;
	struct timeval wait = {0};

	if (!control->aside || event_pending(control->overdue, EV_TIMEOUT, NULL))
		return;
	at = control->aside->aside_since + patience;
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

	control_undo_model(control);
	control_unshare(change);
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

// A host has been away for too long. Others may come to wait for in its place; time runs from the first.
static void on_overdue(evutil_socket_t fd, short what, void *user)
{
	struct control *control = user;
	struct refusal refusal = {0};
	struct change *change = control->aside;

	if (!change)
		return;
	control->aside = change->next;
	change->next = control->queue;
	if (control->queue && control->queue->state != CHANGE_QUEUED) {
		// The first is under way; this one ends behind it.
		change->next = control->queue->next;
		control->queue->next = change;
	} else {
		control->queue = change;
	}
	control_refuse_missing(control, change->missing, &refusal);
	control_end(control, change, &refusal, false, NULL);
	arm_overdue(control);
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
