// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_pool: the choice of an address.
//
// A client gets the address reserved for its MAC, else the one it has, else the one it wishes for,
// else the first free one from a place that the hash of its identity gives. The hash makes a client
// find its former address again after any absence without anything being kept for it. The walk stops
// at the first free address, so its cost is bounded by what is taken: leases and reservations.

#include "datapath/dhcp_pool.h"

#include "base/bytes.h"
#include "datapath/generation.h"

#include <string.h>

bool dhcp_pool_open(struct dhcp_pool *pool)
{
	const struct interface *interface = pool->interface;

	for (uint32_t i = 0; i < interface->address_count; i++) {
		struct ip_prefix own = interface->addresses[i];

		if (!ip_is4(own.addr) || !prefix_contains(own, pool->scope->first) ||
		    !prefix_contains(own, pool->scope->last) ||
		    ip_compare(pool->scope->first, pool->scope->last) > 0)
			continue;
		pool->own = own;
		return true;
	}
	return false;
}

struct dhcp_client dhcp_client_of(const struct dhcp_message *message)
{
	struct dhcp_client client = {.id = message->client_id, .id_len = message->client_id_len};

	memcpy(client.mac.b, message->chaddr, sizeof(client.mac.b));
	return client;
}

// Addresses that belong to the subnet itself or to us.
static bool is_taken_by_net(const struct dhcp_pool *pool, struct ip_addr ip)
{
	const struct interface *interface = pool->interface;

	for (uint32_t i = 0; i < interface->address_count; i++)
		if (ip_equal(interface->addresses[i].addr, ip))
			return true;
	// A /31 has neither a network nor a broadcast address (RFC 3021).
	return pool->own.len < 31 && (ip_equal(ip, prefix_network(pool->own).addr) ||
	                              ip_equal(ip, prefix_last(pool->own)));
}

bool dhcp_pool_allows(const struct dhcp_pool *pool, const struct dhcp_client *client,
                      struct ip_addr ip)
{
	const struct dhcp_reservation_config *reserved;

	if (!ip_is4(ip) || !prefix_contains(pool->own, ip) || is_taken_by_net(pool, ip))
		return false;
	reserved = dhcp_reservation_by_ip(pool->scopes, pool->scope->id, ip);
	if (reserved)
		return mac_equal(reserved->mac, client->mac);
	return ip_compare(ip, pool->scope->first) >= 0 && ip_compare(ip, pool->scope->last) <= 0;
}

static bool is_same_client(const struct dhcp_client *client, const struct lease *lease)
{
	if (client->id_len || lease->client_id_len)
		return client->id_len == lease->client_id_len &&
		       memcmp(client->id, lease->client_id, client->id_len) == 0;
	return mac_equal(client->mac, lease->mac);
}

// A reservation knows its client by MAC alone, so a boot loader and the system it starts share it
// although their client ids differ.
static bool is_held_by_other(const struct dhcp_pool *pool, const struct dhcp_client *client,
                             struct ip_addr ip)
{
	const struct lease *lease = lease_by_ip(pool->leases, pool->scope->id, &ip);

	if (!lease || lease->expires <= pool->wall)
		return false;
	if (lease->state == LEASE_DECLINED)
		return true;
	if (mac_equal(lease->mac, client->mac) &&
	    dhcp_reservation_by_ip(pool->scopes, pool->scope->id, ip))
		return false;
	return !is_same_client(client, lease);
}

bool dhcp_pool_grants(const struct dhcp_pool *pool, const struct dhcp_client *client,
                      struct ip_addr ip)
{
	return dhcp_pool_allows(pool, client, ip) && !is_held_by_other(pool, client, ip);
}

struct lease *dhcp_pool_lease(const struct dhcp_pool *pool, const struct dhcp_client *client)
{
	struct lease *lease = lease_by_client(pool->leases, pool->scope->id, &client->mac,
	                                      client->id, client->id_len);

	return lease && lease->expires > pool->wall && lease->state != LEASE_DECLINED ? lease
	                                                                              : NULL;
}

// FNV-1a: the same in every process for ever, which a keyed hash would not be.
static uint32_t client_hash(const struct dhcp_client *client)
{
	const uint8_t *bytes = client->id_len ? client->id : client->mac.b;
	size_t len = client->id_len ? client->id_len : sizeof(client->mac.b);
	uint32_t hash = 0x811c9dc5;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x01000193;
	return hash ^ hash >> 15;
}

static bool walk_pool(const struct dhcp_pool *pool, const struct dhcp_client *client,
                      struct ip_addr *ret)
{
	uint32_t first = be32toh(ip_to4(pool->scope->first));
	uint32_t last = be32toh(ip_to4(pool->scope->last));
	uint64_t size = (uint64_t)last - first + 1;
	uint64_t start = client_hash(client) % size;

	for (uint64_t i = 0; i < size; i++) {
		uint32_t at = first + (uint32_t)((start + i) % size);
		struct ip_addr ip = ip_from4(htobe32(at));

		if (dhcp_pool_grants(pool, client, ip)) {
			*ret = ip;
			return true;
		}
	}
	return false;
}

bool dhcp_pool_pick(const struct dhcp_pool *pool, const struct dhcp_client *client,
                    struct ip_addr wished, struct ip_addr *ret)
{
	const struct dhcp_reservation_config *reserved =
		dhcp_reservation_by_mac(pool->scopes, pool->scope->id, client->mac);
	const struct lease *lease = dhcp_pool_lease(pool, client);

	if (reserved && reserved->has_ip && dhcp_pool_grants(pool, client, reserved->ip))
		*ret = reserved->ip;
	else if (lease && dhcp_pool_grants(pool, client, lease->ip))
		*ret = lease->ip;
	else if (dhcp_pool_grants(pool, client, wished))
		*ret = wished;
	else
		return walk_pool(pool, client, ret);
	return true;
}
