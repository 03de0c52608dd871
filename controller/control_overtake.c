// SPDX-License-Identifier: BSD-3-Clause
//
// control_overtake: a change under way whose host does not answer holds up nobody who does not need that host.
//
// After half a second, and more if there is much to do, the hosts that have not answered are let go: they
// lag, and are compared with what they must hold as soon as they say a word. Those that would only be told of
// others are let go in any case, and the change goes on without them. A change that is decided is
// done without hearing of them. One that is not is taken back everywhere and put aside, and begins anew when
// they answer; then it has all the time it needs, so that a slow host is not put off for ever. Where there
// is no other host, or nobody waits, nothing is gained by that, and it does not happen.

#include "controller/control_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>

enum { USEC_PER_OPERATION = 2000, USEC_PER_SEC = 1000000 };

static size_t count_silent(const struct change *change)
{
	size_t count = 0;

	for (size_t i = 0; i < change->share_count; i++)
		count += !change->shares[i].answered;
	return count;
}

static bool is_worth_it(const struct control *control, const struct change *change)
{
	return change->next && change->state != CHANGE_QUEUED && !change->overtaken &&
	       control->hosts.by_name.count > count_silent(change);
}

// The first that had not answered.
static struct host *let_go(struct change *change)
{
	struct host *first = NULL;

	for (size_t i = 0; i < change->share_count; i++) {
		struct share *share = &change->shares[i];

		if (share->answered)
			continue;
		host_let_go(share->host, &share->ops);
		if (!first)
			first = share->host;
	}
	return first;
}

// Who is only told of others, or that it need not serve any more, need not hear of it now.
static void leave_out_hearsay(struct control *control, struct change *change)
{
	size_t left_out = 0;

	for (size_t i = 0; i < change->share_count; i++) {
		struct share *share = &change->shares[i];

		if (share->answered || !share->hearsay)
			continue;
		share->answered = share->left_out = true;
		host_let_go(share->host, &share->ops);
		left_out++;
	}
	if (left_out == 0)
		return;
	if (change->share_count == 1)
		control_decided(control, change, DECISION_DONE);
	else if ((change->awaited -= left_out) == 0)
		control_prepared(control, change);
}

void control_overtake(struct control *control)
{
	struct change *change = control->queue;
	const struct host *missing;

	if (!control->is_slow || !change || !is_worth_it(control, change))
		return;
	missing = change->state == CHANGE_WAITING ? change->shares[0].host : let_go(change);
	change->overtaken = true;
	if (change->dry_run) {
		snprintf(change->note, sizeof(change->note),
		         "%.60s does not answer and could not be asked", host_label(missing));
		control_asked(control, change);
	} else if (change->state == CHANGE_DECIDED) {
		snprintf(change->note, sizeof(change->note),
		         "%.60s does not answer; it follows when it does", host_label(missing));
		control_decided(control, change, DECISION_DONE);
	} else {
		control_abort_all(change);
		control_undo_all(control, change);
		change->refusal = (struct refusal){0};
		control_put_aside(control, change, missing);
		control_next(control);
	}
}

static void on_slow(evutil_socket_t fd, short what, void *user)
{
	struct control *control = user;

	control->is_slow = true;
	if (control->queue && control->queue->state == CHANGE_SENT && !control->queue->dry_run)
		leave_out_hearsay(control, control->queue);
	control_overtake(control);
}

void control_arm_overtaking(struct control *control, const struct change *change)
{
	uint64_t usec = (uint64_t)control->slow_ms * 1000;
	struct timeval wait;

	for (size_t i = 0; i < change->share_count; i++)
		usec += change->shares[i].ops.count * USEC_PER_OPERATION;
	wait.tv_sec = (time_t)(usec / USEC_PER_SEC);
	wait.tv_usec = (suseconds_t)(usec % USEC_PER_SEC);
	control->is_slow = false;
	event_add(control->slow, &wait);
}

int control_init_overtaking(struct control *control)
{
	control->slow = evtimer_new(control->base, on_slow, control);
	return control->slow ? 0 : -ENOMEM;
}
