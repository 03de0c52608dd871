// SPDX-License-Identifier: BSD-3-Clause
//
// dns_lookup: names and addresses of one VRF, as a guest of that VRF may see them.
//
// A zone is visible to questions that come by an interface of the same VRF. To others it does not
// exist: their question is foreign and goes to their own forwarders. Static records come before what
// DHCP knows, which never may hide them; an IPv6 address that nobody has configured is taken from the
// neighbour table, where it stands because the guest has spoken from it.

#include "datapath/dns_lookup.h"

#include "base/bytes.h"
#include "datapath/neighbour.h"

#include <stdlib.h>
#include <sys/socket.h>

static const struct dns_name gateway_label = {4, "\2gw"};

static const struct interface *interface_of(const struct dns_view *view, uint32_t slot)
{
	return pmap_get(&view->generation->interfaces, slot);
}

static bool is_visible(const struct dns_view *view, const struct dns_zone *zone)
{
	const struct interface *interface = interface_of(view, zone->config.interface);

	return interface && interface->vrf == view->interface->vrf;
}

static void add_address(struct dns_found *found, struct ip_addr ip, uint32_t ttl)
{
	for (unsigned i = 0; i < found->count; i++)
		if (ip_equal(found->ips[i], ip))
			return;
	if (found->count == DNS_LOOKUP_MOST)
		return;
	found->ips[found->count] = ip;
	found->ttls[found->count++] = ttl;
}

static bool has_ip6(const struct dns_found *found)
{
	for (unsigned i = 0; i < found->count; i++)
		if (!ip_is4(found->ips[i]))
			return true;
	return false;
}

static void add_gateway(const struct interface *interface, struct dns_found *found)
{
	for (uint32_t i = 0; i < interface->address_count; i++)
		if (!ip_is_link_local(interface->addresses[i].addr))
			add_address(found, interface->addresses[i].addr, DNS_DYNAMIC_TTL);
}

static void add_ip6_of_mac(const struct dns_view *view, uint32_t interface, struct mac mac,
                           struct dns_found *found)
{
	struct ip_addr ip;

	if (!has_ip6(found) && neighbour_find_mac(view->neighbours, interface, &mac, AF_INET6, &ip))
		add_address(found, ip, DNS_DYNAMIC_TTL);
}

static bool mac_of_ip(const struct dns_view *view, uint32_t interface, struct ip_addr ip,
                      struct mac *ret)
{
	uint32_t now_ms = (uint32_t)(view->now_ns / 1000000);

	switch (neighbour_lookup(view->neighbours, interface, &ip, now_ms, ret)) {
	case NEIGHBOUR_REACHABLE:
	case NEIGHBOUR_STALE:
	case NEIGHBOUR_PROBE:
	case NEIGHBOUR_STATIC:
		return true;
	default:
		return false;
	}
}

// Static records of the name; a guest's IPv6 address is found by the MAC behind its IPv4 one.
static bool add_records(const struct dns_view *view, const struct dns_zone *zone,
                        const struct dns_name *relative, struct dns_found *found)
{
	const struct hash_node *node = NULL;
	const struct dns_record *record;
	bool any = false;
	struct mac mac;

	while ((record = dns_record_next_by_name(view->zones, zone->config.id, relative, &node))) {
		add_address(found, record->config.ip, record->config.ttl);
		any = true;
	}
	if (any && ip_is4(found->ips[0]) &&
	    mac_of_ip(view, zone->config.interface, found->ips[0], &mac))
		add_ip6_of_mac(view, zone->config.interface, mac, found);
	return any;
}

static bool add_host(const struct dns_view *view, const struct dns_zone *zone,
                     const struct dns_name *relative, struct dns_found *found)
{
	static const struct dns_name root = {1, {0}};
	char label[DNS_LABEL_MAX + 1];
	struct dhcp_host host;

	if (!dns_name_host(relative, &root, label) ||
	    !dhcp_server_host_by_name(view->dhcp, zone->config.interface, label, view->wall, &host))
		return false;
	if (host.has_ip)
		add_address(found, host.ip, DNS_DYNAMIC_TTL);
	add_ip6_of_mac(view, zone->config.interface, host.mac, found);
	return true;
}

// The name without its zone, ended by the root.
static struct dns_name relative_to(const struct dns_name *name, const struct dns_name *zone)
{
	struct dns_name relative = *name;

	relative.len = (uint8_t)(name->len - zone->len + 1);
	relative.wire[relative.len - 1] = 0;
	return relative;
}

static bool find_in_zone(const struct dns_view *view, const struct dns_zone *zone,
                         const struct dns_name *relative, struct dns_found *found)
{
	const struct interface *interface = interface_of(view, zone->config.interface);
	bool any = add_records(view, zone, relative, found);

	if (any)
		return true;
	if (relative->len == 1 || dns_name_equal(relative, &gateway_label)) {
		add_gateway(interface, found);
		return true;
	}
	return add_host(view, zone, relative, found);
}

static void set_zone(struct dns_found *found, const struct dns_name *zone)
{
	found->zone = *zone;
	if (!dns_name_join(&gateway_label, zone, &found->server))
		found->server = *zone;
}

// Zones of one name, the asking interface's own first. False: none is visible.
static bool find_in_zones(const struct dns_view *view, const struct dns_name *zone_name,
                          const struct dns_name *relative, struct dns_found *found, bool *exists)
{
	const struct dns_zone *own = dns_zone_by_interface(view->zones, view->interface->slot);
	const struct hash_node *node = NULL;
	const struct dns_zone *zone;
	bool visible = false;

	if (own && dns_name_equal(&own->name, zone_name)) {
		visible = true;
		*exists = find_in_zone(view, own, relative, found);
	}
	while ((zone = dns_zone_next_by_name(view->zones, zone_name, &node))) {
		if (zone == own || !is_visible(view, zone))
			continue;
		visible = true;
		if (!*exists)
			*exists = find_in_zone(view, zone, relative, found);
	}
	return visible;
}

// A name without a dot is one of the asking interface's own zone, for resolvers without a search list.
static enum dns_known find_single_label(const struct dns_view *view, const struct dns_name *name,
                                        struct dns_found *found)
{
	const struct dns_zone *own = dns_zone_by_interface(view->zones, view->interface->slot);

	if (!own || dns_name_labels(name) != 1 || !find_in_zone(view, own, name, found))
		return DNS_KNOWN_NOT;
	set_zone(found, &own->name);
	return DNS_KNOWN;
}

enum dns_known dns_lookup_name(const struct dns_view *view, const struct dns_name *name,
                               struct dns_found *ret)
{
	struct dns_name zone_name = *name;

	*ret = (struct dns_found){0};
	for (; zone_name.len > 1; zone_name = dns_name_parent(&zone_name)) {
		struct dns_name relative = relative_to(name, &zone_name);
		bool exists = false;

		if (!find_in_zones(view, &zone_name, &relative, ret, &exists))
			continue;
		set_zone(ret, &zone_name);
		ret->is_apex = relative.len == 1;
		return exists ? DNS_KNOWN : DNS_KNOWN_ABSENT;
	}
	return find_single_label(view, name, ret);
}

// The leg of the asking interface's VRF whose subnet holds all of the prefix.
static const struct interface *leg_of_prefix(const struct dns_view *view, struct ip_prefix asked,
                                             struct ip_prefix *ret)
{
	const struct interface *interface;

	for (uint32_t slot = 0; (interface = pmap_next(&view->generation->interfaces, &slot));
	     slot++)
		for (uint32_t i = 0; i < interface->address_count; i++) {
			struct ip_prefix net = interface->addresses[i];

			if (interface->vrf != view->interface->vrf || asked.len < net.len ||
			    !prefix_contains(net, asked.addr))
				continue;
			*ret = net;
			return interface;
		}
	return NULL;
}

static bool find_host_name(const struct dns_view *view, const struct interface *interface,
                           struct ip_addr ip, struct dhcp_host *ret)
{
	struct ip_addr ip4;
	struct mac mac;

	if (dhcp_server_host_by_ip(view->dhcp, interface->slot, ip, view->wall, ret))
		return true;
	if (ip_is4(ip) || !mac_of_ip(view, interface->slot, ip, &mac))
		return false;
	if (dhcp_server_host_by_mac(view->dhcp, interface->slot, mac, view->wall, ret))
		return true;
	return neighbour_find_mac(view->neighbours, interface->slot, &mac, AF_INET, &ip4) &&
	       dhcp_server_host_by_ip(view->dhcp, interface->slot, ip4, view->wall, ret);
}

static bool is_own_address(const struct interface *interface, struct ip_addr ip)
{
	for (uint32_t i = 0; i < interface->address_count; i++)
		if (ip_equal(interface->addresses[i].addr, ip))
			return true;
	return false;
}

// The name of an address, in the zone of the leg it lives behind.
static bool find_target(const struct dns_view *view, const struct interface *interface,
                        struct ip_addr ip, struct dns_name *ret)
{
	const struct dns_zone *zone = dns_zone_by_interface(view->zones, interface->slot);
	const struct dns_record *record;
	struct dhcp_host host;
	struct dns_name label;

	if (!zone)
		return false;
	record = dns_record_by_ip(view->zones, zone->config.id, ip);
	if (record)
		return dns_name_join(&record->name, &zone->name, ret);
	if (is_own_address(interface, ip))
		return dns_name_join(&gateway_label, &zone->name, ret);
	return find_host_name(view, interface, ip, &host) && dns_name_parse(host.name, &label) &&
	       dns_name_join(&label, &zone->name, ret);
}

enum dns_known dns_lookup_reverse(const struct dns_view *view, const struct dns_name *name,
                                  struct dns_found *ret)
{
	const struct interface *leg;
	struct ip_prefix asked, net, apex;
	unsigned step, whole;

	*ret = (struct dns_found){0};
	if (!dns_name_to_prefix(name, &asked))
		return DNS_KNOWN_NOT;
	leg = leg_of_prefix(view, asked, &net);
	if (!leg)
		return DNS_KNOWN_NOT;

	// Reverse zones end at a byte or a half one: a subnet in between is several zones.
	step = ip_is4(asked.addr) ? 8 : 4;
	whole = ip_is4(asked.addr) ? 32 : 128;
	apex = (struct ip_prefix){asked.addr, (uint8_t)((net.len + step - 1) / step * step)};
	apex = prefix_network(apex);
	ret->zone = dns_name_from_prefix(&apex);
	ret->server = ret->zone;
	ret->is_apex = dns_name_equal(&ret->zone, name);
	if (asked.len < whole)
		return DNS_KNOWN;
	ret->has_target = find_target(view, leg, asked.addr, &ret->target);
	return ret->has_target ? DNS_KNOWN : DNS_KNOWN_ABSENT;
}
