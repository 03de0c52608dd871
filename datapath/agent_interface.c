// SPDX-License-Identifier: BSD-3-Clause
//
// agent_interface: the guest's end of a TAP, changed under its feet.
//
// Nothing is taken down for it: sockets, other addresses and routes stay. Old addresses go before new ones
// come, since a second one of the same subnet would go with the first; and a MAC comes before what is announced
// with it.

#include "datapath/agent_interface.h"

#include "base/bytes.h"
#include "datapath/agent_object.h"
#include "vnic/link.h"

#include <string.h>

struct interface_change {
	const char *netns, *ifname;
	int code;
	struct fail *fail; // Of the first that failed.
};

static struct fail *next_fail(struct interface_change *change, struct fail *spare)
{
	return change->code == 0 ? change->fail : spare;
}

static void note(struct interface_change *change, int code)
{
	if (change->code == 0)
		change->code = code;
}

static bool has_address(const Weft__Port *port, const struct ip_prefix *wanted)
{
	for (size_t i = 0; i < port->n_addresses; i++) {
		struct ip_prefix own;

		if (agent_prefix(port->addresses[i], &own) == 0 && own.len == wanted->len &&
		    ip_equal(own.addr, wanted->addr))
			return true;
	}
	return false;
}

// Those that one has and the other has not. Returns how many.
static unsigned change_addresses(struct interface_change *change, const Weft__Port *has,
                                 const Weft__Port *lacks, bool on)
{
	unsigned count = 0;

	for (size_t i = 0; i < has->n_addresses; i++) {
		struct fail spare = {0}, *fail = next_fail(change, &spare);
		struct ip_prefix address;

		if (agent_prefix(has->addresses[i], &address) < 0 || has_address(lacks, &address))
			continue;
		note(change,
		     on ? link_add_address(change->netns, change->ifname, &address, fail)
		        : link_remove_address(change->netns, change->ifname, &address, fail));
		count++;
	}
	return count;
}

static bool gateway(const Weft__Port *port, bool four, struct ip_addr *ret)
{
	return four ? port->has_gateway4 && agent_ip(&port->gateway4, ret) == 0
	            : port->has_gateway6 && agent_ip(&port->gateway6, ret) == 0;
}

// The kernel drops a route with the address that it needs, so one that stays is set as well when `again`.
static void change_gateway(struct interface_change *change, const Weft__Port *from,
                           const Weft__Port *to, bool four, bool again)
{
	struct fail spare = {0}, *fail = next_fail(change, &spare);
	struct ip_addr before, after;
	bool had = gateway(from, four, &before), has = gateway(to, four, &after);

	if (has && (again || !had || !ip_equal(before, after)))
		note(change, link_add_default_route(change->netns, change->ifname, &after, fail));
	else if (had && !has)
		link_remove_default_route(change->netns, change->ifname, &before, &spare);
}

static void change_mac(struct interface_change *change, const Weft__Port *from,
                       const Weft__Port *to)
{
	struct fail spare = {0}, *fail = next_fail(change, &spare);
	struct link_state state;
	struct mac mac;
	int code;

	if (!to->has_mac || agent_mac(&to->mac, &mac) < 0)
		return;
	code = link_get(change->netns, change->ifname, &state, fail);
	if (code == 0 && mac_equal(state.mac, mac))
		return;
	if (code == 0)
		code = link_set_mac(change->netns, change->ifname, &mac, fail);
	if (code == 0)
		code = link_follow_mac(change->netns, change->ifname, &state.mac, fail);
	note(change, code);
}

int agent_interface_configure(const char *netns, const char *ifname, const Weft__Port *config,
                              struct fail *fail)
{
	static const Weft__Port none = WEFT__PORT__INIT;
	struct interface_change change = {netns, ifname, 0, fail};

	change.code = link_set_mtu(netns, ifname, config->mtu, fail);
	if (change.code == 0)
		change.code = link_set_up(netns, ifname, true, fail);
	if (change.code == 0)
		change_addresses(&change, config, &none, true);
	for (int four = 1; change.code == 0 && four >= 0; four--)
		change_gateway(&change, &none, config, four, false);
	return change.code;
}

int agent_interface_adjust(const char *netns, const char *ifname, const Weft__Port *from,
                           const Weft__Port *to, struct fail *fail)
{
	struct interface_change change = {netns, ifname, 0, fail};
	struct fail spare = {0};
	unsigned moved;

	if (from->mtu != to->mtu)
		note(&change, link_set_mtu(netns, ifname, to->mtu, fail));
	change_mac(&change, from, to);
	moved = change_addresses(&change, from, to, false);
	moved += change_addresses(&change, to, from, true);
	for (int four = 1; four >= 0; four--)
		change_gateway(&change, from, to, four, moved > 0);
	link_announce(netns, ifname, &spare);
	return change.code;
}
