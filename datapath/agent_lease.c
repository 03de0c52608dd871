// SPDX-License-Identifier: BSD-3-Clause
//
// agent_lease: the leases that the controller wrote down, for a datapath that starts cold.
//
// They count only when the table itself did not survive in the state segment, which knows better.

#include "datapath/agent_object.h"
#include "datapath/agent_priv.h"
#include "datapath/lease.h"

#include <string.h>

static void take_lease(struct agent *agent, const Weft__Lease *message)
{
	struct lease lease = {
		.scope = message->scope, .expires = message->expires, .state = LEASE_BOUND};

	if (!message->expires || agent_mac(&message->mac, &lease.mac) < 0 ||
	    agent_ip(&message->ip, &lease.ip) < 0)
		return;
	if (message->client_id.len <= sizeof(lease.client_id)) {
		lease.client_id_len = (uint8_t)message->client_id.len;
		if (lease.client_id_len > 0)
			memcpy(lease.client_id, message->client_id.data, lease.client_id_len);
	}
	if (message->hostname)
		strncpy(lease.hostname, message->hostname, sizeof(lease.hostname) - 1);
	lease_put(agent->state->leases, &lease);
}

void agent_lease_take(struct agent *agent)
{
	enum { LEASES_LIMIT = 64 << 20 };
	const struct agent_kept *kept = agent_keep_find(agent->keep, "leases");
	struct agent_arena arena;
	Weft__Leases *leases;

	if (!kept)
		return;
	agent_arena_init(&arena, LEASES_LIMIT);
	leases = weft__leases__unpack(&arena.allocator, kept->note_len, kept->note);
	for (size_t i = 0; leases && !agent->state->recovered && i < leases->n_leases; i++)
		take_lease(agent, leases->leases[i]);
	agent_arena_fini(&arena);
	agent_keep_claim(agent->keep, "leases");
}
