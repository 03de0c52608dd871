// SPDX-License-Identifier: BSD-3-Clause
//
// agent_event: tells the controller what happened by itself.
//
// Events wait in a bounded queue of their own and never delay anything; what does not fit is counted, and
// the sequence numbers show the gap. While no controller is there nothing is queued: state that matters is
// in the tables and is asked for anew.

#include "base/clock.h"
#include "datapath/agent_priv.h"
#include "datapath/lease.h"

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

void agent_event_lease(struct agent *agent, const struct lease *lease, uint64_t expires)
{
	Weft__Event event = WEFT__EVENT__INIT;
	Weft__Lease message = WEFT__LEASE__INIT;
	struct lease copy = *lease;
	uint32_t be = ip_to4(copy.ip);

	message.scope = copy.scope;
	message.mac = (ProtobufCBinaryData){.len = sizeof(copy.mac.b), .data = copy.mac.b};
	message.ip = (ProtobufCBinaryData){.len = sizeof(be), .data = (uint8_t *)&be};
	message.has_expires = true;
	message.expires = expires;
	// By it the client is known again where the lease is handed on.
	message.has_client_id = copy.client_id_len > 0;
	message.client_id =
		(ProtobufCBinaryData){.len = copy.client_id_len, .data = copy.client_id};
	message.hostname = copy.hostname[0] ? copy.hostname : NULL;
	event.type = WEFT__EVENT_TYPE__EVENT_LEASE;
	event.has_object = true;
	event.object = copy.scope;
	event.lease = &message;
	send_event(agent, &event);
}
