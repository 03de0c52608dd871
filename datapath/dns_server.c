// SPDX-License-Identifier: BSD-3-Clause
//
// dns_server: one question, one answer, over UDP.
//
// Only interfaces that have a zone are served, so the switch is an open resolver to nobody. Answers
// from our own zones are authoritative, negative ones carry a SOA with a short life, because the next
// lease may create the name. Cost of a frame: a few hash lookups a label of the name.

#include "datapath/dns_server.h"

#include "base/bytes.h"
#include "datapath/dns_forward.h"
#include "datapath/dns_lookup.h"
#include "datapath/dns_message.h"
#include "datapath/port_meter.h"
#include "datapath/udp_frame.h"

#include <errno.h>
#include <stdlib.h>

enum { FRAMES_PER_MINUTE = 60000, FRAMES_BURST = 1000, SMALLEST_MTU = 576 };

struct dns_server {
	const struct service_env *env;
	struct state *state;
	struct dhcp_server *dhcp;
	struct dns_zones zones;
	struct dns_forward *forward;
	struct port_meter *frames;
};

struct dns_server *dns_server_new(struct state *state, const struct service_env *env,
                                  struct dhcp_server *dhcp)
{
	struct dns_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->env = env;
	server->state = state;
	server->dhcp = dhcp;
	dns_zones_init(&server->zones, state->hash_secret[0]);
	server->forward = dns_forward_new(env);
	server->frames = port_meter_new(FRAMES_PER_MINUTE, FRAMES_BURST);
	if (!server->forward || !server->frames) {
		dns_server_free(server);
		errno = ENOMEM;
		return NULL;
	}
	return server;
}

void dns_server_free(struct dns_server *server)
{
	if (!server)
		return;
	dns_forward_free(server->forward);
	port_meter_free(server->frames);
	dns_zones_fini(&server->zones);
	free(server);
}

struct dns_zones *dns_server_zones(struct dns_server *server)
{
	return &server->zones;
}

// One question on its way to an answer.
struct exchange {
	struct dns_server *server;
	struct dns_client client;
	const uint8_t *bytes; // the query
	size_t len;
	struct dns_query query;
	struct dns_view view;
};

static void answer_error(struct exchange *exchange, enum dns_rcode rcode)
{
	struct dns_writer writer;

	dns_writer_begin(&writer, &exchange->query, exchange->bytes, rcode, false);
	dns_writer_end(&writer, &exchange->query, rcode);
	dns_client_send(exchange->server->env, &exchange->client, writer.bytes, writer.len);
}

// Writes the records that the question asks for. Returns whether there were any.
static bool write_records(struct dns_writer *writer, const struct dns_query *query,
                          const struct dns_found *found, uint32_t serial)
{
	bool any_type = query->type == DNS_TYPE_ANY;
	bool written = false;

	for (unsigned i = 0; i < found->count; i++) {
		enum dns_type type = ip_is4(found->ips[i]) ? DNS_TYPE_A : DNS_TYPE_AAAA;

		if (!any_type && query->type != type)
			continue;
		dns_writer_address(writer, NULL, found->ips[i], found->ttls[i]);
		written = true;
	}
	if (found->has_target && (any_type || query->type == DNS_TYPE_PTR)) {
		dns_writer_name(writer, DNS_TYPE_PTR, &found->target, DNS_DYNAMIC_TTL);
		written = true;
	}
	if (found->is_apex && (any_type || query->type == DNS_TYPE_NS)) {
		dns_writer_name(writer, DNS_TYPE_NS, &found->server, DNS_DYNAMIC_TTL);
		written = true;
	}
	if (found->is_apex && (any_type || query->type == DNS_TYPE_SOA)) {
		dns_writer_soa(writer, DNS_ANSWER, &found->zone, &found->server, serial,
		               DNS_NEGATIVE_TTL);
		written = true;
	}
	return written;
}

static void answer_own(struct exchange *exchange, enum dns_known known,
                       const struct dns_found *found)
{
	enum dns_rcode rcode = known == DNS_KNOWN ? DNS_NOERROR : DNS_NXDOMAIN;
	uint32_t serial = (uint32_t)exchange->view.generation->number;
	struct dns_writer writer;

	dns_writer_begin(&writer, &exchange->query, exchange->bytes, rcode, true);
	if (!write_records(&writer, &exchange->query, found, serial))
		dns_writer_soa(&writer, DNS_AUTHORITY, &found->zone, &found->server, serial,
		               DNS_NEGATIVE_TTL);
	dns_writer_end(&writer, &exchange->query, rcode);
	dns_client_send(exchange->server->env, &exchange->client, writer.bytes, writer.len);
}

static enum drop_reason pass_on(struct exchange *exchange, const struct dns_zone *zone,
                                uint64_t now_ns)
{
	bool none =
		zone->config.forwarder_count > 0 && strcmp(zone->config.forwarders[0], "none") == 0;

	if (none || !(exchange->query.flags & DNS_RD)) {
		answer_error(exchange, DNS_REFUSED);
		return DROP_NONE;
	}
	return dns_forward_ask(exchange->server->forward, &exchange->client, &zone->config,
	                       exchange->bytes, exchange->len, now_ns);
}

static enum drop_reason answer(struct exchange *exchange, const struct dns_zone *zone,
                               uint64_t now_ns)
{
	const struct dns_query *query = &exchange->query;
	struct dns_found found;
	enum dns_known known;

	if (query->edns && query->edns_version > 0) {
		answer_error(exchange, DNS_BADVERS);
		return DROP_NONE;
	}
	if ((query->class != DNS_CLASS_IN && query->class != DNS_CLASS_ANY) ||
	    query->type == DNS_TYPE_AXFR || query->type == DNS_TYPE_IXFR) {
		answer_error(exchange, DNS_REFUSED);
		return DROP_NONE;
	}
	known = dns_lookup_reverse(&exchange->view, &query->name, &found);
	if (known == DNS_KNOWN_NOT)
		known = dns_lookup_name(&exchange->view, &query->name, &found);
	if (known == DNS_KNOWN_NOT)
		return pass_on(exchange, zone, now_ns);
	answer_own(exchange, known, &found);
	return DROP_NONE;
}

// Whether the answer would go to one host, from an address of ours.
static bool is_answerable(const struct udp_path *path)
{
	return path->src_port != 0 && !ip_is_unspecified(path->src) &&
	       !ip_is_multicast(path->src) && !ip_is_broadcast(path->src) &&
	       !ip_is_multicast(path->dst) && !ip_is_broadcast(path->dst) &&
	       !mac_is_multicast(path->src_mac);
}

enum drop_reason dns_server_frame_in(struct dns_server *server, const struct service_frame *frame,
                                     const struct interface *interface, uint64_t now_ns,
                                     uint64_t wall)
{
	const struct dns_zone *zone = dns_zone_by_interface(&server->zones, interface->slot);
	struct exchange exchange = {.server = server};
	struct udp_path path;

	if (!udp_frame_read(frame, &path, &exchange.bytes, &exchange.len))
		return DROP_DNS_MALFORMED;
	if (!zone || !is_answerable(&path) || !port_meter_take(server->frames, frame->port, now_ns))
		return DROP_SERVICE_REFUSED;
	exchange.client = (struct dns_client){
		.domain = frame->domain,
		.port = frame->port,
		.back = udp_path_back(&path),
		.most = MAX(interface->mtu, (uint32_t)SMALLEST_MTU) -
	                (ip_is4(path.src) ? UDP_FRAME_HEADERS4 - 14 : UDP_FRAME_HEADERS6 - 14),
	};
	// What leaves is the router's, whatever address the guest put into its frame.
	exchange.client.back.src_mac = interface->mac;
	exchange.view = (struct dns_view){
		.zones = &server->zones,
		.dhcp = server->dhcp,
		.neighbours = server->state->neighbours,
		.generation = server->env->generation(server->env->user),
		.interface = interface,
		.now_ns = now_ns,
		.wall = wall,
	};
	switch (dns_query_parse(exchange.bytes, exchange.len, &exchange.query)) {
	case DNS_PARSE_OK:
		return answer(&exchange, zone, now_ns);
	case DNS_PARSE_BROKEN:
		answer_error(&exchange, DNS_FORMERR);
		return DROP_DNS_MALFORMED;
	case DNS_PARSE_UNKNOWN:
		answer_error(&exchange, DNS_NOTIMP);
		return DROP_NONE;
	default:
		return DROP_DNS_MALFORMED;
	}
}

void dns_server_upstream_answer(struct dns_server *server, uint64_t token, const uint8_t *answer,
                                size_t len, uint64_t now_ns)
{
	dns_forward_answer(server->forward, token, answer, len, now_ns);
}

uint64_t dns_server_tick(struct dns_server *server, uint64_t now_ns)
{
	return dns_forward_tick(server->forward, now_ns);
}
