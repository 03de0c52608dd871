// SPDX-License-Identifier: BSD-3-Clause
//
// agent_lease: the leases that the controller wrote down, for a datapath that starts cold, and for one to which a
// scope comes from another.
//
// To one that starts they count only when the table itself did not survive in the state segment, which knows
// better. To one that runs they come shortly before the scope itself, or, given at the last moment by the
// datapath before, shortly after it: then none that was given here meanwhile gives way.

#include "base/log.h"
#include "datapath/agent_frame.h"
#include "datapath/agent_object.h"
#include "datapath/agent_priv.h"
#include "datapath/lease.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

// Returns whether it is one.
static bool read_lease(const Weft__Lease *message, struct lease *ret)
{
	struct lease lease = {
		.scope = message->scope, .expires = message->expires, .state = LEASE_BOUND};

	if (!message->expires || agent_mac(&message->mac, &lease.mac) < 0 ||
	    agent_ip(&message->ip, &lease.ip) < 0 || !ip_is4(lease.ip))
		return false;
	if (message->client_id.len <= sizeof(lease.client_id)) {
		lease.client_id_len = (uint8_t)message->client_id.len;
		if (lease.client_id_len > 0)
			memcpy(lease.client_id, message->client_id.data, lease.client_id_len);
	}
	if (message->hostname)
		strncpy(lease.hostname, message->hostname, sizeof(lease.hostname) - 1);
	*ret = lease;
	return true;
}

void agent_lease_frame(struct agent *agent, const struct stream_frame *frame)
{
	enum { FRAME_LIMIT = 16 << 20 };
	struct agent_arena arena;
	const Weft__Leases *leases;
	struct lease lease;
	unsigned full = 0;

	agent_arena_init(&arena, FRAME_LIMIT);
	leases = agent_frame_decode(&arena, frame, &weft__leases__descriptor);
	if (!leases)
		agent_refuse(agent, frame->request, -EBADMSG,
		             "the leases that were handed over cannot be read", NULL);
	for (size_t i = 0; leases && i < leases->n_scopes; i++)
		service_forget_leases(agent->service, leases->scopes[i]);
	for (size_t i = 0; leases && i < leases->n_leases; i++)
		if (read_lease(leases->leases[i], &lease))
			full += service_take_lease(agent->service, &lease) == -ENOSPC;
	if (full > 0)
		log_warn("%u leases that were handed over found no room", full);
	agent_arena_fini(&arena);
	// The next lease to end may be one of these.
	event_active(agent->service_timer, EV_TIMEOUT, 0);
}

void agent_lease_take(struct agent *agent)
{
	enum { LEASES_LIMIT = 64 << 20 };
	const struct agent_kept *kept = agent_keep_find(agent->keep, "leases");
	struct agent_arena arena;
	Weft__Leases *leases;
	struct lease lease;

	if (!kept)
		return;
	agent_arena_init(&arena, LEASES_LIMIT);
	leases = weft__leases__unpack(&arena.allocator, kept->note_len, kept->note);
	for (size_t i = 0; leases && !agent->state->recovered && i < leases->n_leases; i++)
		if (read_lease(leases->leases[i], &lease))
			lease_put(agent->state->leases, &lease);
	agent_arena_fini(&arena);
	agent_keep_claim(agent->keep, "leases");
}
