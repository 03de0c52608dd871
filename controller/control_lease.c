// SPDX-License-Identifier: BSD-3-Clause
//
// control_lease: leases, as hosts tell of them and as they go from one host to another.
//
// A scope is at one host, the home of its net, and only that one's word counts. When it goes to another, what
// was given is sent there before the transaction with which the scope comes. What the old home gives between
// that and the end is told by it a moment later: for a while its word on what it had counts still, and goes on
// to the new home, which takes it unless it has given the address away meanwhile.

#include "controller/control_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "controller/leases.h"
#include "controller/model_host.h"
#include "controller/plain_text.h"
#include "proto/channel.pb-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FAREWELL_SECONDS = 30 };

uint8_t *control_host_leases(void *user, struct host *host, size_t *ret_len)
{
	struct control *control = user;

	return control->leases(control->listener, host, ret_len);
}

// "h1 (02:00:00:00:00:01) has 10.77.0.20 in net lan, until 2026-01-31 12:00:00"
void control_say_lease(const struct control *control, const Weft__Lease *lease,
                       const struct object *scope, char *buf, size_t size)
{
	const char *net = scope ? plain_name(scope) : "?";
	char mac[MAC_TEXT] = "?", ip[IP_TEXT] = "?", claim[KEY_SIZE], user[KEY_SIZE],
	     until[32] = "";
	const char *who = lease->hostname, *name;
	time_t end = (time_t)lease->expires;
	struct tm parts;
	size_t cursor = 0;
	uint32_t be;

	if (lease->mac.len == 6) {
		struct mac bytes;

		memcpy(bytes.b, lease->mac.data, 6);
		mac_format(bytes, mac);
	}
	if (lease->ip.len == 4) {
		memcpy(&be, lease->ip.data, 4);
		ip_format(ip_from4(be), ip);
	}
	// A port is named after its guest, or stands for itself.
	snprintf(claim, sizeof(claim), "reserve/%s/%s", net, mac);
	if (graph_next_user(&control->model.graph, claim, &cursor, user) &&
	    noun_of_key(user, &name) != NOUN_NONE) {
		const struct intent *owner = model_get_key(&control->model, user);

		who = owner && owner->noun == NOUN_PORT && owner->msg->port->guest
		              ? owner->msg->port->guest
		              : name;
	}
	if (lease->expires && localtime_r(&end, &parts))
		strftime(until, sizeof(until), ", until %F %T", &parts);
	snprintf(buf, size, "%s (%s) %s %s in net %s%s", who ? who : "a client", mac,
	         lease->expires ? "has" : "gave back", ip, net, until);
}

// The scope is not the host's any more, and what it says of it in the next seconds was true when it was done.
static void note_farewell(struct control *control, const struct host *host, uint64_t scope)
{
	struct farewell *farewell = &control->farewells[control->farewell_next];

	control->farewell_next = (control->farewell_next + 1) % FAREWELLS;
	*farewell = (struct farewell){.scope = scope,
	                              .until = clock_now() + FAREWELL_SECONDS * NSEC_PER_SEC};
	snprintf(farewell->host, sizeof(farewell->host), "%s", host_name(host));
}

static bool has_left(const struct control *control, const struct host *host, uint64_t scope)
{
	for (unsigned i = 0; i < FAREWELLS; i++)
		if (control->farewells[i].scope == scope &&
		    control->farewells[i].until > clock_now() &&
		    strcmp(control->farewells[i].host, host_name(host)) == 0)
			return true;
	return false;
}

static void hand_scopes(struct control *control, struct host *host, const uint64_t *scopes,
                        size_t count)
{
	size_t cursor = 0;
	uint8_t *packed;
	size_t len;

	// The first of the messages names the scopes, also if nothing was given.
	for (bool first = true;; first = false) {
		packed = leases_pack_scopes(control->running, scopes, count, first, &cursor, &len);
		if (!packed)
			return;
		if (host_tell(host, WEFT__FRAME_TYPE__FRAME_LEASES, packed, len) < 0)
			log_warn("%s: leases could not be handed over", host_label(host));
		free(packed);
	}
}

void control_hand_leases(void *user, struct host *host, const struct ops *ops)
{
	struct control *control = user;
	uint64_t *scopes = calloc(ops->count + 1, sizeof(*scopes));
	size_t count = 0;

	for (size_t i = 0; scopes && i < ops->count; i++) {
		if (ops->items[i].kind != WEFT__KIND__KIND_DHCP_SCOPE)
			continue;
		if (ops->items[i].verb == WEFT__OP_VERB__OP_DELETE)
			note_farewell(control, host, ops->items[i].id);
		else
			scopes[count++] = ops->items[i].id;
	}
	if (count > 0 && control->running && host_can(host, "lease-handover"))
		hand_scopes(control, host, scopes, count);
	free(scopes);
}

// The host that has the scope now.
static struct host *home_of(const struct control *control, uint64_t scope)
{
	struct host *host;
	size_t cursor = 0;

	while ((host = hosts_next(&control->hosts, &cursor)))
		if (desired_get(host_desired(host), scope))
			return host;
	return NULL;
}

const struct object *control_note_lease(struct control *control, struct host *host,
                                        const Weft__Lease *lease)
{
	static const struct object nothing;
	const struct object *object = desired_get(host_desired(host), lease->scope);
	struct host *home = object ? host : home_of(control, lease->scope);
	uint8_t *packed;
	size_t len;

	// A host hands out what its own scopes have, and nothing of another's. Of a scope that nobody has any more
	// the local one may say that a lease has ended.
	if (object ? object->kind != WEFT__KIND__KIND_DHCP_SCOPE
	    : home ? !lease->expires || !has_left(control, host, lease->scope)
	           : host != control->hosts.local) {
		if (lease->expires)
			log_warn("%s: a lease of a scope that is not there is left out",
			         host_label(host));
		return NULL;
	}
	control->on_lease(control->listener, lease);
	if (!home)
		return &nothing;
	if (home != host && host_can(home, "lease-handover")) {
		packed = leases_pack_one(lease, &len);
		if (packed)
			host_tell(home, WEFT__FRAME_TYPE__FRAME_LEASES, packed, len);
		free(packed);
	}
	return desired_get(host_desired(home), lease->scope);
}

// The port whose guest the lease is for, by its key; false: none of ours.
static bool leasing_port(const struct control *control, const struct object *scope,
                         const Weft__Lease *lease, char ret[static KEY_SIZE])
{
	const struct intent *net = scope ? model_get_key(&control->model, scope->unit) : NULL;
	char claim[KEY_SIZE], text[MAC_TEXT];
	size_t cursor = 0;
	struct mac mac;

	if (!net || net->noun != NOUN_NET || lease->mac.len != sizeof(mac.b))
		return false;
	memcpy(mac.b, lease->mac.data, sizeof(mac.b));
	snprintf(claim, sizeof(claim), "reserve/%s/%s", net->name, mac_format(mac, text));
	return graph_next_user(&control->model.graph, claim, &cursor, ret) != NULL;
}

// Where addresses are follows leases. It is no change of the intent: each host that it concerns is brought up to
// date like one that returns, when nothing else is under way, with as many objects as differ.
void control_follow_lease(struct control *control, const struct object *scope,
                          const Weft__Lease *lease)
{
	struct refusal refusal = {0};
	struct table keys = {0};
	struct desired *desired;
	char port[KEY_SIZE];
	int err;

	if (!leasing_port(control, scope, lease, port))
		return;
	err = table_put_text(&keys, port, control);
	if (err == 0)
		err = derive_units(&control->model, &control->layout, &keys, &refusal);
	if (err < 0)
		log_warn("%s: its address could not be told: %s", port, refusal.fail.what);
	for (size_t i = 0; (desired = layout_collected(&control->layout, i)); i++) {
		struct host *host = hosts_get(&control->hosts, desired->host);

		if (host)
			control_want_resync(control, host);
	}
	layout_forget_collected(&control->layout);
	table_fini(&keys);
	control_next(control);
}
