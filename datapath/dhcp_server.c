// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_server: the server's side of RFC 2131 section 4.3.
//
// The lease table is the only state; it outlives the process, so a client notices no restart. The
// server is the only authority on its networks: a client that it does not know but that asks for an
// address which is free and lawful gets it (after a loss of all state the guests just carry on), and
// any other claim gets a NAK at once instead of silence. What one frame may cost is bounded by the
// walk of dhcp_pool; each port has a rate, and a smaller one for declining addresses, so that one
// guest cannot take a pool away from the others.

#include "datapath/dhcp_server.h"

#include "base/bytes.h"
#include "datapath/dhcp_names.h"
#include "datapath/dhcp_reply.h"
#include "datapath/port_meter.h"
#include "datapath/udp_frame.h"

#include <errno.h>
#include <stdlib.h>

enum { FRAMES_PER_MINUTE = 1200, FRAMES_BURST = 60, DECLINES_PER_MINUTE = 1, DECLINES_BURST = 4 };
enum { SHORTEST_LEASE = 60, TICK_MOST_SECONDS = 60 };

struct dhcp_server {
	const struct service_env *env;
	struct lease_table *leases;
	struct dhcp_scopes scopes;
	struct dhcp_names names;
	struct port_meter *frames, *declines;
	uint64_t next_end; // wall seconds; nothing ends before
};

// One message on its way to an answer.
struct exchange {
	struct dhcp_server *server;
	const struct service_frame *frame;
	const struct generation *generation;
	const struct dhcp_message *message;
	struct dhcp_pool pool;
	struct dhcp_client client;
	const struct dhcp_reservation_config *reserved; // to the client, or NULL
	uint64_t now_ns;
};

struct dhcp_server *dhcp_server_new(struct state *state, const struct service_env *env)
{
	struct dhcp_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->env = env;
	server->leases = state->leases;
	dhcp_scopes_init(&server->scopes, state->hash_secret[0]);
	dhcp_names_init(&server->names, state->hash_secret[1]);
	server->frames = port_meter_new(FRAMES_PER_MINUTE, FRAMES_BURST);
	server->declines = port_meter_new(DECLINES_PER_MINUTE, DECLINES_BURST);
	if (!server->frames || !server->declines ||
	    dhcp_names_load(&server->names, server->leases) < 0) {
		dhcp_server_free(server);
		errno = ENOMEM;
		return NULL;
	}
	return server;
}

void dhcp_server_free(struct dhcp_server *server)
{
	if (!server)
		return;
	port_meter_free(server->frames);
	port_meter_free(server->declines);
	dhcp_names_fini(&server->names);
	dhcp_scopes_fini(&server->scopes);
	free(server);
}

struct dhcp_scopes *dhcp_server_scopes(struct dhcp_server *server)
{
	return &server->scopes;
}

static struct ip_addr ip_from_number(uint32_t number)
{
	return number ? ip_from4(htobe32(number)) : (struct ip_addr){{0}};
}

static void tell(const struct dhcp_server *server, const struct lease *lease, uint64_t expires)
{
	if (server->env->lease_event)
		server->env->lease_event(server->env->user, lease, expires);
}

static void drop_lease(struct dhcp_server *server, struct lease *lease)
{
	dhcp_names_remove(&server->names, lease);
	lease_remove(server->leases, lease);
}

// Ends a lease; only one that was bound is worth an event.
static void end_lease(struct dhcp_server *server, struct lease *lease)
{
	struct lease ended = *lease;

	drop_lease(server, lease);
	if (ended.state == LEASE_BOUND)
		tell(server, &ended, 0);
}

// Stores the address for the client and lets go of any other it had. NULL: the table is full.
static struct lease *store_lease(struct exchange *exchange, struct ip_addr ip, uint8_t state,
                                 uint64_t seconds, const char *hostname)
{
	struct dhcp_server *server = exchange->server;
	const struct dhcp_client *client = &exchange->client;
	uint64_t scope = exchange->pool.scope->id;
	struct lease lease = {
		.scope = scope,
		.ip = ip,
		.mac = client->mac,
		.client_id_len = (uint8_t)client->id_len,
		.state = state,
		.expires = exchange->pool.wall + seconds,
	};
	struct lease *old;

	memcpy(lease.client_id, client->id, client->id_len);
	memcpy(lease.hostname, hostname, strnlen(hostname, sizeof(lease.hostname) - 1));
	while ((old = lease_by_client(server->leases, scope, &client->mac, client->id,
	                              client->id_len)) &&
	       !ip_equal(old->ip, ip))
		end_lease(server, old);
	old = lease_by_ip(server->leases, scope, &ip);
	if (old)
		dhcp_names_remove(&server->names, old);
	old = lease_put(server->leases, &lease);
	if (old)
		server->next_end = MIN(server->next_end, lease.expires);
	return old;
}

static void send_reply(struct exchange *exchange, struct dhcp_reply *reply)
{
	uint8_t frame[UDP_FRAME_MAX];
	struct service_out out = {
		.domain = exchange->frame->domain, .port = exchange->frame->port, .frame = frame};

	reply->hostname = exchange->reserved ? exchange->reserved->hostname : "";
	out.len = dhcp_reply_write(frame, sizeof(frame), reply, &exchange->pool, exchange->message,
	                           exchange->generation);
	if (out.len > 0)
		exchange->server->env->send(exchange->server->env->user, &out);
}

static void send_nak(struct exchange *exchange, const char *why)
{
	send_reply(exchange, &(struct dhcp_reply){.type = DHCP_NAK, .message = why});
}

// The client may ask for less than the scope gives, not for so little that it would ask all day.
static uint32_t lease_seconds(const struct exchange *exchange)
{
	uint32_t most = exchange->pool.scope->lease_seconds;
	uint32_t asked = exchange->message->lease_time;

	if (asked == 0 || asked >= most)
		return most;
	return MAX(asked, MIN(most, (uint32_t)SHORTEST_LEASE));
}

static enum drop_reason on_discover(struct exchange *exchange)
{
	struct ip_addr wished = ip_from_number(exchange->message->requested_ip);
	struct dhcp_reply reply = {.type = DHCP_OFFER, .lease_seconds = lease_seconds(exchange)};
	const struct lease *lease;

	if (!dhcp_pool_pick(&exchange->pool, &exchange->client, wished, &reply.ip))
		return DROP_DHCP_EXHAUSTED;
	// A bound lease stays as it is: the offer may be declined by never being asked for.
	lease = dhcp_pool_lease(&exchange->pool, &exchange->client);
	if ((!lease || lease->state != LEASE_BOUND) &&
	    !store_lease(exchange, reply.ip, LEASE_OFFERED, DHCP_OFFER_SECONDS, ""))
		return DROP_DHCP_EXHAUSTED;
	send_reply(exchange, &reply);
	return DROP_NONE;
}

// The name of the lease: the reservation's, else what the client says if nobody else has it.
static void choose_name(const struct exchange *exchange, struct ip_addr ip,
                        char ret[static LEASE_HOSTNAME])
{
	struct dhcp_server *server = exchange->server;
	uint64_t scope = exchange->pool.scope->id;
	const struct lease *holder;

	ret[0] = 0;
	if (exchange->reserved && exchange->reserved->hostname[0]) {
		memcpy(ret, exchange->reserved->hostname, LEASE_HOSTNAME);
		return;
	}
	dhcp_names_clean(exchange->message, ret);
	if (ret[0] == 0)
		return;
	holder = dhcp_names_find(&server->names, server->leases, scope, ret, exchange->pool.wall);
	if ((holder && !ip_equal(holder->ip, ip)) ||
	    dhcp_reservation_by_name(&server->scopes, scope, ret))
		ret[0] = 0;
}

static enum drop_reason bind(struct exchange *exchange, struct ip_addr ip)
{
	struct dhcp_server *server = exchange->server;
	struct dhcp_reply reply = {
		.type = DHCP_ACK, .ip = ip, .lease_seconds = lease_seconds(exchange)};
	char hostname[LEASE_HOSTNAME];
	struct lease *lease;

	choose_name(exchange, ip, hostname);
	lease = store_lease(exchange, ip, LEASE_BOUND, reply.lease_seconds, hostname);
	if (!lease)
		return DROP_DHCP_EXHAUSTED;
	// Without memory for the name the lease still stands; it is only not found by name.
	(void)dhcp_names_add(&server->names, lease);
	tell(server, lease, lease->expires);
	send_reply(exchange, &reply);
	return DROP_NONE;
}

// The address is another's, or the client has a reservation that waits for it elsewhere.
static const char *why_not(const struct exchange *exchange, struct ip_addr ip)
{
	const struct dhcp_pool *pool = &exchange->pool;
	const struct dhcp_reservation_config *reserved = exchange->reserved;

	if (!prefix_contains(pool->own, ip))
		return "wrong network";
	if (!dhcp_pool_allows(pool, &exchange->client, ip))
		return "address not available";
	if (!dhcp_pool_grants(pool, &exchange->client, ip))
		return "address in use";
	if (reserved && reserved->has_ip && !ip_equal(reserved->ip, ip) &&
	    dhcp_pool_grants(pool, &exchange->client, reserved->ip))
		return "another address is reserved";
	return NULL;
}

static enum drop_reason on_request(struct exchange *exchange)
{
	const struct dhcp_message *message = exchange->message;
	struct ip_addr ip =
		ip_from_number(message->ciaddr ? message->ciaddr : message->requested_ip);
	uint32_t own = be32toh(ip_to4(exchange->pool.own.addr));
	const char *refusal;

	if (ip_is_none(ip))
		return DROP_DHCP_MALFORMED;
	if (message->server_id && message->server_id != own) {
		// The client has chosen another server: what we offered is free again.
		struct lease *lease = dhcp_pool_lease(&exchange->pool, &exchange->client);

		if (lease && lease->state == LEASE_OFFERED)
			end_lease(exchange->server, lease);
		return DROP_NONE;
	}
	refusal = why_not(exchange, ip);
	if (refusal) {
		send_nak(exchange, refusal);
		return DROP_NONE;
	}
	return bind(exchange, ip);
}

static enum drop_reason on_decline(struct exchange *exchange)
{
	struct dhcp_server *server = exchange->server;
	struct ip_addr ip = ip_from_number(exchange->message->requested_ip);
	struct lease *lease = dhcp_pool_lease(&exchange->pool, &exchange->client);
	struct lease declined = {
		.scope = exchange->pool.scope->id, .ip = ip, .state = LEASE_DECLINED};

	if (!lease || !ip_equal(lease->ip, ip))
		return DROP_SERVICE_REFUSED;
	end_lease(server, lease);
	// Over its rate the port is only given the same address again.
	if (!port_meter_take(server->declines, exchange->frame->port, exchange->now_ns))
		return DROP_SERVICE_REFUSED;
	declined.expires = exchange->pool.wall + DHCP_DECLINE_SECONDS;
	if (lease_put(server->leases, &declined))
		server->next_end = MIN(server->next_end, declined.expires);
	return DROP_NONE;
}

static enum drop_reason on_release(struct exchange *exchange)
{
	struct ip_addr ip = ip_from_number(exchange->message->ciaddr);
	struct lease *lease = dhcp_pool_lease(&exchange->pool, &exchange->client);

	if (!lease || !ip_equal(lease->ip, ip))
		return DROP_SERVICE_REFUSED;
	end_lease(exchange->server, lease);
	return DROP_NONE;
}

static enum drop_reason on_inform(struct exchange *exchange)
{
	if (!prefix_contains(exchange->pool.own, ip_from_number(exchange->message->ciaddr)))
		return DROP_SERVICE_REFUSED;
	send_reply(exchange, &(struct dhcp_reply){.type = DHCP_ACK});
	return DROP_NONE;
}

static enum drop_reason dispatch(struct exchange *exchange)
{
	switch (exchange->message->type) {
	case DHCP_DISCOVER:
		return on_discover(exchange);
	case DHCP_REQUEST:
		return on_request(exchange);
	case DHCP_DECLINE:
		return on_decline(exchange);
	case DHCP_RELEASE:
		return on_release(exchange);
	case DHCP_INFORM:
		return on_inform(exchange);
	default: // what only servers say
		return DROP_SERVICE_REFUSED;
	}
}

// Reads the frame as a message of a client that speaks for itself.
static enum drop_reason read_message(const struct service_frame *frame, struct dhcp_message *ret)
{
	const uint8_t *payload;
	struct udp_path path;
	size_t len;

	if (!udp_frame_read(frame, &path, &payload, &len))
		return DROP_DHCP_MALFORMED;
	switch (dhcp_message_parse(payload, len, ret)) {
	case DHCP_PARSE_MALFORMED:
		return DROP_DHCP_MALFORMED;
	case DHCP_PARSE_FOREIGN:
		return DROP_SERVICE_REFUSED;
	default:
		break;
	}
	// A guest may not ask in another's name, nor take addresses under MACs that no port limit has
	// counted. Messages of relays come from elsewhere: there are no relays here.
	if (memcmp(ret->chaddr, path.src_mac.b, sizeof(ret->chaddr)) != 0 || ret->giaddr)
		return DROP_SERVICE_REFUSED;
	return DROP_NONE;
}

enum drop_reason dhcp_server_frame_in(struct dhcp_server *server, const struct service_frame *frame,
                                      const struct interface *interface, uint64_t now_ns,
                                      uint64_t wall)
{
	struct dhcp_message message;
	struct exchange exchange = {
		.server = server,
		.frame = frame,
		.generation = server->env->generation(server->env->user),
		.message = &message,
		.pool = {.scopes = &server->scopes,
	                 .scope = dhcp_scope_by_interface(&server->scopes, interface->slot),
	                 .interface = interface,
	                 .leases = server->leases,
	                 .wall = wall},
		.now_ns = now_ns,
	};
	enum drop_reason drop = read_message(frame, &message);

	if (drop != DROP_NONE)
		return drop;
	if (!exchange.pool.scope || !dhcp_pool_open(&exchange.pool) ||
	    !port_meter_take(server->frames, frame->port, now_ns))
		return DROP_SERVICE_REFUSED;
	exchange.client = dhcp_client_of(&message);
	exchange.reserved = dhcp_reservation_by_mac(&server->scopes, exchange.pool.scope->id,
	                                            exchange.client.mac);
	return dispatch(&exchange);
}

uint64_t dhcp_server_tick(struct dhcp_server *server, uint64_t wall)
{
	uint32_t cursor = 0;
	struct lease *lease;

	if (wall >= server->next_end) {
		server->next_end = UINT64_MAX;
		while ((lease = lease_next(server->leases, &cursor))) {
			if (lease->expires <= wall)
				end_lease(server, lease);
			else
				server->next_end = MIN(server->next_end, lease->expires);
		}
	}
	return MIN(server->next_end - wall, (uint64_t)TICK_MOST_SECONDS);
}

void dhcp_server_forget(struct dhcp_server *server, uint64_t scope)
{
	uint32_t cursor = 0;
	struct lease *lease;

	if (dhcp_scope_by_id(&server->scopes, scope))
		return;
	while ((lease = lease_next(server->leases, &cursor)))
		if (lease->scope == scope)
			drop_lease(server, lease);
}

int dhcp_server_take(struct dhcp_server *server, const struct lease *lease)
{
	struct lease *held = lease_by_ip(server->leases, lease->scope, &lease->ip);
	struct lease *own = lease_by_client(server->leases, lease->scope, &lease->mac,
	                                    lease->client_id, lease->client_id_len);

	if ((own && own->expires >= lease->expires) || (held && held != own))
		return -EEXIST;
	if (own)
		drop_lease(server, own);
	held = lease_put(server->leases, lease);
	if (!held)
		return -ENOSPC;
	// Without memory for the name the lease still stands.
	(void)dhcp_names_add(&server->names, held);
	server->next_end = MIN(server->next_end, held->expires);
	return 0;
}

static void fill_host(struct dhcp_host *host, struct mac mac, const struct ip_addr *ip,
                      const char *name)
{
	*host = (struct dhcp_host){.mac = mac};
	memcpy(host->name, name, strnlen(name, sizeof(host->name) - 1));
	if (ip) {
		host->has_ip = true;
		host->ip = *ip;
	}
}

// The live lease of a client with that MAC, if it identifies itself by nothing else: by no client id
// or by the usual one that holds the MAC.
static const struct lease *lease_of_mac(struct dhcp_server *server, uint64_t scope, struct mac mac,
                                        uint64_t wall)
{
	uint8_t id[1 + sizeof(mac.b)] = {1};
	const struct lease *lease = lease_by_client(server->leases, scope, &mac, NULL, 0);

	memcpy(id + 1, mac.b, sizeof(mac.b));
	if (!lease)
		lease = lease_by_client(server->leases, scope, &mac, id, sizeof(id));
	return lease && lease->state == LEASE_BOUND && lease->expires > wall ? lease : NULL;
}

bool dhcp_server_host_by_name(struct dhcp_server *server, uint32_t interface, const char *name,
                              uint64_t wall, struct dhcp_host *ret)
{
	const struct dhcp_scope_config *scope = dhcp_scope_by_interface(&server->scopes, interface);
	const struct dhcp_reservation_config *reserved;
	const struct lease *lease;

	if (!scope)
		return false;
	lease = dhcp_names_find(&server->names, server->leases, scope->id, name, wall);
	reserved = dhcp_reservation_by_name(&server->scopes, scope->id, name);
	if (reserved && (!lease || !mac_equal(lease->mac, reserved->mac)))
		fill_host(ret, reserved->mac, reserved->has_ip ? &reserved->ip : NULL,
		          reserved->hostname);
	else if (lease)
		fill_host(ret, lease->mac, &lease->ip, lease->hostname);
	return reserved || lease;
}

bool dhcp_server_host_by_ip(struct dhcp_server *server, uint32_t interface, struct ip_addr ip,
                            uint64_t wall, struct dhcp_host *ret)
{
	const struct dhcp_scope_config *scope = dhcp_scope_by_interface(&server->scopes, interface);
	const struct dhcp_reservation_config *reserved;
	const struct lease *lease;

	if (!scope)
		return false;
	lease = lease_by_ip(server->leases, scope->id, &ip);
	reserved = dhcp_reservation_by_ip(&server->scopes, scope->id, ip);
	if (lease && lease->state == LEASE_BOUND && lease->expires > wall && lease->hostname[0])
		fill_host(ret, lease->mac, &lease->ip, lease->hostname);
	else if (reserved && reserved->hostname[0])
		fill_host(ret, reserved->mac, &reserved->ip, reserved->hostname);
	else
		return false;
	return true;
}

bool dhcp_server_host_by_mac(struct dhcp_server *server, uint32_t interface, struct mac mac,
                             uint64_t wall, struct dhcp_host *ret)
{
	const struct dhcp_scope_config *scope = dhcp_scope_by_interface(&server->scopes, interface);
	const struct dhcp_reservation_config *reserved;
	const struct lease *lease;

	if (!scope)
		return false;
	lease = lease_of_mac(server, scope->id, mac, wall);
	reserved = dhcp_reservation_by_mac(&server->scopes, scope->id, mac);
	if (lease && lease->hostname[0])
		fill_host(ret, mac, &lease->ip, lease->hostname);
	else if (reserved && reserved->hostname[0])
		fill_host(ret, mac, reserved->has_ip ? &reserved->ip : NULL, reserved->hostname);
	else
		return false;
	return true;
}
