// SPDX-License-Identifier: BSD-3-Clause
//
// dns_zone: the zones and records that the controller has set, found by their keys.
//
// Main thread only. What is returned is borrowed and lives until the next change.

#pragma once

#include "datapath/dns_name.h"
#include "datapath/hash_index.h"
#include "datapath/service.h"

struct dns_zone {
	struct dns_zone_config config;
	struct dns_name name;
};

struct dns_record {
	struct dns_record_config config;
	struct dns_name name; // relative to the zone: the root is the zone itself
};

struct dns_zones {
	struct hash_index zones;   // struct dns_zone; owned
	struct hash_index records; // struct dns_record; owned
};

void dns_zones_init(struct dns_zones *zones, uint64_t seed);
void dns_zones_fini(struct dns_zones *zones);

// Both replace what had the id. 0, -ENOMEM, or -EINVAL for a name that is none; the old one stays then.
int dns_zones_set(struct dns_zones *zones, const struct dns_zone_config *config);
int dns_zones_set_record(struct dns_zones *zones, const struct dns_record_config *config);
void dns_zones_remove(struct dns_zones *zones, uint64_t id);
void dns_zones_remove_record(struct dns_zones *zones, uint64_t id);

// The zone with the lowest id of those on the interface, or NULL.
const struct dns_zone *dns_zone_by_interface(const struct dns_zones *zones, uint32_t interface);
// Walks the zones of that name; *node is NULL at first. NULL at the end.
const struct dns_zone *dns_zone_next_by_name(const struct dns_zones *zones,
                                             const struct dns_name *name,
                                             const struct hash_node **node);
// Walks the records of a name, or of an address, in one zone.
const struct dns_record *dns_record_next_by_name(const struct dns_zones *zones, uint64_t zone,
                                                 const struct dns_name *name,
                                                 const struct hash_node **node);
const struct dns_record *dns_record_by_ip(const struct dns_zones *zones, uint64_t zone,
                                          struct ip_addr ip);
