// SPDX-License-Identifier: BSD-3-Clause
//
// derive_address: addresses for whom the datapaths answer ARP and neighbour discovery, instead of asking each other.
//
// Only what is certain is told, as a question that is answered wrongly reaches nobody who could set it right:
// addresses that the user fixed, those a lease has given, and those that a namespace's kernel makes of the MAC that
// we set and the prefix that we advertise. Whose port is down has none.
//
// They are part of the port's unit, so one address more is one object on each host of its net; on its own host
// too, where it says that no other need be asked.

#include "controller/derive_address.h"

#include "controller/derive_unit.h"
#include "controller/leases.h"
#include "controller/model_host.h"
#include "controller/model_place.h"

#include <stdio.h>

static void hold(struct address_list *list, struct ip_addr ip, enum address_source source)
{
	for (unsigned i = 0; i < list->count; i++)
		if (ip_equal(list->items[i].ip, ip))
			return;
	if (list->count == HOST_ADDRESSES_MOST)
		return;
	list->items[list->count].ip = ip;
	list->items[list->count++].source = source;
}

static void hold_text(struct address_list *list, const char *text)
{
	struct ip_addr ip;

	if (text && ip_parse(text, &ip) == 0)
		hold(list, ip, ADDRESS_STATIC);
}

void derive_address_list(const struct model *model, const struct intent *intent,
                         const struct intent *net, const struct net_plan *plan, struct mac mac,
                         struct address_list *ret)
{
	const Weft__PortIntent *port = intent->msg->port;
	const struct lease_row *lease = NULL;
	struct ip_prefix own;

	*ret = (struct address_list){.count = 0};
	hold_text(ret, port->ip);
	hold_text(ret, port->ip6);
	for (size_t i = 0; i < port->n_addresses && i < PORT_ADDRESSES_MOST; i++)
		if (prefix_parse(port->addresses[i], &own) == 0)
			hold(ret, own.addr, ADDRESS_STATIC);
	if (model->leases && plan->dhcp)
		lease = leases_find(model->leases, derive_scope_id(net->name), mac);
	if (lease)
		hold(ret, lease->ip, ADDRESS_LEASE);
	if (!port->guest || port->attach != WEFT__ATTACH_KIND__ATTACH_TAP)
		return;
	hold(ret, ip_link_local_from_mac(mac), ADDRESS_AUTOCONF);
	if (plan->has6 && plan->has_interface)
		hold(ret, ipam_autoconf(plan->subnet6, mac), ADDRESS_AUTOCONF);
}

static void add(struct unit *unit, const char *key, const struct intent *net,
                const struct net_plan *plan, const struct ip_addr *ip, const struct mac *mac,
                uint64_t port, bool router)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Address address = WEFT__ADDRESS__INIT;
	char id_key[KEY_SIZE + IP_TEXT], text[IP_TEXT];

	address.bridge = derive_bridge_id(net);
	address.vid = plan->vlan;
	address.ip = derive_ip(ip);
	address.mac = derive_mac(mac);
	address.port = port;
	address.has_router = address.router = router;
	snprintf(id_key, sizeof(id_key), "%s/%s", key, ip_format(*ip, text));
	object.id = ident(WEFT__KIND__KIND_ADDRESS, id_key);
	object.name = (char *)key;
	object.body_case = WEFT__OBJECT__BODY_ADDRESS;
	object.address = &address;
	unit_add(unit, WEFT__KIND__KIND_ADDRESS, &object);
}

// Whether any other host would ask ours, or we it.
static bool is_joined(const struct model *model, struct layout *layout, const struct intent *net,
                      const char *own)
{
	struct mesh_walk walk = derive_mesh_walk(model, layout, net);
	char host[KEY_SIZE];

	while (derive_mesh_next(&walk, host))
		if (strcmp(host, own) != 0 && derive_mesh_reaches(model, host, own))
			return true;
	return false;
}

void derive_address_port(const struct model *model, struct layout *layout,
                         const struct intent *port, const struct intent *net,
                         const struct net_plan *plan)
{
	const char *own = model_place_of(port->msg->port);
	struct mesh_walk walk = derive_mesh_walk(model, layout, net);
	struct address_list list;
	char host[KEY_SIZE];
	struct mac mac;

	if (port->msg->port->down || !port->msg->port->mac ||
	    mac_parse(port->msg->port->mac, &mac) < 0 || !is_joined(model, layout, net, own))
		return;
	derive_address_list(model, port, net, plan, mac, &list);
	while (list.count > 0 && derive_mesh_next(&walk, host)) {
		bool here = strcmp(host, own) == 0;
		uint64_t at = here ? derive_port_id(port->name) : derive_mesh_peer_id(own);

		if (!here && !derive_mesh_reaches(model, host, own))
			continue;
		for (unsigned i = 0; i < list.count; i++)
			add(layout_unit(layout, host), port->key, net, plan, &list.items[i].ip,
			    &mac, at, false);
	}
}

void derive_address_leg(struct unit *unit, const struct intent *net, const struct net_plan *plan,
                        const struct mac *mac, uint64_t peer)
{
	struct ip_addr made = ip_link_local_from_mac(*mac);

	if (plan->has_gateway4)
		add(unit, net->key, net, plan, &plan->gateway4, mac, peer, true);
	if (!plan->has_gateway6)
		return;
	add(unit, net->key, net, plan, &plan->gateway6, mac, peer, true);
	add(unit, net->key, net, plan, &made, mac, peer, true);
}
