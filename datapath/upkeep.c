// SPDX-License-Identifier: BSD-3-Clause
//
// upkeep: bounded work once a second, and ten times a second while packets wait for a neighbour.
//
// Tables that all workers share are walked by the first one. Each walk looks at a fixed number of slots, so a
// big table is gone round in several seconds; ages are that exact and no more.

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

// Returns whether there may be more to do at once.
static bool run_second(struct pipeline *pipeline)
{
	struct state *state = pipeline->state;
	unsigned worker = pipeline->config.worker;
	unsigned ended = conn_expire(state->conns, worker, pipeline->now_s, CONN_LIMIT);

	pipeline->words[STATS_CONNS_EXPIRED] += ended;
	if (ended >= CONN_LIMIT / 2)
		return true;
	pipeline->ticked = pipeline->now_s;
	if (worker == 0) {
		fdb_age(state->fdb, pipeline->now_s, FDB_SLOTS, age_of, pipeline);
		neighbour_tick(state->neighbours, pipeline->now_ms, NEIGHBOUR_SLOTS, ask_again,
		               pipeline);
	}
	return false;
}

uint64_t upkeep_run(struct pipeline *pipeline)
{
	bool behind = false;

	if (pipeline->ticked != pipeline->now_s)
		behind = run_second(pipeline);
	hold_tend(pipeline);
	if (behind)
		return BEHIND_NS;
	return hold_is_empty(pipeline->hold) ? NSEC_PER_SEC - pipeline->now_ns % NSEC_PER_SEC
	                                     : WAITING_NS;
}
