// SPDX-License-Identifier: BSD-3-Clause
//
// lease_clash: addresses of the intent against the leases that run.
//
// The intent alone cannot tell: a lease is the datapath's promise, kept beside it. Only addresses that
// the batch brings in are judged, so that an old clash never stands in the way of something else; and
// only those of the pool, since outside it a lease came from a reservation that may be gone by now.

#include "controller/lease_clash.h"

#include "controller/derive_unit.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { TRIES_MOST = 4096 };

// An address that an object wants for a client.
struct wish {
	const char *net, *mac, *ip;
};

static struct wish wish_of(const struct intent *intent)
{
	struct wish wish = {0};

	if (intent && intent->noun == NOUN_PORT)
		wish = (struct wish){intent->msg->port->net, intent->msg->port->mac,
		                     intent->msg->port->ip};
	else if (intent && intent->noun == NOUN_LEASE)
		wish = (struct wish){intent->msg->reservation->net, intent->msg->reservation->mac,
		                     intent->msg->reservation->ip};
	return wish;
}

static bool is_same(const struct wish *left, const struct wish *right)
{
	return left->net && left->ip && left->mac && strcmp(left->net, right->net) == 0 &&
	       strcmp(left->ip, right->ip) == 0 && strcmp(left->mac, right->mac) == 0;
}

static const struct lease_row *holder_of(const struct leases *leases, const char *net,
                                         struct ip_addr ip, uint64_t now)
{
	uint64_t scope = derive_scope_id(net);
	const struct lease_row *row;
	size_t cursor = 0;

	while ((row = leases_next(leases, &cursor)))
		if (row->scope == scope && row->expires > now && ip_equal(row->ip, ip))
			return row;
	return NULL;
}

static bool is_free(const struct leases *leases, const struct model *model, const char *net,
                    struct ip_addr ip, uint64_t now)
{
	char claim[KEY_SIZE], text[IP_TEXT], user[KEY_SIZE];
	size_t cursor = 0;

	snprintf(claim, sizeof(claim), "ip/%s/%s", net, ip_format(ip, text));
	return !graph_next_user(&model->graph, claim, &cursor, user) &&
	       !holder_of(leases, net, ip, now);
}

// The first free address outside the pool, where no lease can come in between; else within it.
static bool find_free(const struct leases *leases, const struct model *model, const char *net,
                      uint64_t now, struct ip_addr *ret)
{
	const struct intent *intent = model_get(model, NOUN_NET, net);
	struct net_plan plan;

	if (!intent || !derive_plan(intent, &plan) || !plan.has4)
		return false;
	for (unsigned within = 0; within < 2; within++) {
		struct ip_addr ip = plan.subnet4.addr, last = prefix_last(plan.subnet4);

		for (unsigned i = 0; i < TRIES_MOST; i++) {
			bool pooled;

			ip = ip_add(ip, 1);
			if (ip_compare(ip, last) >= 0)
				break;
			pooled = ip_compare(ip, plan.pool_first) >= 0 &&
			         ip_compare(ip, plan.pool_last) <= 0;
			if (pooled != (within == 1) || !is_free(leases, model, net, ip, now))
				continue;
			*ret = ip;
			return true;
		}
	}
	return false;
}

static bool is_pooled(const struct model *model, const char *net, struct ip_addr ip)
{
	const struct intent *intent = model_get(model, NOUN_NET, net);
	struct net_plan plan;

	return intent && derive_plan(intent, &plan) && plan.dhcp &&
	       ip_compare(ip, plan.pool_first) >= 0 && ip_compare(ip, plan.pool_last) <= 0;
}

static int refuse_clash(const struct leases *leases, const struct model *model,
                        const struct intent *intent, const struct wish *wish,
                        const struct lease_row *holder, uint64_t now, struct refusal *refusal)
{
	char mac[MAC_TEXT], claim[KEY_SIZE], user[KEY_SIZE], text[IP_TEXT], until[32] = "";
	char stranger[MAC_TEXT + 2 + sizeof(holder->hostname)];
	const char *who = user;
	time_t end = (time_t)holder->expires;
	struct ip_addr instead;
	struct tm parts;
	size_t cursor = 0;

	mac_format(holder->mac, mac);
	snprintf(claim, sizeof(claim), "reserve/%s/%s", wish->net, mac);
	if (!graph_next_user(&model->graph, claim, &cursor, user)) {
		snprintf(stranger, sizeof(stranger), "%s%s%s", mac, holder->hostname[0] ? ", " : "",
		         holder->hostname);
		who = stranger;
	}
	if (localtime_r(&end, &parts))
		strftime(until, sizeof(until), "%F %T", &parts);
	refuse(refusal, -EADDRINUSE, intent->key, "ip",
	       "%s: the address %s is leased to %s until %s", intent->key, wish->ip, who, until);
	if (find_free(leases, model, wish->net, now, &instead))
		fail_hint(&refusal->fail, "%s is free; or wait until the lease has ended",
		          ip_format(instead, text));
	else
		fail_hint(&refusal->fail, "wait until the lease has ended");
	return -EADDRINUSE;
}

int lease_clash_check(const struct leases *leases, const struct model *model, uint64_t now,
                      struct refusal *refusal)
{
	for (size_t i = 0; i < model->change_count; i++) {
		const struct model_change *change = &model->changes[i];
		struct wish before = wish_of(change->before), wish = wish_of(change->after);
		const struct lease_row *holder;
		struct ip_addr ip;
		struct mac mac;

		if (!wish.net || !wish.mac || !wish.ip || is_same(&before, &wish) ||
		    ip_parse(wish.ip, &ip) < 0 || mac_parse(wish.mac, &mac) < 0 ||
		    !is_pooled(model, wish.net, ip))
			continue;
		holder = holder_of(leases, wish.net, ip, now);
		if (holder && memcmp(holder->mac.b, mac.b, sizeof(mac.b)) != 0)
			return refuse_clash(leases, model, change->after, &wish, holder, now,
			                    refusal);
	}
	return 0;
}
