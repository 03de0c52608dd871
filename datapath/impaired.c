// SPDX-License-Identifier: BSD-3-Clause
//
// impaired: follows the generation, and sends what has become due.
//
// A turn compares one number with the time. When that has come, each impairment of the list is asked when it wants
// to be asked, which is one read, and those that are due get a few batches. What comes out towards a guest goes to its door, what comes out of a guest into the pipeline, as if
// it had just come. When an impairment leaves a port, all that it held goes out at once; when the port itself
// leaves, it is dropped.

#include "datapath/impaired.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "datapath/pipeline_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { BATCHES = 4 };

int impaired_init(struct impaired *impaired)
{
	// Touched only as far as it is used.
	impaired->room = MAX_PORTS * IMPAIR_DIRECTIONS;
	impaired->list = mem_block_new("impaired", impaired->room * sizeof(*impaired->list), 0);
	return impaired->list ? 0 : -ENOMEM;
}

void impaired_fini(struct impaired *impaired)
{
	mem_block_free(impaired->list);
	impaired->list = NULL;
}

// There is something sooner than the owner of the port knows.
static void tell_owner(struct pipeline *pipeline, const struct impair *impair, unsigned owner)
{
	const struct pipeline_config *config = &pipeline->config;

	if (owner == config->worker)
		pipeline->impaired.soonest_ns =
			MIN(pipeline->impaired.soonest_ns, impair_next(impair));
	else if (config->wake)
		config->wake(config->user, owner);
}

unsigned impaired_filter(struct pipeline *pipeline, uint32_t port, struct impair *impair,
                         struct packet **packets, unsigned count)
{
	const struct pipeline_config *config = &pipeline->config;
	uint8_t verdicts[BATCH_SIZE];
	unsigned kept = 0;
	uint32_t from = count ? packets[0]->in_port : 0;
	unsigned owner = config->workers ? port % config->workers : 0;
	struct impair_when when = {
		.now_ns = pipeline->now_ns,
		.since_ns =
			pipeline->now_ns - MIN(pipeline->impaired.looked_ago_ns, pipeline->now_ns),
	};

	assert(count <= BATCH_SIZE);
	if (impair_put(impair, packets, count, pipeline->pool, when, verdicts,
	               stats_drop_words(config->stats, config->worker, from)))
		tell_owner(pipeline, impair, owner);
	for (unsigned i = 0; i < count; i++) {
		struct packet *packet = packets[i];

		if (verdicts[i] == IMPAIR_PASS)
			packets[kept++] = packet;
		else if (verdicts[i] == IMPAIR_DROP)
			pipeline_drop(pipeline, packet, packet->drop);
		else
			packet_give(pipeline->pool, packet);
	}
	return kept;
}

static void deliver(struct pipeline *pipeline, const struct impaired_port *entry,
                    struct packet **packets, unsigned count)
{
	if (entry->direction == IMPAIR_OUT)
		pipeline_resume(pipeline, packets, count);
	else
		egress_send(pipeline, entry->port, packets, count);
}

// Up to so many batches of what is due. Whether there was any.
static bool send_due(struct pipeline *pipeline, const struct impaired_port *entry, uint64_t now_ns,
                     unsigned batches)
{
	struct impair *impair = entry->impair;
	struct packet *packets[BATCH_SIZE];
	bool any = false;
	unsigned count;

	while (batches-- && (count = impair_take(impair, pipeline->pool, now_ns, packets))) {
		deliver(pipeline, entry, packets, count);
		impair_finish(impair);
		any = true;
	}
	return any;
}

static struct impaired_port *find(struct impaired *impaired, uint32_t port,
                                  enum impair_direction direction)
{
	for (uint32_t i = 0; i < impaired->count; i++)
		if (impaired->list[i].port == port && impaired->list[i].direction == direction)
			return &impaired->list[i];
	return NULL;
}

static void change(struct pipeline *pipeline, uint32_t slot, enum impair_direction direction,
                   const struct impair_setting *new)
{
	struct impaired *impaired = &pipeline->impaired;
	struct impaired_port *entry = find(impaired, slot, direction);

	if (entry && new == entry->setting)
		return;
	if (entry && (!new || new->impair != entry->impair)) {
		impair_close(entry->impair);
		send_due(pipeline, entry, UINT64_MAX, UINT32_MAX);
	}
	if (!entry && new) {
		entry = &impaired->list[impaired->count++];
		*entry = (struct impaired_port){.port = slot, .direction = direction};
	}
	if (entry && !new)
		*entry = impaired->list[--impaired->count];
	if (!new)
		return;
	entry->setting = new;
	entry->impair = new->impair;
	impair_open(new->impair, &new->plan, pipeline->now_ns);
}

static void port_differs(void *user, uint32_t slot, void *before, void *after)
{
	const struct port_config *old = before, *new = after;
	struct pipeline *pipeline = user;
	unsigned workers = pipeline->config.workers;

	if (workers && slot % workers != pipeline->config.worker)
		return;
	for (int i = 0; i < IMPAIR_DIRECTIONS; i++)
		if ((old && old->impair[i]) || (new &&new->impair[i]))
			change(pipeline, slot, (enum impair_direction)i,
			       new ? new->impair[i] : NULL);
}

void pipeline_follow(struct pipeline *pipeline, const struct generation *generation,
                     struct packet_pool *pool, uint64_t now_ns)
{
	struct pmap before = pipeline->impaired.ports;

	pipeline_turn(pipeline, generation, pool, now_ns);
	pipeline->impaired.ports = generation->ports;
	pipeline->impaired.soonest_ns = 0;
	pmap_diff(&before, &generation->ports, port_differs, pipeline);
}

void pipeline_forget(struct pipeline *pipeline)
{
	pipeline->impaired.ports = (struct pmap){0};
	pipeline->impaired.count = 0;
	pipeline->impaired.soonest_ns = 0;
}

void pipeline_looked(struct pipeline *pipeline, uint64_t ago_ns)
{
	pipeline->impaired.looked_ago_ns = ago_ns;
}

void pipeline_poke(struct pipeline *pipeline)
{
	atomic_store(&pipeline->impaired.poked, true);
}

uint64_t pipeline_release(struct pipeline *pipeline, const struct generation *generation,
                          struct packet_pool *pool, uint64_t now_ns, bool *ret_worked)
{
	struct impaired *impaired = &pipeline->impaired;
	uint64_t next = UINT64_MAX;
	bool worked = false;

	*ret_worked = false;
	if (now_ns < impaired->soonest_ns &&
	    !atomic_load_explicit(&impaired->poked, memory_order_relaxed))
		return impaired->soonest_ns;
	// What is put from here on pokes again.
	atomic_store(&impaired->poked, false);
	pipeline_turn(pipeline, generation, pool, now_ns);
	for (uint32_t i = 0; i < impaired->count; i++) {
		const struct impaired_port *entry = &impaired->list[i];

		if (impair_next(entry->impair) <= now_ns)
			worked |= send_due(pipeline, entry, now_ns, BATCHES);
	}
	// Only now, since what came out of one port may have gone into another.
	for (uint32_t i = 0; i < impaired->count; i++)
		next = MIN(next, impair_next(impaired->list[i].impair));
	impaired->soonest_ns = next;
	*ret_worked = worked;
	return next;
}
