// SPDX-License-Identifier: BSD-3-Clause
//
// apply_world: publishes by assignment, settles at once.

#include "tests/unit/datapath/apply_world.h"

#include "tests/unit/unit.h"
#include "vnic/memport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static int open_port(void *user, uint64_t id, const char *name, const Weft__Port *port,
                     uint32_t slot, struct port **ret, struct fail *fail)
{
	struct apply_world *world = user;

	if (world->refuse_doors) {
		world->refuse_doors = false;
		return fail_set(fail, -EACCES, "%s: not today", name);
	}
	*ret = memport_open(&(struct memport_config){.name = name, .mtu = port->mtu, .depth = 4});
	assert_non_null(*ret);
	world->doors++;
	return 0;
}

static int arrive_port(void *user, uint64_t id, const Weft__Port *port, struct port *door,
                       struct fail *fail)
{
	struct apply_world *world = user;

	world->arrivals++;
	world->doors_then = world->doors;
	return 0;
}

static void adjust_port(void *user, uint64_t id, const Weft__Port *from, const Weft__Port *to,
                        struct port *door)
{
	struct apply_world *world = user;

	assert_ptr_not_equal(from, to);
	door->mtu = to->mtu;
	world->adjusted++;
}

static void close_port(void *user, uint64_t id, struct port *port, enum door_end end)
{
	struct apply_world *world = user;

	assert_true(world->doors > 0);
	world->doors--;
	world->last_end = end;
	port->ops->close(port);
}

static void publish(void *user, const struct generation *generation)
{
	struct apply_world *world = user;

	assert_true(!world->published || generation->number > world->published->number ||
	            generation == world->published);
	world->published = generation;
}

static uint64_t settle(void *user)
{
	((struct apply_world *)user)->settled++;
	return 1;
}

void apply_world_open(struct apply_world *world)
{
	const struct state_sizes sizes = {
		.fdb_entries = 64,
		.neighbour_entries = 64,
		.connections = 64,
		.leases = 16,
		.workers = 1,
	};
	struct apply_env env = {
		.user = world,
		.open_port = open_port,
		.arrive_port = arrive_port,
		.adjust_port = adjust_port,
		.close_port = close_port,
		.publish = publish,
		.settle = settle,
	};

	*world = (struct apply_world){0};
	world->state = state_open(&sizes, -1, 1);
	world->stats = stats_open(-1, 2);
	assert_non_null(world->state);
	assert_non_null(world->stats);
	env.state = world->state;
	env.stats = world->stats;
	world->apply = apply_new(&env);
	assert_non_null(world->apply);
}

void apply_world_close(struct apply_world *world)
{
	apply_free(world->apply);
	assert_int_equal(world->doors, 0);
	stats_close(world->stats);
	state_close(world->state);
}

int apply_world_run(struct apply_world *world, struct objects *list, struct apply_result *result)
{
	struct apply_result own;
	int code = apply_transaction(world->apply, list->ops, list->count, false,
	                             result ? result : &own);

	objects_clear(list);
	return code;
}

void apply_world_do(struct apply_world *world, struct objects *list)
{
	struct apply_result result;

	if (apply_world_run(world, list, &result) < 0)
		fail_msg("operation %u, field '%s': %s", result.op_index, result.field,
		         result.fail.what);
}

void apply_world_digest(const struct apply_world *world, struct apply_world_digest *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (int kind = WEFT__KIND__KIND_BRIDGE; kind < AGENT_KINDS; kind++)
		apply_digest(world->apply, (Weft__Kind)kind, &ret->count[kind], &ret->hash[kind]);
}

uint32_t apply_world_slot(const struct apply_world *world, enum slot_kind kind, uint64_t id,
                          uint32_t sub)
{
	uint32_t slot = slot_find(world->state, kind, id, sub);

	assert_true(slot > 0);
	return slot;
}

// Lines are sorted at the end, so that slots, which differ from run to run, decide nothing.
struct dump {
	const struct generation *generation;
	char **lines;
	size_t count, room;
};

static void add_line(struct dump *dump, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_line(struct dump *dump, const char *format, ...)
{
	va_list args;

	if (dump->count == dump->room) {
		dump->room = dump->room ? 2 * dump->room : 64;
		dump->lines = realloc(dump->lines, dump->room * sizeof(char *));
		assert_non_null(dump->lines);
	}
	va_start(args, format);
	assert_true(vasprintf(&dump->lines[dump->count++], format, args) >= 0);
	va_end(args);
}

static uint64_t port_id(const struct dump *dump, uint32_t slot)
{
	const struct port_config *port = pmap_get(&dump->generation->ports, slot);

	return port ? port->id : 0;
}

static void domain_text(const struct dump *dump, uint32_t slot, char text[static 40])
{
	const struct domain *domain = pmap_get(&dump->generation->domains, slot);

	snprintf(text, 40, "%llu.%u", domain ? (unsigned long long)domain->bridge : 0ULL,
	         domain ? domain->vid : 0U);
}

static void dump_port(struct dump *dump, const struct port_config *port)
{
	char domain[40] = "none";

	if (port->untagged_domain)
		domain_text(dump, port->untagged_domain, domain);
	add_line(dump, "port %llu down %d limit %u door %d native %s tagged %u",
	         (unsigned long long)port->id, port->admin_down, port->mac_limit,
	         port->door != NULL, domain, port->tagged_count);
	for (uint32_t i = 0; i < port->tagged_count; i++) {
		domain_text(dump, port->tagged[i].domain, domain);
		add_line(dump, "port %llu tag %u %s", (unsigned long long)port->id,
		         port->tagged[i].vid, domain);
		assert_true(i == 0 || port->tagged[i - 1].vid < port->tagged[i].vid);
	}
}

static void dump_domain(struct dump *dump, const struct domain *domain)
{
	char text[40];

	domain_text(dump, domain->slot, text);
	add_line(dump, "domain %s age %u limit %u members %u leg %llu", text,
	         domain->ageing_seconds, domain->mac_limit, domain->member_count,
	         domain->interface ? (unsigned long long)domain->interface->id : 0ULL);
	for (uint32_t i = 0; i < domain->member_count; i++) {
		add_line(dump, "domain %s member %llu tag %u", text,
		         (unsigned long long)port_id(dump, domain->members[i].port),
		         domain->members[i].vid);
		assert_true(i == 0 || domain->members[i - 1].port <= domain->members[i].port);
	}
	// What a domain points at is what everybody else finds.
	if (domain->interface)
		assert_ptr_equal(domain->interface,
		                 pmap_get(&dump->generation->interfaces, domain->interface->slot));
}

// Asked for, as routes are: those that the walk knows.
static void dump_hosts(struct dump *dump, const struct domain *domain)
{
	char text[40], ip[IP_TEXT], mac[MAC_TEXT];

	domain_text(dump, domain->slot, text);
	add_line(dump, "domain %s hosts %u %u", text, domain->hosts4.count, domain->hosts6.count);
	for (uint32_t i = 0; i < 8; i++) {
		const uint8_t bytes[16] = {0xfd, [15] = (uint8_t)(i % 4)};
		struct ip_addr addr = i < 4 ? ip_from4(htonl(10U << 24 | i)) : ip_from6(bytes);
		struct ip_prefix prefix = {.addr = addr, .len = i < 4 ? 32 : 128};
		const struct host_address *host =
			lpm_exact(i < 4 ? &domain->hosts4 : &domain->hosts6, &prefix);

		if (host)
			add_line(dump, "domain %s host %s by %llu at %llu %s", text,
			         ip_format(host->ip, ip), (unsigned long long)host->id,
			         (unsigned long long)port_id(dump, host->port),
			         mac_format(host->mac, mac));
	}
}

static void dump_interface(struct dump *dump, const struct interface *interface)
{
	const struct vrf *vrf = pmap_get(&dump->generation->vrfs, interface->vrf);
	unsigned long long id = interface->id;
	char text[PREFIX_TEXT], domain[40];

	domain_text(dump, interface->domain, domain);
	add_line(dump, "interface %llu vrf %llu domain %s mtu %u nat %d dhcp %d dns %d advert %d",
	         id, (unsigned long long)vrf->id, domain, interface->mtu, (int)interface->nat,
	         interface->dhcp, interface->dns, interface->advert);
	for (uint32_t i = 0; i < interface->address_count; i++)
		add_line(dump, "interface %llu address %s", id,
		         prefix_format(interface->addresses[i], text));
	for (uint32_t i = 0; i < interface->nat_rule_count; i++)
		add_line(dump, "interface %llu nat %llu %s to %u", id,
		         (unsigned long long)interface->nat_rules[i].id,
		         prefix_format(interface->nat_rules[i].source, text),
		         interface->nat_rules[i].to_count);
}

// Routes are asked for, since the table cannot be walked: every tenth subnet of 10/8 that tests use.
static void dump_vrf(struct dump *dump, const struct vrf *vrf)
{
	unsigned long long id = vrf->id;

	add_line(dump, "vrf %llu routes %u %u forwards %u", id, vrf->routes4.count,
	         vrf->routes6.count, vrf->forward_count);
	for (uint32_t i = 0; i < vrf->forward_count; i++)
		add_line(dump, "vrf %llu forward %llu %u", id,
		         (unsigned long long)vrf->forwards[i].id, vrf->forwards[i].outside_port);
	for (uint32_t net = 0; net < 256; net++) {
		for (uint32_t host = 0; host < 3; host++) {
			struct ip_addr addr = ip_from4(htonl(10U << 24 | net << 8 | host));
			const struct route *route = lpm_lookup(&vrf->routes4, &addr);
			const struct interface *leg;

			if (!route)
				continue;
			leg = pmap_get(&dump->generation->interfaces, route->interface);
			add_line(dump, "vrf %llu 10.0.%u.%u by %llu kind %d leg %llu", id, net,
			         host, (unsigned long long)route->id, (int)route->kind,
			         leg ? (unsigned long long)leg->id : 0ULL);
		}
	}
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *join(struct dump *dump)
{
	size_t len = 1;
	char *text, *end;

	qsort(dump->lines, dump->count, sizeof(char *), compare_lines);
	for (size_t i = 0; i < dump->count; i++)
		len += strlen(dump->lines[i]) + 1;
	end = text = malloc(len);
	assert_non_null(text);
	for (size_t i = 0; i < dump->count; i++) {
		end = stpcpy(end, dump->lines[i]);
		*end++ = '\n';
		free(dump->lines[i]);
	}
	*end = '\0';
	free(dump->lines);
	return text;
}

char *apply_world_dump(const struct apply_world *world)
{
	struct dump dump = {.generation = world->published};
	const struct generation *generation = world->published;
	const void *piece;

	add_line(&dump, "mac %llx", (unsigned long long)generation->router_mac);
	for (uint32_t slot = 0; (piece = pmap_next(&generation->ports, &slot)); slot++)
		dump_port(&dump, piece);
	for (uint32_t slot = 0; (piece = pmap_next(&generation->domains, &slot)); slot++) {
		dump_domain(&dump, piece);
		dump_hosts(&dump, piece);
	}
	for (uint32_t slot = 0; (piece = pmap_next(&generation->interfaces, &slot)); slot++)
		dump_interface(&dump, piece);
	for (uint32_t slot = 0; (piece = pmap_next(&generation->vrfs, &slot)); slot++)
		dump_vrf(&dump, piece);
	for (uint32_t i = 0; generation->flow_rules && i < generation->flow_rules->count; i++) {
		const struct flow_rule *rule = &generation->flow_rules->rules[i];

		add_line(&dump, "flow %u: %llu priority %u fields %u port %llu drop %d", i,
		         (unsigned long long)rule->id, rule->priority, rule->fields,
		         (unsigned long long)port_id(&dump, rule->port), rule->drop);
	}
	return join(&dump);
}
