// SPDX-License-Identifier: BSD-3-Clause
//
// upkeep: bounded work once a second, and ten times a second while packets wait for a neighbour.
//
// Tables that all workers share are walked by the first one. Each walk looks at a fixed number of
// slots, so a big table is gone round in several seconds; ages are that exact and no more.
// Connections are each worker's own; a second that brings more than one walk is allowed is gone on
// with shortly after, in between packets.

#include "datapath/upkeep.h"

#include "datapath/arp.h"
#include "datapath/hold.h"
#include "datapath/nd.h"
#include "datapath/pipeline_priv.h"

enum {
	FDB_SLOTS = 16384,
	NEIGHBOUR_SLOTS = 8192,
	CONN_LIMIT = 8192,
};

static const uint64_t WAITING_NS = 100 * NSEC_PER_MSEC;
static const uint64_t BEHIND_NS = 10 * NSEC_PER_MSEC;

static uint32_t age_of(void *user, uint32_t slot)
{
	const struct pipeline *pipeline = user;
	const struct domain *domain = pmap_get(&pipeline->generation->domains, slot);

	// What a domain that is gone has learnt goes as well.
	return domain ? domain->ageing_seconds : 1;
}

static void ask_again(void *user, const struct neighbour *neighbour)
{
	struct pipeline *pipeline = user;
	const struct interface *interface =
		pmap_get(&pipeline->generation->interfaces, neighbour->interface);

	if (!interface)
		return;
	if (ip_is4(neighbour->ip))
		arp_ask(pipeline, interface, neighbour->ip);
	else
		nd_ask(pipeline, interface, neighbour->ip);
}

static void walk_shared(struct pipeline *pipeline)
{
	struct state *state = pipeline->state;

	// Until the controller has come no domain and no interface is known, and those whose entries a
	// predecessor left are not gone for that.
	if (pipeline->generation->number == 0)
		return;
	fdb_age(state->fdb, pipeline->now_s, FDB_SLOTS, age_of, pipeline);
	neighbour_tick(state->neighbours, pipeline->now_ms, NEIGHBOUR_SLOTS, ask_again, pipeline);
}

// Returns whether more wait: ends and renewals alike are work, and a second may bring many of both.
static bool end_connections(struct pipeline *pipeline)
{
	struct conn_table *conns = pipeline->state->conns;
	unsigned worker = pipeline->config.worker;

	pipeline->words[STATS_CONNS_EXPIRED] +=
		conn_expire(conns, worker, pipeline->now_s, CONN_LIMIT);
	return conn_is_behind(conns, worker, pipeline->now_s);
}

uint64_t upkeep_run(struct pipeline *pipeline)
{
	bool behind = end_connections(pipeline);

	if (pipeline->ticked != pipeline->now_s) {
		pipeline->ticked = pipeline->now_s;
		if (pipeline->config.worker == 0)
			walk_shared(pipeline);
	}
	hold_tend(pipeline);
	if (behind)
		return BEHIND_NS;
	return hold_is_empty(pipeline->hold) ? NSEC_PER_SEC - pipeline->now_ns % NSEC_PER_SEC
	                                     : WAITING_NS;
}
