// SPDX-License-Identifier: BSD-3-Clause
//
// dns_lookup: what we know of a name ourselves: records, leases, reservations, neighbours, gateways.
//
// Main thread only.

#pragma once

#include "datapath/dhcp_server.h"
#include "datapath/dns_zone.h"
#include "datapath/generation.h"

enum { DNS_LOOKUP_MOST = 16, DNS_DYNAMIC_TTL = 30, DNS_NEGATIVE_TTL = 10 };

// Who asks, and where is looked. All borrowed.
struct dns_view {
	const struct dns_zones *zones;
	struct dhcp_server *dhcp;
	const struct neighbour_table *neighbours;
	const struct generation *generation;
	const struct interface *interface; // by which the question came
	uint64_t now_ns, wall;
};

enum dns_known {
	DNS_KNOWN_NOT,    // not of our zones
	DNS_KNOWN_ABSENT, // of our zone, and there is no such name
	DNS_KNOWN,        // there is; perhaps without addresses
};

struct dns_found {
	struct dns_name zone;   // whose SOA a negative answer carries
	struct dns_name server; // the name of its server
	unsigned count;
	struct ip_addr ips[DNS_LOOKUP_MOST]; // of both families
	uint32_t ttls[DNS_LOOKUP_MOST];
	bool has_target;
	struct dns_name target; // of a reverse name
	bool is_apex;
};

enum dns_known dns_lookup_name(const struct dns_view *view, const struct dns_name *name,
                               struct dns_found *ret);
// The reverse names of our own subnets.
enum dns_known dns_lookup_reverse(const struct dns_view *view, const struct dns_name *name,
                                  struct dns_found *ret);
