// SPDX-License-Identifier: BSD-3-Clause
//
// lend: a wire has one way to go. Where nothing can stop or change what comes by it, a long frame may as well be read
// where it is to end: its bytes are then moved once, by the kernel, and not twice.
//
// On a net they may not: what was read is in that guest's memory, whoever it turns out to be for. So a wire with a
// flow rule or an impairment is out, too. What the guest cannot take as it came (a super-packet that has to be cut) is
// moved out of its memory again, before anybody writes there.

#include "datapath/lend.h"

#include "base/bytes.h"

static const struct port_config *open_end(const struct generation *generation, uint32_t slot)
{
	const struct port_config *config = pmap_get(&generation->ports, slot);

	if (!config || !config->wire || !config->door || config->admin_down || config->impair[0] ||
	    config->impair[1])
		return NULL;
	return config;
}

struct port *lend_taker(const struct generation *generation, const struct port *from)
{
	const struct port_config *in = from->ops->rx_into ? open_end(generation, from->slot) : NULL;
	const struct domain *wire =
		in && !generation->flow_rules ? pmap_get(&generation->domains, in->wire) : NULL;
	const struct port_config *out;

	if (!wire || wire->member_count != 2)
		return NULL;
	out = open_end(generation, wire->members[wire->members[0].port == from->slot].port);
	return out && out->door->ops->lend ? out->door : NULL;
}

static bool is_taken_whole(const struct port *taker, const struct packet *packet)
{
	uint32_t wanted = port_offloads_wanted(packet);

	return (atomic_load_explicit(&taker->offloads, memory_order_relaxed) & wanted) == wanted;
}

// The payload into the arena. False: there is no room.
static bool move_out(struct packet *packet, struct packet_pool *pool)
{
	uint32_t len = packet->len - packet->head_len;
	uint8_t *room = packet_arena_reserve(pool, ALIGN_UP(len, 64));
	struct segment *segment = room ? packet_arena_segment(pool) : NULL;

	if (!segment)
		return false;
	packet_copy(packet, packet->head_len, len, room);
	*segment = (struct segment){.base = room, .len = len};
	packet->segments = segment;
	packet->segment_count = 1;
	packet_arena_commit(pool, ALIGN_UP(len, 64));
	return true;
}

unsigned lend_rx(struct port *from, unsigned queue, struct port *taker, struct packet_pool *pool,
                 struct batch *batch, bool *ret_lent)
{
	struct segment *parts = NULL;
	unsigned count = taker->ops->lend(taker, &parts);
	struct packet *packet;

	*ret_lent = false;
	if (!count)
		return port_rx(from, queue, pool, batch);
	if (!from->ops->rx_into(from, queue, pool, batch, parts, count)) {
		lend_end(taker);
		return 0;
	}
	packet = batch->packets[batch->count - 1];
	*ret_lent = packet->segments == parts && is_taken_whole(taker, packet);
	if (*ret_lent)
		return 1;
	if (packet->segments == parts && !move_out(packet, pool)) {
		batch->count--;
		packet_give(pool, packet);
		port_count_drop(from, DROP_NO_BUFFER);
	}
	lend_end(taker);
	return batch->count > 0;
}

void lend_end(struct port *taker)
{
	taker->ops->unlend(taker);
}
