// SPDX-License-Identifier: BSD-3-Clause
//
// service_world: one network, built once; tables and services anew for every input.

#include "tests/fuzz/service_world.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"
#include "datapath/edit.h"
#include "datapath/lease.h"
#include "datapath/neighbour.h"

#include <stdlib.h>

enum { LEASES = 32, NEIGHBOURS = 32, SLOT = 1, SCOPE = 5, ZONE = 6, CLIENT = 0x40 };
#define SECOND_NS UINT64_C(1000000000)

static struct ip_prefix addresses[2];
static struct interface interface = {
	.id = 2,
	.slot = SLOT,
	.vrf = SLOT,
	.domain = SLOT,
	.mac = {{2, 0x57, 0, 0, 0, 1}},
	.mtu = 1500,
	.address_count = 2,
	.addresses = addresses,
	.advert = true,
	.dhcp = true,
	.dns = true,
};
static struct domain domain = {.slot = SLOT, .interface = &interface};
static struct vrf vrf = {.slot = SLOT};
static struct generation generation;

static void must(bool good)
{
	if (!good)
		abort();
}

static const struct generation *env_generation(void *user)
{
	return &generation;
}

// An address that is given lies in the pool, and the reserved one goes to its owner only.
static void check_dhcp(const uint8_t *message)
{
	uint32_t yiaddr = load_be32(message + 16);

	if (yiaddr == 0)
		return;
	must(yiaddr >= 0x0a4d0064 && yiaddr <= 0x0a4d006b);
	must(yiaddr != 0x0a4d0066 || message[33] == CLIENT + 1);
}

static void env_send(void *user, const struct service_out *out)
{
	struct service_world *world = user;

	must(out->len >= 54 && out->len <= 14 + 1500 && out->domain == SLOT);
	must(memcmp(out->frame + 6, interface.mac.b, 6) == 0);
	if (load_be16(out->frame + 12) == 0x0800 && load_be16(out->frame + 34) == 67)
		check_dhcp(out->frame + 42);
	world->sent++;
}

static int env_upstream(void *user, const char *server, const uint8_t *query, size_t len,
                        uint64_t token)
{
	struct service_world *world = user;

	must(len <= sizeof(world->query));
	memcpy(world->query, query, len);
	world->query_len = len;
	world->token = token;
	return 0;
}

static void build_generation(void)
{
	struct edit *edit = edit_new();

	must(edit && prefix_parse("10.77.0.1/24", &addresses[0]) == 0 &&
	     prefix_parse("fd00:77::1/64", &addresses[1]) == 0);
	generation.number = 1;
	must(pmap_set(&generation.interfaces, edit, SLOT, &interface) == 0);
	must(pmap_set(&generation.domains, edit, SLOT, &domain) == 0);
	must(pmap_set(&generation.vrfs, edit, SLOT, &vrf) == 0);
	// The generation lives as long as the process.
	edit_keep(edit);
}

static void configure(struct service *service)
{
	struct dhcp_scope_config scope = {
		.id = SCOPE, .interface = SLOT, .lease_seconds = 120, .domain = "lan.test"};
	struct dhcp_reservation_config reserved = {.id = 7,
	                                           .scope = SCOPE,
	                                           .mac = {{2, 0, 0, 0, 0, CLIENT + 1}},
	                                           .has_ip = true,
	                                           .hostname = "web"};
	struct dns_zone_config zone = {.id = ZONE, .interface = SLOT, .domain = "lan.test"};
	struct dns_record_config record = {.id = 8, .zone = ZONE, .name = "www", .ttl = 60};
	struct advert_config advert = {.interface = SLOT,
	                               .interval_seconds = 200,
	                               .lifetime_seconds = 1800,
	                               .search = "lan.test"};

	must(ip_parse("10.77.0.100", &scope.first) == 0 &&
	     ip_parse("10.77.0.107", &scope.last) == 0);
	must(ip_parse("10.77.0.102", &reserved.ip) == 0 && ip_parse("10.77.0.80", &record.ip) == 0);
	must(service_set_scope(service, &scope) == 0);
	must(service_set_reservation(service, &reserved) == 0);
	must(service_set_zone(service, &zone) == 0);
	must(service_set_record(service, &record) == 0);
	must(service_set_advert(service, &advert) == 0);
}

void service_world_open(struct service_world *world)
{
	const struct service_env env = {
		.user = world,
		.generation = env_generation,
		.send = env_send,
		.upstream = env_upstream,
	};

	if (generation.number == 0)
		build_generation();
	memset(world, 0, sizeof(*world));
	rand_seed_for_tests(1);
	world->now_ns = 1000 * SECOND_NS;
	world->wall = 1700000000;
	world->lease_memory = mem_block_new("fuzz", lease_bytes(LEASES), 0);
	world->neighbour_memory = mem_block_new("fuzz", neighbour_bytes(NEIGHBOURS), 0);
	must(world->lease_memory && world->neighbour_memory);
	world->state.leases = lease_open(world->lease_memory, LEASES, false);
	world->state.neighbours = neighbour_open(world->neighbour_memory, NEIGHBOURS, false);
	must(world->state.leases && world->state.neighbours);
	world->service = service_new(&world->state, &env);
	must(world->service);
	configure(world->service);
}

void service_world_close(struct service_world *world)
{
	service_free(world->service);
	lease_close(world->state.leases);
	neighbour_close(world->state.neighbours);
	mem_block_free(world->lease_memory);
	mem_block_free(world->neighbour_memory);
}

void service_world_datagram(struct service_world *world, enum punt_kind kind, unsigned client,
                            bool six, const uint8_t *payload, size_t len)
{
	struct service_frame frame = {.kind = (uint8_t)kind, .port = 1, .domain = SLOT, .l3 = 14};
	size_t header = six ? 40 : 20;
	uint8_t *ip = frame.bytes + 14, *udp = ip + header;

	len = MIN(len, sizeof(frame.bytes) - 14 - header - 8);
	memcpy(frame.bytes, interface.mac.b, 6);
	frame.bytes[6] = 2;
	frame.bytes[11] = (uint8_t)(CLIENT + client % 8);
	store_be16(frame.bytes + 12, six ? 0x86dd : 0x0800);
	ip[0] = six ? 0x60 : 0x45;
	memcpy(ip + (six ? 8 : 12), addresses[six].addr.b + (six ? 0 : 12), six ? 16 : 4);
	memcpy(ip + (six ? 24 : 16), addresses[six].addr.b + (six ? 0 : 12), six ? 16 : 4);
	store_be16(udp, 68);
	store_be16(udp + 2, kind == PUNT_DHCP4 ? 67 : 53);
	store_be16(udp + 4, (uint16_t)(8 + len));
	memcpy(udp + 8, payload, len);
	frame.l4 = (uint16_t)(14 + header);
	frame.payload = (uint16_t)(frame.l4 + 8);
	frame.len = (uint16_t)(frame.payload + len);
	service_frame_in(world->service, &frame, world->now_ns, world->wall);
}

void service_world_frame(struct service_world *world, enum punt_kind kind, const uint8_t *bytes,
                         size_t len)
{
	struct service_frame frame = {.kind = (uint8_t)kind, .port = 1, .domain = SLOT};

	if (len < 5)
		return;
	frame.l3 = load_be16(bytes);
	frame.l4 = load_be16(bytes + 2);
	frame.flags = bytes[4];
	frame.len = (uint16_t)MIN(len - 5, sizeof(frame.bytes));
	memcpy(frame.bytes, bytes + 5, frame.len);
	service_frame_in(world->service, &frame, world->now_ns, world->wall);
}

void service_world_sleep(struct service_world *world, unsigned seconds)
{
	world->now_ns += seconds * SECOND_NS;
	world->wall += seconds;
	service_tick(world->service, world->now_ns, world->wall);
}
