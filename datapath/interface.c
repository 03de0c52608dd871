// SPDX-License-Identifier: BSD-3-Clause
//
// interface: walks the leg's few addresses. Only the miss path asks.

#include "datapath/interface.h"

bool interface_owns(const struct interface *interface, struct ip_addr ip)
{
	for (uint32_t i = 0; i < interface->address_count; i++)
		if (ip_equal(interface->addresses[i].addr, ip))
			return true;
	return !ip_is4(ip) && ip_equal(ip_link_local_from_mac(interface->mac), ip);
}

bool interface_answers(const struct interface *interface, const struct vrf *vrf, struct ip_addr ip)
{
	if (interface_owns(interface, ip))
		return true;
	if (interface->nat != NAT_ROLE_OUTSIDE || !interface_on_link(interface, ip))
		return false;
	for (uint32_t i = 0; i < interface->nat_rule_count; i++)
		for (uint32_t j = 0; j < interface->nat_rules[i].to_count; j++)
			if (ip_equal(interface->nat_rules[i].to[j], ip))
				return true;
	for (uint32_t i = 0; vrf && i < vrf->forward_count; i++)
		if (!vrf->forwards[i].any_outside && ip_equal(vrf->forwards[i].outside, ip))
			return true;
	return false;
}

bool interface_source(const struct interface *interface, struct ip_addr peer, struct ip_addr *ret)
{
	const struct ip_addr *first = NULL;

	for (uint32_t i = 0; i < interface->address_count; i++) {
		const struct ip_prefix *prefix = &interface->addresses[i];

		if (prefix_contains(*prefix, peer)) {
			*ret = prefix->addr;
			return true;
		}
		if (!first && ip_is4(prefix->addr) == ip_is4(peer) &&
		    !ip_is_link_local(prefix->addr))
			first = &prefix->addr;
	}
	// Neighbours of a link are spoken to from the link's own address (RFC 4861, 7.2.2).
	if (!ip_is4(peer) && (!first || ip_is_link_local(peer))) {
		*ret = ip_link_local_from_mac(interface->mac);
		return true;
	}
	if (first)
		*ret = *first;
	return first != NULL;
}

bool interface_on_link(const struct interface *interface, struct ip_addr ip)
{
	for (uint32_t i = 0; i < interface->address_count; i++)
		if (prefix_contains(interface->addresses[i], ip))
			return true;
	return !ip_is4(ip) && ip_is_link_local(ip);
}
