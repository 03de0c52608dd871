// SPDX-License-Identifier: BSD-3-Clause
//
// test_derive: exactly which objects follow from an intent, and that a change derives what a fresh
// start derives.

#include "controller/derive_mesh.h"
#include "controller/derive_unit.h"
#include "controller/leases.h"
#include "tests/unit/controller/kit.h"

#include <errno.h>

struct world {
	struct model model;
	struct layout layout;
	struct desired *desired; // Of the local host.
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	model_init(&world->model, &kit_instance);
	world->desired = layout_at(&world->layout, "local");
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	layout_fini(&world->layout);
	model_fini(&world->model);
	free(world);
	return 0;
}

// Digests of what was derived step by step must be those of a fresh start.
static void check_fresh(const struct world *world)
{
	struct layout fresh = {0};
	struct refusal refusal = {0};
	const struct desired *desired;
	size_t cursor = 0;

	assert_int_equal(derive_all(&world->model, &fresh, &refusal), 0);
	while ((desired = layout_next(&world->layout, &cursor))) {
		const struct desired *same = layout_at(&fresh, desired->host);

		assert_memory_equal(same->hash, desired->hash, sizeof(same->hash));
		assert_memory_equal(same->count, desired->count, sizeof(same->count));
	}
	assert_int_equal(layout_objects(&fresh), layout_objects(&world->layout));
	layout_fini(&fresh);
}

static struct ops change(struct world *world, const char *line)
{
	struct refusal refusal = {0};
	struct ops ops;

	if (kit_batch(&world->model, &refusal, line, NULL) < 0)
		fail_msg("%s: %s", line, refusal.fail.what);
	assert_int_equal(derive_dirty(&world->model, &world->layout, true, &refusal), 0);
	model_commit(&world->model);
	check_fresh(world);
	ops = world->desired->ops;
	world->desired->ops = (struct ops){0};
	return ops;
}

static size_t put(struct world *world, const char *line)
{
	struct ops ops = change(world, line);
	size_t count = ops.count;

	ops_fini(&ops);
	return count;
}

#define COUNTS(world, expected)                                                             \
	do {                                                                                \
		char counts_[400];                                                          \
		assert_string_equal(kit_counts((world)->desired, counts_, sizeof(counts_)), \
		                    expected);                                              \
	} while (0)

static void test_isolated_net_is_a_bridge(void **state)
{
	struct world *world = *state;

	assert_int_equal(put(world, "net a"), 1);
	COUNTS(world, "bridge=1");
	assert_int_equal(put(world, "-net a"), 1);
	COUNTS(world, "");
}

static void test_nat_net(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "net lan mode=nat subnet=10.77.0.0/24 dhcp=1 dns=lan.test");
	COUNTS(world, "bridge=1 vrf=1 interface=1 dhcp_scope=1 dns_zone=1");
	object = kit_object(world->desired, WEFT__KIND__KIND_INTERFACE, "net/lan");
	assert_int_equal(object->interface->n_addresses, 2);
	assert_int_equal(object->interface->nat, WEFT__NAT_ROLE__NAT_INSIDE);
	assert_non_null(object->interface->advert);
	assert_string_equal(object->interface->advert->search, "lan.test");
	weft__object__free_unpacked(object, NULL);
	object = kit_object(world->desired, WEFT__KIND__KIND_DHCP_SCOPE, "net/lan");
	assert_memory_equal(object->dhcp_scope->first.data, "\x0a\x4d\x00\x80", 4);
	assert_memory_equal(object->dhcp_scope->last.data, "\x0a\x4d\x00\xfe", 4);
	weft__object__free_unpacked(object, NULL);
}

static void test_external_net_brings_nat_and_default_routes(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "net lan mode=nat subnet=10.77.0.0/24");
	put(world, "net dmz mode=nat subnet=10.78.0.0/24 subnet6=none");
	put(world, "net pub mode=routed subnet=192.0.2.0/24");
	put(world, "net wan mode=external subnet=203.0.113.0/24 gateway=203.0.113.2 "
	           "via=203.0.113.1 subnet6=2001:db8::/64 gateway6=2001:db8::2 via6=2001:db8::1");
	// Two nets by IPv4, one of them by IPv6 as well; the routed one is not hidden.
	COUNTS(world, "bridge=4 vrf=1 interface=4 route=2 nat_rule=3");
	object = kit_object(world->desired, WEFT__KIND__KIND_INTERFACE, "net/wan");
	assert_int_equal(object->interface->nat, WEFT__NAT_ROLE__NAT_OUTSIDE);
	assert_null(object->interface->advert);
	weft__object__free_unpacked(object, NULL);
	object = kit_object(world->desired, WEFT__KIND__KIND_INTERFACE, "net/pub");
	assert_int_equal(object->interface->nat, WEFT__NAT_ROLE__NAT_NONE);
	weft__object__free_unpacked(object, NULL);
	// The last leg takes the router with it; what is left is a bridge with nothing else.
	put(world, "-net wan");
	COUNTS(world, "bridge=3 vrf=1 interface=3");
}

static void test_isolated_net_with_services_has_its_own_table(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "net a subnet=10.5.0.0/24 dhcp=1 dns=a.test");
	put(world, "net b subnet=10.5.0.0/24 dhcp=1");
	COUNTS(world, "bridge=2 vrf=2 interface=2 dhcp_scope=2 dns_zone=1");
	object = kit_object(world->desired, WEFT__KIND__KIND_DNS_ZONE, "net/a");
	assert_int_equal(object->dns_zone->n_forwarders, 1);
	assert_string_equal(object->dns_zone->forwarders[0], "none");
	weft__object__free_unpacked(object, NULL);
}

static void test_guest_port(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "net lan mode=nat subnet=10.77.0.0/24 dhcp=1 dns=lan.test");
	assert_int_equal(put(world, "guest h1"), 0);
	// A door, its member, its reservation, and the name of its own IPv6 address.
	assert_int_equal(put(world, "port h1 net=lan guest=h1"), 4);
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT, "port/h1");
	assert_string_equal(object->port->netns, "/run/netns/h1");
	assert_string_equal(object->port->ifname, "eth0");
	assert_int_equal(object->port->n_addresses, 0);
	weft__object__free_unpacked(object, NULL);
	object = kit_object(world->desired, WEFT__KIND__KIND_DHCP_RESERVATION, "port/h1");
	assert_string_equal(object->dhcp_reservation->hostname, "h1");
	assert_false(object->dhcp_reservation->has_ip);
	weft__object__free_unpacked(object, NULL);
	// A fixed address changes the reservation and adds a name.
	assert_int_equal(put(world, "port h1 net=lan guest=h1 ip=10.77.0.10"), 2);
	// A new host name touches the port's names, through the guest.
	assert_int_equal(put(world, "guest h1 hostname=alpha"), 3);
	// A guest without a DHCP client has its address put on the interface.
	assert_int_equal(put(world, "guest h1 hostname=alpha static_ip=1"), 1);
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT, "port/h1");
	assert_int_equal(object->port->n_addresses, 1);
	assert_int_equal(object->port->addresses[0]->len, 24);
	assert_memory_equal(object->port->gateway4.data, "\x0a\x4d\x00\x01", 4);
	weft__object__free_unpacked(object, NULL);
}

static void test_vlans_share_a_bridge(void **state)
{
	struct world *world = *state;

	put(world, "net db vlan=20");
	COUNTS(world, "bridge=1");
	put(world, "port a net=db");
	put(world, "port t trunk=20 trunk=30 native=5");
	COUNTS(world, "bridge=1 port=2 vlan_member=4");
	// Moving to another VLAN is one change of one member.
	assert_int_equal(put(world, "port t trunk=20 trunk=30 native=6"), 1);
	assert_int_equal(put(world, "port t trunk=20 trunk=40 native=6"), 2);
	put(world, "-port a");
	put(world, "-net db");
	COUNTS(world, "bridge=1 port=1 vlan_member=3");
	put(world, "-port t");
	COUNTS(world, "");
}

static void test_forward_follows_the_guest(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "net lan mode=nat subnet=10.77.0.0/24 subnet6=none dhcp=1");
	put(world, "guest h1");
	put(world, "port h1 net=lan guest=h1 ip=10.77.0.10");
	assert_int_equal(
		put(world, "forward web net=lan outside_port=8080 guest=h1 inside_port=80"), 1);
	put(world, "port h1 net=lan guest=h1 ip=10.77.0.11");
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT_FORWARD, "forward/web");
	assert_memory_equal(object->port_forward->inside.data, "\x0a\x4d\x00\x0b", 4);
	assert_int_equal(object->port_forward->protocol, 6);
	weft__object__free_unpacked(object, NULL);
}

static void test_forward_in_both_families(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "net lan mode=nat subnet=10.77.0.0/24 subnet6=fd00:1::/64");
	put(world, "guest h1");
	put(world, "port h1 net=lan guest=h1 ip=10.77.0.10 mac=02:00:00:00:00:01");
	assert_int_equal(put(world, "forward web net=lan outside_port=80 guest=h1"), 2);
	put(world, "-forward web");
	assert_int_equal(put(world, "forward six net=lan outside_port=80 inside=fd00:1::ff:fe00:1"),
	                 1);
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT_FORWARD, "forward/six");
	assert_int_equal(object->port_forward->inside.len, 16);
	weft__object__free_unpacked(object, NULL);
	// The same port in the other family is another.
	assert_int_equal(put(world, "forward four net=lan outside_port=80 inside=10.77.0.10"), 1);
	put(world, "-forward four");
	put(world, "-forward six");
	assert_int_equal(
		put(world, "forward o net=lan outside_port=80 guest=h1 outside=198.51.100.2"), 1);
}

static void test_the_rest(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "net lan mode=nat subnet=10.77.0.0/24 dhcp=1 dns=lan.test");
	put(world, "port p net=lan");
	put(world, "lease l net=lan mac=02:00:00:00:00:01 ip=10.77.0.20 hostname=printer");
	put(world, "dns www net=lan host=www ip=10.77.0.20");
	put(world, "route r prefix=10.0.0.0/8 blackhole=1");
	put(world,
	    "flow f match=port=p,tcp,dport=80,src=10.0.0.0/8 actions=set_eth_dst=02:00:00:00:00:09,output=p");
	COUNTS(world, "bridge=1 port=1 vlan_member=1 vrf=1 interface=1 route=1 dhcp_scope=1 "
	              "dhcp_reservation=1 dns_zone=1 dns_record=1 flow_rule=1");
	object = kit_object(world->desired, WEFT__KIND__KIND_FLOW_RULE, "flow/f");
	assert_int_equal(object->flow_rule->match->l4_dst, 80);
	assert_int_equal(object->flow_rule->match->ip_proto, 6);
	assert_int_equal(object->flow_rule->match->ip_src->len, 8);
	assert_int_equal(object->flow_rule->n_actions, 2);
	assert_true(object->flow_rule->actions[1]->output == object->flow_rule->match->port);
	weft__object__free_unpacked(object, NULL);
}

static void test_one_port_of_many_costs_one_port(void **state)
{
	struct world *world = *state;
	char line[64];

	put(world, "net lan mode=nat subnet=10.0.0.0/16 dhcp=1");
	for (unsigned i = 0; i < 50; i++) {
		snprintf(line, sizeof(line), "port p%u net=lan", i);
		assert_int_equal(put(world, line), 2);
		assert_true(world->model.dirty.count <= 3);
	}
}

static void test_machine_port(void **state)
{
	struct world *world = *state;
	Weft__Object *object;
	struct ops ops;

	world->model.run_dir = "/run/lab";
	put(world, "net lan mode=nat subnet=10.77.0.0/24 dhcp=1 dns=lan.test mtu=9000");
	// The machine is known by the port's name.
	assert_int_equal(put(world, "port web attach=vhost net=lan vhost_path=web.vu"), 3);
	COUNTS(world, "bridge=1 port=1 vlan_member=1 vrf=1 interface=1 dhcp_scope=1 "
	              "dhcp_reservation=1 dns_zone=1");
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT, "port/web");
	assert_int_equal(object->port->type, WEFT__PORT_TYPE__PORT_VHOST);
	assert_string_equal(object->port->vhost_path, "/run/lab/web.vu");
	assert_false(object->port->vhost_server);
	assert_int_equal(object->port->queues, 8);
	assert_int_equal(object->port->mtu, 9000);
	assert_true(object->port->has_mac);
	assert_null(object->port->ifname);
	assert_null(object->port->netns);
	weft__object__free_unpacked(object, NULL);
	object = kit_object(world->desired, WEFT__KIND__KIND_DHCP_RESERVATION, "port/web");
	assert_string_equal(object->dhcp_reservation->hostname, "web");
	weft__object__free_unpacked(object, NULL);

	ops = change(world, "port web attach=vhost net=lan vhost_path=/srv/web.vu vhost_server=1 "
	                    "queues=2 mtu=1500 ip=10.77.0.9");
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT, "port/web");
	assert_string_equal(object->port->vhost_path, "/srv/web.vu");
	assert_true(object->port->vhost_server);
	assert_int_equal(object->port->queues, 2);
	assert_int_equal(object->port->mtu, 1500);
	weft__object__free_unpacked(object, NULL);
	// The port, its reservation and, as the address is known now, its name.
	assert_int_equal(ops.count, 3);
	ops_fini(&ops);

	assert_int_equal(put(world, "-port web"), 4);
}

static unsigned count_at(struct world *world, const char *host, Weft__Kind kind)
{
	return (unsigned)layout_at(&world->layout, host)->count[kind];
}

// A bridge wherever the net has a port; what there is once, at home. The counts are held to a fresh
// start's by put().
static void test_objects_lie_on_their_hosts(void **state)
{
	struct world *world = *state;

	put(world, "host a kind=remote");
	put(world, "host b kind=remote");
	put(world, "net lan mode=nat subnet=10.1.0.0/24 dhcp=1 dns=lan.test");
	put(world, "net vl vlan=20");
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_INTERFACE), 1);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_BRIDGE), 0);
	put(world, "port a1 attach=netdev ifname=e0 net=lan host=a ip=10.1.0.5 "
	           "mac=02:00:00:00:00:05");
	// Nothing of the router was on another host.
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_INTERFACE), 0);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_INTERFACE), 1);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_DHCP_RESERVATION), 1);
	put(world, "port b1 attach=netdev ifname=e0 net=lan host=b");
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_BRIDGE), 1);
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_INTERFACE), 0);
	// The uplink's host is the router's home.
	put(world, "net wan mode=external subnet=192.0.2.0/24 gateway=192.0.2.2 via=192.0.2.1");
	put(world, "port up attach=netdev ifname=e9 net=wan host=b");
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_INTERFACE), 2);
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_NAT_RULE), 1);
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_DHCP_RESERVATION), 1);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_INTERFACE), 0);
	// What the user says goes before.
	put(world, "router gw host=a");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_INTERFACE), 2);
	put(world, "router gw host=local");
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_INTERFACE), 2);
	put(world, "-router gw");
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_INTERFACE), 2);
}

static void test_vlans_and_rules_follow_ports(void **state)
{
	struct world *world = *state;

	put(world, "host a kind=remote");
	put(world, "net vl vlan=20");
	put(world, "net lan");
	put(world, "flow of-net match=net=lan actions=drop");
	put(world, "flow of-all actions=drop");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FLOW_RULE), 1);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_BRIDGE), 0);
	put(world, "port t1 attach=netdev ifname=e0 trunk=30 host=a");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_BRIDGE), 1);
	put(world, "port l1 attach=netdev ifname=e1 net=lan host=a");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FLOW_RULE), 2);
	put(world, "-port t1");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_BRIDGE), 1);
	put(world, "port v1 attach=netdev ifname=e2 net=vl host=a");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_BRIDGE), 2);
	put(world, "port v1 attach=netdev ifname=e2 net=vl");
	put(world, "-port l1");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_BRIDGE), 0);
	put(world, "host b kind=remote");
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_FLOW_RULE), 1);
}

static void test_nets_that_span_hosts_are_joined(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "host a kind=remote ip=192.0.2.1");
	put(world, "host b kind=remote ip=192.0.2.2");
	put(world, "net lan vni=77");
	put(world, "port a1 attach=netdev ifname=e0 net=lan host=a mac=02:00:00:00:00:0a");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_PORT), 1);
	put(world, "port b1 attach=netdev ifname=e0 net=lan host=b mac=02:00:00:00:00:0b");
	// A tunnel, and a peer.
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_PORT), 3);
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_PORT), 3);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_VLAN_MEMBER), 2);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FDB_ENTRY), 1);
	object = kit_object(layout_at(&world->layout, "a"), WEFT__KIND__KIND_FDB_ENTRY, "port/b1");
	assert_memory_equal(object->fdb_entry->mac.data, "\x02\0\0\0\0\x0b", 6);
	weft__object__free_unpacked(object, NULL);
	object = kit_object(layout_at(&world->layout, "a"), WEFT__KIND__KIND_PORT, "host/b");
	assert_memory_equal(object->port->peer->remote.data, "\xc0\0\x02\x02", 4);
	weft__object__free_unpacked(object, NULL);
	// One more port there costs one more place here.
	put(world, "port b2 attach=netdev ifname=e1 net=lan host=b mac=02:00:00:00:00:0c");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FDB_ENTRY), 2);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_PORT), 3);
	// A net with services is also where they are.
	put(world, "net svc mode=routed subnet=10.9.0.0/24 dhcp=1");
	put(world, "router gw host=a");
	put(world, "port b3 attach=netdev ifname=e2 net=svc host=b mac=02:00:00:00:00:0d");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_VLAN_MEMBER), 3);
	// The leg's MAC and, at home, that of the port.
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_FDB_ENTRY), 2);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FDB_ENTRY), 3);
	put(world, "-port b3");
	put(world, "host b kind=remote ip=192.0.2.3");
	object = kit_object(layout_at(&world->layout, "a"), WEFT__KIND__KIND_PORT, "host/b");
	assert_memory_equal(object->port->peer->remote.data, "\xc0\0\x02\x03", 4);
	weft__object__free_unpacked(object, NULL);
	put(world, "-port b1");
	put(world, "-port b2");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_PORT), 1);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FDB_ENTRY), 0);
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_PORT), 0);
}

static Weft__Object *peer_at(struct world *world, const char *host, const char *name)
{
	Weft__Object *object =
		kit_object(layout_at(&world->layout, host), WEFT__KIND__KIND_PORT, name);

	assert_non_null(object);
	assert_non_null(object->port->peer);
	return object;
}

static void test_hosts_watch_each_other(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "host a kind=remote ip=192.0.2.1");
	put(world, "host b kind=remote ip=192.0.2.2");
	put(world, "net lan mode=isolated");
	put(world, "port a1 attach=netdev ifname=e0 net=lan host=a mac=02:00:00:00:00:0a");
	put(world, "port b1 attach=netdev ifname=e0 net=lan host=b mac=02:00:00:00:00:0b");
	object = peer_at(world, "a", "host/b");
	assert_true(object->port->peer->bfd->multihop);
	assert_int_equal(object->port->peer->bfd->interval_ms, 1000);
	assert_false(object->port->peer->has_backup);
	weft__object__free_unpacked(object, NULL);
	// A second address of the other is reached from our first, by the same tunnel.
	put(world, "host b kind=remote ip=192.0.2.2 backup=198.51.100.2");
	object = peer_at(world, "a", "host/b");
	assert_int_equal(object->port->peer->bfd->interval_ms, 300);
	assert_memory_equal(object->port->peer->backup.data, "\xc6\x33\x64\x02", 4);
	assert_false(object->port->peer->has_backup_tunnel);
	weft__object__free_unpacked(object, NULL);
	// From there it is our first address once more, by a tunnel of its own.
	object = peer_at(world, "b", "host/a");
	assert_memory_equal(object->port->peer->backup.data, "\xc0\0\x02\x01", 4);
	assert_true(object->port->peer->has_backup_tunnel);
	weft__object__free_unpacked(object, NULL);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_PORT), 3);
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_PORT), 4);
	// Of another family there is no second way.
	put(world, "host b kind=remote ip=192.0.2.2 backup=2001:db8::2");
	object = peer_at(world, "a", "host/b");
	assert_false(object->port->peer->has_backup);
	weft__object__free_unpacked(object, NULL);
	// What either says counts for both, and of two words the more patient.
	put(world, "host b kind=remote ip=192.0.2.2 bfd_interval_us=100000 bfd_multiplier=4");
	for (unsigned i = 0; i < 2; i++) {
		object = peer_at(world, i ? "b" : "a", i ? "host/a" : "host/b");
		assert_int_equal(object->port->peer->bfd->interval_ms, 100);
		assert_int_equal(object->port->peer->bfd->multiplier, 4);
		weft__object__free_unpacked(object, NULL);
	}
	put(world, "host a kind=remote ip=192.0.2.1 bfd_interval_us=200000");
	object = peer_at(world, "b", "host/a");
	assert_int_equal(object->port->peer->bfd->interval_ms, 200);
	assert_int_equal(object->port->peer->bfd->multiplier, 4);
	weft__object__free_unpacked(object, NULL);
	kit_refused(&world->model, "host b kind=remote ip=192.0.2.2 bfd_interval_us=9000", -ERANGE,
	            "bfd_interval_us", "10 to 60000");
	kit_refused(&world->model, "host b kind=remote ip=192.0.2.2 bfd_multiplier=256", -ERANGE,
	            "bfd_multiplier", "1 to 255");
	put(world, "host a kind=remote ip=192.0.2.1");
	put(world, "host b kind=remote ip=192.0.2.2 bfd_off=1");
	for (int i = 0; i < 2; i++) {
		object = i ? peer_at(world, "b", "host/a") : peer_at(world, "a", "host/b");
		assert_null(object->port->peer->bfd);
		weft__object__free_unpacked(object, NULL);
	}
}

static Weft__Object *address_at(struct world *world, const char *host, const char *name)
{
	Weft__Object *object =
		kit_object(layout_at(&world->layout, host), WEFT__KIND__KIND_ADDRESS, name);

	assert_non_null(object);
	return object;
}

// One that one object alone tells of: whose it is, and behind which port.
static void check_address(struct world *world, const char *host, const char *name, const char *ip,
                          uint64_t port, bool router)
{
	Weft__Object *object = address_at(world, host, name);
	struct ip_addr wanted;

	assert_int_equal(ip_parse(ip, &wanted), 0);
	assert_int_equal(object->address->ip.len, 4);
	assert_memory_equal(object->address->ip.data, wanted.b + 12, 4);
	assert_int_equal(object->address->port, port);
	assert_int_equal(object->address->router, router);
	weft__object__free_unpacked(object, NULL);
}

static void test_addresses_are_told_where_nets_span(void **state)
{
	struct world *world = *state;

	put(world, "host a kind=remote ip=192.0.2.1");
	put(world, "host b kind=remote ip=192.0.2.2");
	put(world, "net lan subnet=10.1.0.0/24");
	put(world,
	    "port a1 attach=netdev ifname=e0 net=lan host=a mac=02:00:00:00:00:0a ip=10.1.0.10");
	// Nobody has to be asked elsewhere.
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 0);
	put(world,
	    "port b1 attach=netdev ifname=e0 net=lan host=b mac=02:00:00:00:00:0b ip=10.1.0.11");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 2);
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_ADDRESS), 2);
	check_address(world, "a", "port/b1", "10.1.0.11", derive_mesh_peer_id("b"), false);
	check_address(world, "b", "port/b1", "10.1.0.11", derive_port_id("b1"), false);
	// One more address is one more object on each, and so is another in its place.
	layout_forget_collected(&world->layout);
	put(world, "port b1 attach=netdev ifname=e0 net=lan host=b mac=02:00:00:00:00:0b "
	           "ip=10.1.0.12");
	assert_int_equal(layout_at(&world->layout, "a")->ops.count, 2);
	check_address(world, "a", "port/b1", "10.1.0.12", derive_mesh_peer_id("b"), false);
	// Of whom nothing is known nothing is told; who is down has none.
	put(world, "port b2 attach=netdev ifname=e1 net=lan host=b");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 2);
	put(world, "port b1 attach=netdev ifname=e0 net=lan host=b mac=02:00:00:00:00:0b "
	           "ip=10.1.0.12 down=1");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 1);
	put(world, "-port b1");
	put(world, "-port b2");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 0);
}

static void test_legs_and_guests_have_addresses(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "host a kind=remote ip=192.0.2.1");
	put(world, "host b kind=remote ip=192.0.2.2");
	put(world, "router gw host=a");
	put(world, "net svc mode=routed subnet=10.9.0.0/24 dhcp=1");
	put(world, "port b1 attach=netdev ifname=e0 net=svc host=b");
	// The leg's address and, should anybody use it, no more.
	check_address(world, "b", "net/svc", "10.9.0.1", derive_mesh_peer_id("a"), true);
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_ADDRESS), 1);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 0);
	put(world, "net svc mode=routed subnet=10.9.0.0/24 subnet6=fd09::/64 dhcp=1");
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_ADDRESS), 3);
	// What a kernel of ours makes of MAC and prefix, and how the leg is reached on the link.
	put(world, "host local ip=192.0.2.3");
	put(world, "guest g");
	put(world, "port g attach=tap guest=g net=svc mac=02:00:00:00:00:0c");
	assert_int_equal(count_at(world, "b", WEFT__KIND__KIND_ADDRESS), 5);
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_ADDRESS), 5);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 2);
	object = address_at(world, "a", "port/g");
	assert_int_equal(object->address->ip.len, 16);
	assert_memory_equal(object->address->ip.data + 8, "\0\0\0\xff\xfe\0\0\x0c", 8);
	weft__object__free_unpacked(object, NULL);
}

// How the member is that takes the net from one host to the other.
static Weft__Object *way_to(struct world *world, const char *host, const char *other,
                            const char *net)
{
	char key[64];
	const struct object *object;
	Weft__Object *message;

	snprintf(key, sizeof(key), "mesh/%s/net/%s", other, net);
	object = desired_get(layout_at(&world->layout, host),
	                     ident(WEFT__KIND__KIND_VLAN_MEMBER, key));
	assert_non_null(object);
	message = weft__object__unpack(NULL, object->len, object->packed);
	assert_non_null(message);
	return message;
}

static void check_way(struct world *world, const char *host, const char *other,
                      Weft__FloodPolicy flood, bool learn)
{
	Weft__Object *message = way_to(world, host, other, "lan");

	assert_int_equal(message->vlan_member->flood, flood);
	assert_int_equal(message->vlan_member->learn_off, !learn);
	weft__object__free_unpacked(message, NULL);
}

static void test_unknown_macs_go_where_they_may_be(void **state)
{
	struct world *world = *state;
	const Weft__FloodPolicy all = WEFT__FLOOD_POLICY__FLOOD_ALL,
				groups = WEFT__FLOOD_POLICY__FLOOD_GROUPS;

	put(world, "host a kind=remote ip=192.0.2.1");
	put(world, "host b kind=remote ip=192.0.2.2");
	put(world, "net lan");
	put(world, "port a1 attach=netdev ifname=e0 net=lan host=a mac=02:00:00:00:00:0a");
	put(world, "port b1 attach=netdev ifname=e0 net=lan host=b mac=02:00:00:00:00:0b");
	check_way(world, "a", "b", groups, true);
	check_way(world, "b", "a", groups, true);
	// Behind b2 is anybody; one more changes nothing for others.
	put(world, "port b2 attach=netdev ifname=e1 net=lan host=b");
	check_way(world, "a", "b", all, true);
	check_way(world, "b", "a", groups, true);
	layout_forget_collected(&world->layout);
	put(world, "port b3 attach=netdev ifname=e2 net=lan host=b");
	assert_int_equal(layout_at(&world->layout, "a")->ops.count, 0);
	put(world, "-port b2");
	check_way(world, "a", "b", all, true);
	put(world, "port b3 attach=netdev ifname=e2 net=lan host=b mac=02:00:00:00:00:0c");
	check_way(world, "a", "b", groups, true);

	put(world, "net lan unknown=flood");
	check_way(world, "a", "b", all, true);
	// Nothing is looked for, so all that is known is told, here too.
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FDB_ENTRY), 2);
	put(world, "net lan unknown=drop");
	check_way(world, "a", "b", groups, false);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FDB_ENTRY), 3);
	put(world, "port b2 attach=netdev ifname=e1 net=lan host=b");
	check_way(world, "a", "b", groups, true);
	put(world, "net lan");
	check_way(world, "a", "b", all, true);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_FDB_ENTRY), 2);
}

// How a frame for an unknown MAC reaches the members of a port, and how many MACs are told.
static void check_trunk(struct world *world, unsigned quiet, unsigned places)
{
	const struct desired *desired = layout_at(&world->layout, "local");
	const struct object *object;
	size_t cursor = 0;
	unsigned found = 0;

	while ((object = table_next(&desired->objects, &cursor, NULL, NULL))) {
		Weft__Object *message;

		if (object->kind != WEFT__KIND__KIND_VLAN_MEMBER ||
		    strcmp(object->name, "port/t") != 0)
			continue;
		message = weft__object__unpack(NULL, object->len, object->packed);
		found += message->vlan_member->flood == WEFT__FLOOD_POLICY__FLOOD_GROUPS;
		weft__object__free_unpacked(message, NULL);
	}
	assert_int_equal(found, quiet);
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_FDB_ENTRY), places);
}

// A trunk does as the net of each of its VLANs says, whichever came first.
static void test_unknown_macs_of_vlans(void **state)
{
	struct world *world = *state;

	put(world, "port t attach=netdev ifname=e0 trunk=10 trunk=20 mac=02:00:00:00:00:0a");
	put(world, "net v10 vlan=10");
	put(world, "port a attach=netdev ifname=e1 net=v10 mac=02:00:00:00:00:0b");
	check_trunk(world, 0, 0);
	put(world, "net v10 vlan=10 unknown=drop");
	check_trunk(world, 1, 2);
	put(world, "net v20 vlan=20 unknown=drop");
	check_trunk(world, 2, 3);
	put(world, "net v10 vlan=30 unknown=drop");
	check_trunk(world, 1, 2);
	put(world, "-net v20");
	check_trunk(world, 0, 1);
	put(world, "net v10 vlan=10 unknown=drop");
	check_trunk(world, 1, 2);
	put(world, "net v10 vlan=10");
	check_trunk(world, 0, 0);
}

// Of all members of ports on the host, those of guests that are spared what is for routers.
static unsigned snooped_at(struct world *world, const char *port)
{
	char key[64];
	const struct object *object;
	Weft__Object *message;
	bool snooped;

	snprintf(key, sizeof(key), "%s/untagged", port);
	object = desired_get(layout_at(&world->layout, "local"),
	                     ident(WEFT__KIND__KIND_VLAN_MEMBER, key));
	assert_non_null(object);
	message = weft__object__unpack(NULL, object->len, object->packed);
	assert_non_null(message);
	snooped = message->vlan_member->snooped;
	weft__object__free_unpacked(message, NULL);
	return snooped;
}

static void test_guests_are_spared_what_is_for_routers(void **state)
{
	struct world *world = *state;

	put(world, "net lan");
	put(world, "guest g");
	put(world, "port g attach=tap guest=g net=lan");
	put(world, "port vm attach=vhost vhost_path=vm.vu net=lan");
	put(world, "port up attach=netdev ifname=e0 net=lan");
	put(world, "port tap attach=tap net=lan");
	assert_true(snooped_at(world, "port/g"));
	assert_true(snooped_at(world, "port/vm"));
	assert_false(snooped_at(world, "port/up"));
	assert_false(snooped_at(world, "port/tap"));
	put(world, "net lan snooping=0");
	assert_false(snooped_at(world, "port/g"));
	assert_false(snooped_at(world, "port/vm"));
	put(world, "net lan snooping=1");
	assert_true(snooped_at(world, "port/g"));
	// Behind a trunk may be a switch, and at the ends of a wire is one port each.
	put(world, "net v10 vlan=10");
	put(world, "port g attach=tap guest=g net=v10 trunk=20");
	assert_false(snooped_at(world, "port/g"));
}

static void test_leases_move_addresses(void **state)
{
	struct world *world = *state;
	struct leases leases = {0};
	struct lease_row row = {.mac = {{2, 0, 0, 0, 0, 0x0b}}, .expires = 1};
	struct table keys = {0};
	struct refusal refusal = {0};
	struct {
		uint64_t scope;
		uint8_t mac[8];
	} key = {.mac = {2, 0, 0, 0, 0, 0x0b}};

	put(world, "host a kind=remote ip=192.0.2.1");
	put(world, "host b kind=remote ip=192.0.2.2");
	put(world, "router gw host=a");
	put(world, "net svc mode=routed subnet=10.9.0.0/24 dhcp=1");
	put(world, "port b1 attach=netdev ifname=e0 net=svc host=b mac=02:00:00:00:00:0b");
	put(world, "port b2 attach=netdev ifname=e1 net=svc host=b");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 0);

	layout_forget_collected(&world->layout);
	world->model.leases = &leases;
	row.scope = key.scope = derive_scope_id("svc");
	assert_int_equal(ip_parse("10.9.0.77", &row.ip), 0);
	assert_int_equal(table_put(&leases.rows, &key, sizeof(key), &row, NULL), 0);
	assert_int_equal(table_put_text(&keys, "port/b1", &keys), 0);
	assert_int_equal(derive_units(&world->model, &world->layout, &keys, &refusal), 0);
	// To the hosts of the net, and one object to each.
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(layout_collected(&world->layout, i)->ops.count, 1);
	assert_null(layout_collected(&world->layout, 2));
	check_address(world, "a", "port/b1", "10.9.0.77", derive_mesh_peer_id("b"), false);
	check_fresh(world);
	layout_forget_collected(&world->layout);
	// Nothing new, nothing to tell.
	assert_int_equal(derive_units(&world->model, &world->layout, &keys, &refusal), 0);
	assert_null(layout_collected(&world->layout, 0));

	table_remove(&leases.rows, &key, sizeof(key));
	assert_int_equal(derive_units(&world->model, &world->layout, &keys, &refusal), 0);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_ADDRESS), 0);
	layout_forget_collected(&world->layout);
	table_fini(&leases.rows);
	table_fini(&keys);
}

static void test_tunnels_by_hand_take_nets_to_peers(void **state)
{
	struct world *world = *state;
	Weft__Object *object;

	put(world, "tunnel t type=vxlan local=192.0.2.1");
	put(world, "peer p1 tunnel=t remote=192.0.2.2");
	put(world, "peer p2 tunnel=t remote=192.0.2.3 learn_off=1");
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_PORT), 3);
	put(world, "net lan vni=7 tunnel=t");
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_VLAN_MEMBER), 2);
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT, "peer/p2");
	assert_true(object->port->peer && !object->port->peer->learn);
	weft__object__free_unpacked(object, NULL);
	put(world, "net lan vni=8 tunnel=t");
	object = kit_object(world->desired, WEFT__KIND__KIND_VLAN_MEMBER, "peer/p1");
	assert_int_equal(object->vlan_member->vni, 8);
	weft__object__free_unpacked(object, NULL);
	put(world, "-peer p1");
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_VLAN_MEMBER), 1);
	put(world, "net lan");
	assert_int_equal(count_at(world, "local", WEFT__KIND__KIND_VLAN_MEMBER), 0);
	put(world, "tunnel v type=geneve local=192.0.2.1 port=7000 options=0x0102:0x83:aabbccdd");
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT, "tunnel/v");
	assert_int_equal(object->port->tunnel->options.len, 8);
	assert_memory_equal(object->port->tunnel->options.data, "\x01\x02\x83\x01\xaa\xbb\xcc\xdd",
	                    8);
	weft__object__free_unpacked(object, NULL);
	object = kit_object(world->desired, WEFT__KIND__KIND_PORT, "tunnel/t");
	assert_false(object->port->tunnel->has_options);
	weft__object__free_unpacked(object, NULL);
	// On another host, where the net is only once it has a port there.
	put(world, "host a kind=remote");
	put(world, "tunnel u type=gre local=192.0.2.1 host=a");
	put(world, "peer q tunnel=u remote=192.0.2.9");
	put(world, "net far vni=9 tunnel=u");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_PORT), 2);
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_VLAN_MEMBER), 0);
	put(world, "port x attach=netdev ifname=e0 net=far host=a");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_VLAN_MEMBER), 2);
}

// A tunnel has a member in each net that is on its host, so it follows where nets are.
static void test_tunnel_follows_its_nets(void **state)
{
	struct world *world = *state;

	put(world, "host a kind=remote");
	put(world, "tunnel t type=vxlan local=192.0.2.1 host=a");
	put(world, "peer p tunnel=t remote=192.0.2.9");
	put(world, "net lan tunnel=t vni=100");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_VLAN_MEMBER), 0);
	put(world, "port l1 attach=netdev ifname=e0 net=lan");
	put(world, "port a1 attach=netdev ifname=e0 net=lan host=a");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_VLAN_MEMBER), 2);
	put(world, "-port a1");
	assert_int_equal(count_at(world, "a", WEFT__KIND__KIND_VLAN_MEMBER), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_isolated_net_is_a_bridge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nat_net, setup, teardown),
		cmocka_unit_test_setup_teardown(test_external_net_brings_nat_and_default_routes,
	                                        setup, teardown),
		cmocka_unit_test_setup_teardown(test_isolated_net_with_services_has_its_own_table,
	                                        setup, teardown),
		cmocka_unit_test_setup_teardown(test_guest_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vlans_share_a_bridge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forward_follows_the_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forward_in_both_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_machine_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_port_of_many_costs_one_port, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_objects_lie_on_their_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vlans_and_rules_follow_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tunnel_follows_its_nets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nets_that_span_hosts_are_joined, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_hosts_watch_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses_are_told_where_nets_span, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_legs_and_guests_have_addresses, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_guests_are_spared_what_is_for_routers, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_unknown_macs_of_vlans, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_macs_go_where_they_may_be, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_leases_move_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tunnels_by_hand_take_nets_to_peers, setup,
	                                        teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
