// SPDX-License-Identifier: BSD-3-Clause
//
// service_kit: a small world around the services: three networks, a clock, and ears for what leaves.
//
//	vrf 1:  lan  10.77.0.1/24  fd00:77::1/64   domain 1  zone lan.test  pool .100-.103
//	        dmz  10.78.0.1/24                  domain 2  zone dmz.test
//	vrf 2:  db   10.99.0.1/24                  domain 3  zone db.test
//
// Frames are read and written here by hand, not by the code under test.

#pragma once

#include "datapath/edit.h"
#include "datapath/generation.h"
#include "datapath/lease.h"
#include "datapath/neighbour.h"
#include "datapath/service.h"
#include "tests/unit/unit.h"

enum { KIT_FRAMES = 64, KIT_LAN = 1, KIT_DMZ = 2, KIT_DB = 3 };
enum { KIT_SCOPE = 100, KIT_DB_SCOPE = 101, KIT_ZONE = 200, KIT_DMZ_ZONE = 201, KIT_DB_ZONE = 202 };

struct kit_out {
	uint32_t domain, port;
	uint8_t frame[2048];
	size_t len;
};

struct kit_upstream {
	char server[64]; // "": the host's own
	uint8_t query[512];
	size_t len;
	uint64_t token;
};

struct kit_event {
	uint64_t scope, expires;
	struct mac mac;
	struct ip_addr ip;
	char hostname[64];
};

struct kit {
	struct service *service;
	struct state state;
	void *lease_memory, *neighbour_memory;
	struct edit *edit;
	struct generation generation;
	struct interface interfaces[4];
	struct domain domains[4];
	struct vrf vrfs[3];
	struct ip_prefix addresses[4][4];
	uint64_t now_ns, wall;
	unsigned out_count, upstream_count, event_count;
	struct kit_out out[KIT_FRAMES];
	struct kit_upstream upstream[KIT_FRAMES];
	struct kit_event events[KIT_FRAMES];
	int upstream_result;
};

struct kit *kit_new(void);
void kit_free(struct kit *kit);
// As cmocka wants them.
int kit_setup(void **state);
int kit_teardown(void **state);

struct ip_addr kit_ip(const char *text);
struct mac kit_mac(uint32_t n);
// Another process takes over the tables; scopes and zones are set again.
void kit_restart(struct kit *kit);
// The clock goes on, and the services get their tick at every second.
void kit_sleep(struct kit *kit, unsigned seconds);
// Forgets what was sent so far.
void kit_clear(struct kit *kit);
void kit_publish(struct kit *kit);

// Hands a frame over as a worker would.
enum drop_reason kit_frame(struct kit *kit, enum punt_kind kind, uint32_t domain, uint32_t port,
                           const uint8_t *frame, size_t len);
// The same for a datagram of a guest.
struct kit_datagram {
	struct mac src_mac, dst_mac;
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
	const uint8_t *payload;
	size_t len;
};
enum drop_reason kit_datagram_in(struct kit *kit, enum punt_kind kind, uint32_t domain,
                                 uint32_t port, const struct kit_datagram *datagram);
// The datagram of the frame that was sent as number i; its checksums are verified.
struct kit_datagram kit_datagram_out(const struct kit *kit, unsigned i);
// The checksum of IPv6 payload; 0 when what is there is right.
uint16_t kit_sum6(const uint8_t *ip, const uint8_t *payload, size_t len);
