// SPDX-License-Identifier: BSD-3-Clause
//
// dns_zone: an index holds every zone under each of its keys, another one the records.
//
// A record names its zone by id and itself relative to it, so the two may come and go in any order.

#include "datapath/dns_zone.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>

enum key_kind { KEY_ID, KEY_INTERFACE, KEY_NAME, KEY_IP };

enum { KEYS = 3 };

void dns_zones_init(struct dns_zones *zones, uint64_t seed)
{
	hash_index_init(&zones->zones, seed);
	hash_index_init(&zones->records, seed);
}

static uint64_t key_of(const struct hash_index *index, enum key_kind kind, uint64_t zone,
                       const void *bytes, size_t len)
{
	return hash_index_key(index, zone * 4 + kind, bytes, len);
}

static void zone_keys(const struct dns_zones *zones, const struct dns_zone *zone,
                      uint64_t ret[static KEYS])
{
	uint64_t interface = zone->config.interface;

	ret[0] = key_of(&zones->zones, KEY_ID, 0, &zone->config.id, sizeof(zone->config.id));
	ret[1] = key_of(&zones->zones, KEY_INTERFACE, 0, &interface, sizeof(interface));
	ret[2] = key_of(&zones->zones, KEY_NAME, 0, zone->name.wire, zone->name.len);
}

static void record_keys(const struct dns_zones *zones, const struct dns_record *record,
                        uint64_t ret[static KEYS])
{
	uint64_t zone = record->config.zone;

	ret[0] = key_of(&zones->records, KEY_ID, 0, &record->config.id, sizeof(record->config.id));
	ret[1] = key_of(&zones->records, KEY_NAME, zone, record->name.wire, record->name.len);
	ret[2] = key_of(&zones->records, KEY_IP, zone, record->config.ip.b, 16);
}

static void remove_keys(struct hash_index *index, const uint64_t keys[static KEYS],
                        const void *value)
{
	for (unsigned i = 0; i < KEYS; i++)
		hash_index_remove(index, keys[i], value);
}

static int add_keys(struct hash_index *index, const uint64_t keys[static KEYS], void *value)
{
	for (unsigned i = 0; i < KEYS; i++)
		if (hash_index_add(index, keys[i], value) < 0) {
			remove_keys(index, keys, value);
			return -ENOMEM;
		}
	return 0;
}

static struct dns_zone *find_zone(const struct dns_zones *zones, uint64_t id)
{
	uint64_t hash = key_of(&zones->zones, KEY_ID, 0, &id, sizeof(id));
	const struct hash_node *node = hash_index_first(&zones->zones, hash);

	for (; node; node = hash_index_next(node)) {
		struct dns_zone *zone = node->value;

		if (zone->config.id == id)
			return zone;
	}
	return NULL;
}

static struct dns_record *find_record(const struct dns_zones *zones, uint64_t id)
{
	uint64_t hash = key_of(&zones->records, KEY_ID, 0, &id, sizeof(id));
	const struct hash_node *node = hash_index_first(&zones->records, hash);

	for (; node; node = hash_index_next(node)) {
		struct dns_record *record = node->value;

		if (record->config.id == id)
			return record;
	}
	return NULL;
}

static void remove_zone(struct dns_zones *zones, struct dns_zone *zone)
{
	uint64_t keys[KEYS];

	zone_keys(zones, zone, keys);
	remove_keys(&zones->zones, keys, zone);
	free(zone);
}

static void remove_record(struct dns_zones *zones, struct dns_record *record)
{
	uint64_t keys[KEYS];

	record_keys(zones, record, keys);
	remove_keys(&zones->records, keys, record);
	free(record);
}

void dns_zones_fini(struct dns_zones *zones)
{
	for (uint32_t i = 0; i < zones->zones.bucket_count; i++)
		while (zones->zones.buckets[i])
			remove_zone(zones, zones->zones.buckets[i]->value);
	hash_index_fini(&zones->zones);
	for (uint32_t i = 0; i < zones->records.bucket_count; i++)
		while (zones->records.buckets[i])
			remove_record(zones, zones->records.buckets[i]->value);
	hash_index_fini(&zones->records);
}

int dns_zones_set(struct dns_zones *zones, const struct dns_zone_config *config)
{
	struct dns_zone *old = find_zone(zones, config->id);
	struct dns_zone *zone;
	struct dns_name name;
	uint64_t keys[KEYS];

	if (!dns_name_parse(config->domain, &name))
		return -EINVAL;
	zone = malloc(sizeof(*zone));
	if (!zone)
		return -ENOMEM;
	*zone = (struct dns_zone){.config = *config, .name = name};
	zone->config.forwarder_count =
		MIN(config->forwarder_count, (unsigned)ARRAY_SIZE(config->forwarders));
	zone_keys(zones, zone, keys);
	if (add_keys(&zones->zones, keys, zone) < 0) {
		free(zone);
		return -ENOMEM;
	}
	if (old)
		remove_zone(zones, old);
	return 0;
}

int dns_zones_set_record(struct dns_zones *zones, const struct dns_record_config *config)
{
	struct dns_record *old = find_record(zones, config->id);
	const char *text = strcmp(config->name, "@") == 0 ? "" : config->name;
	struct dns_record *record;
	struct dns_name name;
	uint64_t keys[KEYS];

	if (!dns_name_parse(text, &name))
		return -EINVAL;
	record = malloc(sizeof(*record));
	if (!record)
		return -ENOMEM;
	*record = (struct dns_record){.config = *config, .name = name};
	record_keys(zones, record, keys);
	if (add_keys(&zones->records, keys, record) < 0) {
		free(record);
		return -ENOMEM;
	}
	if (old)
		remove_record(zones, old);
	return 0;
}

void dns_zones_remove(struct dns_zones *zones, uint64_t id)
{
	struct dns_zone *zone = find_zone(zones, id);

	if (zone)
		remove_zone(zones, zone);
}

void dns_zones_remove_record(struct dns_zones *zones, uint64_t id)
{
	struct dns_record *record = find_record(zones, id);

	if (record)
		remove_record(zones, record);
}

const struct dns_zone *dns_zone_by_interface(const struct dns_zones *zones, uint32_t interface)
{
	uint64_t wide = interface;
	uint64_t hash = key_of(&zones->zones, KEY_INTERFACE, 0, &wide, sizeof(wide));
	const struct hash_node *node = hash_index_first(&zones->zones, hash);
	const struct dns_zone *found = NULL;

	for (; node; node = hash_index_next(node)) {
		const struct dns_zone *zone = node->value;

		if (zone->config.interface == interface &&
		    (!found || zone->config.id < found->config.id))
			found = zone;
	}
	return found;
}

const struct dns_zone *dns_zone_next_by_name(const struct dns_zones *zones,
                                             const struct dns_name *name,
                                             const struct hash_node **node)
{
	uint64_t hash = key_of(&zones->zones, KEY_NAME, 0, name->wire, name->len);

	*node = *node ? hash_index_next(*node) : hash_index_first(&zones->zones, hash);
	for (; *node; *node = hash_index_next(*node)) {
		const struct dns_zone *zone = (*node)->value;

		if (dns_name_equal(&zone->name, name))
			return zone;
	}
	return NULL;
}

const struct dns_record *dns_record_next_by_name(const struct dns_zones *zones, uint64_t zone,
                                                 const struct dns_name *name,
                                                 const struct hash_node **node)
{
	uint64_t hash = key_of(&zones->records, KEY_NAME, zone, name->wire, name->len);

	*node = *node ? hash_index_next(*node) : hash_index_first(&zones->records, hash);
	for (; *node; *node = hash_index_next(*node)) {
		const struct dns_record *record = (*node)->value;

		if (record->config.zone == zone && dns_name_equal(&record->name, name))
			return record;
	}
	return NULL;
}

const struct dns_record *dns_record_by_ip(const struct dns_zones *zones, uint64_t zone,
                                          struct ip_addr ip)
{
	uint64_t hash = key_of(&zones->records, KEY_IP, zone, ip.b, sizeof(ip.b));
	const struct hash_node *node = hash_index_first(&zones->records, hash);

	for (; node; node = hash_index_next(node)) {
		const struct dns_record *record = node->value;

		if (record->config.zone == zone && ip_equal(record->config.ip, ip))
			return record;
	}
	return NULL;
}
