// SPDX-License-Identifier: BSD-3-Clause
//
// api_address: who has which address in each net, where, and how we know.
//
// Of all nets, also of those on one host, where nobody has to be told: the same list from which hosts are told.

#include "controller/api_priv.h"

#include "controller/derive_address.h"
#include "controller/derive_unit.h"
#include "controller/model_place.h"
#include "controller/scope.h"

#include <string.h>

struct listing {
	struct question *question;
	const struct model *model;
	const struct intent *net;
	struct net_plan plan;
	const char *name; // only this port, guest or address; NULL: all
};

static const char *const sources[] = {
	[ADDRESS_STATIC] = "static",
	[ADDRESS_LEASE] = "lease",
	[ADDRESS_AUTOCONF] = "autoconf",
};

static bool is_meant(const struct listing *listing, const struct intent *port, const char *ip)
{
	const char *guest = port ? port->msg->port->guest : NULL;

	return !listing->name || strcmp(listing->name, ip) == 0 ||
	       (port && strcmp(listing->name, port->name) == 0) ||
	       (guest && strcmp(listing->name, guest) == 0);
}

// `port` NULL: the router's leg.
static void add(const struct listing *listing, const struct intent *port, const char *host,
                struct ip_addr ip, struct mac mac, const char *source)
{
	char text[IP_TEXT], mac_text[MAC_TEXT];
	Weft__Record *record;

	if (!is_meant(listing, port, ip_format(ip, text)))
		return;
	record = record_new();
	record_text(record, "net", listing->net->name);
	record_text(record, "ip", text);
	record_text(record, "mac", mac_format(mac, mac_text));
	record_text(record, "host", host);
	record_text(record, "port", port ? port->name : NULL);
	record_text(record, "source", source);
	record_text(record, "lab", listing->net->msg->lab);
	question_add(listing->question, record);
}

static void list_leg(const struct listing *listing)
{
	struct mac mac = ipam_router_mac(&listing->model->instance);
	char group[KEY_SIZE], home[KEY_SIZE];

	if (!listing->plan.has_interface)
		return;
	model_place_home(listing->model, model_place_group(listing->net, group), home);
	if (listing->plan.has_gateway4)
		add(listing, NULL, home, listing->plan.gateway4, mac, "router");
	if (!listing->plan.has_gateway6)
		return;
	add(listing, NULL, home, listing->plan.gateway6, mac, "router");
	add(listing, NULL, home, ip_link_local_from_mac(mac), mac, "router");
}

static void list_port(const struct listing *listing, const struct intent *port)
{
	struct address_list list;
	struct mac mac;

	if (!port->msg->port->net || strcmp(port->msg->port->net, listing->net->name) != 0 ||
	    !port->msg->port->mac || mac_parse(port->msg->port->mac, &mac) < 0)
		return;
	derive_address_list(listing->model, port, listing->net, &listing->plan, mac, &list);
	for (unsigned i = 0; i < list.count; i++)
		add(listing, port, model_place_of(port->msg->port), list.items[i].ip, mac,
		    sources[list.items[i].source]);
}

void api_list_addresses(struct question *question, const char *name, const char *net)
{
	struct listing listing = {
		.question = question,
		.model = &question->api->env.control->model,
		.name = name,
	};
	char user[KEY_SIZE];
	size_t cursor = 0;

	while ((listing.net = model_next(listing.model, NOUN_NET, &cursor))) {
		size_t inner = 0;

		if ((net && strcmp(net, listing.net->name) != 0) ||
		    !derive_plan(listing.net, &listing.plan))
			continue;
		list_leg(&listing);
		while (graph_next_user(&listing.model->graph, listing.net->key, &inner, user)) {
			const struct intent *port = model_get_key(listing.model, user);

			if (port && port->noun == NOUN_PORT)
				list_port(&listing, port);
		}
	}
}
