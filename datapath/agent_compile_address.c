// SPDX-License-Identifier: BSD-3-Clause
//
// agent_compile_address: which host has which address, by domain.
//
// Persistent trees, as for routes: an address that comes or goes costs the path to it. What an address stands for
// is found anew from all objects that list it, so no order of operations matters, and one that two hosts are said
// to have is in no tree until they agree.

#include "datapath/agent_compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ip_prefix whole(struct ip_addr ip)
{
	return (struct ip_prefix){.addr = ip, .len = ip_is4(ip) ? 32 : 128};
}

// The domain's piece is made by this change, or is the last one ever: it may be changed.
static int put(struct agent_change *change, const Weft__Address *address, struct ip_addr ip,
               struct host_address *piece)
{
	const struct agent_node *node = agent_change_domain(change, address->bridge, address->vid);
	struct domain *domain = pmap_get(&change->next->domains, node->slot);
	struct ip_prefix prefix = whole(ip);
	struct lpm *lpm = ip_is4(ip) ? &domain->hosts4 : &domain->hosts6;
	struct host_address *old = lpm_exact(lpm, &prefix);

	if (!old && !piece)
		return 0;
	if (lpm_set(lpm, change->edit, &prefix, piece) < 0 ||
	    (old && edit_replaced(change->edit, old, free) < 0))
		return agent_change_fail(change, -ENOMEM, "out of memory while compiling");
	return 0;
}

static bool agrees(const Weft__Address *one, const Weft__Address *other)
{
	return one->port == other->port && one->router == other->router &&
	       memcmp(one->mac.data, other->mac.data, sizeof(struct mac)) == 0;
}

// Of all that list the address, the first by id; NULL: there is none, or they do not agree.
static const struct agent_object *holder_of(struct agent_change *change,
                                            const Weft__Address *address, struct ip_addr ip)
{
	struct agent_key key = agent_key_sub(INDEX_HOLDER, address->bridge, address->vid);
	const struct agent_object *holder = NULL;
	const struct agent_node *node;

	key.addr = ip;
	node = agent_store_find(&change->apply->store, &key);
	for (const struct agent_link *link = node ? node->links : NULL; link; link = link->next) {
		if (holder && !agrees(holder->message->address, link->from->message->address))
			return NULL;
		if (!holder || link->from->id < holder->id)
			holder = link->from;
	}
	return holder;
}

static int settle(struct agent_change *change, const struct agent_object *touched)
{
	const Weft__Address *address = touched->message->address;
	const struct agent_object *holder;
	struct host_address *piece = NULL;
	struct ip_addr ip;

	agent_ip(&address->ip, &ip);
	holder = holder_of(change, address, ip);
	if (holder) {
		const Weft__Address *held = holder->message->address;

		piece = calloc(1, sizeof(*piece));
		if (agent_piece_new(change, piece) < 0)
			return change->result->code;
		piece->id = holder->id;
		piece->ip = ip;
		piece->router = held->router;
		piece->port = agent_change_node(change, WEFT__KIND__KIND_PORT, held->port)->slot;
		agent_mac(&held->mac, &piece->mac);
	}
	return put(change, address, ip, piece);
}

static bool is_address(const struct agent_object *object)
{
	return object && object->kind == WEFT__KIND__KIND_ADDRESS;
}

int agent_compile_addresses_out(struct agent_change *change)
{
	int code = 0;

	for (struct agent_touch *touch = change->touches; code == 0 && touch; touch = touch->next) {
		struct ip_addr ip;

		if (!is_address(touch->before))
			continue;
		agent_ip(&touch->before->message->address->ip, &ip);
		code = put(change, touch->before->message->address, ip, NULL);
	}
	return code;
}

int agent_compile_addresses(struct agent_change *change)
{
	int code = 0;

	for (struct agent_touch *touch = change->touches; code == 0 && touch; touch = touch->next) {
		if (is_address(touch->before))
			code = settle(change, touch->before);
		if (code == 0 && is_address(touch->after))
			code = settle(change, touch->after);
	}
	// A domain that goes is empty by now.
	for (struct agent_node *node = change->work; code == 0 && node; node = node->work_next)
		if (node->key.kind == INDEX_DOMAIN && node->slot && !node->links)
			code = agent_piece_put(change, &change->next->domains, node->slot, NULL);
	return code;
}
