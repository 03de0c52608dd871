// SPDX-License-Identifier: BSD-3-Clause
//
// agent_doors: opens the doors a transaction needs before it is published, closes those it frees afterwards.
//
// A door gets the name its guest knows (of an interface, or of a socket) as the last step of opening, unless
// a door that this very transaction closes still has that name: then it waits for it until the old one has gone.

#include "datapath/agent_change.h"

#include <errno.h>
#include <string.h>

static bool text_differs(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

static bool bytes_differ(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len != b->len || (a->len > 0 && memcmp(a->data, b->data, a->len) != 0);
}

static bool addresses_differ(const Weft__Port *a, const Weft__Port *b)
{
	if (a->n_addresses != b->n_addresses)
		return true;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (a->addresses[i]->len != b->addresses[i]->len ||
		    bytes_differ(&a->addresses[i]->addr, &b->addresses[i]->addr))
			return true;
	return bytes_differ(&a->gateway4, &b->gateway4) || bytes_differ(&a->gateway6, &b->gateway6);
}

static bool tunnel_differs(const Weft__Tunnel *a, const Weft__Tunnel *b)
{
	return a->encapsulation != b->encapsulation || bytes_differ(&a->local, &b->local) ||
	       agent_tunnel_udp_port(a) != agent_tunnel_udp_port(b) || a->ttl != b->ttl ||
	       a->has_dscp != b->has_dscp || a->dscp != b->dscp ||
	       a->checksum_off != b->checksum_off || a->underlay_mtu != b->underlay_mtu;
}

bool agent_door_link_differs(const Weft__Port *a, const Weft__Port *b)
{
	return a->mtu != b->mtu || bytes_differ(&a->mac, &b->mac) || addresses_differ(a, b);
}

static bool bfd_differs(const Weft__Bfd *a, const Weft__Bfd *b)
{
	if (!a || !b)
		return a != b;
	return a->multihop != b->multihop || a->interval_ms != b->interval_ms ||
	       a->multiplier != b->multiplier || a->hold_ms != b->hold_ms;
}

static bool peer_differs(const Weft__TunnelPeer *a, const Weft__TunnelPeer *b)
{
	return a->tunnel != b->tunnel || bytes_differ(&a->remote, &b->remote) ||
	       a->has_backup != b->has_backup || bytes_differ(&a->backup, &b->backup) ||
	       agent_backup_tunnel(a) != agent_backup_tunnel(b) || bfd_differs(a->bfd, b->bfd);
}

bool agent_door_differs(const Weft__Port *a, const Weft__Port *b)
{
	if (a->tunnel && b->tunnel)
		return tunnel_differs(a->tunnel, b->tunnel);
	if (a->peer && b->peer)
		return peer_differs(a->peer, b->peer);
	// What belongs to the interface of a TAP can be changed under its guest's feet.
	if ((a->type != WEFT__PORT_TYPE__PORT_TAP || b->type != WEFT__PORT_TYPE__PORT_TAP) &&
	    agent_door_link_differs(a, b))
		return true;
	return a->type != b->type || a->queues != b->queues || a->offload_off != b->offload_off ||
	       text_differs(a->ifname, b->ifname) || text_differs(a->netns, b->netns) ||
	       text_differs(a->pcap_read, b->pcap_read) ||
	       text_differs(a->pcap_write, b->pcap_write) ||
	       text_differs(a->vhost_path, b->vhost_path) || a->vhost_server != b->vhost_server;
}

static struct port *held_door(const struct agent_change *change, const struct agent_node *node)
{
	const struct port_config *held = pmap_get(&change->old->ports, node->slot);

	return held ? held->door : NULL;
}

struct port *agent_door_of(const struct agent_change *change, const struct agent_node *node)
{
	for (size_t i = change->door_count; i-- > 0;)
		if (change->doors[i].node == node)
			return change->doors[i].opened;
	return held_door(change, node);
}

static struct agent_door *add_door(struct agent_change *change, struct agent_node *node,
                                   struct port *closed)
{
	if (agent_change_room((void **)&change->doors, change->door_count, &change->door_room,
	                      sizeof(struct agent_door)) < 0) {
		agent_change_fail(change, -ENOMEM, "out of memory");
		return NULL;
	}
	change->doors[change->door_count] = (struct agent_door){.node = node, .closed = closed};
	return &change->doors[change->door_count++];
}

static bool has_text(const char *text)
{
	return text && text[0];
}

// The field in which two doors cannot be what they say at the same time, or NULL.
static const char *shared_name(const Weft__Port *a, const Weft__Port *b)
{
	if (has_text(a->ifname) && !text_differs(a->ifname, b->ifname) &&
	    !text_differs(a->netns, b->netns))
		return "ifname";
	if (has_text(a->vhost_path) && !text_differs(a->vhost_path, b->vhost_path))
		return "vhost_path";
	return NULL;
}

// The field in which another door that closes with this change still has the port's name, or NULL.
static const char *name_taken(const struct agent_change *change, const struct agent_touch *touch)
{
	const Weft__Port *port = touch->after->message->port;

	for (const struct agent_touch *other = change->touches; other; other = other->next) {
		const Weft__Port *old;
		const char *field;

		if (other->node->key.kind != WEFT__KIND__KIND_PORT || !other->before)
			continue;
		old = other->before->message->port;
		if (other->after && !agent_door_differs(old, other->after->message->port))
			continue;
		field = shared_name(port, old);
		if (field)
			return field;
	}
	return NULL;
}

static int arrive(struct agent_change *change, struct agent_door *door,
                  const struct agent_touch *touch, struct fail *fail)
{
	const struct apply_env *env = &change->apply->env;
	int code = 0;

	if (env->arrive_port && door->opened)
		code = env->arrive_port(env->user, door->node->key.id, touch->after->message->port,
		                        door->opened, fail);
	door->arrived = code == 0;
	return code;
}

static int open_door(struct agent_change *change, const struct agent_touch *touch,
                     struct agent_door *door, bool tentative)
{
	const struct apply_env *env = &change->apply->env;
	const char *taken = name_taken(change, touch);
	char name[OBJECT_NAME];
	int code =
		env->open_port(env->user, door->node->key.id, agent_object_name(touch->after, name),
	                       touch->after->message->port, door->node->slot, &door->opened,
	                       &change->result->fail);

	if (code < 0) {
		door->opened = NULL;
		change->result->code = code;
		return code;
	}
	if (door->opened)
		door->opened->slot = door->node->slot;
	// Until it is decided the interface is somebody else's.
	if (touch->handed_over && !taken)
		return 0;
	if (!taken) {
		code = arrive(change, door, touch, &change->result->fail);
		change->result->code = code;
	} else if (tentative) {
		code = agent_object_refuse(
			touch->after, change->result, -EOPNOTSUPP, taken,
			"its %s cannot be replaced on trial, since both "
			"would have one name",
			has_text(touch->after->message->port->vhost_path) ? "socket" : "interface");
	}
	return code;
}

static bool is_peer(const struct agent_object *object)
{
	return object->message->port->peer != NULL;
}

// Doors of peers, which stand on those of tunnels, or all others.
static int open_doors(struct agent_change *change, bool tentative, bool peers)
{
	for (const struct agent_touch *touch = change->touches; touch; touch = touch->next) {
		const struct agent_object *before = touch->before, *after = touch->after;
		struct agent_door *door;

		if (touch->node->key.kind != WEFT__KIND__KIND_PORT)
			continue;
		if ((!before && !after) || is_peer(after ? after : before) != peers)
			continue;
		if (before && after &&
		    !agent_door_differs(before->message->port, after->message->port))
			continue;
		change->op_index = touch->op_index;
		door = add_door(change, touch->node,
		                before ? held_door(change, touch->node) : NULL);
		if (!door)
			return change->result->code;
		if (after && open_door(change, touch, door, tentative) < 0)
			return change->result->code;
	}
	return 0;
}

int agent_doors_open(struct agent_change *change, bool tentative)
{
	int code = open_doors(change, tentative, false);

	return code < 0 ? code : open_doors(change, tentative, true);
}

void agent_doors_undo(struct agent_change *change)
{
	const struct apply_env *env = &change->apply->env;

	for (size_t i = change->door_count; i-- > 0;)
		if (change->doors[i].opened)
			env->close_port(env->user, change->doors[i].node->key.id,
			                change->doors[i].opened, DOOR_GONE);
	change->door_count = 0;
}

void agent_doors_adjust(struct agent_change *change, bool back)
{
	const struct apply_env *env = &change->apply->env;
	const struct generation *there = back ? change->old : change->next;

	for (const struct agent_touch *touch = change->touches; env->adjust_port && touch;
	     touch = touch->next) {
		const struct agent_object *before = back ? touch->after : touch->before;
		const struct agent_object *after = back ? touch->before : touch->after;
		const struct port_config *held;

		if (touch->node->key.kind != WEFT__KIND__KIND_PORT || !before || !after ||
		    !agent_door_link_differs(before->message->port, after->message->port) ||
		    agent_door_differs(before->message->port, after->message->port))
			continue;
		held = pmap_get(&there->ports, touch->node->slot);
		if (held && held->door)
			env->adjust_port(env->user, after->id, before->message->port,
			                 after->message->port, held->door);
	}
}

void agent_doors_finish(struct agent_change *change)
{
	const struct apply_env *env = &change->apply->env;

	for (size_t i = 0; i < change->door_count; i++) {
		const struct agent_door *door = &change->doors[i];
		const struct agent_touch *touch = door->node->touch;
		enum door_end end = door->opened         ? DOOR_GONE
		                    : touch->handed_over ? DOOR_HANDED
		                    : touch->netns_ends  ? DOOR_LEFT
		                                         : DOOR_GONE;

		if (door->closed)
			env->close_port(env->user, door->node->key.id, door->closed, end);
	}
	for (size_t i = 0; i < change->door_count; i++) {
		struct agent_door *door = &change->doors[i];
		struct fail fail = {0};

		// The callback reports what fails now: the transaction stands already.
		if (door->opened && !door->arrived)
			arrive(change, door, door->node->touch, &fail);
	}
}
