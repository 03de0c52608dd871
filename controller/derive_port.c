// SPDX-License-Identifier: BSD-3-Clause
//
// derive_port: a port's door, its VLANs, and by what name and address its guest is known.

#include "controller/derive_address.h"
#include "controller/derive_mesh.h"
#include "controller/derive_unit.h"

#include "controller/model_guest.h"
#include "controller/model_place.h"
#include "controller/model_vhost.h"
#include "controller/scope.h"

#include <stdio.h>

enum { ADDRESSES_MOST = PORT_ADDRESSES_MOST + 2 };

struct parts {
	const struct model *model;
	const struct intent *intent;
	const Weft__PortIntent *port;
	const struct intent *net;   // The one it is an access port of, or NULL.
	const struct intent *guest; // Or NULL.
	struct net_plan plan;       // Of the net.
	struct unit *unit;
};

static void add(struct parts *parts, Weft__Kind kind, const char *id_key, Weft__Object *object)
{
	object->id = ident(kind, id_key);
	object->name = (char *)parts->intent->key;
	unit_add(parts->unit, kind, object);
}

static Weft__PortType port_type(Weft__AttachKind attach)
{
	switch (attach) {
	case WEFT__ATTACH_KIND__ATTACH_NETDEV:
		return WEFT__PORT_TYPE__PORT_NETDEV;
	case WEFT__ATTACH_KIND__ATTACH_PCAP:
		return WEFT__PORT_TYPE__PORT_PCAP;
	case WEFT__ATTACH_KIND__ATTACH_VHOST:
		return WEFT__PORT_TYPE__PORT_VHOST;
	default:
		return WEFT__PORT_TYPE__PORT_TAP;
	}
}

static void copy_options(const Weft__PortIntent *port, Weft__Port *message)
{
	message->has_mtu = port->has_mtu;
	message->mtu = port->mtu;
	message->has_queues = port->has_queues;
	message->queues = port->queues;
	message->has_admin_down = port->has_down;
	message->admin_down = port->down;
	message->has_mac_limit = port->has_mac_limit;
	message->mac_limit = port->mac_limit;
	message->has_offload_off = port->has_offload_off;
	message->offload_off = port->offload_off;
	message->pcap_read = port->pcap_read;
	message->pcap_write = port->pcap_write;
}

// The socket's path goes into the buffer.
static void add_socket(const struct parts *parts, Weft__Port *message,
                       char buf[static VHOST_PATH_SIZE])
{
	if (message->type != WEFT__PORT_TYPE__PORT_VHOST)
		return;
	message->vhost_path = (char *)model_vhost_socket(parts->model, parts->port, buf);
	message->has_vhost_server = parts->port->has_vhost_server;
	message->vhost_server = parts->port->vhost_server;
	if (!message->has_queues) {
		message->has_queues = true;
		message->queues = VHOST_PAIRS;
	}
}

static void add_port(struct parts *parts)
{
	const Weft__PortIntent *port = parts->port;
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Port message = WEFT__PORT__INIT;
	Weft__Prefix prefixes[ADDRESSES_MOST], *addresses[ADDRESSES_MOST];
	struct ip_prefix own[ADDRESSES_MOST];
	char netns[KEY_SIZE], socket[VHOST_PATH_SIZE];
	struct mac mac;

	message.type = port_type(port->attach);
	message.ifname = port->ifname;
	copy_options(port, &message);
	add_socket(parts, &message, socket);
	if (parts->guest)
		snprintf(netns, sizeof(netns), "/run/netns/%s", port->guest);
	else if (port->netns)
		snprintf(netns, sizeof(netns), "%s%s", port->netns[0] == '/' ? "" : "/run/netns/",
		         port->netns);
	if (parts->guest || port->netns)
		message.netns = netns;
	if (port->mac && mac_parse(port->mac, &mac) == 0) {
		message.has_mac = true;
		message.mac = derive_mac(&mac);
	}
	// Only a TAP takes another MTU without its guest's noticing: what the way carries is told others by DHCP.
	if (!message.has_mtu && parts->net) {
		const Weft__Net *net = parts->net->msg->net;

		message.mtu = message.type == WEFT__PORT_TYPE__PORT_TAP
		                      ? derive_net_mtu(parts->model, parts->net)
		              : net->has_mtu ? net->mtu
		                             : 0;
		message.has_mtu = message.mtu != 0;
	}
	message.addresses = addresses;
	for (size_t i = 0; i < ADDRESSES_MOST; i++)
		addresses[i] = &prefixes[i];
	for (size_t i = 0; i < port->n_addresses && i < PORT_ADDRESSES_MOST; i++)
		if (prefix_parse(port->addresses[i], &own[message.n_addresses]) == 0) {
			derive_prefix(&prefixes[message.n_addresses], &own[message.n_addresses]);
			message.n_addresses++;
		}
	if (parts->guest && parts->net && parts->guest->msg->guest->static_ip) {
		const char *texts[] = {port->ip, port->ip6};

		for (unsigned i = 0; i < 2; i++) {
			struct ip_prefix *mine = &own[message.n_addresses];

			if (!texts[i] || ip_parse(texts[i], &mine->addr) < 0)
				continue;
			mine->len = i == 0 ? parts->plan.subnet4.len : parts->plan.subnet6.len;
			derive_prefix(&prefixes[message.n_addresses++], mine);
		}
		message.has_gateway4 =
			port->ip && parts->plan.has_gateway4 && parts->plan.has_interface;
		message.gateway4 = derive_ip(&parts->plan.gateway4);
		message.has_gateway6 =
			port->ip6 && parts->plan.has_gateway6 && parts->plan.has_interface;
		message.gateway6 = derive_ip(&parts->plan.gateway6);
	}
	object.body_case = WEFT__OBJECT__BODY_PORT;
	object.port = &message;
	add(parts, WEFT__KIND__KIND_PORT, parts->intent->key, &object);
}

// Whether it is a guest's own port: anybody may be behind an interface, and behind a trunk.
static bool is_snooped(const struct parts *parts)
{
	const Weft__PortIntent *port = parts->port;
	bool is_guest = parts->guest || port->attach == WEFT__ATTACH_KIND__ATTACH_VHOST;

	return is_guest && !port->n_trunk && parts->net && derive_snoops(parts->net);
}

static bool drops_unknown(const struct intent *net)
{
	return net && derive_unknown(net) == WEFT__UNKNOWN_POLICY__UNKNOWN_DROP;
}

// The net of a VLAN that the port carries; NULL: nobody gave it a name.
static const struct intent *net_of_vlan(const struct parts *parts, uint32_t vid)
{
	char claim[KEY_SIZE], user[KEY_SIZE];
	size_t cursor = 0;

	scope_vlan(parts->intent, vid, claim);
	return graph_next_user(&parts->model->graph, claim, &cursor, user)
	               ? model_get_key(parts->model, user)
	               : NULL;
}

static void add_member(struct parts *parts, const struct intent *net, uint64_t bridge, uint32_t vid,
                       bool tagged)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;
	char id_key[KEY_SIZE + 48];

	member.port = derive_port_id(parts->intent->name);
	member.bridge = bridge;
	member.vid = vid;
	member.has_tagged = true;
	member.tagged = tagged;
	if (drops_unknown(net)) {
		member.has_flood = true;
		member.flood = WEFT__FLOOD_POLICY__FLOOD_GROUPS;
	}
	member.has_snooped = member.snooped = is_snooped(parts);
	// One untagged member per port: its id is the same whatever the VLAN, so a move is one upsert.
	if (tagged)
		snprintf(id_key, sizeof(id_key), "%s/%u", parts->intent->key, vid);
	else
		snprintf(id_key, sizeof(id_key), "%s/untagged", parts->intent->key);
	object.body_case = WEFT__OBJECT__BODY_VLAN_MEMBER;
	object.vlan_member = &member;
	add(parts, WEFT__KIND__KIND_VLAN_MEMBER, id_key, &object);
}

// The port's own MAC in a VLAN in which nobody is looked for. Those behind it are learnt once they speak.
static void add_place(struct parts *parts, uint32_t vid)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__FdbEntry entry = WEFT__FDB_ENTRY__INIT;
	char id_key[KEY_SIZE + 16];
	struct mac mac;

	if (!parts->port->mac || mac_parse(parts->port->mac, &mac) < 0)
		return;
	entry.bridge = derive_shared_bridge_id(parts->intent);
	entry.vid = vid;
	entry.mac = derive_mac(&mac);
	entry.port = derive_port_id(parts->intent->name);
	snprintf(id_key, sizeof(id_key), "%s/%u", parts->intent->key, vid);
	object.body_case = WEFT__OBJECT__BODY_FDB_ENTRY;
	object.fdb_entry = &entry;
	add(parts, WEFT__KIND__KIND_FDB_ENTRY, id_key, &object);
}

static void add_vlan(struct parts *parts, uint32_t vid, bool tagged)
{
	const struct intent *net = net_of_vlan(parts, vid);

	add_member(parts, net, derive_shared_bridge_id(parts->intent), vid, tagged);
	if (drops_unknown(net))
		add_place(parts, vid);
}

static void add_members(struct parts *parts)
{
	const Weft__PortIntent *port = parts->port;

	if (port->link)
		add_member(parts, NULL, derive_link_id(port->link), 0, false);
	else if (parts->net)
		add_member(parts, parts->net, derive_bridge_id(parts->net), parts->plan.vlan,
		           false);
	else if (port->has_native)
		add_vlan(parts, port->native, false);
	for (size_t i = 0; i < port->n_trunk; i++)
		add_vlan(parts, port->trunk[i], true);
}

static const char *hostname(const struct parts *parts)
{
	return parts->guest ? model_guest_hostname(parts->guest)
	                    : model_vhost_hostname(parts->intent);
}

static void add_reservation(struct parts *parts)
{
	const Weft__PortIntent *port = parts->port;
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__DhcpReservation message = WEFT__DHCP_RESERVATION__INIT;
	struct ip_addr ip;
	struct mac mac;

	if (!port->mac || mac_parse(port->mac, &mac) < 0 || (!hostname(parts) && !port->ip))
		return;
	message.scope = derive_scope_id(parts->net->name);
	message.mac = derive_mac(&mac);
	if (port->ip && ip_parse(port->ip, &ip) == 0) {
		message.has_ip = true;
		message.ip = derive_ip(&ip);
	}
	message.hostname = (char *)hostname(parts);
	object.body_case = WEFT__OBJECT__BODY_DHCP_RESERVATION;
	object.dhcp_reservation = &message;
	add(parts, WEFT__KIND__KIND_DHCP_RESERVATION, parts->intent->key, &object);
}

static void add_record(struct parts *parts, const struct ip_addr *ip)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__DnsRecord record = WEFT__DNS_RECORD__INIT;
	char id_key[KEY_SIZE + 16], text[IP_TEXT];

	record.zone = derive_zone_id(parts->net->name);
	record.name = (char *)hostname(parts);
	record.ip = derive_ip(ip);
	snprintf(id_key, sizeof(id_key), "%s/%s", parts->intent->key, ip_format(*ip, text));
	object.body_case = WEFT__OBJECT__BODY_DNS_RECORD;
	object.dns_record = &record;
	add(parts, WEFT__KIND__KIND_DNS_RECORD, id_key, &object);
}

// What is fixed can be named at once. An address that DHCP gives is named by its lease.
static void add_records(struct parts *parts)
{
	const Weft__PortIntent *port = parts->port;
	struct ip_addr ip;
	struct mac mac;

	if (!hostname(parts))
		return;
	if (port->ip && ip_parse(port->ip, &ip) == 0)
		add_record(parts, &ip);
	if (port->ip6 && ip_parse(port->ip6, &ip) == 0) {
		add_record(parts, &ip);
		return;
	}
	// A namespace's kernel makes its address from the prefix we advertise and the MAC we set.
	if (parts->plan.has6 && port->mac && port->attach == WEFT__ATTACH_KIND__ATTACH_TAP &&
	    mac_parse(port->mac, &mac) == 0) {
		ip = ipam_autoconf(parts->plan.subnet6, mac);
		add_record(parts, &ip);
	}
}

void derive_port(const struct model *model, const struct intent *intent, struct layout *layout)
{
	const Weft__PortIntent *port = intent->msg->port;
	struct parts parts = {.model = model, .intent = intent, .port = port};

	parts.net = port->net ? model_get(model, NOUN_NET, port->net) : NULL;
	parts.guest = port->guest ? model_get(model, NOUN_GUEST, port->guest) : NULL;
	if (parts.net && !derive_plan(parts.net, &parts.plan))
		return;
	parts.unit = layout_unit(layout, model_place_of(port));
	add_port(&parts);
	add_members(&parts);
	if (parts.net) {
		derive_mesh_port(model, layout, intent, parts.net, &parts.plan);
		derive_address_port(model, layout, intent, parts.net, &parts.plan);
	}
	if (!parts.net || !parts.plan.has_interface)
		return;
	// What is known of it is told where it is served.
	parts.unit = layout_unit(layout, derive_home(model, layout, parts.net));
	if (parts.plan.dhcp)
		add_reservation(&parts);
	if (parts.plan.dns)
		add_records(&parts);
}
