// SPDX-License-Identifier: BSD-3-Clause
//
// agent_check_port: what a port needs by its type, and the fields of a flow rule, which names ports too.

#include "base/bytes.h"
#include "datapath/agent_check.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <sys/un.h>

enum {
	MTU_MIN = 576,
	MTU_MAX = 65521,
	VHOST_MTU_MAX = 9000,
	QUEUES_MAX = 16,
	ADDRESSES_MAX = 16,
	PATH_BYTES_MAX = 1024,
	SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
	ACTIONS_MAX = 8,
	ETH_TYPE_FIRST = 0x600, // below it the field is a length
};

static int check_ifname(const struct agent_object *object, struct apply_result *result)
{
	const char *name = object->message->port->ifname;

	if (!name || !name[0])
		return agent_object_refuse(object, result, -EINVAL, "ifname",
		                           "the port has no interface name");
	if (strlen(name) >= IFNAMSIZ)
		return agent_object_refuse(object, result, -ENAMETOOLONG, "ifname",
		                           "the interface name '%.32s' has more than %d characters",
		                           name, IFNAMSIZ - 1);
	// What the kernel refuses as a name, and what would break a line of a log.
	for (const char *c = name; *c; c++)
		if (*c == '/' || *c == ':' || (unsigned char)*c <= ' ' || (unsigned char)*c > '~')
			return agent_object_refuse(object, result, -EINVAL, "ifname",
			                           "the interface name has a character that names "
			                           "cannot have");
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return agent_object_refuse(object, result, -EINVAL, "ifname",
		                           "'%s' cannot be the name of an interface", name);
	return 0;
}

static int check_path(const struct agent_object *object, struct apply_result *result,
                      const char *field, const char *path)
{
	if (!path || !path[0])
		return 0;
	if (path[0] != '/')
		return agent_object_refuse(object, result, -EINVAL, field,
		                           "'%.64s' is not a path from the root", path);
	if (strlen(path) > PATH_BYTES_MAX)
		return agent_object_refuse(object, result, -ENAMETOOLONG, field,
		                           "a path has %d bytes at most", PATH_BYTES_MAX);
	return 0;
}

// What sockaddr_un can hold with the zero behind it, and what leaves a line of a log in one piece.
static int check_socket(const struct agent_object *object, struct apply_result *result)
{
	const char *path = object->message->port->vhost_path;
	size_t len = path ? strlen(path) : 0;

	if (len == 0)
		return agent_object_refuse(object, result, -EINVAL, "vhost_path",
		                           "a vhost-user port needs the path of a socket");
	if (path[0] != '/')
		return agent_object_refuse(object, result, -EINVAL, "vhost_path",
		                           "'%.64s' is not a path from the root", path);
	if (len > SOCKET_PATH_MAX)
		return agent_object_refuse(object, result, -ENAMETOOLONG, "vhost_path",
		                           "the path of its socket has %zu bytes, and a socket's "
		                           "name can have %d",
		                           len, SOCKET_PATH_MAX);
	if (path[len - 1] == '/')
		return agent_object_refuse(object, result, -EISDIR, "vhost_path",
		                           "'%.108s' names a directory, not a socket", path);
	for (const char *c = path; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			return agent_object_refuse(
				object, result, -EINVAL, "vhost_path",
				"the path of its socket has a control character");
	return 0;
}

static int refuse_field(const struct agent_object *object, struct apply_result *result,
                        const char *field)
{
	return agent_object_refuse(object, result, -EINVAL, field,
	                           "a vhost-user port has no %s: all that it says goes through "
	                           "its socket",
	                           field);
}

static int check_vhost(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Port *port = object->message->port;

	if (port->ifname && port->ifname[0])
		return refuse_field(object, result, "ifname");
	if (port->netns && port->netns[0])
		return refuse_field(object, result, "netns");
	if (port->pcap_read && port->pcap_read[0])
		return refuse_field(object, result, "pcap_read");
	if (port->pcap_write && port->pcap_write[0])
		return refuse_field(object, result, "pcap_write");
	if (port->n_addresses > 0)
		return refuse_field(object, result, "addresses");
	if (port->mtu > VHOST_MTU_MAX)
		return agent_object_refuse(object, result, -ERANGE, "mtu",
		                           "the MTU %u is more than the %d of a vhost-user port",
		                           port->mtu, VHOST_MTU_MAX);
	return check_socket(object, result);
}

static int check_by_type(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Port *port = object->message->port;

	if (port->type != WEFT__PORT_TYPE__PORT_VHOST &&
	    ((port->vhost_path && port->vhost_path[0]) || port->vhost_server))
		return agent_object_refuse(object, result, -EINVAL, "vhost_path",
		                           "only a vhost-user port has a socket");
	if ((port->type != WEFT__PORT_TYPE__PORT_TUNNEL && port->tunnel) ||
	    (port->type != WEFT__PORT_TYPE__PORT_PEER && port->peer))
		return agent_object_refuse(object, result, -EINVAL, "type",
		                           "only a tunnel or a peer has fields of one");
	switch (port->type) {
	case WEFT__PORT_TYPE__PORT_TAP:
	case WEFT__PORT_TYPE__PORT_NETDEV:
		return check_ifname(object, result);
	case WEFT__PORT_TYPE__PORT_MEMORY:
		return 0;
	case WEFT__PORT_TYPE__PORT_PCAP:
		if ((port->pcap_read && port->pcap_read[0]) ||
		    (port->pcap_write && port->pcap_write[0]))
			return 0;
		return agent_object_refuse(object, result, -EINVAL, "pcap_read",
		                           "a capture port needs a file to read or to write");
	case WEFT__PORT_TYPE__PORT_VHOST:
		return check_vhost(object, result);
	case WEFT__PORT_TYPE__PORT_TUNNEL:
		return agent_check_tunnel(object, result);
	case WEFT__PORT_TYPE__PORT_PEER:
		return agent_check_peer(object, result);
	default:
		return agent_object_refuse(object, result, -EINVAL, "type", "%d is no type of port",
		                           (int)port->type);
	}
}

static int check_guest(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Port *port = object->message->port;
	struct ip_addr gateway;
	int code = 0;

	if (port->n_addresses > ADDRESSES_MAX)
		return agent_object_refuse(object, result, -E2BIG, "addresses",
		                           "%zu addresses, %d at most", port->n_addresses,
		                           ADDRESSES_MAX);
	for (size_t i = 0; code == 0 && i < port->n_addresses; i++)
		code = agent_check_address(object, result, "addresses", port->addresses[i]);
	if (code == 0 && port->has_gateway4) {
		code = agent_check_host(object, result, "gateway4", &port->gateway4, &gateway);
		if (code == 0 && !ip_is4(gateway))
			code = agent_object_refuse(object, result, -EAFNOSUPPORT, "gateway4",
			                           "is not an IPv4 address");
	}
	if (code == 0 && port->has_gateway6) {
		code = agent_check_host(object, result, "gateway6", &port->gateway6, &gateway);
		if (code == 0 && ip_is4(gateway))
			code = agent_object_refuse(object, result, -EAFNOSUPPORT, "gateway6",
			                           "is not an IPv6 address");
	}
	return code;
}

int agent_check_port(const struct agent_object *object, struct apply_result *result)
{
	const Weft__Port *port = object->message->port;
	int code = check_by_type(object, result);

	if (code == 0)
		code = check_path(object, result, "netns", port->netns);
	if (code == 0)
		code = check_path(object, result, "pcap_read", port->pcap_read);
	if (code == 0)
		code = check_path(object, result, "pcap_write", port->pcap_write);
	if (code == 0 && port->has_mac)
		code = agent_check_mac(object, result, "mac", &port->mac);
	if (code < 0)
		return code;
	if (port->mtu < MTU_MIN || port->mtu > MTU_MAX)
		return agent_object_refuse(object, result, -ERANGE, "mtu",
		                           "the MTU %u is not one of %d to %d", port->mtu, MTU_MIN,
		                           MTU_MAX);
	if (port->queues < 1 || port->queues > QUEUES_MAX)
		return agent_object_refuse(object, result, -ERANGE, "queues",
		                           "%u queues; 1 to %d are possible", port->queues,
		                           QUEUES_MAX);
	return check_guest(object, result);
}

static int check_match(const struct agent_object *object, struct apply_result *result,
                       const Weft__FlowMatch *match)
{
	int code = 0;

	if (match->has_bridge != match->has_vid)
		return agent_object_refuse(object, result, -EINVAL, "match.bridge",
		                           "bridge and vid together name a broadcast domain; one "
		                           "of them is missing");
	if (match->has_vid)
		code = agent_check_vid(object, result, match->vid, 0);
	if (code == 0 && match->has_eth_src)
		code = agent_check_mac(object, result, "match.eth_src", &match->eth_src);
	// A destination may well be a group.
	if (code == 0 && match->has_eth_dst && match->eth_dst.len != sizeof(struct mac))
		code = agent_object_refuse(object, result, -EINVAL, "match.eth_dst",
		                           "a MAC address has 6 bytes, not %zu",
		                           match->eth_dst.len);
	if (code == 0 && match->has_eth_type &&
	    (match->eth_type < ETH_TYPE_FIRST || match->eth_type > UINT16_MAX))
		code = agent_object_refuse(object, result, -ERANGE, "match.eth_type",
		                           "0x%x is no EtherType", match->eth_type);
	if (code == 0 && match->ip_src)
		code = agent_check_prefix(object, result, "match.ip_src", match->ip_src);
	if (code == 0 && match->ip_dst)
		code = agent_check_prefix(object, result, "match.ip_dst", match->ip_dst);
	if (code == 0 && match->ip_src && match->ip_dst &&
	    match->ip_src->addr.len != match->ip_dst->addr.len)
		code = agent_object_refuse(object, result, -EAFNOSUPPORT, "match.ip_dst",
		                           "source and destination are of different families");
	if (code == 0 && match->has_ip_proto && match->ip_proto > UINT8_MAX)
		code = agent_object_refuse(object, result, -ERANGE, "match.ip_proto",
		                           "%u is no IP protocol", match->ip_proto);
	if (code == 0 && match->has_l4_src && match->l4_src > UINT16_MAX)
		code = agent_object_refuse(object, result, -ERANGE, "match.l4_src",
		                           "a port is a number up to 65535");
	if (code == 0 && match->has_l4_dst && match->l4_dst > UINT16_MAX)
		code = agent_object_refuse(object, result, -ERANGE, "match.l4_dst",
		                           "a port is a number up to 65535");
	return code;
}

int agent_check_flow_rule(const struct agent_object *object, struct apply_result *result)
{
	const Weft__FlowRule *rule = object->message->flow_rule;
	unsigned outputs = 0;
	int code;

	if (rule->hook != WEFT__HOOK__HOOK_INGRESS)
		return agent_object_refuse(object, result, -EOPNOTSUPP, "hook",
		                           "%d is no hook of this datapath", (int)rule->hook);
	code = check_match(object, result, rule->match);
	if (code < 0)
		return code;
	if (rule->n_actions > ACTIONS_MAX)
		return agent_object_refuse(object, result, -E2BIG, "actions",
		                           "%zu actions, %d at most", rule->n_actions, ACTIONS_MAX);
	for (size_t i = 0; code == 0 && i < rule->n_actions; i++) {
		const Weft__FlowAction *action = rule->actions[i];

		outputs += action->has_output;
		if (action->has_set_eth_src)
			code = agent_check_mac(object, result, "actions.set_eth_src",
			                       &action->set_eth_src);
		if (code == 0 && action->has_set_eth_dst)
			code = agent_check_mac(object, result, "actions.set_eth_dst",
			                       &action->set_eth_dst);
	}
	if (code == 0 && outputs > 1)
		code = agent_object_refuse(object, result, -EOPNOTSUPP, "actions.output",
		                           "a rule sends to one port, not to %u", outputs);
	return code;
}
