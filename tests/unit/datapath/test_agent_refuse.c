// SPDX-License-Identifier: BSD-3-Clause
//
// test_agent_refuse: every way an object can be wrong is refused with its code, its field and a sentence that
// begins with the object's name; and nothing has changed.
//
// Each row patches one object of a small right configuration with one or two fields, by their numbers in
// proto/objects.proto, so a row holds nothing but what is wrong.

#include "tests/unit/datapath/apply_world.h"
#include "tests/unit/unit.h"

#include "datapath/agent_object.h"

#include <errno.h>

enum { SETS = 2, PATCH_ROOM = 16 << 10, BODY_FIELD = 9 };

struct set {
	uint32_t number; // 0: none
	uint64_t value;
	const char *bytes; // NULL: it is a number
	size_t len;
};

struct row {
	Weft__Kind kind;
	uint64_t id;
	struct set set[SETS];
	unsigned times; // the fields are repeated
	int code;
	const char *field, *words;
};

// clang-format off
#define N(number, value) {number, value, NULL, 0}
#define B(number, text) {number, 0, text, sizeof(text) - 1}
#define KIND(name) WEFT__KIND__KIND_##name
// Prefixes and other messages within, packed.
#define NET(addr, len) "\x0a\x04" addr "\x10" len
#define NET6(half, len) "\x0a\x10" half "\0\0\0\0\0\0\0\1" "\x10" len
#define MAC5 "\2\0\0\0\1"
#define GROUP "\1\0\0\0\0\1"
#define IP6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define LINK_LOCAL "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X42 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256 X64 X64 X64 X64

static const struct row rows[] = {
	{KIND(BRIDGE), 1, {N(1, (1 << 25) + 1)}, 1, -ERANGE, "ageing_seconds", "of ageing are more"},
	{KIND(BRIDGE), 1, {N(1000, 1)}, 1, -EOPNOTSUPP, "object", "needs the field 1000"},

	{KIND(PORT), 10, {N(1, 1)}, 1, -EINVAL, "ifname", "no interface name"},
	{KIND(PORT), 10, {N(1, 2), B(2, "a-name-too-long-")}, 1, -ENAMETOOLONG, "ifname", "more than 15"},
	{KIND(PORT), 10, {N(1, 1), B(2, "a/b")}, 1, -EINVAL, "ifname", "a character"},
	{KIND(PORT), 10, {N(1, 1), B(2, "..")}, 1, -EINVAL, "ifname", "cannot be the name"},
	{KIND(PORT), 10, {N(1, 9)}, 1, -EINVAL, "type", "9 is no type"},
	{KIND(PORT), 10, {N(1, 4)}, 1, -EINVAL, "pcap_read", "needs a file"},
	{KIND(PORT), 10, {B(3, "h1")}, 1, -EINVAL, "netns", "'h1' is not a path"},
	{KIND(PORT), 10, {B(3, "/" X256 X256 X256 X256)}, 1, -ENAMETOOLONG, "netns", "1024 bytes"},
	{KIND(PORT), 10, {B(9, "x")}, 1, -EINVAL, "pcap_read", "not a path"},
	{KIND(PORT), 10, {B(10, "x")}, 1, -EINVAL, "pcap_write", "not a path"},
	{KIND(PORT), 10, {B(4, MAC5)}, 1, -EINVAL, "mac", "has 6 bytes, not 5"},
	{KIND(PORT), 10, {B(4, GROUP)}, 1, -EINVAL, "mac", "01:00:00:00:00:01 is not"},
	{KIND(PORT), 10, {B(4, "\0\0\0\0\0\0")}, 1, -EINVAL, "mac", "of a single host"},
	{KIND(PORT), 10, {N(5, 67)}, 1, -ERANGE, "mtu", "the MTU 67"},
	{KIND(PORT), 10, {N(5, 65522)}, 1, -ERANGE, "mtu", "the MTU 65522"},
	{KIND(PORT), 10, {N(6, 0)}, 1, -ERANGE, "queues", "0 queues"},
	{KIND(PORT), 10, {N(6, 17)}, 1, -ERANGE, "queues", "17 queues"},
	{KIND(PORT), 10, {B(12, NET("\12\0\1\5", "\30"))}, 17, -E2BIG, "addresses", "17 addresses, 16"},
	{KIND(PORT), 10, {B(12, NET("\12\0\1\5", "\41"))}, 1, -EINVAL, "addresses", "4 and 33"},
	{KIND(PORT), 10, {B(12, NET("\12\0\1\5", "\0"))}, 1, -EINVAL, "addresses", "whole world"},
	{KIND(PORT), 10, {B(12, NET("\12\0\1\0", "\30"))}, 1, -EINVAL, "addresses", "10.0.1.0/24 is the"},
	{KIND(PORT), 10, {B(12, NET("\12\0\1\377", "\30"))}, 1, -EINVAL, "addresses", "broadcast"},
	{KIND(PORT), 10, {B(13, IP6)}, 1, -EAFNOSUPPORT, "gateway4", "not an IPv4"},
	{KIND(PORT), 10, {B(14, "\12\0\1\1")}, 1, -EAFNOSUPPORT, "gateway6", "not an IPv6"},
	{KIND(PORT), 10, {B(13, "\12\0\1")}, 1, -EINVAL, "gateway4", "this one has 3"},
	{KIND(PORT), 10, {B(13, "\177\0\0\1")}, 1, -EINVAL, "gateway4", "127.0.0.1 is not"},

	{KIND(PORT), 10, {N(1, 5)}, 1, -EINVAL, "vhost_path", "needs the path"},
	{KIND(PORT), 10, {N(1, 5), B(15, "web.vu")}, 1, -EINVAL, "vhost_path", "'web.vu' is not a path"},
	{KIND(PORT), 10, {N(1, 5), B(15, "/" X64 X42 "x")}, 1, -ENAMETOOLONG, "vhost_path", "has 108 bytes"},
	{KIND(PORT), 10, {N(1, 5), B(15, "/run/weft/")}, 1, -EISDIR, "vhost_path", "names a directory"},
	{KIND(PORT), 10, {N(1, 5), B(15, "/run/a\nb")}, 1, -EINVAL, "vhost_path", "control character"},
	{KIND(PORT), 10, {B(15, "/run/web.vu")}, 1, -EINVAL, "vhost_path", "only a vhost-user port"},
	{KIND(PORT), 10, {N(16, 1)}, 1, -EINVAL, "vhost_path", "only a vhost-user port"},
	{KIND(PORT), 10, {N(1, 5), B(2, "eth0")}, 1, -EINVAL, "ifname", "no ifname"},
	{KIND(PORT), 10, {N(1, 5), B(3, "/run/netns/h1")}, 1, -EINVAL, "netns", "no netns"},
	{KIND(PORT), 10, {N(1, 5), B(9, "/a.pcap")}, 1, -EINVAL, "pcap_read", "no pcap_read"},
	{KIND(PORT), 10, {N(1, 5), B(10, "/a.pcap")}, 1, -EINVAL, "pcap_write", "no pcap_write"},
	{KIND(PORT), 10, {N(1, 5), B(12, NET("\12\0\1\5", "\30"))}, 1, -EINVAL, "addresses", "no addresses"},
	{KIND(PORT), 10, {N(1, 5), N(5, 9001)}, 1, -ERANGE, "mtu", "the MTU 9001"},
	{KIND(PORT), 12, {N(6, 17)}, 1, -ERANGE, "queues", "17 queues"},
	{KIND(PORT), 10, {N(1, 5), B(15, "/run/web.vu")}, 1, -EEXIST, "vhost_path", "port/c has the same"},

	{KIND(VLAN_MEMBER), 20, {N(3, 4095)}, 1, -ERANGE, "vid", "VLAN 4095 is not"},
	{KIND(VLAN_MEMBER), 20, {N(4, 1)}, 1, -ERANGE, "vid", "VLAN 0 is not"},
	{KIND(VLAN_MEMBER), 20, {N(1, 77)}, 1, -ENOENT, "port", "no port 77"},
	{KIND(VLAN_MEMBER), 20, {N(2, 77)}, 1, -ENOENT, "bridge", "no bridge 77"},
	{KIND(VLAN_MEMBER), 21, {N(1, 10)}, 1, -EEXIST, "vid", "vlan-member 20 has the same"},

	{KIND(FDB_ENTRY), 25, {N(2, 4096)}, 1, -ERANGE, "vid", "4096"},
	{KIND(FDB_ENTRY), 25, {B(3, GROUP)}, 1, -EINVAL, "mac", "single host"},
	{KIND(FDB_ENTRY), 25, {N(2, 7)}, 1, -ENOENT, "vid", "not in VLAN 7"},
	{KIND(FDB_ENTRY), 25, {N(4, 77)}, 1, -ENOENT, "port", "77"},

	{KIND(ADDRESS), 26, {N(2, 4096)}, 1, -ERANGE, "vid", "4096"},
	{KIND(ADDRESS), 26, {B(3, "\12\0\1")}, 1, -EINVAL, "ip", "this one has 3"},
	{KIND(ADDRESS), 26, {B(3, "\377\377\377\377")}, 1, -EINVAL, "ip", "not the address of a single"},
	{KIND(ADDRESS), 26, {B(4, GROUP)}, 1, -EINVAL, "mac", "single host"},
	{KIND(ADDRESS), 26, {N(2, 7)}, 1, -ENOENT, "vid", "not in VLAN 7"},
	{KIND(ADDRESS), 26, {N(1, 77)}, 1, -ENOENT, "bridge", "77"},
	{KIND(ADDRESS), 26, {N(5, 77)}, 1, -ENOENT, "port", "77"},

	{KIND(INTERFACE), 3, {N(3, 4095)}, 1, -ERANGE, "vid", "4095"},
	{KIND(INTERFACE), 3, {B(4, MAC5)}, 1, -EINVAL, "mac", "not 5"},
	{KIND(INTERFACE), 3, {B(4, "\2\0\0\0\0\11")}, 1, -EINVAL, "mac", "one MAC address"},
	{KIND(INTERFACE), 3, {N(7, 67)}, 1, -ERANGE, "mtu", "67"},
	{KIND(INTERFACE), 3, {N(6, 3)}, 1, -EINVAL, "nat", "3 is no role"},
	{KIND(INTERFACE), 3, {B(5, NET("\12\7\1\1", "\30"))}, 32, -E2BIG, "addresses", "33 addresses, 32"},
	{KIND(INTERFACE), 3, {B(5, NET("\12\0\2\11", "\31"))}, 1, -EEXIST, "addresses", "overlaps 10.0.2.0/24"},
	{KIND(INTERFACE), 3, {B(8, "\10\3")}, 1, -ERANGE, "advert.interval_seconds", "every 3"},
	{KIND(INTERFACE), 3, {B(8, "\10\x89\16")}, 1, -ERANGE, "advert.interval_seconds", "every 1801"},
	{KIND(INTERFACE), 3, {B(8, "\20\xa9\x46")}, 1, -ERANGE, "advert.router_lifetime_seconds", "9001"},
	{KIND(INTERFACE), 3, {B(8, "\32\4\12\0\1\5")}, 5, -E2BIG, "advert.rdnss", "5 resolvers, 4"},
	{KIND(INTERFACE), 3, {B(8, "\32\3\12\0\1")}, 1, -EINVAL, "advert.rdnss", "has 3"},
	{KIND(INTERFACE), 3, {B(8, "\42\x80\2" X256)}, 1, -ENAMETOOLONG, "advert.search", "253"},
	{KIND(INTERFACE), 3, {N(1, 77)}, 1, -ENOENT, "vrf", "no vrf 77"},
	{KIND(INTERFACE), 3, {N(2, 77)}, 1, -ENOENT, "bridge", "no bridge 77"},
	{KIND(INTERFACE), 4, {N(3, 0)}, 1, -EEXIST, "vid", "has the same"},

	{KIND(ROUTE), 30, {B(2, NET("\12\11\1\1", "\30"))}, 1, -EINVAL, "prefix", "bits set behind"},
	{KIND(ROUTE), 30, {B(2, NET("\12\11\1\0", "\41"))}, 1, -EINVAL, "prefix", "4 and 33"},
	{KIND(ROUTE), 30, {N(5, 1)}, 1, -EINVAL, "blackhole", "leads nowhere"},
	{KIND(ROUTE), 31, {N(5, 0)}, 1, -EINVAL, "via", "neither a next hop"},
	{KIND(ROUTE), 30, {B(4, IP6)}, 1, -EAFNOSUPPORT, "via", "other address family"},
	{KIND(ROUTE), 32, {N(5, 0), B(4, LINK_LOCAL)}, 1, -EINVAL, "interface", "link-local"},
	{KIND(ROUTE), 30, {B(4, "\12\55\0\1")}, 1, -ENETUNREACH, "via", "leads to 10.45.0.1"},
	{KIND(ROUTE), 30, {B(4, "\12\0\1\1")}, 1, -EINVAL, "via", "the router itself"},
	{KIND(ROUTE), 30, {N(1, 77)}, 1, -ENOENT, "vrf", "77"},
	{KIND(ROUTE), 30, {N(3, 77)}, 1, -ENOENT, "interface", "77"},
	{KIND(ROUTE), 30, {B(2, NET("\12\10\0\0", "\20"))}, 1, -EEXIST, "prefix", "has the same"},

	{KIND(NEIGHBOUR), 40, {B(2, "\340\0\0\1")}, 1, -EINVAL, "ip", "224.0.0.1 is not"},
	{KIND(NEIGHBOUR), 40, {B(3, GROUP)}, 1, -EINVAL, "mac", "single host"},
	{KIND(NEIGHBOUR), 40, {N(1, 77)}, 1, -ENOENT, "interface", "77"},
	{KIND(NEIGHBOUR), 40, {B(2, "\12\0\11\1")}, 1, -EADDRNOTAVAIL, "ip", "10.0.9.1 is outside"},

	{KIND(NAT_RULE), 41, {B(3, NET("\12\0\1\1", "\30"))}, 1, -EINVAL, "source", "bits set"},
	{KIND(NAT_RULE), 41, {B(4, "\12\0\2\5")}, 65, -E2BIG, "to", "65 addresses, 64"},
	{KIND(NAT_RULE), 41, {B(4, IP6)}, 1, -EAFNOSUPPORT, "to", "different address families"},
	{KIND(NAT_RULE), 41, {B(4, "\340\0\0\1")}, 1, -EINVAL, "to", "single host"},
	{KIND(NAT_RULE), 41, {N(2, 77)}, 1, -ENOENT, "interface", "77"},
	{KIND(NAT_RULE), 41, {N(1, 5)}, 1, -EINVAL, "interface", "another VRF"},

	{KIND(PORT_FORWARD), 43, {N(3, 1)}, 1, -EPROTONOSUPPORT, "protocol", "not 1"},
	{KIND(PORT_FORWARD), 43, {N(4, 0)}, 1, -ERANGE, "outside_port", "the port 0"},
	{KIND(PORT_FORWARD), 43, {N(6, 65536)}, 1, -ERANGE, "inside_port", "65536"},
	{KIND(PORT_FORWARD), 43, {B(5, "\177\0\0\1")}, 1, -EINVAL, "inside", "127.0.0.1"},
	{KIND(PORT_FORWARD), 43, {B(2, IP6)}, 1, -EAFNOSUPPORT, "outside", "different families"},
	{KIND(PORT_FORWARD), 43, {N(4, 8081)}, 1, -EEXIST, "outside_port", "has the same"},

	{KIND(DHCP_SCOPE), 50, {B(2, IP6)}, 1, -EAFNOSUPPORT, "first", "IPv4"},
	{KIND(DHCP_SCOPE), 50, {B(3, "\12\0\1\2")}, 1, -EINVAL, "last", "before it begins"},
	{KIND(DHCP_SCOPE), 50, {B(2, "\12\0\1\1")}, 1, -EADDRINUSE, "first", "holds 10.0.1.1"},
	{KIND(DHCP_SCOPE), 50, {B(3, "\12\0\3\1")}, 1, -EADDRNOTAVAIL, "last", "10.0.3.1 is outside"},
	{KIND(DHCP_SCOPE), 50, {N(4, 9)}, 1, -ERANGE, "lease_seconds", "9 seconds"},
	{KIND(DHCP_SCOPE), 50, {B(5, "\12\0\1\1")}, 5, -E2BIG, "dns", "5 resolvers"},
	{KIND(DHCP_SCOPE), 50, {B(6, "a..b")}, 1, -EINVAL, "domain", "'a..b'"},
	{KIND(DHCP_SCOPE), 50, {N(1, 77)}, 1, -ENOENT, "interface", "77"},

	{KIND(DHCP_RESERVATION), 51, {B(2, MAC5)}, 1, -EINVAL, "mac", "not 5"},
	{KIND(DHCP_RESERVATION), 51, {B(3, IP6)}, 1, -EAFNOSUPPORT, "ip", "IPv4"},
	{KIND(DHCP_RESERVATION), 51, {B(4, "a b")}, 1, -EINVAL, "hostname", "'a b'"},
	{KIND(DHCP_RESERVATION), 51, {B(3, "\12\0\3\1")}, 1, -EADDRNOTAVAIL, "ip", "outside"},
	{KIND(DHCP_RESERVATION), 51, {B(3, "\12\0\1\1")}, 1, -EADDRINUSE, "ip", "router's own"},
	{KIND(DHCP_RESERVATION), 51, {B(3, "\12\0\1\10")}, 1, -EEXIST, "ip", "has the same"},
	{KIND(DHCP_RESERVATION), 51, {B(2, "\2\0\0\0\0\x52")}, 1, -EEXIST, "mac", "has the same"},
	{KIND(DHCP_RESERVATION), 51, {N(1, 77)}, 1, -ENOENT, "scope", "77"},

	{KIND(DNS_ZONE), 53, {B(2, "")}, 1, -EINVAL, "domain", "labels"},
	{KIND(DNS_ZONE), 53, {B(2, X64)}, 1, -EINVAL, "domain", "labels"},
	{KIND(DNS_ZONE), 53, {B(3, "10.0.2.3")}, 5, -E2BIG, "forwarders", "5 resolvers"},
	{KIND(DNS_ZONE), 53, {B(3, "10.0.2.3#0")}, 1, -EINVAL, "forwarders", "'10.0.2.3#0'"},
	{KIND(DNS_ZONE), 53, {N(1, 77)}, 1, -ENOENT, "interface", "77"},

	{KIND(DNS_RECORD), 54, {B(2, "a b")}, 1, -EINVAL, "name", "'a b'"},
	{KIND(DNS_RECORD), 54, {B(3, "\12\0")}, 1, -EINVAL, "ip", "has 2"},
	{KIND(DNS_RECORD), 54, {N(4, (1 << 30) + 1)}, 1, -ERANGE, "ttl_seconds", "at most"},
	{KIND(DNS_RECORD), 54, {N(1, 77)}, 1, -ENOENT, "zone", "77"},

	{KIND(FLOW_RULE), 60, {N(1, 2)}, 1, -EOPNOTSUPP, "hook", "2 is no hook"},
	{KIND(FLOW_RULE), 60, {B(3, "\20\1")}, 1, -EINVAL, "match.bridge", "one of them is missing"},
	{KIND(FLOW_RULE), 60, {B(3, "\20\1\30\xff\37")}, 1, -ERANGE, "vid", "4095"},
	{KIND(FLOW_RULE), 60, {B(3, "\42\5" MAC5)}, 1, -EINVAL, "match.eth_src", "not 5"},
	{KIND(FLOW_RULE), 60, {B(3, "\52\5" MAC5)}, 1, -EINVAL, "match.eth_dst", "not 5"},
	{KIND(FLOW_RULE), 60, {B(3, "\60\x55")}, 1, -ERANGE, "match.eth_type", "0x55"},
	{KIND(FLOW_RULE), 60, {B(3, "\72\10" NET("\12\0\1\1", "\30"))}, 1, -EINVAL, "match.ip_src", "bits set"},
	{KIND(FLOW_RULE), 60, {B(3, "\102\10" NET("\12\0\1\1", "\30"))}, 1, -EINVAL, "match.ip_dst", "bits set"},
	{KIND(FLOW_RULE), 60, {B(3, "\72\10" NET("\12\0\1\0", "\30") "\102\25" NET6("\xfd\0\0\0\0\0\0\0", "\x80\1"))},
	 1, -EAFNOSUPPORT, "match.ip_dst", "different families"},
	{KIND(FLOW_RULE), 60, {B(3, "\110\x80\2")}, 1, -ERANGE, "match.ip_proto", "256"},
	{KIND(FLOW_RULE), 60, {B(3, "\120\x80\x80\4")}, 1, -ERANGE, "match.l4_src", "65535"},
	{KIND(FLOW_RULE), 60, {B(3, "\130\x80\x80\4")}, 1, -ERANGE, "match.l4_dst", "65535"},
	{KIND(FLOW_RULE), 60, {B(3, "\10\115")}, 1, -ENOENT, "match.port", "77"},
	{KIND(FLOW_RULE), 60, {B(4, "\10\1")}, 9, -E2BIG, "actions", "actions, 8"},
	{KIND(FLOW_RULE), 60, {B(4, "\42\5" MAC5)}, 1, -EINVAL, "actions.set_eth_src", "not 5"},
	{KIND(FLOW_RULE), 60, {B(4, "\52\5" MAC5)}, 1, -EINVAL, "actions.set_eth_dst", "not 5"},
	{KIND(FLOW_RULE), 60, {B(4, "\20\12")}, 2, -EOPNOTSUPP, "actions.output", "not to 2"},
	{KIND(FLOW_RULE), 60, {B(4, "\20\115")}, 1, -ENOENT, "actions.output", "77"},
};
// clang-format on

static void build(struct apply_world *world)
{
	struct objects list = {0};

	objects_bridge(&list, 1);
	objects_port(&list, 10, "port/a");
	objects_port(&list, 11, "port/b");
	objects_vhost(&list, 12, "port/c", "/run/web.vu", 8);
	objects_member(&list, 20, 10, 1, 0, false);
	objects_member(&list, 21, 11, 1, 0, false);
	objects_fdb_entry(&list, 25, 1, 0, "02:00:00:00:00:25", 10);
	objects_address(&list, 26, 1, 0, "10.0.1.25", "02:00:00:00:00:25", 10);
	objects_vrf(&list, 2);
	objects_vrf(&list, 5);
	objects_interface(&list, 3, 2, 1, 0, "10.0.1.1/24");
	objects_interface(&list, 4, 2, 1, 9, "10.0.2.1/24");
	objects_route(&list, 30, 2, "10.9.0.0/16", "10.0.1.9", 0);
	objects_route(&list, 31, 2, "10.8.0.0/16", NULL, 0);
	objects_route(&list, 32, 2, "fd09::/64", NULL, 0);
	objects_neighbour(&list, 40, 3, "10.0.1.40", "02:00:00:00:00:40");
	objects_nat_rule(&list, 41, 2, 4, "10.0.1.0/24");
	objects_forward(&list, 43, 2, 6, 8080, "10.0.1.5", 80);
	objects_forward(&list, 44, 2, 6, 8081, "10.0.1.5", 81);
	objects_scope(&list, 50, 3, "10.0.1.100", "10.0.1.110");
	objects_reservation(&list, 51, 50, "02:00:00:00:00:51", "10.0.1.7");
	objects_reservation(&list, 52, 50, "02:00:00:00:00:52", "10.0.1.8");
	objects_zone(&list, 53, 3, "lan.test");
	objects_record(&list, 54, 53, "www", "10.0.1.9");
	objects_flow_rule(&list, 60, 5, 10);
	apply_world_do(world, &list);
}

static size_t put_varint(uint8_t *at, uint64_t value)
{
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		at[len++] = (uint8_t)(value | 0x80);
	at[len++] = (uint8_t)value;
	return len;
}

static size_t put_set(uint8_t *at, const struct set *set)
{
	size_t len = put_varint(at, (uint64_t)set->number << 3 | (set->bytes ? 2 : 0));

	if (!set->bytes)
		return len + put_varint(at + len, set->value);
	len += put_varint(at + len, set->len);
	memcpy(at + len, set->bytes, set->len);
	return len + set->len;
}

static void add_patch(struct objects *list, const struct row *row)
{
	uint8_t body[PATCH_ROOM], packed[PATCH_ROOM + 16];
	size_t body_len = 0, len;

	for (unsigned i = 0; i < row->times; i++)
		for (unsigned j = 0; j < SETS && row->set[j].number; j++)
			body_len += put_set(body + body_len, &row->set[j]);
	len = put_varint(packed, (uint64_t)(BODY_FIELD + row->kind) << 3 | 2);
	len += put_varint(packed + len, body_len);
	memcpy(packed + len, body, body_len);
	objects_add_bytes(list, WEFT__OP_VERB__OP_PATCH, row->kind, row->id, packed,
	                  len + body_len);
}

// How the sentence must begin.
static void name_of(const struct apply_world *world, const struct row *row, char name[static 96])
{
	size_t len;
	const uint8_t *packed = apply_object(world->apply, row->kind, row->id, &len);
	Weft__Object *object;

	assert_non_null(packed);
	object = weft__object__unpack(NULL, len, packed);
	assert_non_null(object);
	if (object->name && object->name[0])
		snprintf(name, 96, "%s: ", object->name);
	else
		snprintf(name, 96, "%s %llu: ", agent_kind_name(row->kind),
		         (unsigned long long)row->id);
	weft__object__free_unpacked(object, NULL);
}

static bool fails_as_said(const struct apply_world *world, const struct row *row,
                          const struct apply_result *result)
{
	char name[96];

	name_of(world, row, name);
	if (result->code == row->code && strcmp(result->field, row->field) == 0 &&
	    strstr(result->fail.what, row->words) && result->op_index == 1 &&
	    strncmp(result->fail.what, name, strlen(name)) == 0)
		return true;
	print_error("row %zu (kind %d, id %llu): operation %u, code %d instead of %d, field '%s' "
	            "instead of '%s', '%s' instead of '%s...%s'\n",
	            (size_t)(row - rows), (int)row->kind, (unsigned long long)row->id,
	            result->op_index, result->code, row->code, result->field, row->field,
	            result->fail.what, name, row->words);
	return false;
}

static void each_fault_is_named(void **state)
{
	struct apply_world world;
	struct apply_world_digest before, after;
	char *dump;
	unsigned wrong = 0;

	apply_world_open(&world);
	build(&world);
	apply_world_digest(&world, &before);
	dump = apply_world_dump(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct objects list = {0};
		struct apply_result result;

		// A right operation before the wrong one: it must not stay either.
		objects_bridge(&list, 900);
		add_patch(&list, &rows[i]);
		apply_world_run(&world, &list, &result);
		wrong += !fails_as_said(&world, &rows[i], &result);
		apply_world_digest(&world, &after);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	assert_int_equal(wrong, 0);

	char *same = apply_world_dump(&world);

	assert_string_equal(dump, same);
	assert_int_equal(world.doors, 3);
	free(dump);
	free(same);
	apply_world_close(&world);
}

struct bad_op {
	struct apply_op op;
	int code;
	const char *field, *words;
};

static void each_wrong_operation_is_named(void **state)
{
	static uint8_t large[70000];
	static const uint8_t half[] = {0x52, 0x7f};
	static const uint8_t other_id[] = {0x08, 0x63, 0x52, 0x00};
	static const uint8_t other_body[] = {0x08, 0x01, 0x5a, 0x02, 0x08, 0x03};
	const struct bad_op bad[] = {
		{{1, 1, 1, NULL, 0, false, false},
	         -EBADMSG,
	         "object",
	         "bridge 1: the operation brings no"},
		{{1, 1, 1, large, sizeof(large), false, false},
	         -EMSGSIZE,
	         "object",
	         "70000 bytes, 65536"},
		{{1, 1, 1, half, sizeof(half), false, false}, -EBADMSG, "object", "cut short"},
		{{2, 1, 1, half, sizeof(half), false, false},
	         -EBADMSG,
	         "object",
	         "cannot be joined"},
		{{1, 1, 1, other_id, sizeof(other_id), false, false},
	         -EBADMSG,
	         "id",
	         "says id 1, the object 99"},
		{{1, 1, 1, other_body, sizeof(other_body), false, false},
	         -EBADMSG,
	         "body",
	         "for a bridge"},
		{{1, 16, 1, other_id, 2, false, false}, -EOPNOTSUPP, "kind", "does not know"},
		{{1, 0, 1, other_id, 2, false, false}, -EOPNOTSUPP, "kind", "does not know"},
		{{1, 1, 0, other_id, 2, false, false}, -EINVAL, "id", "0 is not"},
		{{9, 1, 1, NULL, 0, false, false}, -EOPNOTSUPP, "verb", "bridge 1: is asked"},
		{{2, 1, 99, other_id, 2, false, false},
	         -ENOENT,
	         "id",
	         "bridge 99: there is no such object to"},
		{{3, 1, 99, NULL, 0, false, false},
	         -ENOENT,
	         "id",
	         "bridge 99: there is no such object"},
		{{3, 1, 1, NULL, 0, false, false}, -EBUSY, "id", "still needed by"},
		{{3, 2, 10, NULL, 0, false, false}, -EBUSY, "id", "port/a: is still needed by"},
		{{4, 1, 1, NULL, 0, false, false}, -EEXIST, "id", "asserted not to be"},
		{{4, 1, 99, other_id, 4, false, false}, -ENOENT, "id", "asserted to be"},
		{{4, 1, 1, other_id, 4, false, false}, -ESTALE, "object", "another version"},
	};
	struct apply_world world;
	struct apply_world_digest before, after;

	apply_world_open(&world);
	build(&world);
	apply_world_digest(&world, &before);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct apply_result result;

		apply_transaction(world.apply, &bad[i].op, 1, false, &result);
		if (result.code != bad[i].code || strcmp(result.field, bad[i].field) != 0 ||
		    !strstr(result.fail.what, bad[i].words))
			fail_msg("operation %zu: code %d, field '%s', '%s'", i, result.code,
			         result.field, result.fail.what);
		apply_world_digest(&world, &after);
		assert_memory_equal(&before, &after, sizeof(before));
	}
	apply_world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_named),
		cmocka_unit_test(each_wrong_operation_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
