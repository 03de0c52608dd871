// SPDX-License-Identifier: BSD-3-Clause
//
// service_kit: the world that tests of services share.

#include "tests/unit/datapath/service_kit.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rand.h"

enum { LEASES = 64, NEIGHBOURS = 64 };
#define SECOND_NS UINT64_C(1000000000)

static const struct generation *env_generation(void *user)
{
	struct kit *kit = user;

	return &kit->generation;
}

static void env_send(void *user, const struct service_out *out)
{
	struct kit *kit = user;
	struct kit_out *copy = &kit->out[kit->out_count % KIT_FRAMES];

	assert_true(out->len <= sizeof(copy->frame));
	*copy = (struct kit_out){.domain = out->domain, .port = out->port, .len = out->len};
	memcpy(copy->frame, out->frame, out->len);
	kit->out_count++;
}

static int env_upstream(void *user, const char *server, const uint8_t *query, size_t len,
                        uint64_t token)
{
	struct kit *kit = user;
	struct kit_upstream *copy = &kit->upstream[kit->upstream_count++ % KIT_FRAMES];

	assert_true(len <= sizeof(copy->query));
	*copy = (struct kit_upstream){.len = len, .token = token};
	snprintf(copy->server, sizeof(copy->server), "%s", server ? server : "");
	memcpy(copy->query, query, len);
	return kit->upstream_result;
}

static void env_lease_event(void *user, const struct lease *lease, uint64_t expires)
{
	struct kit *kit = user;
	struct kit_event *copy = &kit->events[kit->event_count++ % KIT_FRAMES];

	*copy = (struct kit_event){
		.scope = lease->scope, .expires = expires, .mac = lease->mac, .ip = lease->ip};
	snprintf(copy->hostname, sizeof(copy->hostname), "%s", lease->hostname);
}

struct ip_addr kit_ip(const char *text)
{
	struct ip_addr ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	return ip;
}

struct mac kit_mac(uint32_t n)
{
	return mac_from_u64(UINT64_C(0x0250aa000000) + n);
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(prefix_parse(text, &parsed), 0);
	return parsed;
}

static void add_interface(struct kit *kit, uint32_t slot, uint32_t vrf, const char *address)
{
	struct interface *interface = &kit->interfaces[slot];

	kit->addresses[slot][0] = prefix(address);
	*interface = (struct interface){
		.id = 10 + slot,
		.slot = slot,
		.vrf = vrf,
		.domain = slot,
		.mac = mac_from_u64(UINT64_C(0x025700000001)),
		.mtu = 1500,
		.address_count = 1,
		.addresses = kit->addresses[slot],
		.dns = true,
	};
	kit->domains[slot] = (struct domain){.slot = slot, .interface = interface};
	assert_int_equal(pmap_set(&kit->generation.interfaces, kit->edit, slot, interface), 0);
	assert_int_equal(pmap_set(&kit->generation.domains, kit->edit, slot, &kit->domains[slot]),
	                 0);
}

static void add_networks(struct kit *kit)
{
	kit->edit = edit_new();
	kit->generation.number = 1;
	for (uint32_t slot = 1; slot <= 2; slot++) {
		kit->vrfs[slot].slot = slot;
		pmap_set(&kit->generation.vrfs, kit->edit, slot, &kit->vrfs[slot]);
	}
	add_interface(kit, KIT_LAN, 1, "10.77.0.1/24");
	kit->addresses[KIT_LAN][1] = prefix("fd00:77::1/64");
	kit->interfaces[KIT_LAN].address_count = 2;
	add_interface(kit, KIT_DMZ, 1, "10.78.0.1/24");
	add_interface(kit, KIT_DB, 2, "10.99.0.1/24");
}

static void add_zone(struct kit *kit, uint64_t id, uint32_t interface, const char *domain)
{
	struct dns_zone_config zone = {.id = id, .interface = interface};

	snprintf(zone.domain, sizeof(zone.domain), "%s", domain);
	assert_int_equal(service_set_zone(kit->service, &zone), 0);
}

static void start(struct kit *kit)
{
	const struct service_env env = {
		.user = kit,
		.generation = env_generation,
		.send = env_send,
		.upstream = env_upstream,
		.lease_event = env_lease_event,
	};
	struct dhcp_scope_config scope = {
		.id = KIT_SCOPE,
		.interface = KIT_LAN,
		.first = kit_ip("10.77.0.100"),
		.last = kit_ip("10.77.0.103"),
		.lease_seconds = 3600,
		.domain = "lan.test",
	};

	kit->service = service_new(&kit->state, &env);
	assert_non_null(kit->service);
	assert_int_equal(service_set_scope(kit->service, &scope), 0);
	scope.id = KIT_DB_SCOPE;
	scope.interface = KIT_DB;
	scope.first = kit_ip("10.99.0.10");
	scope.last = kit_ip("10.99.0.20");
	assert_int_equal(service_set_scope(kit->service, &scope), 0);
	add_zone(kit, KIT_ZONE, KIT_LAN, "lan.test");
	add_zone(kit, KIT_DMZ_ZONE, KIT_DMZ, "dmz.test");
	add_zone(kit, KIT_DB_ZONE, KIT_DB, "db.test");
}

struct kit *kit_new(void)
{
	struct kit *kit = calloc(1, sizeof(*kit));

	assert_non_null(kit);
	rand_seed_for_tests(1);
	kit->now_ns = 1000 * SECOND_NS;
	kit->wall = 1700000000;
	kit->lease_memory = mem_block_new("test", lease_bytes(LEASES), 0);
	kit->neighbour_memory = mem_block_new("test", neighbour_bytes(NEIGHBOURS), 0);
	kit->state.leases = lease_open(kit->lease_memory, LEASES, false);
	kit->state.neighbours = neighbour_open(kit->neighbour_memory, NEIGHBOURS, false);
	assert_non_null(kit->state.leases);
	assert_non_null(kit->state.neighbours);
	add_networks(kit);
	start(kit);
	return kit;
}

void kit_free(struct kit *kit)
{
	service_free(kit->service);
	lease_close(kit->state.leases);
	neighbour_close(kit->state.neighbours);
	mem_block_free(kit->lease_memory);
	mem_block_free(kit->neighbour_memory);
	edit_undo(kit->edit);
	free(kit);
}

int kit_setup(void **state)
{
	*state = kit_new();
	return 0;
}

int kit_teardown(void **state)
{
	kit_free(*state);
	return 0;
}

void kit_restart(struct kit *kit)
{
	service_free(kit->service);
	lease_close(kit->state.leases);
	kit->state.leases = lease_open(kit->lease_memory, LEASES, true);
	assert_non_null(kit->state.leases);
	start(kit);
}

void kit_sleep(struct kit *kit, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		kit->now_ns += SECOND_NS;
		kit->wall++;
		service_tick(kit->service, kit->now_ns, kit->wall);
	}
}

void kit_clear(struct kit *kit)
{
	kit->out_count = 0;
	kit->upstream_count = 0;
	kit->event_count = 0;
}

void kit_publish(struct kit *kit)
{
	kit->generation.number++;
}

enum drop_reason kit_frame(struct kit *kit, enum punt_kind kind, uint32_t domain, uint32_t port,
                           const uint8_t *frame, size_t len)
{
	struct service_frame punt = {
		.len = (uint16_t)len,
		.kind = (uint8_t)kind,
		.flags = SERVICE_CHECK_SUM,
		.port = port,
		.domain = domain,
		.l3 = 14,
	};

	assert_true(len <= sizeof(punt.bytes));
	memcpy(punt.bytes, frame, len);
	punt.l4 = frame[12] == 0x08 ? 14 + 20 : 14 + 40;
	punt.payload = (uint16_t)(punt.l4 + 8);
	return service_frame_in(kit->service, &punt, kit->now_ns, kit->wall);
}

static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t finish(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t kit_sum6(const uint8_t *ip, const uint8_t *payload, size_t len)
{
	return finish(add(add((uint32_t)len + ip[6], ip + 8, 32), payload, len));
}

static uint16_t udp_sum(const uint8_t *ip, const uint8_t *udp, size_t len)
{
	if (ip[0] >> 4 == 6)
		return kit_sum6(ip, udp, len);
	return finish(add(add((uint32_t)len + 17, ip + 12, 8), udp, len));
}

enum drop_reason kit_datagram_in(struct kit *kit, enum punt_kind kind, uint32_t domain,
                                 uint32_t port, const struct kit_datagram *datagram)
{
	uint8_t frame[2048] = {0};
	uint8_t *ip = frame + 14;
	bool four = ip_is4(datagram->dst);
	size_t ip_len = four ? 20 : 40, udp_len = 8 + datagram->len;
	uint8_t *udp = ip + ip_len;

	assert_true(14 + ip_len + udp_len <= sizeof(frame));
	memcpy(frame, datagram->dst_mac.b, 6);
	memcpy(frame + 6, datagram->src_mac.b, 6);
	store_be16(frame + 12, four ? 0x0800 : 0x86dd);
	ip[0] = four ? 0x45 : 0x60;
	if (four) {
		store_be16(ip + 2, (uint16_t)(20 + udp_len));
		ip[8] = 64;
		ip[9] = 17;
		memcpy(ip + 12, datagram->src.b + 12, 4);
		memcpy(ip + 16, datagram->dst.b + 12, 4);
		store_be16(ip + 10, finish(add(0, ip, 20)));
	} else {
		store_be16(ip + 4, (uint16_t)udp_len);
		ip[6] = 17;
		ip[7] = 64;
		memcpy(ip + 8, datagram->src.b, 16);
		memcpy(ip + 24, datagram->dst.b, 16);
	}
	store_be16(udp, datagram->src_port);
	store_be16(udp + 2, datagram->dst_port);
	store_be16(udp + 4, (uint16_t)udp_len);
	memcpy(udp + 8, datagram->payload, datagram->len);
	store_be16(udp + 6, udp_sum(ip, udp, udp_len));
	return kit_frame(kit, kind, domain, port, frame, 14 + ip_len + udp_len);
}

struct kit_datagram kit_datagram_out(const struct kit *kit, unsigned i)
{
	const struct kit_out *out = &kit->out[i];
	const uint8_t *ip = out->frame + 14;
	struct kit_datagram datagram;
	const uint8_t *udp;

	assert_true(i < kit->out_count);
	memcpy(datagram.dst_mac.b, out->frame, 6);
	memcpy(datagram.src_mac.b, out->frame + 6, 6);
	if (load_be16(out->frame + 12) == 0x0800) {
		uint32_t src, dst;

		assert_int_equal(finish(add(0, ip, 20)), 0);
		assert_int_equal(load_be16(ip + 2) + 14, out->len);
		assert_int_equal(ip[9], 17);
		memcpy(&src, ip + 12, 4);
		memcpy(&dst, ip + 16, 4);
		datagram.src = ip_from4(src);
		datagram.dst = ip_from4(dst);
		udp = ip + 20;
	} else {
		assert_int_equal(load_be16(out->frame + 12), 0x86dd);
		assert_int_equal(load_be16(ip + 4) + 54, out->len);
		assert_int_equal(ip[6], 17);
		datagram.src = ip_from6(ip + 8);
		datagram.dst = ip_from6(ip + 24);
		udp = ip + 40;
	}
	datagram.src_port = load_be16(udp);
	datagram.dst_port = load_be16(udp + 2);
	datagram.len = load_be16(udp + 4) - 8u;
	datagram.payload = udp + 8;
	assert_int_equal(udp_sum(ip, udp, datagram.len + 8), 0);
	return datagram;
}
