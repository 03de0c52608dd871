// SPDX-License-Identifier: BSD-3-Clause
//
// scenario_services: objects of DHCP, DNS and router advertisements, and the messages of their clients.
//
// Messages are written and read here by hand, not by the code under test.

#pragma once

#include "tests/scenario/scenario.h"

// NULL leaves a field out.
void scenario_scope(struct scenario *scenario, uint64_t id, uint64_t interface, const char *first,
                    const char *last, uint32_t lease_seconds, const char *domain);
void scenario_reservation(struct scenario *scenario, uint64_t id, uint64_t scope, const char *mac,
                          const char *ip, const char *hostname);
void scenario_zone(struct scenario *scenario, uint64_t id, uint64_t interface, const char *domain,
                   const char *forwarder);
void scenario_record(struct scenario *scenario, uint64_t id, uint64_t zone, const char *name,
                     const char *ip);
// As scenario_interface, with router advertisements.
void scenario_advertised(struct scenario *scenario, uint64_t id, uint64_t vrf, uint64_t bridge,
                         uint32_t vid, const char *address, const char *address6,
                         uint32_t lifetime_seconds);

enum {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE
};

// What a client says; what is NULL is left out. The broadcast flag is not set.
struct dhcp_ask {
	uint8_t type;
	const char *mac;
	const char *ciaddr, *requested, *server, *hostname;
};

// To everybody, or from ciaddr to the server when both are given.
struct frame dhcp_frame(const struct dhcp_ask *ask);

struct dhcp_heard {
	uint8_t type;
	char ip[46]; // yiaddr
	uint32_t lease, mask, router, dns;
	char dst_mac[18], dst_ip[46];
};

// Reads a frame of the server; the test fails if it is none.
struct dhcp_heard dhcp_read(const struct frame *frame);
// From DISCOVER to ACK at the port; returns the ACK.
struct dhcp_heard dhcp_bind(struct scenario *scenario, uint64_t port, const char *mac,
                            const char *hostname);

enum { DNS_A = 1, DNS_PTR = 12, DNS_AAAA = 28 };

// A query with recursion desired and id 0x1234.
struct frame dns_frame(const struct end *from, const struct end *to, const char *name,
                       uint16_t type);

struct dns_heard {
	unsigned rcode;
	bool authoritative;
	unsigned answers;
	char first[128]; // the first answer's address or name
};

struct dns_heard dns_read(const struct frame *frame);
