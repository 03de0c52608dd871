// SPDX-License-Identifier: BSD-3-Clause
//
// advert_server: when an advertisement is sent (RFC 4861, 6.2.4 to 6.2.6).
//
// Three soon after the start or a change, then at random times between a third of the interval and
// the whole. A host that asks from an address gets an answer of its own at once; one without is
// answered to all, at most every three seconds. A prefix that went away is named with no preference
// for a while, so that guests stop using it; when the advert itself goes, a last message takes back
// the router and its resolvers. Cost of a tick without work: one compare for each advert.

#include "datapath/advert_server.h"

#include "base/bytes.h"
#include "base/rand.h"
#include "datapath/advert_message.h"
#include "datapath/port_meter.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MOST_PREFIXES = 8,
	INITIAL_COUNT = 3,         // MAX_INITIAL_RTR_ADVERTISEMENTS
	INITIAL_SECONDS = 16,      // MAX_INITIAL_RTR_ADVERT_INTERVAL
	SHORTEST_SECONDS = 4,      // least MaxRtrAdvInterval
	LONGEST_SECONDS = 1800,    // most
	MULTICAST_GAP_SECONDS = 3, // MIN_DELAY_BETWEEN_RAS
	SOLICITS_PER_MINUTE = 600,
	SOLICITS_BURST = 20,
};

#define SECOND_NS UINT64_C(1000000000)

struct advert {
	struct advert *next;
	struct advert_config config;
	// What was advertised last, to see what changed and to say goodbye.
	bool known;
	uint32_t domain;
	struct mac mac;
	uint32_t mtu;
	bool dns;
	unsigned prefix_count, former_count;
	struct ip_prefix prefixes[MOST_PREFIXES], former[MOST_PREFIXES];
	unsigned initial; // messages still to be sent in quick succession
	bool sent;
	uint64_t last_multicast, next_multicast;
};

struct advert_server {
	const struct service_env *env;
	struct advert *adverts;
	struct port_meter *solicits;
	bool changed;        // by the controller, since the last tick
	uint64_t generation; // number that was looked at last
	uint64_t next_multicast;
};

struct advert_server *advert_server_new(const struct service_env *env)
{
	struct advert_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->env = env;
	server->solicits = port_meter_new(SOLICITS_PER_MINUTE, SOLICITS_BURST);
	if (!server->solicits) {
		free(server);
		errno = ENOMEM;
		return NULL;
	}
	return server;
}

void advert_server_free(struct advert_server *server)
{
	if (!server)
		return;
	while (server->adverts) {
		struct advert *advert = server->adverts;

		server->adverts = advert->next;
		free(advert);
	}
	port_meter_free(server->solicits);
	free(server);
}

static struct advert **find(struct advert_server *server, uint32_t interface)
{
	struct advert **at = &server->adverts;

	while (*at && (*at)->config.interface != interface)
		at = &(*at)->next;
	return at;
}

static struct advert_config within_bounds(const struct advert_config *config)
{
	struct advert_config bounded = *config;
	uint32_t interval = MAX(config->interval_seconds, (uint32_t)SHORTEST_SECONDS);

	bounded.interval_seconds = MIN(interval, (uint32_t)LONGEST_SECONDS);
	bounded.rdnss_count = MIN(config->rdnss_count, (unsigned)ARRAY_SIZE(config->rdnss));
	bounded.search[sizeof(bounded.search) - 1] = 0;
	return bounded;
}

static bool says_the_same(const struct advert_config *a, const struct advert_config *b)
{
	return a->interval_seconds == b->interval_seconds &&
	       a->lifetime_seconds == b->lifetime_seconds && a->rdnss_count == b->rdnss_count &&
	       memcmp(a->rdnss, b->rdnss, a->rdnss_count * sizeof(*a->rdnss)) == 0 &&
	       strcmp(a->search, b->search) == 0;
}

int advert_server_set(struct advert_server *server, const struct advert_config *config)
{
	struct advert_config bounded = within_bounds(config);
	struct advert **at = find(server, config->interface);
	struct advert *advert = *at;

	// An interface is set again for many reasons; guests hear only of those that concern them.
	if (advert && says_the_same(&advert->config, &bounded))
		return 0;
	if (!advert) {
		advert = calloc(1, sizeof(*advert));
		if (!advert)
			return -ENOMEM;
		*at = advert;
	}
	advert->config = bounded;
	advert->initial = INITIAL_COUNT;
	advert->next_multicast = 0;
	server->changed = true;
	return 0;
}

static bool is_advertised(const struct ip_prefix *prefix)
{
	return !ip_is4(prefix->addr) && prefix->len == 64 && !ip_is_link_local(prefix->addr);
}

// The interface as it was when it was advertised last. The addresses are the advert's.
static struct interface remembered(const struct advert *advert)
{
	return (struct interface){
		.slot = advert->config.interface,
		.domain = advert->domain,
		.mac = advert->mac,
		.mtu = advert->mtu,
		.dns = advert->dns,
		.address_count = advert->prefix_count,
		.addresses = advert->prefixes,
	};
}

static void send_to(struct advert_server *server, const struct advert_message *message,
                    const struct solicit *to, uint32_t port)
{
	uint8_t frame[ADVERT_FRAME_MAX];
	struct service_out out = {
		.domain = message->interface->domain, .port = port, .frame = frame};

	out.len = advert_write(frame, message, to);
	server->env->send(server->env->user, &out);
}

void advert_server_remove(struct advert_server *server, uint32_t interface)
{
	struct advert **at = find(server, interface);
	struct advert *advert = *at;

	if (!advert)
		return;
	if (advert->known && advert->sent) {
		struct interface last = remembered(advert);
		struct advert_message message = {
			.interface = &last, .config = &advert->config, .final = true};

		send_to(server, &message, NULL, 0);
	}
	*at = advert->next;
	free(advert);
}

static bool has_prefix(const struct ip_prefix *list, unsigned count, struct ip_prefix prefix)
{
	for (unsigned i = 0; i < count; i++)
		if (prefix_equal(prefix_network(list[i]), prefix_network(prefix)))
			return true;
	return false;
}

// Takes over what the interface is now. Returns whether the guests must hear of it.
static bool take_over(struct advert *advert, const struct interface *interface)
{
	struct ip_prefix now[MOST_PREFIXES], former[MOST_PREFIXES];
	unsigned count = 0, former_count = 0;
	bool changed = !advert->known || advert->domain != interface->domain ||
	               !mac_equal(advert->mac, interface->mac) || advert->mtu != interface->mtu ||
	               advert->dns != interface->dns;

	for (uint32_t i = 0; i < interface->address_count && count < MOST_PREFIXES; i++)
		if (is_advertised(&interface->addresses[i]))
			now[count++] = interface->addresses[i];
	for (unsigned i = 0; i < advert->prefix_count; i++)
		if (!has_prefix(now, count, advert->prefixes[i]))
			former[former_count++] = advert->prefixes[i];
	for (unsigned i = 0; i < count; i++)
		changed = changed || !has_prefix(advert->prefixes, advert->prefix_count, now[i]);
	changed = changed || former_count > 0;

	// Those of an earlier change stay former unless they came back.
	for (unsigned i = 0; i < advert->former_count && former_count < MOST_PREFIXES; i++)
		if (!has_prefix(now, count, advert->former[i]))
			former[former_count++] = advert->former[i];
	memcpy(advert->prefixes, now, count * sizeof(*now));
	memcpy(advert->former, former, former_count * sizeof(*former));
	advert->prefix_count = count;
	advert->former_count = former_count;
	advert->known = true;
	advert->domain = interface->domain;
	advert->mac = interface->mac;
	advert->mtu = interface->mtu;
	advert->dns = interface->dns;
	return changed;
}

static void send_advert(struct advert_server *server, const struct advert *advert,
                        const struct interface *interface, const struct solicit *to, uint32_t port)
{
	struct advert_message message = {
		.interface = interface,
		.config = &advert->config,
		.former_count = advert->former_count,
		.former = advert->former,
	};

	send_to(server, &message, to, port);
}

// Even over the last two thirds of the interval, shorter while the first few are sent.
static uint64_t next_delay(const struct advert *advert)
{
	uint32_t most = advert->config.interval_seconds;
	uint32_t least = most / 3;

	if (advert->initial > 0)
		return MIN(most, (uint32_t)INITIAL_SECONDS) * SECOND_NS;
	return least * SECOND_NS + rand_below((most - least) * 1000 + 1) * (SECOND_NS / 1000);
}

static void multicast(struct advert_server *server, struct advert *advert,
                      const struct interface *interface, uint64_t now_ns)
{
	send_advert(server, advert, interface, NULL, 0);
	advert->initial -= advert->initial > 0;
	advert->sent = true;
	advert->last_multicast = now_ns;
	advert->next_multicast = now_ns + next_delay(advert);
}

enum drop_reason advert_server_frame_in(struct advert_server *server,
                                        const struct service_frame *frame,
                                        const struct interface *interface, uint64_t now_ns)
{
	struct advert *advert = *find(server, interface->slot);
	enum drop_reason drop;
	struct solicit solicit;
	uint64_t earliest;

	drop = solicit_read(frame, &solicit);
	if (drop != DROP_NONE)
		return drop;
	if (!advert || !port_meter_take(server->solicits, frame->port, now_ns))
		return DROP_SERVICE_REFUSED;
	take_over(advert, interface);
	if (!ip_is_unspecified(solicit.src)) {
		advert->sent = true;
		send_advert(server, advert, interface, &solicit, frame->port);
		return DROP_NONE;
	}
	earliest = advert->last_multicast + MULTICAST_GAP_SECONDS * SECOND_NS;
	if (advert->last_multicast == 0 || now_ns >= earliest)
		multicast(server, advert, interface, now_ns);
	else
		advert->next_multicast = MIN(advert->next_multicast, earliest);
	server->next_multicast = MIN(server->next_multicast, advert->next_multicast);
	return DROP_NONE;
}

// A change is told at once, but no sooner than the gap after the last message allows.
static void notice_change(struct advert *advert, uint64_t now_ns)
{
	uint64_t earliest = advert->last_multicast + MULTICAST_GAP_SECONDS * SECOND_NS;

	advert->initial = INITIAL_COUNT;
	advert->next_multicast = advert->last_multicast ? MAX(now_ns, earliest) : now_ns;
}

uint64_t advert_server_tick(struct advert_server *server, uint64_t now_ns)
{
	const struct generation *generation = server->env->generation(server->env->user);
	bool look = server->changed || generation->number != server->generation;
	uint64_t next = UINT64_MAX;

	if (!look && now_ns < server->next_multicast)
		return server->next_multicast;
	server->changed = false;
	server->generation = generation->number;
	for (struct advert *advert = server->adverts; advert; advert = advert->next) {
		const struct interface *interface =
			pmap_get(&generation->interfaces, advert->config.interface);

		if (!interface)
			continue;
		if ((look && take_over(advert, interface)) || advert->next_multicast == 0)
			notice_change(advert, now_ns);
		if (advert->next_multicast <= now_ns)
			multicast(server, advert, interface, now_ns);
		next = MIN(next, advert->next_multicast);
	}
	server->next_multicast = next;
	return next;
}
