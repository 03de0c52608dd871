// SPDX-License-Identifier: BSD-3-Clause
//
// service: what the datapath answers itself and a worker must not: DHCP, DNS, router advertisements.
//
// A worker punts a copy of the frame through a bounded ring (full: DROP_SERVICE_QUEUE_FULL, counted on the
// port, so a guest that floods its services hurts itself); the main thread runs service_run, which answers
// by injecting frames: those leave through a worker's next turn as if the router had sent them. In the
// deterministic core the scenario calls service_run itself. No sockets here except behind `upstream`.

#pragma once

#include "base/addr.h"
#include "datapath/generation.h"
#include "datapath/lease.h"
#include "datapath/state.h"
#include "vnic/packet.h"

#include <stddef.h>
#include <stdint.h>

enum punt_kind { PUNT_DHCP4, PUNT_DNS, PUNT_ROUTER_SOLICIT, PUNT_KINDS };

enum service_frame_flag {
	// Nobody has checked the transport checksum yet, and it is not deferred (PACKET_CSUM_PARTIAL).
	SERVICE_CHECK_SUM = 1 << 0,
};

// A frame on its way between a worker and the main thread.
struct service_frame {
	uint16_t len;
	uint16_t vlan;   // as it came in
	uint8_t kind;    // enum punt_kind
	uint8_t flags;   // enum service_frame_flag
	uint32_t port;   // slot it came by
	uint32_t domain; // slot
	uint16_t l3, l4, payload;
	uint8_t bytes[2048];
};

// How a service's frame leaves: into `domain` (flooded or by FDB), from the router's MAC; the L2 header is
// in the frame. port != 0: exactly there.
struct service_out {
	uint32_t domain;
	uint32_t port;
	const uint8_t *frame;
	size_t len;
};

struct service;

// The world outside the services, injected so that scenarios can be it.
struct service_env {
	void *user;
	// Current generation; valid until the next quiescent point of the main thread.
	const struct generation *(*generation)(void *user);
	void (*send)(void *user, const struct service_out *out);
	// Asks an upstream resolver; the answer comes back by service_upstream_answer with the same token.
	// `server` is "ip" or "ip#port", NULL: the host's own. 0 or -errno.
	int (*upstream)(void *user, const char *server, const uint8_t *query, size_t len,
	                uint64_t token);
	// A lease was given, renewed or, with `expires_wall` 0, ended.
	void (*lease_event)(void *user, const struct lease *lease, uint64_t expires_wall);
};

struct service *service_new(struct state *state, const struct service_env *env); // NULL with errno
void service_free(struct service *service);
// Answers one frame. Drops of malformed frames are returned, to be counted on the port.
enum drop_reason service_frame_in(struct service *service, const struct service_frame *frame,
                                  uint64_t now_ns, uint64_t wall_seconds);
void service_upstream_answer(struct service *service, uint64_t token, const uint8_t *answer,
                             size_t len, uint64_t now_ns);
// Periodic work (adverts, lease ends, query timeouts); returns ns until it wants to be called again.
uint64_t service_tick(struct service *service, uint64_t now_ns, uint64_t wall_seconds);

// Leases that another process gave, of a scope that comes here from there. The first drops what is left of
// an earlier time, silently, unless the scope is held here; the second adds one, unless the client has a
// lease here that ends later or the address is somebody else's. 0, -EEXIST or -ENOSPC.
void service_forget_leases(struct service *service, uint64_t scope);
int service_take_lease(struct service *service, const struct lease *lease);

// Configuration, compiled by the agent. Strings and arrays are copied. Called inside the publish step, main
// thread; an upsert of the same id replaces.
struct dhcp_scope_config {
	uint64_t id;
	uint32_t interface; // slot
	struct ip_addr first, last;
	uint32_t lease_seconds;
	struct ip_addr dns[4];
	unsigned dns_count; // 0: the interface's own address
	char domain[254];
};

struct dhcp_reservation_config {
	uint64_t id, scope;
	struct mac mac;
	bool has_ip;
	struct ip_addr ip;
	char hostname[64];
};

struct dns_zone_config {
	uint64_t id;
	uint32_t interface; // slot
	char domain[254];
	char forwarders[4][64];
	unsigned forwarder_count;
};

struct dns_record_config {
	uint64_t id, zone;
	char name[254];
	struct ip_addr ip;
	uint32_t ttl;
};

struct advert_config {
	uint32_t interface; // slot
	uint32_t interval_seconds, lifetime_seconds;
	struct ip_addr rdnss[4];
	unsigned rdnss_count;
	char search[254];
};

int service_set_scope(struct service *service, const struct dhcp_scope_config *config);
int service_set_reservation(struct service *service, const struct dhcp_reservation_config *config);
int service_set_zone(struct service *service, const struct dns_zone_config *config);
int service_set_record(struct service *service, const struct dns_record_config *config);
int service_set_advert(struct service *service, const struct advert_config *config);
void service_remove_scope(struct service *service, uint64_t id);
void service_remove_reservation(struct service *service, uint64_t id);
void service_remove_zone(struct service *service, uint64_t id);
void service_remove_record(struct service *service, uint64_t id);
void service_remove_advert(struct service *service, uint32_t interface);
