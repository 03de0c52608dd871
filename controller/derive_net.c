// SPDX-License-Identifier: BSD-3-Clause
//
// derive_net: a net's bridges, our leg in it, and what is served there: DHCP, DNS, router advertisements.
//
// There is a bridge on each host where the net has a port, and one at its home, where the rest is.

#include "controller/derive_unit.h"
#include "controller/model_place.h"

#include <string.h>

// What the messages of one net are made from.
struct parts {
	const struct intent *intent;
	const Weft__Net *net;
	struct net_plan plan;
	struct unit *unit; // At home.
	Weft__Object object;
};

static Weft__Object *object(struct parts *parts, uint64_t id, Weft__Object__BodyCase body)
{
	weft__object__init(&parts->object);
	parts->object.id = id;
	parts->object.name = (char *)parts->intent->key;
	parts->object.body_case = body;
	return &parts->object;
}

static void add_bridge(struct parts *parts, struct unit *unit)
{
	Weft__Bridge bridge = WEFT__BRIDGE__INIT;
	Weft__Object *message =
		object(parts, derive_bridge_id(parts->intent), WEFT__OBJECT__BODY_BRIDGE);

	bridge.has_ageing_seconds = parts->net->has_ageing_seconds;
	bridge.ageing_seconds = parts->net->ageing_seconds;
	bridge.has_mac_limit = parts->net->has_mac_limit;
	bridge.mac_limit = parts->net->mac_limit;
	message->bridge = &bridge;
	unit_add(unit, WEFT__KIND__KIND_BRIDGE, message);
}

static void add_bridges(struct parts *parts, const struct model *model, struct layout *layout,
                        const char *home)
{
	char host[KEY_SIZE];
	size_t cursor = 0;

	add_bridge(parts, parts->unit);
	while (model_place_next(model, parts->intent->name, &cursor, host))
		if (strcmp(host, home) != 0)
			add_bridge(parts, layout_unit(layout, host));
}

static void add_vrf(struct parts *parts)
{
	Weft__Vrf vrf = WEFT__VRF__INIT;
	Weft__Object *message = object(parts, derive_vrf_id(parts->intent->name, parts->net),
	                               WEFT__OBJECT__BODY_VRF);

	message->vrf = &vrf;
	unit_add(parts->unit, WEFT__KIND__KIND_VRF, message);
}

static Weft__NatRole nat_role(Weft__NetMode mode)
{
	if (mode == WEFT__NET_MODE__NET_EXTERNAL)
		return WEFT__NAT_ROLE__NAT_OUTSIDE;
	return mode == WEFT__NET_MODE__NET_NAT ? WEFT__NAT_ROLE__NAT_INSIDE
	                                       : WEFT__NAT_ROLE__NAT_NONE;
}

// Routers advertise inside only, and never where nothing leads away.
static bool advertises(const struct net_plan *plan)
{
	return plan->has_gateway6 &&
	       (plan->mode == WEFT__NET_MODE__NET_NAT || plan->mode == WEFT__NET_MODE__NET_ROUTED);
}

static void add_interface(struct parts *parts, const struct model *model)
{
	const struct net_plan *plan = &parts->plan;
	struct mac mac = ipam_router_mac(&model->instance);
	struct ip_prefix own4 = {plan->gateway4, plan->subnet4.len};
	struct ip_prefix own6 = {plan->gateway6, plan->subnet6.len};
	Weft__Interface interface = WEFT__INTERFACE__INIT;
	Weft__RouterAdvert advert = WEFT__ROUTER_ADVERT__INIT;
	Weft__Prefix messages[2], *addresses[2] = {&messages[0], &messages[1]};
	ProtobufCBinaryData rdnss = derive_ip(&plan->gateway6);
	Weft__Object *message = object(parts, derive_interface_id(parts->intent->name),
	                               WEFT__OBJECT__BODY_INTERFACE);

	interface.vrf = derive_vrf_id(parts->intent->name, parts->net);
	interface.bridge = derive_bridge_id(parts->intent);
	interface.vid = plan->vlan;
	interface.mac = derive_mac(&mac);
	interface.addresses = addresses;
	if (plan->has_gateway4)
		derive_prefix(&messages[interface.n_addresses++], &own4);
	if (plan->has_gateway6)
		derive_prefix(&messages[interface.n_addresses++], &own6);
	interface.has_nat = true;
	interface.nat = nat_role(plan->mode);
	interface.mtu = derive_net_mtu(model, parts->intent);
	interface.has_mtu = interface.mtu != 0;
	if (advertises(plan)) {
		interface.advert = &advert;
		advert.n_rdnss = plan->dns ? 1 : 0;
		advert.rdnss = &rdnss;
		advert.search = parts->net->dns;
	}
	message->interface = &interface;
	unit_add(parts->unit, WEFT__KIND__KIND_INTERFACE, message);
}

static void add_scope(struct parts *parts)
{
	Weft__DhcpScope scope = WEFT__DHCP_SCOPE__INIT;
	Weft__Object *message =
		object(parts, derive_scope_id(parts->intent->name), WEFT__OBJECT__BODY_DHCP_SCOPE);

	scope.interface = derive_interface_id(parts->intent->name);
	scope.first = derive_ip(&parts->plan.pool_first);
	scope.last = derive_ip(&parts->plan.pool_last);
	scope.has_lease_seconds = parts->net->has_lease_seconds;
	scope.lease_seconds = parts->net->lease_seconds;
	scope.domain = parts->net->dns;
	message->dhcp_scope = &scope;
	unit_add(parts->unit, WEFT__KIND__KIND_DHCP_SCOPE, message);
}

static void add_zone(struct parts *parts)
{
	Weft__DnsZone zone = WEFT__DNS_ZONE__INIT;
	Weft__Object *message =
		object(parts, derive_zone_id(parts->intent->name), WEFT__OBJECT__BODY_DNS_ZONE);
	char none[] = "none", *no_forwarders[] = {none};

	zone.interface = derive_interface_id(parts->intent->name);
	zone.domain = parts->net->dns;
	zone.n_forwarders = parts->net->n_forwarders;
	zone.forwarders = parts->net->forwarders;
	// An isolated net has no way out, and names would be one.
	if (parts->plan.mode == WEFT__NET_MODE__NET_ISOLATED && zone.n_forwarders == 0) {
		zone.n_forwarders = 1;
		zone.forwarders = no_forwarders;
	}
	message->dns_zone = &zone;
	unit_add(parts->unit, WEFT__KIND__KIND_DNS_ZONE, message);
}

void derive_net(const struct model *model, const struct intent *intent, struct layout *layout)
{
	struct parts parts = {.intent = intent, .net = intent->msg->net};
	const char *home = derive_home(model, layout, intent);

	if (!derive_plan(intent, &parts.plan))
		return;
	parts.unit = layout_unit(layout, home);
	if (!parts.net->has_vlan)
		add_bridges(&parts, model, layout, home);
	if (!parts.plan.has_interface)
		return;
	if (parts.plan.mode == WEFT__NET_MODE__NET_ISOLATED)
		add_vrf(&parts);
	add_interface(&parts, model);
	if (parts.plan.dhcp)
		add_scope(&parts);
	if (parts.plan.dns)
		add_zone(&parts);
}
