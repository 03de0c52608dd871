// SPDX-License-Identifier: BSD-3-Clause
//
// hold: each place has a packet and room for its payload from the start, so that keeping a packet copies and
// never allocates.

#include "datapath/hold.h"

#include "datapath/arp.h"
#include "datapath/nd.h"
#include "datapath/pipeline_priv.h"

#include <stdlib.h>

struct place {
	struct packet *packet;
	struct segment segment;
	uint8_t payload[HOLD_PAYLOAD];
};

struct queue {
	uint32_t interface;
	struct ip_addr ip;
	unsigned count;
	bool leaving; // its packets are on their way: nothing may join
	struct place places[HOLD_EACH];
};

struct hold {
	struct packet_pool *pool;
	unsigned busy; // queues with packets
	struct queue queues[HOLD_NEIGHBOURS];
};

struct hold *hold_new(void)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	if (!hold)
		return NULL;
	hold->pool = packet_pool_new(HOLD_NEIGHBOURS * HOLD_EACH, 4096);
	if (!hold->pool) {
		free(hold);
		return NULL;
	}
	return hold;
}

void hold_free(struct hold *hold)
{
	if (!hold)
		return;
	packet_pool_free(hold->pool);
	free(hold);
}

bool hold_is_empty(const struct hold *hold)
{
	return hold->busy == 0;
}

static struct queue *find_queue(struct hold *hold, uint32_t interface, struct ip_addr ip)
{
	struct queue *free_queue = NULL;

	for (unsigned i = 0; i < HOLD_NEIGHBOURS; i++) {
		struct queue *queue = &hold->queues[i];

		if (queue->count == 0) {
			if (!free_queue && !queue->leaving)
				free_queue = queue;
		} else if (queue->interface == interface && ip_equal(queue->ip, ip)) {
			return queue;
		}
	}
	if (free_queue) {
		free_queue->interface = interface;
		free_queue->ip = ip;
	}
	return free_queue;
}

enum drop_reason hold_put(struct pipeline *pipeline, uint32_t interface, struct ip_addr ip,
                          const struct packet *packet)
{
	struct hold *hold = pipeline->hold;
	struct queue *queue = find_queue(hold, interface, ip);

	if (!queue || queue->leaving || queue->count == HOLD_EACH)
		return DROP_NEIGHBOUR_PENDING_FULL;
	if (packet->len - packet->head_len > HOLD_PAYLOAD)
		return DROP_NO_BUFFER;

	struct place *place = &queue->places[queue->count];

	place->packet = packet_clone(hold->pool, packet, place->payload, &place->segment);
	if (!place->packet)
		return DROP_NO_BUFFER;
	if (queue->count++ == 0)
		hold->busy++;
	return DROP_NONE;
}

// Sends copies through the miss path. They borrow the places' payload, hence the doors are called before
// the places are free again.
static void let_go(struct pipeline *pipeline, struct queue *queue)
{
	struct hold *hold = pipeline->hold;

	queue->leaving = true;
	for (unsigned i = 0; i < queue->count; i++) {
		struct packet *copy = egress_copy(pipeline, queue->places[i].packet);

		if (copy)
			pipeline_again(pipeline, copy);
	}
	egress_flush(pipeline);
	for (unsigned i = 0; i < queue->count; i++)
		packet_give(hold->pool, queue->places[i].packet);
	queue->count = 0;
	queue->leaving = false;
	hold->busy--;
}

static void tend(struct pipeline *pipeline, struct queue *queue)
{
	struct neighbour_table *neighbours = pipeline->state->neighbours;
	const struct interface *interface =
		pmap_get(&pipeline->generation->interfaces, queue->interface);
	struct mac mac;

	switch (neighbour_lookup(neighbours, queue->interface, &queue->ip, pipeline->now_ms,
	                         &mac)) {
	case NEIGHBOUR_NONE:
	case NEIGHBOUR_INCOMPLETE:
		if (!interface) {
			let_go(pipeline, queue);
			return;
		}
		if (!neighbour_ask(neighbours, queue->interface, &queue->ip, pipeline->now_ms))
			break;
		if (ip_is4(queue->ip))
			arp_ask(pipeline, interface, queue->ip);
		else
			nd_ask(pipeline, interface, queue->ip);
		return;
	default:
		let_go(pipeline, queue);
		return;
	}
	// Asking once too often is how the neighbour was given up.
	if (neighbour_lookup(neighbours, queue->interface, &queue->ip, pipeline->now_ms, &mac) ==
	    NEIGHBOUR_FAILED)
		let_go(pipeline, queue);
}

void hold_tend(struct pipeline *pipeline)
{
	struct hold *hold = pipeline->hold;

	for (unsigned i = 0; hold->busy && i < HOLD_NEIGHBOURS; i++)
		if (hold->queues[i].count)
			tend(pipeline, &hold->queues[i]);
}
