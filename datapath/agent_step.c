// SPDX-License-Identifier: BSD-3-Clause
//
// agent_step: tells when timelines of impairments enter a step.
//
// Workers follow a timeline when frames come, so they know nothing of steps in which none did. The plan and the time at
// which its worker began it say where it is. After a change we look once its workers have had time to begin, then
// whenever the next step begins, and not more often than ten times a second: steps that were over by then are counted.
// A look costs as much as there are impairments.

#include "datapath/agent_step.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/agent_change.h"
#include "datapath/agent_object.h"
#include "datapath/impair.h"

#include <event2/event.h>
#include <stdlib.h>

#define BEGUN_NS (20 * NSEC_PER_MSEC)
#define PAUSE_NS (100 * NSEC_PER_MSEC)

struct agent_step {
	struct agent *agent; // borrowed
	struct event *timer;
};

// What is to be told of the timeline now, if anything. Returns in how many ns it is worth another look.
static uint64_t look_at(struct agent_step *step, const struct agent_object *object)
{
	struct impair_setting *setting = object->impair;
	uint64_t origin = impair_count(setting->impair, IMPAIR_ORIGIN);
	uint64_t now = clock_now(), at, left, passed = 0;

	if (setting->plan.step_count < 2)
		return UINT64_MAX;
	if (!origin || now < origin)
		return BEGUN_NS;
	at = impair_plan_at(&setting->plan, now - origin, &left);
	if (setting->told_origin_ns == origin && setting->told == at)
		return left;
	if (setting->told_origin_ns == origin)
		passed = at - setting->told - 1;
	setting->told_origin_ns = origin;
	setting->told = at;
	agent_event_step(step->agent, object->id, (uint32_t)(at % setting->plan.step_count),
	                 passed);
	return left;
}

static void look_in(struct agent_step *step, uint64_t ns)
{
	// A little late is right, a little early is once more.
	uint64_t us = ns / NSEC_PER_USEC + 1;
	struct timeval wait = {.tv_sec = (time_t)(us / 1000000),
	                       .tv_usec = (suseconds_t)(us % 1000000)};

	event_add(step->timer, &wait);
}

static void on_timer(evutil_socket_t unused, short what, void *user)
{
	struct agent_step *step = user;
	const struct agent_table *table =
		&step->agent->apply->store.tables[WEFT__KIND__KIND_IMPAIRMENT];
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(table->members); i++)
		for (const struct agent_object *object = table->members[i]; object;
		     object = object->bucket_next)
			next = MIN(next, look_at(step, object));
	if (next != UINT64_MAX)
		look_in(step, MAX(next, PAUSE_NS));
}

struct agent_step *agent_step_new(struct agent *agent)
{
	struct agent_step *step = calloc(1, sizeof(*step));

	if (!step)
		return NULL;
	step->agent = agent;
	step->timer = evtimer_new(agent->config.base, on_timer, step);
	if (step->timer)
		return step;
	free(step);
	return NULL;
}

void agent_step_free(struct agent_step *step)
{
	if (step)
		event_free(step->timer);
	free(step);
}

void agent_step_changed(struct agent_step *step)
{
	if (step)
		look_in(step, BEGUN_NS);
}
