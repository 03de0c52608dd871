// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_scope: an index holds every scope under each of its keys, another one the reservations.
//
// A reservation names its scope by id only, so the two may come and go in any order. Changing one
// costs a few hash operations, however many there are.

#include "datapath/dhcp_scope.h"

#include "base/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum key_kind {
	KEY_SCOPE,
	KEY_SCOPE_INTERFACE,
	KEY_RESERVATION,
	KEY_RESERVATION_MAC,
	KEY_RESERVATION_IP,
	KEY_RESERVATION_NAME,
};

enum { MOST_KEYS = 4 };

// The hashes under which one value stands.
struct keys {
	unsigned count;
	uint64_t hashes[MOST_KEYS];
};

void dhcp_scopes_init(struct dhcp_scopes *scopes, uint64_t seed)
{
	hash_index_init(&scopes->scopes, seed);
	hash_index_init(&scopes->reservations, seed);
}

// Both indexes share a seed, so either may compute the hash.
static uint64_t key_of(const struct dhcp_scopes *scopes, enum key_kind kind, uint64_t scope,
                       const void *bytes, size_t len)
{
	return hash_index_key(&scopes->scopes, scope * 8 + kind, bytes, len);
}

static uint64_t key_of_id(const struct dhcp_scopes *scopes, enum key_kind kind, uint64_t id)
{
	return key_of(scopes, kind, 0, &id, sizeof(id));
}

static struct keys scope_keys(const struct dhcp_scopes *scopes,
                              const struct dhcp_scope_config *scope)
{
	return (struct keys){2,
	                     {key_of_id(scopes, KEY_SCOPE, scope->id),
	                      key_of_id(scopes, KEY_SCOPE_INTERFACE, scope->interface)}};
}

static struct keys reservation_keys(const struct dhcp_scopes *scopes,
                                    const struct dhcp_reservation_config *entry)
{
	struct keys keys = {2,
	                    {key_of_id(scopes, KEY_RESERVATION, entry->id),
	                     key_of(scopes, KEY_RESERVATION_MAC, entry->scope, entry->mac.b, 6)}};

	if (entry->has_ip)
		keys.hashes[keys.count++] =
			key_of(scopes, KEY_RESERVATION_IP, entry->scope, entry->ip.b, 16);
	if (entry->hostname[0])
		keys.hashes[keys.count++] = key_of(scopes, KEY_RESERVATION_NAME, entry->scope,
		                                   entry->hostname, strlen(entry->hostname));
	return keys;
}

static void remove_keys(struct hash_index *index, const struct keys *keys, const void *value)
{
	for (unsigned i = 0; i < keys->count; i++)
		hash_index_remove(index, keys->hashes[i], value);
}

static int add_keys(struct hash_index *index, const struct keys *keys, void *value)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (hash_index_add(index, keys->hashes[i], value) < 0) {
			remove_keys(index, keys, value);
			return -ENOMEM;
		}
	return 0;
}

static struct dhcp_scope_config *find_scope(const struct dhcp_scopes *scopes, uint64_t id)
{
	uint64_t hash = key_of_id(scopes, KEY_SCOPE, id);
	const struct hash_node *node = hash_index_first(&scopes->scopes, hash);

	for (; node; node = hash_index_next(node)) {
		struct dhcp_scope_config *scope = node->value;

		if (scope->id == id)
			return scope;
	}
	return NULL;
}

static struct dhcp_reservation_config *find_reservation(const struct dhcp_scopes *scopes,
                                                        uint64_t id)
{
	uint64_t hash = key_of_id(scopes, KEY_RESERVATION, id);
	const struct hash_node *node = hash_index_first(&scopes->reservations, hash);

	for (; node; node = hash_index_next(node)) {
		struct dhcp_reservation_config *entry = node->value;

		if (entry->id == id)
			return entry;
	}
	return NULL;
}

static void remove_scope(struct dhcp_scopes *scopes, struct dhcp_scope_config *scope)
{
	struct keys keys = scope_keys(scopes, scope);

	remove_keys(&scopes->scopes, &keys, scope);
	free(scope);
}

static void remove_reservation(struct dhcp_scopes *scopes, struct dhcp_reservation_config *entry)
{
	struct keys keys = reservation_keys(scopes, entry);

	remove_keys(&scopes->reservations, &keys, entry);
	free(entry);
}

int dhcp_scopes_set(struct dhcp_scopes *scopes, const struct dhcp_scope_config *config)
{
	struct dhcp_scope_config *old = find_scope(scopes, config->id);
	struct dhcp_scope_config *scope = malloc(sizeof(*scope));
	struct keys keys;

	if (!scope)
		return -ENOMEM;
	*scope = *config;
	scope->dns_count = MIN(scope->dns_count, (unsigned)ARRAY_SIZE(scope->dns));
	scope->domain[sizeof(scope->domain) - 1] = 0;
	keys = scope_keys(scopes, scope);
	if (add_keys(&scopes->scopes, &keys, scope) < 0) {
		free(scope);
		return -ENOMEM;
	}
	if (old)
		remove_scope(scopes, old);
	return 0;
}

int dhcp_scopes_set_reservation(struct dhcp_scopes *scopes,
                                const struct dhcp_reservation_config *config)
{
	struct dhcp_reservation_config *old = find_reservation(scopes, config->id);
	struct dhcp_reservation_config *entry = malloc(sizeof(*entry));
	struct keys keys;

	if (!entry)
		return -ENOMEM;
	*entry = *config;
	entry->hostname[sizeof(entry->hostname) - 1] = 0;
	for (char *c = entry->hostname; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	keys = reservation_keys(scopes, entry);
	if (add_keys(&scopes->reservations, &keys, entry) < 0) {
		free(entry);
		return -ENOMEM;
	}
	if (old)
		remove_reservation(scopes, old);
	return 0;
}

void dhcp_scopes_remove(struct dhcp_scopes *scopes, uint64_t id)
{
	struct dhcp_scope_config *scope = find_scope(scopes, id);

	if (scope)
		remove_scope(scopes, scope);
}

void dhcp_scopes_remove_reservation(struct dhcp_scopes *scopes, uint64_t id)
{
	struct dhcp_reservation_config *entry = find_reservation(scopes, id);

	if (entry)
		remove_reservation(scopes, entry);
}

void dhcp_scopes_fini(struct dhcp_scopes *scopes)
{
	struct hash_index *index = &scopes->scopes;

	for (uint32_t i = 0; i < index->bucket_count; i++)
		while (index->buckets[i])
			remove_scope(scopes, index->buckets[i]->value);
	hash_index_fini(index);

	index = &scopes->reservations;
	for (uint32_t i = 0; i < index->bucket_count; i++)
		while (index->buckets[i])
			remove_reservation(scopes, index->buckets[i]->value);
	hash_index_fini(index);
}

const struct dhcp_scope_config *dhcp_scope_by_id(const struct dhcp_scopes *scopes, uint64_t id)
{
	return find_scope(scopes, id);
}

const struct dhcp_scope_config *dhcp_scope_by_interface(const struct dhcp_scopes *scopes,
                                                        uint32_t interface)
{
	uint64_t hash = key_of_id(scopes, KEY_SCOPE_INTERFACE, interface);
	const struct hash_node *node = hash_index_first(&scopes->scopes, hash);
	const struct dhcp_scope_config *found = NULL;

	for (; node; node = hash_index_next(node)) {
		const struct dhcp_scope_config *scope = node->value;

		if (scope->interface == interface && (!found || scope->id < found->id))
			found = scope;
	}
	return found;
}

const struct dhcp_reservation_config *dhcp_reservation_by_mac(const struct dhcp_scopes *scopes,
                                                              uint64_t scope, struct mac mac)
{
	uint64_t hash = key_of(scopes, KEY_RESERVATION_MAC, scope, mac.b, 6);
	const struct hash_node *node = hash_index_first(&scopes->reservations, hash);

	for (; node; node = hash_index_next(node)) {
		const struct dhcp_reservation_config *entry = node->value;

		if (entry->scope == scope && mac_equal(entry->mac, mac))
			return entry;
	}
	return NULL;
}

const struct dhcp_reservation_config *dhcp_reservation_by_ip(const struct dhcp_scopes *scopes,
                                                             uint64_t scope, struct ip_addr ip)
{
	uint64_t hash = key_of(scopes, KEY_RESERVATION_IP, scope, ip.b, 16);
	const struct hash_node *node = hash_index_first(&scopes->reservations, hash);

	for (; node; node = hash_index_next(node)) {
		const struct dhcp_reservation_config *entry = node->value;

		if (entry->scope == scope && entry->has_ip && ip_equal(entry->ip, ip))
			return entry;
	}
	return NULL;
}

const struct dhcp_reservation_config *dhcp_reservation_by_name(const struct dhcp_scopes *scopes,
                                                               uint64_t scope, const char *name)
{
	uint64_t hash = key_of(scopes, KEY_RESERVATION_NAME, scope, name, strlen(name));
	const struct hash_node *node = hash_index_first(&scopes->reservations, hash);

	for (; node; node = hash_index_next(node)) {
		const struct dhcp_reservation_config *entry = node->value;

		if (entry->scope == scope && strcmp(entry->hostname, name) == 0)
			return entry;
	}
	return NULL;
}
