// SPDX-License-Identifier: BSD-3-Clause
//
// test_model: what the model takes, what it refuses, and how it says so.

#include "controller/model_host.h"
#include "controller/model_vhost.h"
#include "tests/unit/controller/kit.h"

#include <errno.h>

static int setup(void **state)
{
	struct model *model = malloc(sizeof(*model));

	model_init(model, &kit_instance);
	kit_put(model, "net lan mode=nat subnet=10.77.0.0/24 dhcp=1 dns=lan.test");
	kit_put(model, "guest h1");
	kit_put(model, "port h1 net=lan guest=h1 ip=10.77.0.10");
	*state = model;
	return 0;
}

static int teardown(void **state)
{
	model_fini(*state);
	free(*state);
	return 0;
}

static void check_hint(struct model *model, const char *line, const char *words)
{
	struct refusal refusal = {0};

	assert_true(kit_batch(model, &refusal, line, NULL) < 0);
	model_rollback(model);
	assert_non_null(strstr(refusal.fail.hint, words));
}

static void test_fills_in_and_canonicalises(void **state)
{
	const struct intent *net = model_get(*state, NOUN_NET, "lan");
	const struct intent *port = model_get(*state, NOUN_PORT, "h1");
	struct mac mac;

	assert_int_equal(strncmp(net->msg->net->subnet6, "fd", 2), 0);
	assert_string_equal(port->msg->port->ifname, "eth0");
	assert_int_equal(mac_parse(port->msg->port->mac, &mac), 0);
	assert_true(mac_is_local(mac));
	kit_put(*state, "net x mode=routed subnet=10.9.0.77/16 gateway=10.9.1.1 router=gw");
	assert_string_equal(model_get(*state, NOUN_NET, "x")->msg->net->subnet, "10.9.0.0/16");
	assert_null(model_get(*state, NOUN_NET, "x")->msg->net->subnet6);
}

static void test_subnets(void **state)
{
	kit_refused(*state, "net b mode=nat subnet=10.77.0.128/25", -EEXIST, "subnet",
	            "10.77.0.128/25 overlaps 10.77.0.0/24 of net 'lan'");
	// Another router, or none, may have the same addresses.
	kit_put(*state, "router r2");
	kit_put(*state, "net b mode=nat subnet=10.77.0.128/25 router=r2");
	kit_put(*state, "net c mode=isolated subnet=10.77.0.0/24 dhcp=1");
	kit_refused(*state, "net d mode=nat subnet=10.1.0.0", -EINVAL, "subnet", "10.1.0.0");
	kit_refused(*state, "net d mode=nat subnet=10.1.0.0/31", -EINVAL, "subnet", "length");
	kit_refused(*state, "net d mode=nat", -EINVAL, "subnet", "needs a subnet");
	kit_put(*state, "net six mode=nat subnet6=fd00:9::/64");
	assert_null(model_get(*state, NOUN_NET, "six")->msg->net->subnet);
	kit_put(*state, "net own mode=nat subnet6=auto");
	assert_int_equal(strncmp(model_get(*state, NOUN_NET, "own")->msg->net->subnet6, "fd", 2),
	                 0);
	kit_refused(*state, "net dhcp mode=nat subnet6=fd00:8::/64 dhcp=1", -EINVAL, "subnet",
	            "DHCP needs a subnet");
	kit_refused(*state, "net d mode=routed subnet=10.1.0.0/24 subnet6=fd00::/48", -EINVAL,
	            "subnet6", "not a /64");
	kit_refused(*state, "net d mode=routed subnet=10.1.0.0/24 gateway=10.2.0.1", -EINVAL,
	            "gateway", "outside the subnet 10.1.0.0/24");
	kit_refused(*state, "net d mode=routed subnet=10.1.0.0/24 gateway=10.1.0.255", -EINVAL,
	            "gateway", "first or last");
	kit_refused(*state, "net d mode=routed subnet=10.1.0.0/24 router=r9", -ENOENT, "router",
	            "there is no router 'r9'");
}

static void test_pools(void **state)
{
	kit_refused(*state, "net d mode=nat subnet=10.1.0.0/24 pool=10.1.0.9", -EINVAL, "pool",
	            "not a range");
	kit_refused(*state, "net d mode=nat subnet=10.1.0.0/24 pool=10.1.0.9-10.1.0.5", -EINVAL,
	            "pool", "ends before it begins");
	kit_refused(*state, "net d mode=nat subnet=10.1.0.0/24 pool=10.1.0.9-10.2.0.5", -EINVAL,
	            "pool", "10.2.0.5 is outside");
	kit_refused(*state, "net d mode=nat subnet=10.1.0.0/24 pool=10.1.0.1-10.1.0.5", -EINVAL,
	            "pool", "holds the gateway 10.1.0.1");
	kit_refused(*state, "net d dhcp=1", -EINVAL, "subnet", "DHCP needs a subnet");
}

static void test_vlans(void **state)
{
	kit_refused(*state, "net v vlan=0", -EINVAL, "vlan", "the VLAN 0 is not");
	kit_refused(*state, "net v vlan=4095", -EINVAL, "vlan", "the VLAN 4095 is not");
	kit_put(*state, "net v vlan=20");
	kit_refused(*state, "net w vlan=20", -EEXIST, "vlan", "already that of net/v");
	kit_refused(*state, "port t trunk=20 trunk=4095", -EINVAL, "trunk", "4095");
	kit_refused(*state, "port t trunk=20 trunk=20", -EINVAL, "trunk", "20 is given twice");
	kit_refused(*state, "port t trunk=20 native=20", -EINVAL, "trunk", "given twice");
	kit_refused(*state, "port t native=0", -EINVAL, "native", "VLAN 0");
	kit_refused(*state, "port t net=lan native=5", -EINVAL, "native", "untagged");
	kit_put(*state, "port t trunk=20 trunk=30 native=5");
}

static void test_options_of_tunnels(void **state)
{
	const struct intent *tunnel;

	kit_refused(*state, "tunnel t local=192.0.2.1 options=1:2:", -EINVAL, "options",
	            "only Geneve has options, and this is VXLAN");
	kit_refused(*state, "tunnel t type=gre local=192.0.2.1 options=1:2:", -EINVAL, "options",
	            "this is GRE");
	kit_refused(*state, "tunnel t type=geneve local=192.0.2.1 options=1:2:aa", -EINVAL,
	            "options", "multiples of 4");
	kit_refused(*state,
	            "tunnel t type=geneve local=192.0.2.1 options=1:2: options=0x1:0x2:", -EEXIST,
	            "options", "two options");
	kit_put(*state,
	        "tunnel t type=geneve local=192.0.2.1 options=258:0x83:AABBCCDD options=2:3:");
	tunnel = model_get(*state, NOUN_TUNNEL, "t");
	assert_int_equal(tunnel->msg->tunnel->n_options, 2);
	assert_string_equal(tunnel->msg->tunnel->options[0], "0x0102:0x83:aabbccdd");
}

static void test_ports(void **state)
{
	const struct intent *h1 = model_get(*state, NOUN_PORT, "h1");
	char line[200];

	kit_refused(*state, "port p net=lam", -ENOENT, "net", "there is no net 'lam'");
	kit_refused(*state, "port p net=lan guest=h9", -ENOENT, "guest", "no guest 'h9'");
	kit_refused(*state, "port p net=lan ip=10.77.1.5", -EINVAL, "ip",
	            "10.77.1.5 is outside the subnet 10.77.0.0/24 of net 'lan'");
	kit_refused(*state, "port p net=lan ip=10.77.0.10", -EEXIST, "ip", "that of port/h1");
	kit_refused(*state, "port p net=lan ip=10.77.0.1", -EEXIST, "ip", "that of net/lan");
	kit_refused(*state, "port p net=lan ip=10.77.0.0", -EINVAL, "ip", "first or last");
	kit_refused(*state, "port p net=lan mac=01:00:00:00:00:01", -EINVAL, "mac", "not one");
	kit_refused(*state, "port p net=lan mac=02:zz", -EINVAL, "mac", "not a MAC");
	snprintf(line, sizeof(line), "port p net=lan mac=%s", h1->msg->port->mac);
	kit_refused(*state, line, -EEXIST, "mac", "is already that of port/h1");
	kit_refused(*state, "port p attach=netdev net=lan", -EINVAL, "ifname", "which interface");
	kit_refused(*state, "port p attach=netdev ifname=averyveryverylongname", -EINVAL, "ifname",
	            "cannot be the name");
	kit_refused(*state, "port p attach=netdev net=lan ifname=lo", -EINVAL, "ifname",
	            "loopback");
	kit_refused(*state, "port averyveryverylongname net=lan", -ENAMETOOLONG, "ifname", "15");
	kit_refused(*state, "port p guest=h1 ifname=eth0", -EEXIST, "ifname", "port/h1");
	kit_put(*state, "port p guest=h1");
	assert_string_equal(model_get(*state, NOUN_PORT, "p")->msg->port->ifname, "eth1");
}

#define NAME63 "a23456789012345678901234567890123456789012345678901234567890123"

static void test_machines(void **state)
{
	struct model *model = *state;
	char socket[VHOST_PATH_SIZE];
	const struct intent *web;

	model->run_dir = "/run/lab";
	kit_put(model, "port web attach=vhost net=lan vhost_path=web.vu");
	web = model_get(model, NOUN_PORT, "web");
	assert_null(web->msg->port->ifname);
	assert_non_null(web->msg->port->mac);
	assert_string_equal(model_vhost_socket(model, web->msg->port, socket), "/run/lab/web.vu");
	assert_string_equal(model_vhost_hostname(web), "web");
	// It moves with the instance.
	model->run_dir = NULL;
	assert_string_equal(model_vhost_socket(model, web->msg->port, socket), "/run/weft/web.vu");
	model->run_dir = "/run/lab";

	kit_put(model,
	        "port a_b attach=vhost net=lan vhost_path=//srv//vm/a.vu mtu=9000 queues=16");
	web = model_get(model, NOUN_PORT, "a_b");
	assert_string_equal(model_vhost_socket(model, web->msg->port, socket), "/srv/vm/a.vu");
	assert_null(model_vhost_hostname(web));

	kit_refused(model, "port p attach=vhost net=lan", -EINVAL, "vhost_path", "which socket");
	kit_refused(model, "port p attach=vhost net=lan vhost_path=vm/p.vu", -EINVAL, "vhost_path",
	            "'vm/p.vu' is neither a name nor a path from the root");
	kit_refused(model, "port p attach=vhost net=lan vhost_path=/srv/vm/", -EISDIR, "vhost_path",
	            "'/srv/vm/' names a directory");
	kit_refused(model, "port p attach=vhost net=lan vhost_path=..", -EISDIR, "vhost_path",
	            "names a directory");
	kit_refused(model, "port p attach=vhost net=lan vhost_path=controller.sock", -EEXIST,
	            "vhost_path", "the instance itself needs");
	// 107 bytes are a socket's name, 108 are not.
	kit_put(model,
	        "port p attach=vhost net=lan vhost_path=/12345678901234567890123456789012345678901"
	        "2/" NAME63);
	kit_refused(
		model,
		"port q attach=vhost net=lan vhost_path=/12345678901234567890123456789012345678901"
		"23/" NAME63,
		-ENAMETOOLONG, "vhost_path", "more than the 107 bytes");
	kit_refused(model, "port q attach=vhost net=lan vhost_path=/run/lab/web.vu", -EEXIST,
	            "vhost_path", "the socket /run/lab/web.vu is already that of port/web");
	kit_refused(model, "port q attach=vhost net=lan vhost_path=/srv//vm//a.vu", -EEXIST,
	            "vhost_path", "that of port/a_b");

	kit_refused(model, "port q attach=vhost net=lan vhost_path=q.vu ifname=eth0", -EINVAL,
	            "ifname", "has no interface");
	kit_refused(model, "port q attach=vhost net=lan vhost_path=q.vu guest=h1", -EINVAL, "guest",
	            "has no network namespace");
	kit_refused(model, "port q attach=vhost net=lan vhost_path=q.vu pcap_write=/x", -EINVAL,
	            "pcap_read", "has no capture");
	kit_refused(model, "port q attach=vhost net=lan vhost_path=q.vu queues=17", -EINVAL,
	            "queues", "17 queue pairs are outside 1 to 16");
	kit_refused(model, "port q attach=vhost net=lan vhost_path=q.vu mtu=9001", -EINVAL, "mtu",
	            "9001 is more than 9000");
	kit_put(model, "net large mtu=20000");
	kit_refused(model, "port q attach=vhost net=large vhost_path=q.vu", -EINVAL, "mtu",
	            "the MTU 20000 of net 'large'");
	kit_put(model, "port q attach=vhost net=large vhost_path=q.vu mtu=1500");
	kit_refused(model, "port t net=lan vhost_path=t.vu", -EINVAL, "vhost_path",
	            "not a port of a virtual machine");
	kit_refused(model, "port t net=lan vhost_server=1", -EINVAL, "vhost_path",
	            "not a port of a virtual machine");
}

// Frames of the net would have to go in packets that are frames of the net.
static void test_a_net_is_not_carried_by_itself(void **state)
{
	struct model *model = *state;
	struct refusal refusal = {0};

	assert_int_equal(kit_batch(model, &refusal, "net core subnet=192.0.2.0/24",
	                           "net far subnet=10.9.0.0/24", "guest east kind=host",
	                           "host east kind=ns", "port east guest=east net=core", NULL),
	                 0);
	model_commit(model);
	assert_true(model_host_hangs_in(model, "east", "core"));
	assert_false(model_host_hangs_in(model, "east", "far"));
	kit_refused(model, "port x net=core host=east", -ELOOP, "host",
	            "host 'east' is reached through net 'core'");
	kit_put(model, "port x net=core");
	kit_put(model, "port y net=far host=east");
	kit_refused(model, "port east guest=east net=far", -ELOOP, "net",
	            "net 'far' has ports on host 'east'");
	kit_refused(model, "port east2 guest=east net=far", -ELOOP, "net",
	            "net 'far' has ports on host 'east'");
}

static void test_mtu(void **state)
{
	struct model *model = *state;

	kit_put(model, "net narrow mtu=1400");
	kit_put(model, "port one net=narrow mtu=1400");
	kit_refused(model, "port two net=narrow mtu=1401", -EMSGSIZE, "mtu",
	            "net 'narrow' carries packets of 1400 bytes, not the 1401");
	kit_refused(model, "net narrow mtu=1399", -EMSGSIZE, "mtu",
	            "port 'one' in it has an MTU of 1400");
	kit_put(model, "net narrow mtu=9000");
	kit_put(model, "port two net=narrow mtu=9000");

	// IPv6 needs room; where it comes by itself, it stays away.
	kit_refused(model, "net six mode=isolated subnet6=2001:db8::/64 mtu=1279", -EMSGSIZE, "mtu",
	            "IPv6 needs packets of 1280 bytes");
	kit_put(model, "net six mode=isolated subnet6=2001:db8::/64 mtu=1280");
	kit_put(model, "net four mode=nat subnet=10.9.0.0/24 mtu=1279");
	assert_null(model_get(model, NOUN_NET, "four")->msg->net->subnet6);
}

static void test_external(void **state)
{
	kit_refused(*state, "net wan mode=external subnet=203.0.113.0/24 via=203.0.113.1", -EINVAL,
	            "gateway", "own address");
	kit_refused(*state,
	            "net wan mode=external subnet=203.0.113.0/24 gateway=203.0.113.2 via=10.0.0.1",
	            -EINVAL, "via", "10.0.0.1 is not in the net's own subnet");
	kit_put(*state,
	        "net wan mode=external subnet=203.0.113.0/24 gateway=203.0.113.2 via=203.0.113.1");
	kit_refused(*state,
	            "net wan2 mode=external subnet=192.0.2.0/24 gateway=192.0.2.2 via=192.0.2.1",
	            -EEXIST, "via", "already leads to net 'wan'");
	kit_refused(*state, "net x mode=routed subnet=10.8.0.0/24 via=10.8.0.2", -EINVAL, "via",
	            "only an external net");
}

static void test_forwards_and_routes(void **state)
{
	kit_put(*state, "forward f net=lan outside_port=8080 guest=h1 inside_port=80");
	kit_refused(*state, "forward g net=lan outside_port=8080 guest=h1", -EEXIST, "outside_port",
	            "that of forward/f");
	kit_put(*state, "forward g net=lan protocol=udp outside_port=8080 guest=h1");
	kit_refused(*state, "forward h net=lan outside_port=0 guest=h1", -EINVAL, "outside_port",
	            "outside 1 to 65535");
	kit_refused(*state, "forward h net=lan outside_port=1 guest=h2", -ENOENT, "guest",
	            "no guest 'h2'");
	kit_refused(*state, "forward h net=lan outside_port=1 protocol=sctp guest=h1", -EINVAL,
	            "protocol", "sctp");
	kit_refused(*state, "forward h net=lan outside_port=1", -EINVAL, "guest", "needs a guest");
	kit_put(*state, "net pub mode=routed subnet=10.200.0.0/24");
	kit_refused(*state, "forward h net=pub outside_port=1 inside=10.200.0.9", -EINVAL, "net",
	            "not behind NAT");
	kit_refused(*state, "forward h net=lan outside_port=1 inside=10.77.0.9 outside=2001:db8::1",
	            -EAFNOSUPPORT, "outside", "the other family");
	kit_refused(*state, "forward h net=lan outside_port=1 inside=10.9.0.1", -EINVAL, "inside",
	            "outside the subnet");
	kit_put(*state, "guest h2");
	kit_put(*state, "port h2 net=lan guest=h2");
	kit_refused(*state, "forward h net=lan outside_port=1 guest=h2", -EINVAL, "guest",
	            "may change");
	kit_refused(*state, "route r prefix=10.0.0.0/8 via=192.0.2.1", -EHOSTUNREACH, "via",
	            "in no net of router 'gw'");
	kit_put(*state, "net shut subnet=10.88.0.0/24");
	kit_refused(*state, "route r prefix=10.0.0.0/8 via=10.88.0.9", -EHOSTUNREACH, "via",
	            "in no net of router 'gw'");
	check_hint(*state, "route r prefix=10.0.0.0/8 via=10.88.0.9", "net 'shut' is isolated");
	kit_put(*state, "route r prefix=10.0.0.0/8 via=10.77.0.10");
	kit_refused(*state, "route s prefix=10.0.0.0/8 blackhole=1", -EEXIST, "prefix",
	            "that of route/r");
	kit_refused(*state, "route s prefix=10.1.0.0/16", -EINVAL, "via", "blackhole");
}

static void test_tunnels_of_one_address(void **state)
{
	kit_put(*state, "tunnel v local=192.0.2.1");
	kit_put(*state, "tunnel w local=192.0.2.1 port=4790");
	kit_refused(*state, "tunnel r local=192.0.2.1 port=4790", -EEXIST, "local",
	            "the tunnel's address 192.0.2.1 with port 4790 is already that of tunnel/w");
	check_hint(*state, "tunnel r local=192.0.2.1", "another --port");
	kit_put(*state, "tunnel g type=gre local=192.0.2.1");
	kit_refused(*state, "tunnel h type=gre local=192.0.2.1", -EEXIST, "local",
	            "the tunnel's address 192.0.2.1 for GRE is already that of tunnel/g");
}

static void test_services(void **state)
{
	kit_put(*state, "net plain");
	kit_refused(*state, "lease l net=plain mac=02:00:00:00:00:01", -EINVAL, "net",
	            "does not serve DHCP");
	kit_refused(*state, "lease l net=lan mac=02:00:00:00:00:01 ip=10.77.0.10", -EEXIST, "ip",
	            "that of port/h1");
	kit_put(*state, "lease l net=lan mac=02:00:00:00:00:01 ip=10.77.0.11 hostname=printer");
	kit_refused(*state, "lease m net=lan mac=02-00-00-00-00-01", -EEXIST, "mac", "lease/l");
	kit_refused(*state, "dns d net=plain host=a ip=10.77.0.5", -EINVAL, "net",
	            "does not serve DNS");
	kit_refused(*state, "dns d net=lan host=a..b ip=10.77.0.5", -EINVAL, "host", "a..b");
	kit_refused(*state, "net e mode=nat subnet=10.4.0.0/24 dns=-x.test", -EINVAL, "dns",
	            "-x.test");
	kit_refused(*state, "guest under_/score", -EINVAL, "name", "name of a guest");
	kit_refused(*state, "guest ", -EINVAL, "name", "is not a name");
	kit_refused(*state,
	            "guest g123456789012345678901234567890123456789012345678901234567890123",
	            -EINVAL, "name", "has 64 letters, and 63 fit");
}

static void test_flows(void **state)
{
	kit_put(*state, "flow f match=port=h1,tcp,dport=80 actions=drop");
	kit_refused(*state, "flow g match=port=h7 actions=drop", -ENOENT, "match", "no port 'h7'");
	kit_refused(*state, "flow g match=port=h1 actions=output=h7", -ENOENT, "actions", "'h7'");
	kit_refused(*state, "flow g match=dprot=80 actions=drop", -EINVAL, "match", "dprot");
	kit_refused(*state, "flow g match=dport=80 actions=drop", -EINVAL, "match", "tcp or udp");
	kit_refused(*state, "flow g match=tcp actions=drop,normal", -EINVAL, "actions",
	            "exactly one");
}

static void test_deletion_names_users(void **state)
{
	struct model *model = *state;
	struct refusal refusal = {0};

	kit_refused(model, "-net lan", -EBUSY, NULL, "net/lan is still used by port/h1");
	kit_refused(model, "-net lam", -ENOENT, NULL, "there is no net 'lam'");
	// In one batch with its last user the order does not matter.
	assert_int_equal(kit_batch(model, &refusal, "-net lan", "-port h1", NULL), 0);
	model_rollback(model);
	assert_non_null(model_get(model, NOUN_PORT, "h1"));
	assert_int_equal(graph_user_count(&model->graph, "net/lan"), 1);
	model_begin(model);
	assert_int_equal(model_remove(model, NOUN_NET, "lan", true, &refusal), 0);
	assert_int_equal(model_settle(model, &refusal), 0);
	model_commit(model);
	assert_int_equal(model_count(model, NOUN_PORT), 0);
	assert_int_equal(model_count(model, NOUN_GUEST), 1);
}

static void test_change_is_judged_with_its_users(void **state)
{
	kit_refused(*state, "net lan mode=nat subnet=10.78.0.0/24 dhcp=1 dns=lan.test", -EINVAL,
	            "ip", "port/h1: the address 10.77.0.10 is outside the subnet 10.78.0.0/24");
	kit_put(*state, "net lan mode=nat subnet=10.77.0.0/16 dhcp=1 dns=lan.test");
}

static void test_hints_at_near_names(void **state)
{
	struct refusal refusal = {0};

	assert_int_equal(kit_batch(*state, &refusal, "port p net=lna", NULL), -ENOENT);
	assert_string_equal(refusal.fail.hint, "did you mean 'lan'?");
	assert_string_equal(refusal.object, "port/p");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fills_in_and_canonicalises, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subnets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pools, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vlans, setup, teardown),
		cmocka_unit_test_setup_teardown(test_options_of_tunnels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_machines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_net_is_not_carried_by_itself, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_mtu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_external, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forwards_and_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tunnels_of_one_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_services, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deletion_names_users, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_is_judged_with_its_users, setup,
	                                        teardown),
		cmocka_unit_test_setup_teardown(test_hints_at_near_names, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
