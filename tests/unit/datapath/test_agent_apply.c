// SPDX-License-Identifier: BSD-3-Clause
//
// test_agent_apply: transactions leave what they should, all or nothing; and what was built up change by
// change equals what is built at once.

#include "tests/unit/datapath/apply_world.h"
#include "tests/unit/unit.h"

#include "base/rand.h"
#include "datapath/flow_count.h"

#include <errno.h>

static int open_world(void **state)
{
	struct apply_world *world = malloc(sizeof(*world));

	assert_non_null(world);
	apply_world_open(world);
	*state = world;
	return 0;
}

static int close_world(void **state)
{
	apply_world_close(*state);
	free(*state);
	return 0;
}

// A bridge with two ports in VLAN 0 and a routed leg.
static void basic(struct objects *list)
{
	objects_bridge(list, 1);
	objects_port(list, 10, "port/a");
	objects_port(list, 11, "port/b");
	objects_member(list, 20, 10, 1, 0, false);
	objects_member(list, 21, 11, 1, 0, false);
	objects_vrf(list, 2);
	objects_interface(list, 3, 2, 1, 0, "10.0.1.1/24");
}

static const struct domain *domain_at(const struct apply_world *world, uint64_t bridge,
                                      uint32_t vid)
{
	return pmap_get(&world->published->domains,
	                apply_world_slot(world, SLOT_DOMAIN, bridge, vid));
}

static void members_and_legs_meet(void **state)
{
	struct apply_world *world = *state;
	struct objects list = {0};
	const struct domain *domain;
	const struct port_config *port;

	basic(&list);
	apply_world_do(world, &list);
	domain = domain_at(world, 1, 0);
	port = pmap_get(&world->published->ports, apply_world_slot(world, SLOT_PORT, 10, 0));
	assert_int_equal(domain->member_count, 2);
	assert_non_null(domain->interface);
	assert_int_equal(port->untagged_domain, domain->slot);
	assert_non_null(port->door);
	assert_int_equal(world->doors, 2);
	assert_int_equal(world->arrivals, 2);
	assert_int_equal(world->published->router_mac, 0x027765667401);
}

static void one_member_more_leaves_the_others(void **state)
{
	struct apply_world *world = *state;
	struct objects list = {0};
	const struct domain *domain;

	basic(&list);
	apply_world_do(world, &list);
	objects_port(&list, 12, "port/c");
	objects_member(&list, 22, 12, 1, 0, false);
	objects_member(&list, 23, 12, 1, 7, true);
	apply_world_do(world, &list);
	domain = domain_at(world, 1, 0);
	assert_int_equal(domain->member_count, 3);
	assert_int_equal(domain_at(world, 1, 7)->member_count, 1);
	assert_int_equal(domain_at(world, 1, 7)->members[0].vid, 7);
	objects_delete(&list, WEFT__KIND__KIND_VLAN_MEMBER, 20);
	apply_world_do(world, &list);
	domain = domain_at(world, 1, 0);
	assert_int_equal(domain->member_count, 2);
	assert_int_equal(domain->members[0].port, apply_world_slot(world, SLOT_PORT, 11, 0));
}

static void everything_can_go_at_once(void **state)
{
	struct apply_world *world = *state;
	struct objects list = {0};

	basic(&list);
	apply_world_do(world, &list);
	objects_delete(&list, WEFT__KIND__KIND_BRIDGE, 1);
	objects_delete(&list, WEFT__KIND__KIND_VRF, 2);
	objects_delete(&list, WEFT__KIND__KIND_PORT, 10);
	objects_delete(&list, WEFT__KIND__KIND_INTERFACE, 3);
	objects_delete(&list, WEFT__KIND__KIND_VLAN_MEMBER, 20);
	objects_delete(&list, WEFT__KIND__KIND_VLAN_MEMBER, 21);
	objects_delete(&list, WEFT__KIND__KIND_PORT, 11);
	apply_world_do(world, &list);
	assert_int_equal(world->doors, 0);
	assert_int_equal(world->published->ports.count, 0);
	assert_int_equal(world->published->domains.count, 0);
	assert_int_equal(world->published->vrfs.count, 0);
	assert_int_equal(slot_find(world->state, SLOT_PORT, 10, 0), 0);
	assert_int_equal(slot_find(world->state, SLOT_DOMAIN, 1, 0), 0);
}

static const struct route *route_to(const struct apply_world *world, const char *text)
{
	const struct vrf *vrf =
		pmap_get(&world->published->vrfs, apply_world_slot(world, SLOT_VRF, 2, 0));
	struct ip_addr addr;

	assert_int_equal(ip_parse(text, &addr), 0);
	return lpm_lookup(&vrf->routes4, &addr);
}

static void routes_follow_interfaces(void **state)
{
	struct apply_world *world = *state;
	struct objects list = {0};

	basic(&list);
	objects_route(&list, 30, 2, "10.0.9.0/24", "10.0.1.9", 0);
	objects_route(&list, 31, 2, "0.0.0.0/0", "10.0.1.8", 3);
	objects_route(&list, 32, 2, "10.0.8.0/24", NULL, 0);
	apply_world_do(world, &list);
	assert_int_equal(route_to(world, "10.0.1.77")->kind, ROUTE_CONNECTED);
	assert_int_equal(route_to(world, "10.0.1.1")->kind, ROUTE_LOCAL);
	assert_int_equal(route_to(world, "10.0.9.5")->id, 30);
	assert_int_equal(route_to(world, "10.0.9.5")->interface,
	                 apply_world_slot(world, SLOT_INTERFACE, 3, 0));
	assert_int_equal(route_to(world, "10.0.8.5")->kind, ROUTE_BLACKHOLE);
	assert_int_equal(route_to(world, "8.8.8.8")->id, 31);

	// The subnet may not leave the routes behind.
	objects_interface(&list, 3, 2, 1, 0, "10.0.2.1/24");
	assert_int_equal(apply_world_run(world, &list, NULL), -EADDRNOTAVAIL);
	objects_delete(&list, WEFT__KIND__KIND_ROUTE, 31);
	objects_delete(&list, WEFT__KIND__KIND_ROUTE, 30);
	objects_interface(&list, 3, 2, 1, 0, "10.0.2.1/24");
	apply_world_do(world, &list);
	assert_null(route_to(world, "10.0.1.77"));
	assert_int_equal(route_to(world, "10.0.2.77")->kind, ROUTE_CONNECTED);
}

static void patch_changes_only_what_it_names(void **state)
{
	struct apply_world *world = *state;
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	const struct port_config *config;
	struct objects list = {0};
	size_t len;

	basic(&list);
	apply_world_do(world, &list);
	object.id = 10;
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = &port;
	port.type = WEFT__PORT_TYPE__PORT_MEMORY;
	port.has_admin_down = true;
	port.admin_down = true;
	objects_add(&list, WEFT__OP_VERB__OP_PATCH, &object);
	apply_world_do(world, &list);
	config = pmap_get(&world->published->ports, apply_world_slot(world, SLOT_PORT, 10, 0));
	assert_true(config->admin_down);
	assert_string_equal(config->name, "port/a");
	assert_int_equal(world->doors, 2);
	assert_int_equal(world->arrivals, 2);

	// The object is held as its owner would have packed it.
	assert_non_null(apply_object(world->apply, WEFT__KIND__KIND_PORT, 10, &len));
	object.name = (char *)"port/a";
	assert_int_equal(len, weft__object__get_packed_size(&object));
}

// What belongs to the interface alone changes at an open door, and back again when the trial ends.
static void interface_changes_under_way(void **state)
{
	struct apply_world *world = *state;
	static uint8_t bytes[] = {2, 0, 0, 0, 0, 9};
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Port port = WEFT__PORT__INIT;
	struct apply_result result;
	struct objects list = {0};
	const struct port_config *config;
	const struct port *door;

	object.id = 10;
	object.name = (char *)"port/a";
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = &port;
	port.type = WEFT__PORT_TYPE__PORT_TAP;
	port.ifname = (char *)"eth0";
	objects_add(&list, WEFT__OP_VERB__OP_UPSERT, &object);
	apply_world_do(world, &list);
	assert_int_equal(world->adjusted, 0);
	port.has_mtu = true;
	port.mtu = 1400;
	port.has_mac = true;
	port.mac = (ProtobufCBinaryData){sizeof(bytes), bytes};
	objects_add(&list, WEFT__OP_VERB__OP_UPSERT, &object);
	assert_int_equal(apply_tentative(world->apply, list.ops, list.count, &result), 0);
	config = pmap_get(&world->published->ports, apply_world_slot(world, SLOT_PORT, 10, 0));
	assert_int_equal(world->adjusted, 1);
	// The door outlives what is said of it.
	door = config->door;
	assert_int_equal(door->mtu, 1400);
	apply_revert(world->apply);
	assert_int_equal(world->adjusted, 2);
	assert_int_equal(door->mtu, 1500);
	apply_world_do(world, &list);
	assert_int_equal(world->adjusted, 3);
	assert_int_equal(world->arrivals, 1);
	assert_int_equal(world->doors, 1);
	// Another name of the interface is another interface.
	port.ifname = (char *)"eth1";
	objects_add(&list, WEFT__OP_VERB__OP_UPSERT, &object);
	apply_world_do(world, &list);
	assert_int_equal(world->adjusted, 3);
	assert_int_equal(world->arrivals, 2);
}

// What another datapath has until it is decided gets no name before that, and is not ended by who gives it away.
static void handed_port_arrives_with_the_commit(void **state)
{
	struct apply_world *world = *state;
	struct apply_result result;
	struct objects list = {0};

	objects_port(&list, 10, "port/a");
	list.ops[0].handed_over = true;
	assert_int_equal(apply_prepare(world->apply, list.ops, list.count, false, &result), 0);
	assert_int_equal(world->doors, 1);
	assert_int_equal(world->arrivals, 0);
	apply_abandon(world->apply);
	assert_int_equal(world->doors, 0);
	assert_int_equal(apply_prepare(world->apply, list.ops, list.count, false, &result), 0);
	apply_commit(world->apply, &result);
	assert_int_equal(result.code, 0);
	assert_int_equal(world->arrivals, 1);
	objects_clear(&list);
	objects_delete(&list, WEFT__KIND__KIND_PORT, 10);
	list.ops[0].handed_over = true;
	apply_world_do(world, &list);
	assert_int_equal(world->last_end, DOOR_HANDED);
	assert_int_equal(world->doors, 0);
}

// A new door for the socket that the old one still has waits for the old one to go.
static void socket_changes_hands(void **state)
{
	struct apply_world *world = *state;
	struct apply_result result;
	struct objects list = {0};

	objects_vhost(&list, 12, "port/c", "/run/web.vu", 8);
	objects_vhost(&list, 13, "port/d", "/run/db.vu", 8);
	apply_world_do(world, &list);
	assert_int_equal(world->arrivals, 2);

	objects_vhost(&list, 12, "port/c", "/run/web.vu", 2);
	assert_int_equal(apply_tentative(world->apply, list.ops, list.count, &result), -EOPNOTSUPP);
	assert_string_equal(result.field, "vhost_path");
	assert_non_null(strstr(result.fail.what, "its socket cannot be replaced on trial"));
	assert_int_equal(world->doors, 2);
	assert_int_equal(world->arrivals, 2);

	apply_world_do(world, &list);
	assert_int_equal(world->doors, 2);
	assert_int_equal(world->arrivals, 3);
	assert_int_equal(world->doors_then, 2);

	// Nothing of the door differs: it stays.
	objects_vhost(&list, 12, "port/renamed", "/run/web.vu", 2);
	apply_world_do(world, &list);
	assert_int_equal(world->arrivals, 3);

	// What one port leaves another may take in the same transaction.
	objects_delete(&list, WEFT__KIND__KIND_PORT, 13);
	objects_vhost(&list, 14, "port/e", "/run/db.vu", 8);
	apply_world_do(world, &list);
	assert_int_equal(world->doors, 2);
	assert_int_equal(world->arrivals, 4);
	assert_int_equal(world->doors_then, 2);

	// Another path is another name.
	objects_vhost(&list, 14, "port/e", "/run/db2.vu", 8);
	apply_world_do(world, &list);
	assert_int_equal(world->arrivals, 5);
	assert_int_equal(world->doors_then, 3);
}

static void assert_guards(void **state)
{
	struct apply_world *world = *state;
	struct objects list = {0};
	const uint8_t *held;
	size_t len;

	basic(&list);
	apply_world_do(world, &list);
	objects_assert_none(&list, WEFT__KIND__KIND_PORT, 10);
	assert_int_equal(apply_world_run(world, &list, NULL), -EEXIST);
	objects_assert_none(&list, WEFT__KIND__KIND_PORT, 99);
	apply_world_do(world, &list);
	held = apply_object(world->apply, WEFT__KIND__KIND_PORT, 10, &len);
	objects_add_bytes(&list, WEFT__OP_VERB__OP_ASSERT, WEFT__KIND__KIND_PORT, 10, held, len);
	apply_world_do(world, &list);
	objects_add_bytes(&list, WEFT__OP_VERB__OP_ASSERT, WEFT__KIND__KIND_PORT, 11, held, len);
	assert_int_equal(apply_world_run(world, &list, NULL), -ESTALE);
	objects_add_bytes(&list, WEFT__OP_VERB__OP_ASSERT, WEFT__KIND__KIND_PORT, 99, held, len);
	assert_int_equal(apply_world_run(world, &list, NULL), -ENOENT);
}

static void dry_run_opens_nothing(void **state)
{
	struct apply_world *world = *state;
	struct apply_result result;
	struct objects list = {0};

	basic(&list);
	assert_int_equal(apply_transaction(world->apply, list.ops, list.count, true, &result), 0);
	assert_int_equal(world->doors, 0);
	assert_int_equal(world->published->number, 0);
	assert_int_equal(slot_find(world->state, SLOT_PORT, 10, 0), 0);
	objects_clear(&list);
}

static void trial_can_be_taken_back(void **state)
{
	struct apply_world *world = *state;
	struct apply_world_digest before, after;
	struct apply_result result;
	struct objects list = {0};
	char *old, *now;

	basic(&list);
	apply_world_do(world, &list);
	old = apply_world_dump(world);
	apply_world_digest(world, &before);
	objects_port(&list, 12, "port/c");
	objects_member(&list, 22, 12, 1, 0, false);
	objects_delete(&list, WEFT__KIND__KIND_VLAN_MEMBER, 20);
	objects_delete(&list, WEFT__KIND__KIND_PORT, 10);
	objects_fdb_entry(&list, 40, 1, 0, "02:00:00:00:00:05", 11);
	objects_flow_rule(&list, 41, 5, 11);
	assert_int_equal(apply_tentative(world->apply, list.ops, list.count, &result), 0);
	assert_int_equal(world->doors, 3);
	assert_int_equal(fdb_count(world->state->fdb), 1);
	assert_int_equal(apply_transaction(world->apply, list.ops, 0, false, &result), -EBUSY);
	objects_clear(&list);
	apply_revert(world->apply);
	assert_int_equal(world->doors, 2);
	assert_int_equal(fdb_count(world->state->fdb), 0);
	apply_world_digest(world, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	now = apply_world_dump(world);
	assert_string_equal(old, now);
	free(old);
	free(now);
}

static void trial_can_be_kept(void **state)
{
	struct apply_world *world = *state;
	struct apply_result result;
	struct objects list = {0};

	basic(&list);
	apply_world_do(world, &list);
	objects_delete(&list, WEFT__KIND__KIND_VLAN_MEMBER, 20);
	objects_delete(&list, WEFT__KIND__KIND_PORT, 10);
	assert_int_equal(apply_tentative(world->apply, list.ops, list.count, &result), 0);
	objects_clear(&list);
	assert_int_equal(world->doors, 2);
	apply_confirm(world->apply);
	assert_int_equal(world->doors, 1);
	assert_int_equal(domain_at(world, 1, 0)->member_count, 1);
}

static void refused_door_refuses_all(void **state)
{
	struct apply_world *world = *state;
	struct apply_result result;
	struct objects list = {0};

	basic(&list);
	objects_scope(&list, 50, 3, "10.0.1.10", "10.0.1.20");
	world->refuse_doors = true;
	assert_int_equal(apply_world_run(world, &list, &result), -EACCES);
	assert_int_equal(world->doors, 0);
	assert_int_equal(world->published->number, 0);
	assert_string_equal(result.fail.what, "port/a: not today");
	assert_int_equal(result.op_index, 1);
}

// A door goes, unless the operation says that its namespace does; one that is made anew at once does not end so.
static void door_ends_as_the_operation_says(void **state)
{
	struct apply_world *world = *state;
	struct objects list = {0};

	for (unsigned with_netns = 0; with_netns < 2; with_netns++) {
		objects_port(&list, 10, "a");
		apply_world_do(world, &list);
		objects_delete(&list, WEFT__KIND__KIND_PORT, 10);
		list.ops[0].netns_ends = with_netns;
		apply_world_do(world, &list);
		assert_int_equal(world->last_end, with_netns ? DOOR_LEFT : DOOR_GONE);
		assert_int_equal(world->doors, 0);
	}
	objects_vhost(&list, 10, "a", "/run/a.vu", 1);
	apply_world_do(world, &list);
	objects_delete(&list, WEFT__KIND__KIND_PORT, 10);
	list.ops[0].netns_ends = true;
	objects_port(&list, 10, "a");
	apply_world_do(world, &list);
	assert_int_equal(world->last_end, DOOR_GONE);
}

static void same_object_twice_counts_once(void **state)
{
	struct apply_world *world = *state;
	struct objects list = {0};
	uint64_t number;

	basic(&list);
	objects_bridge(&list, 1);
	objects_port(&list, 12, "port/c");
	objects_port(&list, 12, "port/d");
	objects_delete(&list, WEFT__KIND__KIND_PORT, 12);
	apply_world_do(world, &list);
	assert_int_equal(world->doors, 2);
	number = world->published->number;

	// What changes nothing publishes nothing.
	basic(&list);
	apply_world_do(world, &list);
	assert_int_equal(world->published->number, number);
}

static void static_entries_come_and_go(void **state)
{
	struct apply_world *world = *state;
	struct mac mac = mac_from_u64(0x020000000005);
	struct objects list = {0};
	struct ip_addr ip;
	struct mac found;
	uint32_t port;

	basic(&list);
	objects_fdb_entry(&list, 40, 1, 0, "02:00:00:00:00:05", 10);
	objects_neighbour(&list, 41, 3, "10.0.1.5", "02:00:00:00:00:05");
	apply_world_do(world, &list);
	assert_true(fdb_lookup(world->state->fdb, apply_world_slot(world, SLOT_DOMAIN, 1, 0), &mac,
	                       &port));
	assert_int_equal(port, apply_world_slot(world, SLOT_PORT, 10, 0));
	ip_parse("10.0.1.5", &ip);
	assert_int_equal(neighbour_lookup(world->state->neighbours,
	                                  apply_world_slot(world, SLOT_INTERFACE, 3, 0), &ip, 0,
	                                  &found),
	                 NEIGHBOUR_STATIC);
	objects_fdb_entry(&list, 40, 1, 0, "02:00:00:00:00:05", 11);
	objects_delete(&list, WEFT__KIND__KIND_NEIGHBOUR, 41);
	apply_world_do(world, &list);
	assert_true(fdb_lookup(world->state->fdb, apply_world_slot(world, SLOT_DOMAIN, 1, 0), &mac,
	                       &port));
	assert_int_equal(port, apply_world_slot(world, SLOT_PORT, 11, 0));
	assert_int_equal(neighbour_lookup(world->state->neighbours,
	                                  apply_world_slot(world, SLOT_INTERFACE, 3, 0), &ip, 0,
	                                  &found),
	                 NEIGHBOUR_NONE);
}

static void rules_stand_in_their_order(void **state)
{
	struct apply_world *world = *state;
	const struct flow_rules *rules;
	struct objects list = {0};

	basic(&list);
	objects_flow_rule(&list, 60, 5, 10);
	objects_flow_rule(&list, 59, 5, 0);
	objects_flow_rule(&list, 61, 9, 0);
	apply_world_do(world, &list);
	rules = world->published->flow_rules;
	assert_int_equal(rules->count, 3);
	assert_int_equal(rules->rules[0].id, 61);
	assert_int_equal(rules->rules[1].id, 59);
	assert_int_equal(rules->rules[2].id, 60);
	assert_true(rules->rules[0].drop);
	for (uint64_t i = 0; i < 1025; i++)
		objects_flow_rule(&list, 1000 + i, 1, 0);
	assert_int_equal(apply_world_run(world, &list, NULL), -E2BIG);
	assert_int_equal(world->published->flow_rules->count, 3);
}

static void expect_count(const struct flow_rule *rule, uint64_t packets)
{
	uint64_t counted, bytes;

	flow_counts_sum(rule->counts, &counted, &bytes);
	assert_int_equal(counted, packets);
	assert_int_equal(bytes, packets * 100);
}

static void rules_go_on_counting_until_they_go(void **state)
{
	struct apply_world *world = *state;
	struct objects list = {0};

	basic(&list);
	objects_flow_rule(&list, 60, 5, 10);
	apply_world_do(world, &list);
	flow_counts_add(world->published->flow_rules->rules[0].counts, 0, 100);
	flow_counts_add(world->published->flow_rules->rules[0].counts, 3, 100);
	objects_flow_rule(&list, 60, 7, 0);
	objects_flow_rule(&list, 61, 9, 0);
	apply_world_do(world, &list);
	expect_count(&world->published->flow_rules->rules[0], 0);
	expect_count(&world->published->flow_rules->rules[1], 2);

	objects_delete(&list, WEFT__KIND__KIND_FLOW_RULE, 60);
	apply_world_do(world, &list);
	objects_flow_rule(&list, 60, 7, 0);
	apply_world_do(world, &list);
	expect_count(&world->published->flow_rules->rules[1], 0);
}

static void buckets_hold_what_was_sent(void **state)
{
	struct apply_world *world = *state;
	uint64_t buckets[256], ids[64], hashes[64], sum = 0, count, hash, held = 0;
	struct objects list = {0};

	objects_bridge(&list, 1);
	for (uint64_t i = 0; i < 60; i++)
		objects_port(&list, 100 + i, NULL);
	apply_world_do(world, &list);
	apply_digest(world->apply, WEFT__KIND__KIND_PORT, &count, &hash);
	apply_buckets(world->apply, WEFT__KIND__KIND_PORT, buckets);
	for (unsigned i = 0; i < 256; i++) {
		size_t in = apply_bucket(world->apply, WEFT__KIND__KIND_PORT, i, ids, hashes, 64);
		uint64_t part = 0;

		for (size_t j = 0; j < in; j++)
			part += hashes[j];
		assert_int_equal(part, buckets[i]);
		sum += part;
		held += in;
	}
	assert_int_equal(held, 60);
	assert_int_equal(count, 60);
	assert_int_equal(sum, hash);
}

// What a random walk may hold at most of each kind; ids are kind * 100 + number.
enum { WALK_EACH = 6, WALK_STEPS = 5000 };

static uint64_t walk_id(Weft__Kind kind)
{
	return (uint64_t)kind * 100 + rand_below(WALK_EACH) + 1;
}

static void walk_upsert(struct objects *list, Weft__Kind kind, uint64_t id)
{
	char text[64], other[64];
	uint64_t bridge = walk_id(WEFT__KIND__KIND_BRIDGE), vrf = walk_id(WEFT__KIND__KIND_VRF);
	uint64_t port = walk_id(WEFT__KIND__KIND_PORT), leg = walk_id(WEFT__KIND__KIND_INTERFACE);
	uint32_t net = rand_below(8), vid = rand_below(4);

	switch (kind) {
	case WEFT__KIND__KIND_BRIDGE:
		objects_bridge(list, id);
		break;
	case WEFT__KIND__KIND_PORT:
		objects_port(list, id, NULL);
		break;
	case WEFT__KIND__KIND_VLAN_MEMBER:
		objects_member(list, id, port, bridge, vid, vid > 1);
		break;
	case WEFT__KIND__KIND_FDB_ENTRY:
		snprintf(text, sizeof(text), "02:00:00:00:00:%02x", net + 1);
		objects_fdb_entry(list, id, bridge, vid, text, port);
		break;
	case WEFT__KIND__KIND_ADDRESS:
		// Few, so that several objects tell of one.
		snprintf(text, sizeof(text), "02:00:00:00:00:%02x", 1 + net % 2);
		snprintf(other, sizeof(other), net < 4 ? "10.0.0.%u" : "fd00::%u", net % 4);
		objects_address(list, id, bridge, vid, other, text, port);
		break;
	case WEFT__KIND__KIND_VRF:
		objects_vrf(list, id);
		break;
	case WEFT__KIND__KIND_INTERFACE:
		snprintf(text, sizeof(text), "10.0.%u.1/24", net);
		objects_interface(list, id, vrf, bridge, vid, text);
		break;
	case WEFT__KIND__KIND_ROUTE:
		snprintf(text, sizeof(text), "10.0.%u.0/24", 100 + net);
		snprintf(other, sizeof(other), "10.0.%u.2", rand_below(8));
		objects_route(list, id, vrf, text, net % 3 ? other : NULL, net % 2 ? leg : 0);
		break;
	case WEFT__KIND__KIND_NEIGHBOUR:
		snprintf(text, sizeof(text), "10.0.%u.5", net);
		objects_neighbour(list, id, leg, text, "02:00:00:00:00:09");
		break;
	case WEFT__KIND__KIND_NAT_RULE:
		snprintf(text, sizeof(text), "10.0.%u.0/24", net);
		objects_nat_rule(list, id, vrf, leg, text);
		break;
	case WEFT__KIND__KIND_PORT_FORWARD:
		objects_forward(list, id, vrf, 6, 80 + net, "10.0.1.9", 80);
		break;
	case WEFT__KIND__KIND_DHCP_SCOPE:
		snprintf(text, sizeof(text), "10.0.%u.10", net);
		snprintf(other, sizeof(other), "10.0.%u.20", net);
		objects_scope(list, id, leg, text, other);
		break;
	case WEFT__KIND__KIND_DNS_ZONE:
		objects_zone(list, id, leg, "lan.test");
		break;
	default:
		objects_flow_rule(list, id, net, net % 2 ? port : 0);
	}
}

static void walk_step(struct objects *list)
{
	unsigned ops = 1 + rand_below(6);

	for (unsigned i = 0; i < ops; i++) {
		unsigned number = rand_below(16);
		Weft__Kind kind = number ? (Weft__Kind)number : WEFT__KIND__KIND_ADDRESS;
		uint64_t id = walk_id(kind);

		if (kind == WEFT__KIND__KIND_DHCP_RESERVATION ||
		    kind == WEFT__KIND__KIND_DNS_RECORD)
			continue;
		if (rand_below(4) == 0)
			objects_delete(list, kind, id);
		else
			walk_upsert(list, kind, id);
	}
}

// Everything that is held, as one transaction.
static void copy_all(const struct apply_world *world, struct objects *list)
{
	uint64_t ids[64], hashes[64];

	for (int kind = WEFT__KIND__KIND_BRIDGE; kind < AGENT_KINDS; kind++)
		for (unsigned bucket = 0; bucket < 256; bucket++) {
			size_t count = apply_bucket(world->apply, (Weft__Kind)kind, bucket, ids,
			                            hashes, 64);

			for (size_t i = 0; i < count; i++) {
				size_t len;
				const uint8_t *bytes =
					apply_object(world->apply, (Weft__Kind)kind, ids[i], &len);

				objects_add_bytes(list, WEFT__OP_VERB__OP_UPSERT, (Weft__Kind)kind,
				                  ids[i], bytes, len);
			}
		}
}

static void compare_with_whole(const struct apply_world *world)
{
	struct apply_world_digest own, others;
	struct apply_world other;
	struct objects list = {0};
	char *mine, *theirs;

	apply_world_open(&other);
	copy_all(world, &list);
	apply_world_do(&other, &list);
	mine = apply_world_dump(world);
	theirs = apply_world_dump(&other);
	assert_string_equal(mine, theirs);
	apply_world_digest(world, &own);
	apply_world_digest(&other, &others);
	assert_memory_equal(&own, &others, sizeof(own));
	assert_int_equal(fdb_count(world->state->fdb), fdb_count(other.state->fdb));
	assert_int_equal(neighbour_count(world->state->neighbours),
	                 neighbour_count(other.state->neighbours));
	free(mine);
	free(theirs);
	apply_world_close(&other);
}

// One random transaction: committed, tried and kept, or tried and taken back.
static int walk(struct apply_world *world, struct objects *list)
{
	struct apply_world_digest before, after;
	struct apply_result result;
	char *old = apply_world_dump(world), *now;
	unsigned how = rand_below(3);
	int code;

	apply_world_digest(world, &before);
	code = how == 0 ? apply_transaction(world->apply, list->ops, list->count, false, &result)
	                : apply_tentative(world->apply, list->ops, list->count, &result);
	if (code == 0 && how == 1)
		apply_confirm(world->apply);
	if (code == 0 && how == 2)
		apply_revert(world->apply);
	if (code < 0 || how == 2) {
		now = apply_world_dump(world);
		assert_string_equal(old, now);
		free(now);
		apply_world_digest(world, &after);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	assert_true(code == 0 || result.fail.what[0]);
	free(old);
	objects_clear(list);
	return code;
}

static void random_walk_equals_the_whole(void **state)
{
	struct objects list = {0};
	unsigned good = 0;

	rand_seed_for_tests(20260101);
	for (unsigned step = 0; step < WALK_STEPS; step++) {
		walk_step(&list);
		good += walk(*state, &list) == 0;
		if (step % 50 == 0)
			compare_with_whole(*state);
	}
	compare_with_whole(*state);
	// A walk that is always refused would prove nothing.
	assert_true(good > WALK_STEPS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
		WORLD(members_and_legs_meet),
		WORLD(one_member_more_leaves_the_others),
		WORLD(everything_can_go_at_once),
		WORLD(routes_follow_interfaces),
		WORLD(patch_changes_only_what_it_names),
		WORLD(interface_changes_under_way),
		WORLD(handed_port_arrives_with_the_commit),
		WORLD(socket_changes_hands),
		WORLD(assert_guards),
		WORLD(dry_run_opens_nothing),
		WORLD(trial_can_be_taken_back),
		WORLD(trial_can_be_kept),
		WORLD(refused_door_refuses_all),
		WORLD(door_ends_as_the_operation_says),
		WORLD(same_object_twice_counts_once),
		WORLD(static_entries_come_and_go),
		WORLD(rules_stand_in_their_order),
		WORLD(rules_go_on_counting_until_they_go),
		WORLD(buckets_hold_what_was_sent),
		WORLD(random_walk_equals_the_whole),
	};

	return cmocka_run_group_tests_name("agent_apply", tests, NULL, NULL);
}
