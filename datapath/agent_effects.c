// SPDX-License-Identifier: BSD-3-Clause
//
// agent_effects: what a transaction does to tables that workers or services change as well: static FDB entries
// and neighbours, DHCP scopes and reservations, DNS zones and records, router advertisements.
//
// These are no part of a generation. Each effect leads from one version of an object to another, and the
// way back is the same with both exchanged.

#include "datapath/agent_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t slot_of(struct agent_change *change, uint32_t kind, uint64_t id)
{
	const struct agent_node *node = agent_change_node(change, kind, id);

	return node ? node->slot : 0;
}

static int set_fdb_entry(struct agent_change *change, const struct agent_object *object, bool on)
{
	const Weft__FdbEntry *entry = object->message->fdb_entry;
	const struct agent_node *domain = agent_change_domain(change, entry->bridge, entry->vid);
	struct fdb *fdb = change->apply->env.state->fdb;
	struct mac mac;

	agent_mac(&entry->mac, &mac);
	if (on)
		return fdb_set_static(fdb, domain->slot, &mac,
		                      slot_of(change, WEFT__KIND__KIND_PORT, entry->port));
	fdb_remove(fdb, domain->slot, &mac);
	return 0;
}

static int set_neighbour(struct agent_change *change, const struct agent_object *object, bool on)
{
	const Weft__Neighbour *neighbour = object->message->neighbour;
	struct neighbour_table *table = change->apply->env.state->neighbours;
	uint32_t slot = slot_of(change, WEFT__KIND__KIND_INTERFACE, neighbour->interface);
	struct ip_addr ip;
	struct mac mac;

	agent_ip(&neighbour->ip, &ip);
	agent_mac(&neighbour->mac, &mac);
	if (on)
		return neighbour_set_static(table, slot, &ip, &mac);
	neighbour_remove(table, slot, &ip);
	return 0;
}

static unsigned copy_resolvers(size_t count, const ProtobufCBinaryData *from, struct ip_addr to[4])
{
	unsigned copied = 0;

	for (size_t i = 0; i < count && copied < 4; i++)
		if (agent_ip(&from[i], &to[copied]) == 0)
			copied++;
	return copied;
}

static int set_advert(struct agent_change *change, const struct agent_object *object, bool on)
{
	const Weft__RouterAdvert *advert = object->message->interface->advert;
	struct service *service = change->apply->env.service;
	uint32_t slot = slot_of(change, WEFT__KIND__KIND_INTERFACE, object->id);
	struct advert_config config = {.interface = slot};

	if (!on || !advert) {
		service_remove_advert(service, slot);
		return 0;
	}
	config.interval_seconds = advert->interval_seconds;
	config.lifetime_seconds = advert->router_lifetime_seconds;
	config.rdnss_count = copy_resolvers(advert->n_rdnss, advert->rdnss, config.rdnss);
	snprintf(config.search, sizeof(config.search), "%s", advert->search ? advert->search : "");
	return service_set_advert(service, &config);
}

static int set_scope(struct agent_change *change, const struct agent_object *object, bool on)
{
	const Weft__DhcpScope *scope = object->message->dhcp_scope;
	struct service *service = change->apply->env.service;
	struct dhcp_scope_config config = {
		.id = object->id,
		.interface = slot_of(change, WEFT__KIND__KIND_INTERFACE, scope->interface),
		.lease_seconds = scope->lease_seconds,
	};

	if (!on) {
		service_remove_scope(service, object->id);
		return 0;
	}
	agent_ip(&scope->first, &config.first);
	agent_ip(&scope->last, &config.last);
	config.dns_count = copy_resolvers(scope->n_dns, scope->dns, config.dns);
	snprintf(config.domain, sizeof(config.domain), "%s", scope->domain ? scope->domain : "");
	return service_set_scope(service, &config);
}

static int set_reservation(struct agent_change *change, const struct agent_object *object, bool on)
{
	const Weft__DhcpReservation *reservation = object->message->dhcp_reservation;
	struct service *service = change->apply->env.service;
	struct dhcp_reservation_config config = {.id = object->id, .scope = reservation->scope};

	if (!on) {
		service_remove_reservation(service, object->id);
		return 0;
	}
	agent_mac(&reservation->mac, &config.mac);
	if (reservation->has_ip)
		config.has_ip = agent_ip(&reservation->ip, &config.ip) == 0;
	snprintf(config.hostname, sizeof(config.hostname), "%s",
	         reservation->hostname ? reservation->hostname : "");
	return service_set_reservation(service, &config);
}

static int set_zone(struct agent_change *change, const struct agent_object *object, bool on)
{
	const Weft__DnsZone *zone = object->message->dns_zone;
	struct service *service = change->apply->env.service;
	struct dns_zone_config config = {
		.id = object->id,
		.interface = slot_of(change, WEFT__KIND__KIND_INTERFACE, zone->interface),
	};

	if (!on) {
		service_remove_zone(service, object->id);
		return 0;
	}
	snprintf(config.domain, sizeof(config.domain), "%s", zone->domain);
	for (size_t i = 0; i < zone->n_forwarders; i++)
		snprintf(config.forwarders[config.forwarder_count++], sizeof(config.forwarders[0]),
		         "%s", zone->forwarders[i]);
	return service_set_zone(service, &config);
}

static int set_record(struct agent_change *change, const struct agent_object *object, bool on)
{
	const Weft__DnsRecord *record = object->message->dns_record;
	struct service *service = change->apply->env.service;
	struct dns_record_config config = {
		.id = object->id, .zone = record->zone, .ttl = record->ttl_seconds};

	if (!on) {
		service_remove_record(service, object->id);
		return 0;
	}
	agent_ip(&record->ip, &config.ip);
	snprintf(config.name, sizeof(config.name), "%s", record->name);
	return service_set_record(service, &config);
}

static int set(struct agent_change *change, const struct agent_object *object, bool on)
{
	if (object->kind == WEFT__KIND__KIND_FDB_ENTRY)
		return set_fdb_entry(change, object, on);
	if (object->kind == WEFT__KIND__KIND_NEIGHBOUR)
		return set_neighbour(change, object, on);
	if (!change->apply->env.service)
		return 0;
	switch (object->kind) {
	case WEFT__KIND__KIND_INTERFACE:
		return set_advert(change, object, on);
	case WEFT__KIND__KIND_DHCP_SCOPE:
		return set_scope(change, object, on);
	case WEFT__KIND__KIND_DHCP_RESERVATION:
		return set_reservation(change, object, on);
	case WEFT__KIND__KIND_DNS_ZONE:
		return set_zone(change, object, on);
	case WEFT__KIND__KIND_DNS_RECORD:
		return set_record(change, object, on);
	default:
		return 0;
	}
}

// From one version to the other. Services replace what they know by its id; the tables know only keys.
static int lead(struct agent_change *change, const struct agent_object *from,
                const struct agent_object *to)
{
	bool keyed = from && (from->kind == WEFT__KIND__KIND_FDB_ENTRY ||
	                      from->kind == WEFT__KIND__KIND_NEIGHBOUR);

	int code = 0;

	if (from && (!to || keyed))
		code = set(change, from, false);
	if (code == 0 && to)
		code = set(change, to, true);
	if (code < 0 && keyed)
		set(change, from, true);
	return code;
}

static bool has_effect(uint32_t kind)
{
	switch (kind) {
	case WEFT__KIND__KIND_FDB_ENTRY:
	case WEFT__KIND__KIND_INTERFACE:
	case WEFT__KIND__KIND_NEIGHBOUR:
	case WEFT__KIND__KIND_DHCP_SCOPE:
	case WEFT__KIND__KIND_DHCP_RESERVATION:
	case WEFT__KIND__KIND_DNS_ZONE:
	case WEFT__KIND__KIND_DNS_RECORD:
		return true;
	default:
		return false;
	}
}

// What goes, goes before anything comes, and what depends on others goes first and comes last.
static int compare_effects(const void *a, const void *b)
{
	const struct agent_effect *one = a, *other = b;
	int order = (int)one->node->key.kind - (int)other->node->key.kind;

	if (!one->to != !other->to)
		return one->to ? 1 : -1;
	if (order == 0)
		order = one->op_index < other->op_index ? -1 : one->op_index > other->op_index;
	return one->to ? order : -order;
}

static int collect(struct agent_change *change)
{
	for (const struct agent_touch *touch = change->touches; touch; touch = touch->next) {
		if (!has_effect(touch->node->key.kind))
			continue;
		if (agent_change_room((void **)&change->effects, change->effect_count,
		                      &change->effect_room, sizeof(struct agent_effect)) < 0)
			return agent_change_fail(change, -ENOMEM, "out of memory");
		change->effects[change->effect_count++] = (struct agent_effect){
			.node = touch->node,
			.from = touch->before,
			.to = touch->after,
			.op_index = touch->op_index,
		};
	}
	if (change->effect_count > 1)
		qsort(change->effects, change->effect_count, sizeof(change->effects[0]),
		      compare_effects);
	return 0;
}

int agent_effects_apply(struct agent_change *change)
{
	int code = collect(change);

	for (size_t i = 0; code == 0 && i < change->effect_count; i++) {
		const struct agent_effect *effect = &change->effects[i];

		change->op_index = effect->op_index;
		code = lead(change, effect->from, effect->to);
		if (code < 0)
			return agent_object_refuse(effect->to ? effect->to : effect->from,
			                           change->result, code, "object", "%s",
			                           code == -ENOSPC
			                                   ? "the table it belongs in is full"
			                                   : "could not be put in place");
		change->effects_done = i + 1;
	}
	return code;
}

void agent_effects_undo(struct agent_change *change)
{
	while (change->effects_done > 0) {
		const struct agent_effect *effect = &change->effects[--change->effects_done];

		// What was there before fits again; at worst a service lacks memory for a name.
		lead(change, effect->to, effect->from);
	}
}
