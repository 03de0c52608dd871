// SPDX-License-Identifier: BSD-3-Clause
//
// agent_world: a walk over all that workers could reach from the published generation.

#include "tests/fuzz/agent_world.h"

#include "datapath/flow_rule.h"
#include "vnic/memport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int open_port(void *user, uint64_t id, const char *name, const Weft__Port *port,
                     uint32_t slot, struct port **ret, struct fail *fail)
{
	struct agent_world *world = user;

	if (world->refuse_doors) {
		world->refuse_doors = false;
		return fail_set(fail, -EACCES, "%s: not today", name);
	}
	*ret = memport_open(&(struct memport_config){.name = name, .mtu = port->mtu, .depth = 4});
	if (!*ret)
		return fail_set(fail, -ENOMEM, "%s: out of memory", name);
	world->doors++;
	return 0;
}

static void close_port(void *user, uint64_t id, struct port *port, enum door_end end)
{
	((struct agent_world *)user)->doors--;
	port->ops->close(port);
}

static void publish(void *user, const struct generation *generation)
{
	((struct agent_world *)user)->published = generation;
}

static uint64_t settle(void *user)
{
	return 1;
}

static const struct generation *generation(void *user)
{
	return ((struct agent_world *)user)->published;
}

static void send_out(void *user, const struct service_out *out)
{
}

static int ask_upstream(void *user, const char *server, const uint8_t *query, size_t len,
                        uint64_t token)
{
	return -ENETUNREACH;
}

static void hear_lease(void *user, const struct lease *lease, uint64_t expires)
{
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

void agent_world_open(struct agent_world *world, struct apply_env *env)
{
	const struct state_sizes sizes = {
		.fdb_entries = 64,
		.neighbour_entries = 64,
		.connections = 64,
		.leases = 16,
		.workers = 1,
	};

	const struct service_env service_env = {
		.user = world,
		.generation = generation,
		.send = send_out,
		.upstream = ask_upstream,
		.lease_event = hear_lease,
	};

	*world = (struct agent_world){.state = state_open(&sizes, -1, 1),
	                              .stats = stats_open(-1, 2)};
	must(world->state && world->stats);
	world->service = service_new(world->state, &service_env);
	must(world->service != NULL);
	*env = (struct apply_env){
		.user = world,
		.state = world->state,
		.stats = world->stats,
		.service = world->service,
		.open_port = open_port,
		.close_port = close_port,
		.publish = publish,
		.settle = settle,
	};
}

void agent_world_close(struct agent_world *world)
{
	must(world->doors == 0);
	service_free(world->service);
	stats_close(world->stats);
	state_close(world->state);
}

void agent_world_digest(const struct apply *apply, struct agent_world_digest *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (int kind = WEFT__KIND__KIND_BRIDGE; kind < AGENT_KINDS; kind++)
		apply_digest(apply, (Weft__Kind)kind, &ret->count[kind], &ret->hash[kind]);
}

static void check_port(const struct generation *generation, const struct port_config *port)
{
	must(port->door != NULL);
	must(!port->untagged_domain || pmap_get(&generation->domains, port->untagged_domain));
	for (uint32_t i = 0; i < port->tagged_count; i++) {
		must(pmap_get(&generation->domains, port->tagged[i].domain) != NULL);
		must(i == 0 || port->tagged[i - 1].vid < port->tagged[i].vid);
	}
}

static void check_domain(const struct generation *generation, const struct domain *domain)
{
	for (uint32_t i = 0; i < domain->member_count; i++)
		must(pmap_get(&generation->ports, domain->members[i].port) != NULL);
	if (domain->interface)
		must(pmap_get(&generation->interfaces, domain->interface->slot) ==
		     domain->interface);
}

static void check_interface(const struct generation *generation, const struct interface *leg)
{
	const struct domain *domain = pmap_get(&generation->domains, leg->domain);
	const struct vrf *vrf = pmap_get(&generation->vrfs, leg->vrf);

	must(domain && domain->interface == leg && vrf);
	for (uint32_t i = 0; i < leg->address_count; i++) {
		struct ip_addr addr = leg->addresses[i].addr;
		const struct lpm *routes = ip_is4(addr) ? &vrf->routes4 : &vrf->routes6;
		const struct route *route = lpm_lookup(routes, &addr);

		must(route && route->kind == ROUTE_LOCAL && route->interface == leg->slot);
	}
}

static void check_rule(const struct generation *generation, const struct flow_rule *rule)
{
	if (rule->fields & FLOW_RULE_PORT)
		must(pmap_get(&generation->ports, rule->port) != NULL);
	if (rule->has_output)
		must(pmap_get(&generation->ports, rule->output) != NULL);
}

static void check_buckets(const struct apply *apply, Weft__Kind kind)
{
	uint64_t buckets[256], ids[64], hashes[64], count = 0, hash = 0, all_count, all_hash;
	bool whole = true;

	apply_digest(apply, kind, &all_count, &all_hash);
	apply_buckets(apply, kind, buckets);
	for (unsigned i = 0; i < 256; i++) {
		uint64_t sum = 0;
		size_t found = apply_bucket(apply, kind, i, ids, hashes, 64);

		for (size_t j = 0; j < found; j++)
			sum += hashes[j];
		count += found;
		hash += buckets[i];
		whole = whole && found < 64;
		must(found == 64 || sum == buckets[i]);
	}
	must(hash == all_hash && (!whole || count == all_count));
}

void agent_world_check(const struct agent_world *world, const struct apply *apply)
{
	const struct generation *now = world->published;
	uint64_t hosts = 0, count, hash;
	const void *piece;

	must(now == apply_generation(apply));
	for (uint32_t slot = 0; (piece = pmap_next(&now->ports, &slot)); slot++)
		check_port(now, piece);
	for (uint32_t slot = 0; (piece = pmap_next(&now->domains, &slot)); slot++) {
		check_domain(now, piece);
		hosts += ((const struct domain *)piece)->hosts4.count +
		         ((const struct domain *)piece)->hosts6.count;
	}
	// Each is told of by an object at least.
	apply_digest(apply, WEFT__KIND__KIND_ADDRESS, &count, &hash);
	must(hosts <= count);
	for (uint32_t slot = 0; (piece = pmap_next(&now->interfaces, &slot)); slot++)
		check_interface(now, piece);
	for (uint32_t i = 0; now->flow_rules && i < now->flow_rules->count; i++)
		check_rule(now, &now->flow_rules->rules[i]);
	must(world->doors == now->ports.count);
	for (int kind = WEFT__KIND__KIND_BRIDGE; kind < AGENT_KINDS; kind++)
		check_buckets(apply, (Weft__Kind)kind);
}
