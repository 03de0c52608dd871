// SPDX-License-Identifier: BSD-3-Clause
//
// agent_event: tells the controller what happened by itself.
//
// Events wait in a bounded queue of their own and never delay anything; what does not fit is counted, and
// the sequence numbers show the gap. While no controller is there nothing is queued: state that matters is
// in the tables and is asked for anew.

#include "base/clock.h"
#include "datapath/agent_priv.h"

#include <string.h>

static bool send_event(struct agent *agent, Weft__Event *event)
{
	event->seq = ++agent->event_seq;
	event->wall_ns = clock_wall();
	if (agent->phase == AGENT_RUNNING &&
	    agent_send(agent, WEFT__STREAM_ID__STREAM_EVENTS, WEFT__FRAME_TYPE__FRAME_EVENT, 0,
	               &event->base) == 0)
		return true;
	agent->events_lost++;
	return false;
}

void agent_event(struct agent *agent, Weft__EventType type, uint64_t object, const char *text)
{
	Weft__Event event = WEFT__EVENT__INIT;

	event.type = type;
	event.has_object = object != 0;
	event.object = object;
	event.text = (char *)text;
	send_event(agent, &event);
}

void agent_event_step(struct agent *agent, uint64_t impairment, uint32_t step, uint64_t passed)
{
	Weft__Event event = WEFT__EVENT__INIT;

	event.type = WEFT__EVENT_TYPE__EVENT_IMPAIR_STEP;
	event.has_object = event.has_step = true;
	event.object = impairment;
	event.step = step;
	event.has_steps_passed = passed != 0;
	event.steps_passed = passed;
	send_event(agent, &event);
}

bool agent_event_ways(struct agent *agent, const Weft__Ways *ways)
{
	Weft__Event event = WEFT__EVENT__INIT;

	event.type = WEFT__EVENT_TYPE__EVENT_WAYS;
	event.ways = (Weft__Ways *)ways;
	return send_event(agent, &event);
}

void agent_event_lease(struct agent *agent, uint64_t scope, const struct mac *mac,
                       const struct ip_addr *ip, uint64_t expires, const char *hostname)
{
	Weft__Event event = WEFT__EVENT__INIT;
	Weft__Lease lease = WEFT__LEASE__INIT;
	struct mac mac_copy = *mac;
	uint32_t be = ip_to4(*ip);

	lease.scope = scope;
	lease.mac = (ProtobufCBinaryData){.len = sizeof(mac_copy.b), .data = mac_copy.b};
	lease.ip = (ProtobufCBinaryData){.len = sizeof(be), .data = (uint8_t *)&be};
	lease.has_expires = true;
	lease.expires = expires;
	lease.hostname = hostname && hostname[0] ? (char *)hostname : NULL;
	event.type = WEFT__EVENT_TYPE__EVENT_LEASE;
	event.has_object = true;
	event.object = scope;
	event.lease = &lease;
	send_event(agent, &event);
}
