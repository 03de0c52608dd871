// SPDX-License-Identifier: BSD-3-Clause
//
// egress: sorts frames by door and calls each door once.
//
// A turn sees few doors; a group is found by walking at most EGRESS_GROUPS words. When a group or the set
// of groups is full, doors are called early, which costs nothing but a call. A door may change the packets
// it is given (a tag, a checksum), hence a flooded frame is copied, head only, for all members but the
// last.

#include "datapath/egress.h"

#include "base/bytes.h"
#include "datapath/capture.h"
#include "datapath/pipeline_priv.h"
#include "datapath/vlan.h"

#include <stddef.h>

static void show_sent(struct pipeline *pipeline, const struct egress_group *group)
{
	const struct port_config *port = pmap_get(&pipeline->generation->ports, group->port);

	if (port)
		capture_take(pipeline->captures, pipeline->config.worker, port, CAPTURE_OUTWARD,
		             group->packets, group->count);
}

// What a guest gets after all impairments.
static void send_group(struct pipeline *pipeline, struct egress_group *group)
{
	if (group->impair)
		group->count = impaired_filter(pipeline, group->port, group->impair, group->packets,
		                               group->count);

	const struct pipeline_config *config = &pipeline->config;
	struct port *door = group->door;
	uint64_t *words = stats_port_words(config->stats, config->worker, group->port);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < group->count; i++) {
		group->packets[i]->drop = DROP_NONE;
		bytes += group->packets[i]->len;
	}

	unsigned sent = port_tx(door, pipeline->tx_queue % door->queue_count, pipeline->pool,
	                        group->packets, group->count);

	if (pipeline->captures)
		show_sent(pipeline, group);
	for (uint32_t i = 0; i < group->count; i++) {
		struct packet *packet = group->packets[i];

		if (packet->drop) {
			bytes -= packet->len;
			pipeline_drop(pipeline, packet, packet->drop);
		} else {
			packet_give(pipeline->pool, packet);
		}
	}
	words[STATS_TX_PACKETS] += sent;
	words[STATS_TX_BYTES] += bytes;
	group->count = 0;
}

void egress_flush(struct pipeline *pipeline)
{
	struct egress *egress = &pipeline->egress;

	for (unsigned i = 0; i < egress->count; i++)
		if (egress->groups[i].count)
			send_group(pipeline, &egress->groups[i]);
	egress->count = 0;
}

static struct egress_group *find_group(struct pipeline *pipeline, uint32_t port)
{
	struct egress *egress = &pipeline->egress;

	for (unsigned i = 0; i < egress->count; i++)
		if (egress->groups[i].port == port)
			return &egress->groups[i];

	const struct port_config *config = pmap_get(&pipeline->generation->ports, port);

	if (!config || !config->door || config->admin_down)
		return NULL;
	if (egress->count == EGRESS_GROUPS)
		egress_flush(pipeline);

	struct egress_group *group = &egress->groups[egress->count++];

	group->port = port;
	group->count = 0;
	group->door = config->door;
	group->impair = config->impair[IMPAIR_IN] ? config->impair[IMPAIR_IN]->impair : NULL;
	return group;
}

void egress_put(struct pipeline *pipeline, uint32_t port, struct packet *packet)
{
	struct egress_group *group = find_group(pipeline, port);

	if (!group) {
		pipeline_drop(pipeline, packet, DROP_PORT_DOWN);
		return;
	}
	group->packets[group->count++] = packet;
	if (group->count == BATCH_SIZE)
		send_group(pipeline, group);
}

void egress_put_all(struct pipeline *pipeline, uint32_t port, struct packet *const *packets,
                    unsigned count)
{
	struct egress_group *group = find_group(pipeline, port);

	if (!group) {
		for (unsigned i = 0; i < count; i++)
			pipeline_drop(pipeline, packets[i], DROP_PORT_DOWN);
		return;
	}
	while (count) {
		unsigned part = MIN(count, BATCH_SIZE - group->count);

		memcpy(group->packets + group->count, packets, part * sizeof(*packets));
		group->count += part;
		if (group->count == BATCH_SIZE)
			send_group(pipeline, group);
		packets += part;
		count -= part;
	}
}

void egress_send(struct pipeline *pipeline, uint32_t port, struct packet **packets, unsigned count)
{
	const struct port_config *config = pmap_get(&pipeline->generation->ports, port);
	struct egress_group group = {.port = port, .count = count};

	if (config && config->door && !config->admin_down) {
		group.door = config->door;
		memcpy(group.packets, packets, count * sizeof(*packets));
		send_group(pipeline, &group);
	} else {
		for (unsigned i = 0; i < count; i++)
			pipeline_drop(pipeline, packets[i], DROP_PORT_DOWN);
	}
	packet_arena_reset(pipeline->pool);
}

// Of all members of the domain, which are sorted by port.
static bool find_member(const struct domain *domain, uint32_t port, struct domain_member *ret)
{
	uint32_t low = 0;
	uint32_t high = domain->member_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (domain->members[middle].port < port)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == domain->member_count || domain->members[low].port != port)
		return false;
	*ret = domain->members[low];
	return true;
}

bool egress_member(const struct port_config *port, const struct domain *domain,
                   struct domain_member *ret)
{
	// A peer's numbers are no VLANs, of which a port has few.
	if (port->is_peer)
		return find_member(domain, port->slot, ret);
	*ret = (struct domain_member){.port = port->slot};
	if (port->untagged_domain == domain->slot)
		return true;
	ret->vid = domain->vid;
	return vlan_domain(port, domain->vid) == domain->slot;
}

struct packet *egress_copy(struct pipeline *pipeline, const struct packet *packet)
{
	struct packet *copy = packet_take(pipeline->pool);

	if (!copy) {
		// What waits at the doors holds the pool's packets.
		egress_flush(pipeline);
		copy = packet_take(pipeline->pool);
	}
	if (!copy)
		return NULL;

	memcpy(copy, packet, offsetof(struct packet, room));
	copy->data = copy->room + (packet->data - packet->room);
	memcpy(copy->data, packet->data, packet->head_len);
	return copy;
}

static void set_tag(struct packet *packet, const struct domain_member *member)
{
	uint16_t vid = member->vid;

	packet->vni = member->vni;
	if (vid == 0) {
		packet->flags &= (uint8_t)~PACKET_VLAN;
		return;
	}
	uint16_t priority = packet->flags & PACKET_VLAN ? packet->vlan & 0xf000 : 0;

	packet->flags |= PACKET_VLAN;
	packet->vlan = priority | vid;
}

bool egress_floods_to(const struct pipeline *pipeline, const struct domain_member *member,
                      uint32_t except, enum egress_reach reach, const struct packet *packet)
{
	const struct port_config *from;

	if (member->port == except || (member->vni && reach == EGRESS_HERE) ||
	    member->flood == FLOOD_NOTHING ||
	    (member->flood == FLOOD_GROUPS && !(packet->data[0] & 1)))
		return false;
	if (reach == EGRESS_ROUTERS && member->snooped &&
	    !router_ports_has(pipeline->state->routers, member->port, pipeline->now_s))
		return false;
	if (!member->vni || !except)
		return true;
	from = pmap_get(&pipeline->generation->ports, except);
	return !from || !from->is_peer;
}

enum drop_reason egress_why_nobody(const struct domain *domain, uint32_t except,
                                   const struct packet *packet)
{
	for (uint32_t i = 0; i < domain->member_count && !(packet->data[0] & 1); i++)
		if (domain->members[i].port != except && domain->members[i].flood != FLOOD_ALL)
			return DROP_UNKNOWN_MAC;
	return DROP_NO_MEMBER;
}

static bool takes(struct pipeline *pipeline, const struct domain_member *member, uint32_t except,
                  enum egress_reach reach, const struct packet *packet)
{
	const struct port_config *port;

	if (!egress_floods_to(pipeline, member, except, reach, packet))
		return false;
	port = pmap_get(&pipeline->generation->ports, member->port);
	return port && port->door && !port->admin_down &&
	       !atomic_load_explicit(&port->door->deaf, memory_order_relaxed);
}

// Rarely asked: whether it is only BFD that keeps everybody from getting the flood.
static enum drop_reason why_nobody(const struct pipeline *pipeline, const struct domain *domain,
                                   uint32_t except, enum egress_reach reach,
                                   const struct packet *packet)
{
	const struct generation *generation = pipeline->generation;

	for (uint32_t i = 0; i < domain->member_count; i++) {
		const struct port_config *port =
			pmap_get(&generation->ports, domain->members[i].port);

		if (port && port->door && port->door->deaf &&
		    egress_floods_to(pipeline, &domain->members[i], except, reach, packet))
			return DROP_TUNNEL_PEER_DOWN;
	}
	return egress_why_nobody(domain, except, packet);
}

enum drop_reason egress_flood(struct pipeline *pipeline, const struct domain *domain,
                              uint32_t except, enum egress_reach reach, struct packet *packet)
{
	const struct domain_member *last = NULL;
	bool lacking = false;

	pipeline->words[STATS_FLOODS]++;
	for (uint32_t i = 0; i < domain->member_count; i++) {
		const struct domain_member *member = &domain->members[i];

		if (!takes(pipeline, member, except, reach, packet))
			continue;
		if (last) {
			struct packet *copy = egress_copy(pipeline, packet);

			lacking |= !copy;
			if (copy) {
				set_tag(copy, last);
				egress_put(pipeline, last->port, copy);
			}
		}
		last = member;
	}
	if (!last)
		return why_nobody(pipeline, domain, except, reach, packet);
	if (lacking)
		stats_drop_words(pipeline->config.stats, pipeline->config.worker,
		                 packet->in_port)[DROP_NO_BUFFER]++;
	set_tag(packet, last);
	egress_put(pipeline, last->port, packet);
	return DROP_NONE;
}

struct packet *egress_frame(struct pipeline *pipeline, const uint8_t *frame, size_t len)
{
	struct packet *packet = packet_take(pipeline->pool);
	size_t head = len < PACKET_HEAD ? len : PACKET_HEAD;

	if (!packet)
		return NULL;
	memcpy(packet->data, frame, head);
	packet->len = (uint32_t)len;
	packet->head_len = (uint16_t)head;
	packet->in_port = 0;
	if (len == head)
		return packet;

	uint8_t *rest = packet_arena_reserve(pipeline->pool, len - head);
	struct segment *segment = rest ? packet_arena_segment(pipeline->pool) : NULL;

	if (!segment) {
		packet_give(pipeline->pool, packet);
		return NULL;
	}
	memcpy(rest, frame + head, len - head);
	packet_arena_commit(pipeline->pool, len - head);
	*segment = (struct segment){.base = rest, .len = (uint32_t)(len - head)};
	packet->segments = segment;
	packet->segment_count = 1;
	return packet;
}

void egress_emit(struct pipeline *pipeline, uint32_t domain_slot, uint32_t port,
                 const uint8_t *frame, size_t len)
{
	const struct domain *domain = pmap_get(&pipeline->generation->domains, domain_slot);
	struct packet *packet = domain || port ? egress_frame(pipeline, frame, len) : NULL;
	const struct port_config *out;
	enum drop_reason reason;
	struct domain_member member;
	struct mac dst;

	if (!packet)
		return;
	memcpy(dst.b, frame, sizeof(dst.b));
	if (port || (!mac_is_multicast(dst) &&
	             fdb_lookup(pipeline->state->fdb, domain_slot, &dst, &port))) {
		out = pmap_get(&pipeline->generation->ports, port);
		if (out && domain && egress_member(out, domain, &member))
			set_tag(packet, &member);
		egress_put(pipeline, port, packet);
		return;
	}
	reason = egress_flood(pipeline, domain, 0, EGRESS_EVERYWHERE, packet);
	if (reason)
		pipeline_drop(pipeline, packet, reason);
}

void egress_ask(struct pipeline *pipeline, uint32_t domain_slot, enum egress_reach reach,
                const uint8_t *frame, size_t len)
{
	const struct domain *domain = pmap_get(&pipeline->generation->domains, domain_slot);
	struct packet *packet = domain ? egress_frame(pipeline, frame, len) : NULL;
	enum drop_reason reason =
		packet ? egress_flood(pipeline, domain, 0, reach, packet) : DROP_NONE;

	if (reason)
		pipeline_drop(pipeline, packet, reason);
}
