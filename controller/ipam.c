// SPDX-License-Identifier: BSD-3-Clause
//
// ipam: parses a net's addresses and chooses those that the user left open.
//
// The default pool is the upper half of the subnet, so that the lower half is free for fixed addresses
// and the gateway.

#include "controller/ipam.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { SUBNET4_LONGEST = 30, SUBNET6_LENGTH = 64 };

static int parse_subnet(const char *key, const char *field, const char *text, bool want4,
                        struct ip_prefix *ret, struct refusal *refusal)
{
	struct ip_prefix prefix;

	if (!strchr(text, '/') || prefix_parse(text, &prefix) < 0 || ip_is4(prefix.addr) != want4) {
		refuse(refusal, -EINVAL, key, field, "%s: '%s' is not an %s prefix", key, text,
		       want4 ? "IPv4" : "IPv6");
		fail_hint(&refusal->fail, "write it as %s",
		          want4 ? "10.77.0.0/24" : "fd00:1:2:3::/64");
		return -EINVAL;
	}
	if (want4 && (prefix.len > SUBNET4_LONGEST || prefix.len < 8))
		return refuse(refusal, -EINVAL, key, field,
		              "%s: the subnet %s has a length outside /8 to /%d", key, text,
		              SUBNET4_LONGEST);
	if (!want4 && prefix.len != SUBNET6_LENGTH)
		return refuse(refusal, -EINVAL, key, field,
		              "%s: the subnet %s is not a /64, which hosts need to give themselves "
		              "addresses",
		              key, text);
	if (ip_is_multicast(prefix.addr) || ip_is_loopback(prefix.addr))
		return refuse(refusal, -EINVAL, key, field,
		              "%s: %s is not a subnet that hosts can use", key, text);
	*ret = prefix_network(prefix);
	return 0;
}

// An address of the net that a host may have.
static int parse_host(const char *key, const char *field, const char *text, struct ip_prefix subnet,
                      struct ip_addr *ret, struct refusal *refusal)
{
	char prefix[PREFIX_TEXT];
	struct ip_addr addr;

	if (ip_parse(text, &addr) < 0)
		return refuse(refusal, -EINVAL, key, field, "%s: '%s' is not an IP address", key,
		              text);
	if (!prefix_contains(subnet, addr)) {
		refuse(refusal, -EINVAL, key, field, "%s: the address %s is outside the subnet %s",
		       key, text, prefix_format(subnet, prefix));
		return -EINVAL;
	}
	if (ip_equal(addr, subnet.addr) || (ip_is4(addr) && ip_equal(addr, prefix_last(subnet))))
		return refuse(refusal, -EINVAL, key, field,
		              "%s: %s is the first or last address of %s, which no host can have",
		              key, text, prefix_format(subnet, prefix));
	*ret = addr;
	return 0;
}

// The next hop of an external net: inside the subnet when there is one.
static int parse_via(const char *key, const char *field, const char *text, bool has,
                     struct ip_prefix subnet, bool want4, struct ip_addr *ret,
                     struct refusal *refusal)
{
	struct ip_addr addr;

	if (ip_parse(text, &addr) < 0 || ip_is4(addr) != want4)
		return refuse(refusal, -EINVAL, key, field, "%s: '%s' is not an %s address", key,
		              text, want4 ? "IPv4" : "IPv6");
	if (!has || (!prefix_contains(subnet, addr) && !ip_is_link_local(addr))) {
		refuse(refusal, -EINVAL, key, field,
		       "%s: the next hop %s is not in the net's own subnet", key, text);
		fail_hint(&refusal->fail, "give --%s a prefix that holds it",
		          want4 ? "subnet" : "subnet6");
		return -EINVAL;
	}
	*ret = addr;
	return 0;
}

static void default_pool(struct net_plan *plan)
{
	uint64_t size = UINT64_C(1) << (32 - plan->subnet4.len);
	struct ip_addr middle = ip_add(plan->subnet4.addr, size / 2);
	struct ip_addr last = ip_add(plan->subnet4.addr, size - 2);

	plan->pool_first = middle;
	plan->pool_last = last;
	// A gateway in the upper half leaves the lower one to the pool, or the rest of the upper.
	if (ip_compare(plan->gateway4, middle) < 0)
		return;
	if (size > 4) {
		plan->pool_first = ip_add(plan->subnet4.addr, 1);
		plan->pool_last = ip_add(plan->subnet4.addr, size / 2 - 1);
	} else {
		plan->pool_first = plan->pool_last = ip_add(plan->subnet4.addr, 1);
	}
}

static int parse_pool(const char *key, const char *text, struct net_plan *plan,
                      struct refusal *refusal)
{
	const char *dash = strchr(text, '-');
	char first[IP_TEXT] = "", gateway[IP_TEXT];
	int err;

	if (!dash || (size_t)(dash - text) >= sizeof(first)) {
		refuse(refusal, -EINVAL, key, "pool", "%s: the pool '%s' is not a range", key,
		       text);
		fail_hint(&refusal->fail, "write it as FIRST-LAST, as 10.77.0.100-10.77.0.199");
		return -EINVAL;
	}
	memcpy(first, text, (size_t)(dash - text));
	err = parse_host(key, "pool", first, plan->subnet4, &plan->pool_first, refusal);
	if (err == 0)
		err = parse_host(key, "pool", dash + 1, plan->subnet4, &plan->pool_last, refusal);
	if (err < 0)
		return err;
	if (ip_compare(plan->pool_first, plan->pool_last) > 0)
		return refuse(refusal, -EINVAL, key, "pool",
		              "%s: the pool '%s' ends before it begins", key, text);
	if (plan->has_gateway4 && ip_compare(plan->pool_first, plan->gateway4) <= 0 &&
	    ip_compare(plan->gateway4, plan->pool_last) <= 0)
		return refuse(refusal, -EINVAL, key, "pool",
		              "%s: the pool '%s' holds the gateway %s itself", key, text,
		              ip_format(plan->gateway4, gateway));
	return 0;
}

static int plan4(const char *key, const Weft__Net *net, struct net_plan *plan,
                 struct refusal *refusal)
{
	int err;

	if (!net->subnet) {
		if (net->gateway || net->pool || plan->dhcp)
			return refuse(refusal, -EINVAL, key, "subnet", "%s: %s needs a subnet", key,
			              net->gateway ? "a gateway"
			              : net->pool  ? "a pool"
			                           : "DHCP");
		return 0;
	}
	err = parse_subnet(key, "subnet", net->subnet, true, &plan->subnet4, refusal);
	if (err < 0)
		return err;
	plan->has4 = true;
	if (net->gateway)
		err = parse_host(key, "gateway", net->gateway, plan->subnet4, &plan->gateway4,
		                 refusal);
	else if (plan->mode != WEFT__NET_MODE__NET_EXTERNAL)
		plan->gateway4 = ip_add(plan->subnet4.addr, 1);
	if (err < 0)
		return err;
	plan->has_gateway4 = !ip_is_none(plan->gateway4);
	if (net->pool)
		return parse_pool(key, net->pool, plan, refusal);
	if (plan->dhcp)
		default_pool(plan);
	return 0;
}

static int plan6(const char *key, const Weft__Net *net, struct net_plan *plan,
                 struct refusal *refusal)
{
	int err;

	// "auto" is replaced by a prefix before a net is kept; here it means that none is known yet.
	if (!net->subnet6 || strcmp(net->subnet6, "none") == 0 ||
	    strcmp(net->subnet6, "auto") == 0) {
		if (net->gateway6)
			return refuse(refusal, -EINVAL, key, "subnet6",
			              "%s: an IPv6 gateway needs a subnet6", key);
		return 0;
	}
	err = parse_subnet(key, "subnet6", net->subnet6, false, &plan->subnet6, refusal);
	if (err < 0)
		return err;
	plan->has6 = true;
	if (net->gateway6)
		err = parse_host(key, "gateway6", net->gateway6, plan->subnet6, &plan->gateway6,
		                 refusal);
	else if (plan->mode != WEFT__NET_MODE__NET_EXTERNAL)
		plan->gateway6 = ip_add(plan->subnet6.addr, 1);
	plan->has_gateway6 = !ip_is_none(plan->gateway6);
	return err;
}

int ipam_plan(const char *key, const Weft__Net *net, struct net_plan *ret, struct refusal *refusal)
{
	struct net_plan plan = {
		.mode = net->has_mode ? net->mode : WEFT__NET_MODE__NET_ISOLATED,
		.vlan = net->has_vlan ? (uint16_t)net->vlan : 0,
		.dhcp = net->has_dhcp && net->dhcp,
		.dns = net->dns != NULL,
		.router = net->router ? net->router : "gw",
	};
	int err = plan4(key, net, &plan, refusal);

	if (err == 0)
		err = plan6(key, net, &plan, refusal);
	if (err == 0 && net->via)
		err = parse_via(key, "via", net->via, plan.has4, plan.subnet4, true, &plan.via4,
		                refusal);
	if (err == 0 && net->via6)
		err = parse_via(key, "via6", net->via6, plan.has6, plan.subnet6, false, &plan.via6,
		                refusal);
	if (err < 0)
		return err;
	plan.has_interface = (plan.has_gateway4 || plan.has_gateway6) &&
	                     (plan.mode != WEFT__NET_MODE__NET_ISOLATED || plan.dhcp || plan.dns);
	*ret = plan;
	return 0;
}

static uint64_t hash_of(const struct instance *instance, const char *what, const char *key,
                        unsigned salt)
{
	uint8_t bytes[16 + 256];
	int len;

	memcpy(bytes, instance->uuid, 16);
	len = snprintf((char *)bytes + 16, sizeof(bytes) - 16, "%s:%s:%u", what, key, salt);
	return XXH3_64bits(bytes, 16 + MIN((size_t)len, sizeof(bytes) - 17));
}

struct mac ipam_port_mac(const struct instance *instance, const char *key, unsigned salt)
{
	uint64_t hash = hash_of(instance, "mac", key, salt);

	return mac_from_u64(UINT64_C(0x020000000000) | (hash & UINT64_C(0x00ffffffffff)));
}

struct mac ipam_router_mac(const struct instance *instance)
{
	uint64_t hash = hash_of(instance, "mac", "router", 0);

	// The first byte differs from that of ports, so that the two never meet.
	return mac_from_u64(UINT64_C(0x0a0000000000) | (hash & UINT64_C(0x00ffffffffff)));
}

struct ip_prefix ipam_ula(const struct instance *instance, const char *key, unsigned salt)
{
	uint64_t site = hash_of(instance, "ula", "", 0);
	uint64_t net = hash_of(instance, "ula", key, salt);
	uint8_t bytes[16] = {0xfd};

	store_be64(bytes,
	           UINT64_C(0xfd) << 56 | (site & UINT64_C(0xffffffffff)) << 16 | (net & 0xffff));
	return (struct ip_prefix){.addr = ip_from6(bytes), .len = SUBNET6_LENGTH};
}

struct ip_addr ipam_autoconf(struct ip_prefix prefix, struct mac mac)
{
	struct ip_addr addr = prefix_network(prefix).addr, local = ip_link_local_from_mac(mac);

	memcpy(addr.b + 8, local.b + 8, 8);
	return addr;
}
