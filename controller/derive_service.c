// SPDX-License-Identifier: BSD-3-Clause
//
// derive_service: reservations and names that belong to no guest, and the user's own flow rules.

#include "controller/derive_unit.h"

#include "controller/flow_text.h"
#include "controller/model_guest.h"
#include "controller/model_host.h"
#include "controller/model_place.h"

// Where what the net serves is; nowhere when there is no such net, which validation has seen to.
static struct unit *at_home(const struct model *model, const char *net, struct layout *layout)
{
	const struct intent *intent = model_get(model, NOUN_NET, net);

	return layout_unit(layout, intent ? derive_home(model, layout, intent) : HOST_LOCAL);
}

void derive_lease(const struct model *model, const struct intent *intent, struct layout *layout)
{
	const Weft__Reservation *lease = intent->msg->reservation;
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__DhcpReservation message = WEFT__DHCP_RESERVATION__INIT;
	struct ip_addr ip;
	struct mac mac;

	if (!lease->mac || !lease->net || mac_parse(lease->mac, &mac) < 0)
		return;
	message.scope = derive_scope_id(lease->net);
	message.mac = derive_mac(&mac);
	if (lease->ip && ip_parse(lease->ip, &ip) == 0) {
		message.has_ip = true;
		message.ip = derive_ip(&ip);
	}
	message.hostname = lease->hostname;
	object.id = ident(WEFT__KIND__KIND_DHCP_RESERVATION, intent->key);
	object.name = (char *)intent->key;
	object.body_case = WEFT__OBJECT__BODY_DHCP_RESERVATION;
	object.dhcp_reservation = &message;
	unit_add(at_home(model, lease->net, layout), WEFT__KIND__KIND_DHCP_RESERVATION, &object);
}

void derive_dns(const struct model *model, const struct intent *intent, struct layout *layout)
{
	const Weft__DnsEntry *dns = intent->msg->dns;
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__DnsRecord record = WEFT__DNS_RECORD__INIT;
	struct ip_addr ip;

	if (!dns->net || !dns->ip || ip_parse(dns->ip, &ip) < 0)
		return;
	record.zone = derive_zone_id(dns->net);
	record.name = dns->host;
	record.ip = derive_ip(&ip);
	object.id = ident(WEFT__KIND__KIND_DNS_RECORD, intent->key);
	object.name = (char *)intent->key;
	object.body_case = WEFT__OBJECT__BODY_DNS_RECORD;
	object.dns_record = &record;
	unit_add(at_home(model, dns->net, layout), WEFT__KIND__KIND_DNS_RECORD, &object);
}

static uint64_t port_id(const struct model *model, const char *name)
{
	const struct intent *port = model_find_port(model, name, NULL);

	return derive_port_id(port ? port->name : name);
}

static void match_net(const struct model *model, const char *name, Weft__FlowMatch *match)
{
	const struct intent *net = model_get(model, NOUN_NET, name);

	if (!net)
		return;
	match->has_bridge = true;
	match->bridge = derive_bridge_id(net);
	if (!net->msg->net->has_vlan)
		return;
	match->has_vid = true;
	match->vid = net->msg->net->vlan;
}

// => The text and the prefixes outlive the match.
static void fill_match(const struct model *model, const struct flow_text *text,
                       Weft__FlowMatch *match, Weft__Prefix prefixes[2])
{
	if (text->fields & FLOW_PORT) {
		match->has_port = true;
		match->port = port_id(model, text->port);
	}
	if (text->fields & FLOW_NET)
		match_net(model, text->net, match);
	if (text->fields & FLOW_VID) {
		match->has_vid = true;
		match->vid = text->vid;
	}
	match->has_eth_src = text->fields & FLOW_ETH_SRC;
	match->eth_src = derive_mac(&text->eth_src);
	match->has_eth_dst = text->fields & FLOW_ETH_DST;
	match->eth_dst = derive_mac(&text->eth_dst);
	match->has_eth_type = text->fields & FLOW_ETH_TYPE;
	match->eth_type = text->eth_type;
	match->has_ip_proto = text->fields & FLOW_IP_PROTO;
	match->ip_proto = text->ip_proto;
	match->has_l4_src = text->fields & FLOW_L4_SRC;
	match->l4_src = text->l4_src;
	match->has_l4_dst = text->fields & FLOW_L4_DST;
	match->l4_dst = text->l4_dst;
	if (text->fields & FLOW_IP_SRC) {
		derive_prefix(&prefixes[0], &text->ip_src);
		match->ip_src = &prefixes[0];
	}
	if (text->fields & FLOW_IP_DST) {
		derive_prefix(&prefixes[1], &text->ip_dst);
		match->ip_dst = &prefixes[1];
	}
}

enum { ACTIONS_MOST = 3 };

static size_t fill_actions(const struct model *model, const struct flow_text *text,
                           Weft__FlowAction actions[ACTIONS_MOST])
{
	Weft__FlowAction *action = actions;

	for (unsigned i = 0; i < ACTIONS_MOST; i++)
		weft__flow_action__init(&actions[i]);
	if (text->has_set_src) {
		action->has_set_eth_src = true;
		action++->set_eth_src = derive_mac(&text->set_src);
	}
	if (text->has_set_dst) {
		action->has_set_eth_dst = true;
		action++->set_eth_dst = derive_mac(&text->set_dst);
	}
	if (text->drop) {
		action->has_drop = action->drop = true;
	} else if (text->normal) {
		action->has_normal = action->normal = true;
	} else {
		action->has_output = true;
		action->output = port_id(model, text->output);
	}
	return (size_t)(action + 1 - actions);
}

// At the port it is for, or that it sends to, else wherever its net is, else everywhere.
static void add_flow(const struct model *model, const struct flow_text *text,
                     const Weft__Object *object, struct layout *layout)
{
	const char *at = text->fields & FLOW_PORT ? text->port : text->output;
	const struct intent *port = model_find_port(model, at, NULL);
	const struct intent *net = model_get(model, NOUN_NET, text->net), *host;
	char name[KEY_SIZE];
	size_t cursor = 0;

	if (at[0]) {
		unit_add(layout_unit(layout, port ? model_place_of(port->msg->port) : HOST_LOCAL),
		         WEFT__KIND__KIND_FLOW_RULE, object);
		return;
	}
	if (!(text->fields & FLOW_NET) || !net) {
		unit_add(layout_unit(layout, HOST_LOCAL), WEFT__KIND__KIND_FLOW_RULE, object);
		while ((host = model_next(model, NOUN_HOST, &cursor)))
			if (strcmp(host->name, HOST_LOCAL) != 0)
				unit_add(layout_unit(layout, host->name),
				         WEFT__KIND__KIND_FLOW_RULE, object);
		return;
	}
	unit_add(layout_unit(layout, derive_home(model, layout, net)), WEFT__KIND__KIND_FLOW_RULE,
	         object);
	while (model_place_next(model, net->name, &cursor, name))
		if (strcmp(name, derive_home(model, layout, net)) != 0)
			unit_add(layout_unit(layout, name), WEFT__KIND__KIND_FLOW_RULE, object);
}

void derive_flow(const struct model *model, const struct intent *intent, struct layout *layout)
{
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__FlowRule rule = WEFT__FLOW_RULE__INIT;
	Weft__FlowMatch match = WEFT__FLOW_MATCH__INIT;
	Weft__FlowAction actions[ACTIONS_MOST], *list[ACTIONS_MOST];
	Weft__Prefix prefixes[2];
	struct refusal ignored = {0};
	struct flow_text text;

	if (flow_text_parse(intent->key, intent->msg->flow, &text, &ignored) < 0)
		return;
	fill_match(model, &text, &match, prefixes);
	rule.hook = WEFT__HOOK__HOOK_INGRESS;
	rule.priority = intent->msg->flow->priority;
	rule.match = &match;
	rule.n_actions = fill_actions(model, &text, actions);
	rule.actions = list;
	for (size_t i = 0; i < rule.n_actions; i++)
		list[i] = &actions[i];
	object.id = ident(WEFT__KIND__KIND_FLOW_RULE, intent->key);
	object.name = (char *)intent->key;
	object.body_case = WEFT__OBJECT__BODY_FLOW_RULE;
	object.flow_rule = &rule;
	add_flow(model, &text, &object, layout);
}
