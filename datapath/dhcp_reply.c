// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_reply: the options of an OFFER, ACK or NAK, and the frame around them.
//
// Mandatory options come first, then what the client asked for in the client's order, so that if room
// ends the least wanted is missing. A client that sends no list gets what every client needs.

#include "datapath/dhcp_reply.h"

#include "base/bytes.h"
#include "datapath/dns_name.h"
#include "datapath/udp_frame.h"

#include <string.h>

static uint32_t number4(struct ip_addr ip)
{
	return be32toh(ip_to4(ip));
}

// Whether anything lies behind the router: another leg or a default route. Otherwise a guest with a
// second network must not be led to believe so. A net behind NAT is meant to have a way out: its guests
// may well have their leases before the uplink is there.
static bool has_way_out(const struct dhcp_pool *pool, const struct generation *generation)
{
	const struct vrf *vrf = pmap_get(&generation->vrfs, pool->interface->vrf);
	const struct ip_prefix all = {.addr = ip_from4(0)};
	const struct interface *other;

	if (pool->interface->nat == NAT_ROLE_INSIDE)
		return true;
	if (vrf && lpm_exact(&vrf->routes4, &all))
		return true;
	for (uint32_t slot = 0; (other = pmap_next(&generation->interfaces, &slot)); slot++)
		if (other->vrf == pool->interface->vrf && other->slot != pool->interface->slot)
			return true;
	return false;
}

static void put_dns(struct dhcp_writer *writer, const struct dhcp_pool *pool)
{
	uint8_t servers[4 * ARRAY_SIZE(pool->scope->dns)];
	size_t len = 0;

	for (unsigned i = 0; i < pool->scope->dns_count; i++)
		if (ip_is4(pool->scope->dns[i])) {
			memcpy(servers + len, pool->scope->dns[i].b + 12, 4);
			len += 4;
		}
	if (len > 0)
		dhcp_writer_put(writer, DHCP_OPTION_DNS, servers, len);
	else if (pool->scope->dns_count == 0)
		dhcp_writer_put(writer, DHCP_OPTION_DNS, pool->own.addr.b + 12, 4);
}

static void put_search(struct dhcp_writer *writer, const struct dhcp_pool *pool)
{
	struct dns_name name;

	if (pool->scope->domain[0] && dns_name_parse(pool->scope->domain, &name))
		dhcp_writer_put(writer, DHCP_OPTION_SEARCH, name.wire, name.len);
}

// RFC 3442: the other subnets on the same wire, reached without the router. With this option a client
// ignores the router option, so the default route is repeated here.
static void put_routes(struct dhcp_writer *writer, const struct dhcp_pool *pool, bool way_out)
{
	const struct interface *interface = pool->interface;
	uint8_t routes[128];
	size_t len = 0;

	for (uint32_t i = 0; i < interface->address_count && len + 9 + 5 <= sizeof(routes); i++) {
		struct ip_prefix net = prefix_network(interface->addresses[i]);
		size_t significant = (net.len + 7u) / 8;

		if (!ip_is4(net.addr) || prefix_equal(net, prefix_network(pool->own)))
			continue;
		routes[len++] = net.len;
		memcpy(routes + len, net.addr.b + 12, significant);
		memset(routes + len + significant, 0, 4);
		len += significant + 4;
	}
	if (len > 0 && way_out) {
		routes[len++] = 0;
		memcpy(routes + len, pool->own.addr.b + 12, 4);
		len += 4;
	}
	if (len > 0)
		dhcp_writer_put(writer, DHCP_OPTION_ROUTES, routes, len);
}

static void put_wanted(struct dhcp_writer *writer, uint8_t option, const struct dhcp_reply *reply,
                       const struct dhcp_pool *pool, const struct generation *generation)
{
	switch (option) {
	case DHCP_OPTION_ROUTER:
		if (has_way_out(pool, generation))
			dhcp_writer_put(writer, option, pool->own.addr.b + 12, 4);
		break;
	case DHCP_OPTION_DNS:
		put_dns(writer, pool);
		break;
	case DHCP_OPTION_HOSTNAME:
		dhcp_writer_put(writer, option, reply->hostname, strlen(reply->hostname));
		break;
	case DHCP_OPTION_DOMAIN:
		dhcp_writer_put(writer, option, pool->scope->domain, strlen(pool->scope->domain));
		break;
	case DHCP_OPTION_MTU:
		dhcp_writer_put16(writer, option, (uint16_t)MIN(pool->interface->mtu, 65535u));
		break;
	case DHCP_OPTION_BROADCAST:
		if (pool->own.len < 31)
			dhcp_writer_put32(writer, option, number4(prefix_last(pool->own)));
		break;
	case DHCP_OPTION_T1:
		if (reply->lease_seconds)
			dhcp_writer_put32(writer, option, reply->lease_seconds / 2);
		break;
	case DHCP_OPTION_T2:
		if (reply->lease_seconds)
			dhcp_writer_put32(writer, option,
			                  (uint32_t)(reply->lease_seconds * UINT64_C(7) / 8));
		break;
	case DHCP_OPTION_SEARCH:
		put_search(writer, pool);
		break;
	case DHCP_OPTION_ROUTES:
		put_routes(writer, pool, has_way_out(pool, generation));
		break;
	default:
		break;
	}
}

static void put_options(struct dhcp_writer *writer, const struct dhcp_reply *reply,
                        const struct dhcp_pool *pool, const struct dhcp_message *to,
                        const struct generation *generation)
{
	static const uint8_t usual[] = {DHCP_OPTION_ROUTER, DHCP_OPTION_DNS, DHCP_OPTION_DOMAIN,
	                                DHCP_OPTION_BROADCAST};
	const uint8_t *wanted = to->wanted_count ? to->wanted : usual;
	unsigned count = to->wanted_count ? to->wanted_count : ARRAY_SIZE(usual);
	uint8_t done[256 / 8] = {0};

	if (reply->lease_seconds)
		dhcp_writer_put32(writer, DHCP_OPTION_LEASE_TIME, reply->lease_seconds);
	dhcp_writer_put32(writer, DHCP_OPTION_MASK, number4(prefix_mask(pool->own)));
	for (unsigned i = 0; i < count; i++) {
		uint8_t bit = (uint8_t)(1u << wanted[i] % 8);

		if (!(done[wanted[i] / 8] & bit))
			put_wanted(writer, wanted[i], reply, pool, generation);
		done[wanted[i] / 8] |= bit;
	}
}

// RFC 2131 section 4.1: a NAK to everybody, a client that has an address there, else where the
// client says it can hear.
static void address_reply(struct udp_path *path, const struct dhcp_reply *reply,
                          const struct dhcp_message *to)
{
	memcpy(path->dst_mac.b, to->chaddr, sizeof(path->dst_mac.b));
	if (reply->type != DHCP_NAK && to->ciaddr) {
		path->dst = ip_from4(htobe32(to->ciaddr));
	} else if (reply->type != DHCP_NAK && !(to->flags & DHCP_FLAG_BROADCAST)) {
		path->dst = reply->ip;
	} else {
		path->dst = ip_from4(0xffffffff);
		path->dst_mac = mac_from_u64(UINT64_C(0xffffffffffff));
	}
}

size_t dhcp_reply_write(uint8_t *frame, size_t room, const struct dhcp_reply *reply,
                        const struct dhcp_pool *pool, const struct dhcp_message *to,
                        const struct generation *generation)
{
	struct udp_path path = {
		.src_mac = pool->interface->mac,
		.src = pool->own.addr,
		.src_port = DHCP_SERVER_PORT,
		.dst_port = DHCP_CLIENT_PORT,
	};
	struct dhcp_writer writer;

	dhcp_writer_begin(&writer, to, reply->type, ip_is_none(reply->ip) ? 0 : number4(reply->ip));
	dhcp_writer_put32(&writer, DHCP_OPTION_SERVER_ID, number4(pool->own.addr));
	if (reply->type != DHCP_NAK)
		put_options(&writer, reply, pool, to, generation);
	else if (reply->message)
		dhcp_writer_put(&writer, DHCP_OPTION_MESSAGE, reply->message,
		                strlen(reply->message));
	dhcp_writer_end(&writer);
	address_reply(&path, reply, to);
	return udp_frame_write(frame, room, &path, writer.bytes, writer.len);
}
