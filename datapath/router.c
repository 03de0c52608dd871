// SPDX-License-Identifier: BSD-3-Clause
//
// router: longest prefix, next hop, way out.
//
// The order is that of RFC 1812, 5.2: addresses that may not be, translation of who comes back, route,
// the router itself, TTL, length, translation of who leaves, neighbour. A packet whose neighbour is not
// known yet waits unchanged (hold.h) and comes here once more.

#include "datapath/router.h"

#include "base/bytes.h"
#include "datapath/arp.h"
#include "datapath/bridge.h"
#include "datapath/divert.h"
#include "datapath/fragment.h"
#include "datapath/hold.h"
#include "datapath/icmp.h"
#include "datapath/interface.h"
#include "datapath/local.h"
#include "datapath/nat.h"
#include "datapath/nd.h"
#include "datapath/pipeline_priv.h"
#include "datapath/suppress.h"
#include "datapath/wire.h"

static bool is_echo(const struct packet *packet)
{
	uint8_t type = packet_l4(packet)[ICMP_TYPE];

	if (packet->ip_version == 4)
		return type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY;
	return type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY;
}

static enum miss_ports read_ports(struct miss *miss)
{
	const struct packet *packet = miss->packet;
	const uint8_t icmp = packet->ip_version == 4 ? PROTO_ICMP4 : PROTO_ICMP6;
	struct conn_key *came = &miss->came;

	came->proto = packet->ip_proto;
	if (packet->ip_proto != PROTO_TCP && packet->ip_proto != PROTO_UDP &&
	    packet->ip_proto != icmp)
		return MISS_PORTS_NONE;
	if (packet->flags & PACKET_LATER_FRAGMENT)
		return fragment_find(miss->pipeline->fragments, packet, came, miss->pipeline->now_s)
		               ? MISS_PORTS_KNOWN
		               : MISS_PORTS_UNKNOWN;
	if (!packet->l4)
		return MISS_PORTS_NONE;
	if (packet->ip_proto == icmp) {
		if (conn_icmp_is_error(packet))
			return MISS_PORTS_ERROR;
		if (!is_echo(packet))
			return MISS_PORTS_NONE;
		came->src_port = came->dst_port = load_be16(packet_l4(packet) + ICMP_ID);
	} else {
		came->src_port = load_be16(packet_l4(packet));
		came->dst_port = load_be16(packet_l4(packet) + 2);
	}
	if (packet->flags & PACKET_FRAGMENT && miss_acts(miss))
		fragment_learn(miss->pipeline->fragments, packet, came, miss->pipeline->now_s);
	return MISS_PORTS_KNOWN;
}

static void read_ends(struct miss *miss)
{
	const uint8_t *l3 = packet_l3(miss->packet);
	uint32_t be;

	if (miss->packet->ip_version == 6) {
		miss->came.src = ip_from6(l3 + IP6_SRC);
		miss->came.dst = ip_from6(l3 + IP6_DST);
	} else {
		memcpy(&be, l3 + IP4_SRC, sizeof(be));
		miss->came.src = ip_from4(be);
		memcpy(&be, l3 + IP4_DST, sizeof(be));
		miss->came.dst = ip_from4(be);
	}
	miss->came.zone = (uint16_t)miss->interface->vrf;
	miss->ports = read_ports(miss);
	miss->leaves = miss->came;
	if (miss->packet->flags & PACKET_FRAGMENT)
		miss->program->flags |= PROGRAM_NO_CACHE;
}

// 0.0.0.0/8 and 240.0.0.0/4 are nobody's (RFC 6890).
static bool is_reserved4(struct ip_addr ip)
{
	return ip_is4(ip) && (ip.b[12] == 0 || ip.b[12] >= 240);
}

static bool is_martian(struct miss *miss)
{
	struct ip_addr src = miss->came.src;
	struct ip_addr dst = miss->came.dst;

	if (ip_is_multicast(src) || ip_is_unspecified(src) || ip_is_loopback(src) ||
	    is_reserved4(src) || interface_owns(miss->interface, src)) {
		trace_step(miss->trace, "router", "no host may send from that address");
		return miss_drop(miss, DROP_MARTIAN_SOURCE);
	}
	if (ip_is_multicast(dst) || ip_is_unspecified(dst) || ip_is_loopback(dst) ||
	    is_reserved4(dst)) {
		trace_step(miss->trace, "router", "no packet may be routed to that address");
		return miss_drop(miss, DROP_MARTIAN_DESTINATION);
	}
	return false;
}

static bool is_directed_broadcast(const struct interface *egress, struct ip_addr dst)
{
	for (uint32_t i = 0; ip_is4(dst) && i < egress->address_count; i++)
		if (egress->addresses[i].len < 31 && prefix_contains(egress->addresses[i], dst) &&
		    ip_equal(prefix_last(egress->addresses[i]), dst))
			return true;
	return false;
}

static bool check_ttl(struct miss *miss)
{
	const uint8_t *l3 = packet_l3(miss->packet);

	if (l3[miss->packet->ip_version == 4 ? IP4_TTL : IP6_HOPS] > 1)
		return false;
	trace_step(miss->trace, "router", "its TTL ends here");
	icmp_error(miss, ICMP_TIME_EXCEEDED, 0);
	return miss_drop(miss, DROP_TTL_EXCEEDED);
}

// Too long for the way out: told to the sender, or cut where IPv4 allows. A super-packet is judged, and cut
// by its door, by its segments.
static bool check_length(struct miss *miss, const struct interface *egress)
{
	const struct packet *packet = miss->packet;

	if (egress->mtu == 0 || program_l3_length(packet) <= egress->mtu)
		return false;
	if (packet->ip_version == 4 && packet->gso == GSO_NONE &&
	    !(load_be16(packet_l3(packet) + IP4_OFFSET) & IP4_DF))
		return false;
	trace_step(miss->trace, "router", "longer than the %u bytes that {%lu} takes", egress->mtu,
	           (unsigned long)egress->id);
	icmp_error(miss, ICMP_TOO_BIG, egress->mtu);
	return miss_drop(miss, DROP_MTU_EXCEEDED);
}

static void ask(struct pipeline *pipeline, const struct interface *egress, struct ip_addr ip)
{
	if (!neighbour_ask(pipeline->state->neighbours, egress->slot, &ip, pipeline->now_ms))
		return;
	if (ip_is4(ip))
		arp_ask(pipeline, egress, ip);
	else
		nd_ask(pipeline, egress, ip);
}

// The packet waits for the next hop's MAC.
static bool wait_for(struct miss *miss, const struct interface *egress, struct ip_addr next)
{
	char text[IP_TEXT];

	trace_step(miss->trace, "neighbour", "asks for %s; the packet waits",
	           ip_format(next, text));
	if (!miss_acts(miss))
		return miss_done(miss);

	enum drop_reason reason = hold_put(miss->pipeline, egress->slot, next, miss->packet);

	ask(miss->pipeline, egress, next);
	return reason ? miss_drop(miss, reason) : miss_done(miss);
}

static bool resolve(struct miss *miss, const struct interface *egress, struct ip_addr next)
{
	struct pipeline *pipeline = miss->pipeline;
	struct program *program = miss->program;
	char ip[IP_TEXT], mac[MAC_TEXT];

	program->src_mac = egress->mac;
	if (suppress_told(miss->generation, egress, next, &program->dst_mac)) {
		program->flags |= PROGRAM_MACS;
		trace_step(miss->trace, "neighbour", "%s is at %s, as told by the controller",
		           ip_format(next, ip), mac_format(program->dst_mac, mac));
		return false;
	}
	switch (neighbour_lookup(pipeline->state->neighbours, egress->slot, &next, pipeline->now_ms,
	                         &program->dst_mac)) {
	case NEIGHBOUR_NONE:
	case NEIGHBOUR_INCOMPLETE:
		return wait_for(miss, egress, next);
	case NEIGHBOUR_FAILED:
		trace_step(miss->trace, "neighbour", "%s does not answer", ip_format(next, ip));
		icmp_error(miss, ICMP_HOST_UNREACHABLE, 0);
		return miss_drop(miss, DROP_NEIGHBOUR_UNREACHABLE);
	case NEIGHBOUR_STALE:
		if (miss_acts(miss))
			ask(pipeline, egress, next);
		break;
	default:
		break;
	}
	program->flags |= PROGRAM_MACS;
	trace_step(miss->trace, "neighbour", "%s is at %s", ip_format(next, ip),
	           mac_format(program->dst_mac, mac));
	return false;
}

static bool forward(struct miss *miss, const struct route *route)
{
	const struct interface *egress = pmap_get(&miss->generation->interfaces, route->interface);
	const struct domain *domain =
		egress ? pmap_get(&miss->generation->domains, egress->domain) : NULL;
	struct ip_addr next = route->kind == ROUTE_VIA ? route->via : miss->leaves.dst;
	struct program *program = miss->program;

	if (!domain) {
		icmp_error(miss, ICMP_NO_ROUTE, 0);
		return miss_drop(miss, DROP_NO_ROUTE);
	}
	if (ip_is_link_local(miss->leaves.dst) || is_directed_broadcast(egress, miss->leaves.dst)) {
		trace_step(miss->trace, "router", "the destination is of one link only");
		return miss_drop(miss, DROP_MARTIAN_DESTINATION);
	}
	// NAT would not take such a source along: to the other link it is a stranger of its own.
	if (ip_is_link_local(miss->came.src)) {
		trace_step(miss->trace, "router", "the source is of one link only");
		return miss_drop(miss, DROP_MARTIAN_SOURCE);
	}
	if (check_ttl(miss) || check_length(miss, egress))
		return true;

	program_stamp_out(program, miss->pipeline->state, egress->domain, egress->slot);
	program->flags |= PROGRAM_TTL;
	program->mtu = (uint16_t)egress->mtu;
	if (nat_outbound(miss, egress) || resolve(miss, egress, next))
		return true;
	return bridge_output(miss, domain, &program->dst_mac);
}

static const struct route *find_route(struct miss *miss, struct ip_addr dst)
{
	const struct vrf *vrf = pmap_get(&miss->generation->vrfs, miss->interface->vrf);

	return vrf ? lpm_lookup(ip_is4(dst) ? &vrf->routes4 : &vrf->routes6, &dst) : NULL;
}

static void trace_route(struct miss *miss, const struct route *route)
{
	char prefix[PREFIX_TEXT], via[IP_TEXT];

	if (!miss->trace)
		return;
	if (route->kind == ROUTE_VIA)
		trace_step(miss->trace, "router", "route %s via %s",
		           prefix_format(route->prefix, prefix), ip_format(route->via, via));
	else
		trace_step(miss->trace, "router", "route %s%s",
		           prefix_format(route->prefix, prefix),
		           route->kind == ROUTE_BLACKHOLE ? ", a black hole" : "");
}

bool router_stage(struct miss *miss)
{
	struct packet *packet = miss->packet;

	if (packet->eth_type == ETH_TYPE_ARP)
		return arp_input(miss);
	if (packet->ip_version == 0) {
		trace_step(miss->trace, "router", "neither IP nor ARP");
		return miss_drop(miss, DROP_NOT_FOR_US);
	}
	read_ends(miss);
	if (local_before_address(miss))
		return true;
	if (is_martian(miss) || nat_inbound(miss))
		return true;

	struct ip_addr dst = miss->leaves.dst;
	const struct route *route = find_route(miss, dst);

	if (interface_owns(miss->interface, dst) || (route && route->kind == ROUTE_LOCAL))
		return local_input(miss);
	if (!route) {
		trace_step(miss->trace, "router", "no route");
		icmp_error(miss, ICMP_NO_ROUTE, 0);
		return miss_drop(miss, DROP_NO_ROUTE);
	}
	trace_route(miss, route);
	if (route->kind == ROUTE_BLACKHOLE)
		return miss_drop(miss, DROP_BLACKHOLE);
	return forward(miss, route);
}

bool router_listen(struct miss *miss)
{
	const struct packet *packet = miss->packet;

	if (packet->eth_type == ETH_TYPE_ARP)
		return arp_input(miss);
	if (nd_is_message(packet))
		return nd_input(miss);
	if (packet->ip_version == 0 || packet->flags & PACKET_FRAGMENT)
		return false;
	return miss->interface->dhcp && local_is_dhcp(packet) ? divert(miss, PUNT_DHCP4) : false;
}
