// SPDX-License-Identifier: BSD-3-Clause
//
// agent_check: one function for each kind; lists are bounded here, so that later stages need not.

#include "datapath/agent_check.h"

#include "base/bytes.h"
#include "datapath/agent_impair.h"

#include <errno.h>
#include <stdio.h>

enum {
	VID_LAST = 4094,
	MTU_MIN = 576,
	MTU_MAX = 65521, // 64 KB less an Ethernet header
	ADDRESSES_MAX = 32,
	RESOLVERS_MAX = 4,
	AGEING_MAX = 1 << 25,
	ADVERT_INTERVAL_MIN = 4, // RFC 4861, section 6.2.1
	ADVERT_INTERVAL_MAX = 1800,
	ADVERT_LIFETIME_MAX = 9000,
	DOMAIN_MAX = 253,
	NAT_ADDRESSES_MAX = 64,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
};

int agent_check_vid(const struct agent_object *object, struct apply_result *result, uint32_t vid,
                    uint32_t first)
{
	if (vid >= first && vid <= VID_LAST)
		return 0;
	return agent_object_refuse(object, result, -ERANGE, "vid",
	                           "the VLAN %u is not one of %u to %d", vid, first ? first : 1,
	                           VID_LAST);
}

int agent_check_mac(const struct agent_object *object, struct apply_result *result,
                    const char *field, const ProtobufCBinaryData *bytes)
{
	char text[MAC_TEXT];
	struct mac mac;

	if (agent_mac(bytes, &mac) < 0)
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "a MAC address has 6 bytes, not %zu", bytes->len);
	if (mac_is_zero(mac) || mac_is_multicast(mac))
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "%s is not the MAC address of a single host",
		                           mac_format(mac, text));
	return 0;
}

int agent_check_host(const struct agent_object *object, struct apply_result *result,
                     const char *field, const ProtobufCBinaryData *bytes, struct ip_addr *ret)
{
	struct ip_addr addr;
	char text[IP_TEXT];

	if (agent_ip(bytes, &addr) < 0)
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "an IP address has 4 or 16 bytes and is not IPv4 within "
		                           "IPv6; this one has %zu",
		                           bytes->len);
	if (ip_is_unspecified(addr) || ip_is_multicast(addr) || ip_is_broadcast(addr) ||
	    ip_is_loopback(addr))
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "%s is not the address of a single host",
		                           ip_format(addr, text));
	if (ret)
		*ret = addr;
	return 0;
}

static int check_length(const struct agent_object *object, struct apply_result *result,
                        const char *field, const Weft__Prefix *prefix, struct ip_prefix *ret)
{
	if (agent_prefix(prefix, ret) < 0)
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "a prefix has 4 address bytes and a length up to 32, or "
		                           "16 and up to 128; this one has %zu and %u",
		                           prefix->addr.len, prefix->len);
	return 0;
}

int agent_check_address(const struct agent_object *object, struct apply_result *result,
                        const char *field, const Weft__Prefix *prefix)
{
	struct ip_prefix value;
	char text[PREFIX_TEXT];
	int code = check_length(object, result, field, prefix, &value);

	if (code < 0)
		return code;
	code = agent_check_host(object, result, field, &prefix->addr, NULL);
	if (code < 0)
		return code;
	if (value.len == 0)
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "%s has a subnet of the whole world",
		                           prefix_format(value, text));
	// Both ends of an IPv4 subnet are taken, except of links between two hosts (RFC 3021).
	if (ip_is4(value.addr) && value.len < 31 &&
	    (ip_equal(value.addr, prefix_network(value).addr) ||
	     ip_equal(value.addr, prefix_last(value))))
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "%s is the subnet's own or its broadcast address",
		                           prefix_format(value, text));
	return 0;
}

int agent_check_prefix(const struct agent_object *object, struct apply_result *result,
                       const char *field, const Weft__Prefix *prefix)
{
	struct ip_prefix value;
	char text[PREFIX_TEXT];
	int code = check_length(object, result, field, prefix, &value);

	if (code == 0 && !ip_equal(value.addr, prefix_network(value).addr))
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "%s has bits set behind its length",
		                           prefix_format(value, text));
	return code;
}

static int check_bridge(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Bridge *bridge = object->message->bridge;

	if (bridge->ageing_seconds > AGEING_MAX)
		return agent_object_refuse(object, result, -ERANGE, "ageing_seconds",
		                           "%u seconds of ageing are more than %d",
		                           bridge->ageing_seconds, AGEING_MAX);
	return 0;
}

static int check_vlan_member(const struct agent_object *object, struct apply_result *result)
{
	const Weft__VlanMember *member = object->message->vlan_member;

	// VLAN 0 untagged is a bridge without VLANs; a tag of 0 carries no VLAN at all.
	int code = agent_check_vid(object, result, member->vid, member->tagged ? 1 : 0);

	return code < 0 ? code : agent_check_member_vni(object, result);
}

static int check_fdb_entry(const struct agent_object *object, struct apply_result *result)
{
	const Weft__FdbEntry *entry = object->message->fdb_entry;
	int code = agent_check_vid(object, result, entry->vid, 0);

	return code < 0 ? code : agent_check_mac(object, result, "mac", &entry->mac);
}

static int check_host_address(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Address *address = object->message->address;
	int code = agent_check_vid(object, result, address->vid, 0);

	if (code == 0)
		code = agent_check_mac(object, result, "mac", &address->mac);
	return code < 0 ? code : agent_check_host(object, result, "ip", &address->ip, NULL);
}

static int check_advert(const struct agent_object *object, struct apply_result *result,
                        const Weft__RouterAdvert *advert)
{
	if (advert->interval_seconds < ADVERT_INTERVAL_MIN ||
	    advert->interval_seconds > ADVERT_INTERVAL_MAX)
		return agent_object_refuse(object, result, -ERANGE, "advert.interval_seconds",
		                           "router advertisements every %u seconds; 4 to 1800 are "
		                           "possible",
		                           advert->interval_seconds);
	if (advert->router_lifetime_seconds > ADVERT_LIFETIME_MAX)
		return agent_object_refuse(object, result, -ERANGE,
		                           "advert.router_lifetime_seconds",
		                           "a router's lifetime of %u seconds; 9000 at most",
		                           advert->router_lifetime_seconds);
	if (advert->n_rdnss > RESOLVERS_MAX)
		return agent_object_refuse(object, result, -E2BIG, "advert.rdnss",
		                           "%zu resolvers, %d at most", advert->n_rdnss,
		                           RESOLVERS_MAX);
	for (size_t i = 0; i < advert->n_rdnss; i++) {
		int code =
			agent_check_host(object, result, "advert.rdnss", &advert->rdnss[i], NULL);

		if (code < 0)
			return code;
	}
	if (advert->search && strlen(advert->search) > DOMAIN_MAX)
		return agent_object_refuse(object, result, -ENAMETOOLONG, "advert.search",
		                           "a domain has %d characters at most", DOMAIN_MAX);
	return 0;
}

static int check_interface(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Interface *interface = object->message->interface;
	int code = agent_check_vid(object, result, interface->vid, 0);

	if (code == 0)
		code = agent_check_mac(object, result, "mac", &interface->mac);
	if (code < 0)
		return code;
	if (interface->mtu < MTU_MIN || interface->mtu > MTU_MAX)
		return agent_object_refuse(object, result, -ERANGE, "mtu",
		                           "the MTU %u is not one of %d to %d", interface->mtu,
		                           MTU_MIN, MTU_MAX);
	if ((unsigned)interface->nat > WEFT__NAT_ROLE__NAT_OUTSIDE)
		return agent_object_refuse(object, result, -EINVAL, "nat", "%d is no role in NAT",
		                           (int)interface->nat);
	if (interface->n_addresses > ADDRESSES_MAX)
		return agent_object_refuse(object, result, -E2BIG, "addresses",
		                           "%zu addresses, %d at most", interface->n_addresses,
		                           ADDRESSES_MAX);
	for (size_t i = 0; i < interface->n_addresses; i++) {
		code = agent_check_address(object, result, "addresses", interface->addresses[i]);
		if (code < 0)
			return code;
	}
	return interface->advert ? check_advert(object, result, interface->advert) : 0;
}

static int check_route(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Route *route = object->message->route;
	int code = agent_check_prefix(object, result, "prefix", route->prefix);
	struct ip_addr via;

	if (code < 0)
		return code;
	if (route->blackhole) {
		if (route->has_interface || route->has_via)
			return agent_object_refuse(object, result, -EINVAL, "blackhole",
			                           "a black hole leads nowhere: it has neither "
			                           "interface nor next hop");
		return 0;
	}
	if (!route->has_interface && !route->has_via)
		return agent_object_refuse(object, result, -EINVAL, "via",
		                           "the route has neither a next hop nor an interface");
	if (!route->has_via)
		return 0;
	code = agent_check_host(object, result, "via", &route->via, &via);
	if (code == 0 && (route->prefix->addr.len == 4) != ip_is4(via))
		return agent_object_refuse(object, result, -EAFNOSUPPORT, "via",
		                           "the next hop is of the other address family");
	if (code == 0 && !route->has_interface && ip_is_link_local(via))
		return agent_object_refuse(object, result, -EINVAL, "interface",
		                           "a link-local next hop needs an interface");
	return code;
}

static int check_neighbour(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Neighbour *neighbour = object->message->neighbour;
	int code = agent_check_host(object, result, "ip", &neighbour->ip, NULL);

	return code < 0 ? code : agent_check_mac(object, result, "mac", &neighbour->mac);
}

static int check_nat_rule(const struct agent_object *object, struct apply_result *result)
{
	const Weft__NatRule *rule = object->message->nat_rule;
	int code = agent_check_prefix(object, result, "source", rule->source);
	struct ip_addr to;

	if (code < 0)
		return code;
	if (rule->n_to > NAT_ADDRESSES_MAX)
		return agent_object_refuse(object, result, -E2BIG, "to",
		                           "%zu addresses, %d at most", rule->n_to,
		                           NAT_ADDRESSES_MAX);
	for (size_t i = 0; i < rule->n_to; i++) {
		code = agent_check_host(object, result, "to", &rule->to[i], &to);
		if (code < 0)
			return code;
		if ((rule->source->addr.len == 4) != ip_is4(to))
			return agent_object_refuse(object, result, -EAFNOSUPPORT, "to",
			                           "source and translation are of different "
			                           "address families");
	}
	return 0;
}

static int check_port_number(const struct agent_object *object, struct apply_result *result,
                             const char *field, uint32_t number)
{
	if (number >= 1 && number <= UINT16_MAX)
		return 0;
	return agent_object_refuse(object, result, -ERANGE, field,
	                           "the port %u is not one of 1 to 65535", number);
}

static int check_port_forward(const struct agent_object *object, struct apply_result *result)
{
	const Weft__PortForward *forward = object->message->port_forward;
	struct ip_addr inside, outside;
	int code;

	if (forward->protocol != PROTO_TCP && forward->protocol != PROTO_UDP)
		return agent_object_refuse(object, result, -EPROTONOSUPPORT, "protocol",
		                           "only TCP (6) and UDP (17) can be forwarded, not %u",
		                           forward->protocol);
	code = check_port_number(object, result, "outside_port", forward->outside_port);
	if (code == 0)
		code = check_port_number(object, result, "inside_port", forward->inside_port);
	if (code == 0)
		code = agent_check_host(object, result, "inside", &forward->inside, &inside);
	if (code < 0 || !forward->has_outside)
		return code;
	code = agent_check_host(object, result, "outside", &forward->outside, &outside);
	if (code == 0 && ip_is4(inside) != ip_is4(outside))
		return agent_object_refuse(object, result, -EAFNOSUPPORT, "outside",
		                           "the two addresses are of different families");
	return code;
}

int agent_check(const struct agent_object *object, struct apply_result *result)
{
	switch (object->kind) {
	case WEFT__KIND__KIND_BRIDGE:
		return check_bridge(object, result);
	case WEFT__KIND__KIND_PORT:
		return agent_check_port(object, result);
	case WEFT__KIND__KIND_VLAN_MEMBER:
		return check_vlan_member(object, result);
	case WEFT__KIND__KIND_FDB_ENTRY:
		return check_fdb_entry(object, result);
	case WEFT__KIND__KIND_ADDRESS:
		return check_host_address(object, result);
	case WEFT__KIND__KIND_INTERFACE:
		return check_interface(object, result);
	case WEFT__KIND__KIND_ROUTE:
		return check_route(object, result);
	case WEFT__KIND__KIND_NEIGHBOUR:
		return check_neighbour(object, result);
	case WEFT__KIND__KIND_NAT_RULE:
		return check_nat_rule(object, result);
	case WEFT__KIND__KIND_PORT_FORWARD:
		return check_port_forward(object, result);
	case WEFT__KIND__KIND_DHCP_SCOPE:
	case WEFT__KIND__KIND_DHCP_RESERVATION:
	case WEFT__KIND__KIND_DNS_ZONE:
	case WEFT__KIND__KIND_DNS_RECORD:
		return agent_check_service(object, result);
	case WEFT__KIND__KIND_FLOW_RULE:
		return agent_check_flow_rule(object, result);
	case WEFT__KIND__KIND_IMPAIRMENT:
		return agent_check_impairment(object, result);
	default:
		return 0; // A VRF has nothing to check.
	}
}
