// SPDX-License-Identifier: BSD-3-Clause
//
// scenario_services: configuration and clients of the services.

#include "tests/scenario/scenario_services.h"

#include "base/addr.h"
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct address {
	uint8_t bytes[16];
};

static ProtobufCBinaryData ip_bytes(struct address *room, const char *text)
{
	struct ip_addr ip;
	size_t len;

	assert_int_equal(ip_parse(text, &ip), 0);
	len = ip_is4(ip) ? 4 : 16;
	memcpy(room->bytes, ip.b + 16 - len, len);
	return (ProtobufCBinaryData){.len = len, .data = room->bytes};
}

static ProtobufCBinaryData mac_bytes(struct address *room, const char *text)
{
	struct mac mac;

	assert_int_equal(mac_parse(text, &mac), 0);
	memcpy(room->bytes, mac.b, 6);
	return (ProtobufCBinaryData){.len = 6, .data = room->bytes};
}

static Weft__Object new_object(uint64_t id, Weft__Object__BodyCase body)
{
	Weft__Object object = WEFT__OBJECT__INIT;

	object.id = id;
	object.body_case = body;
	return object;
}

void scenario_scope(struct scenario *scenario, uint64_t id, uint64_t interface, const char *first,
                    const char *last, uint32_t lease_seconds, const char *domain)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_DHCP_SCOPE);
	Weft__DhcpScope scope = WEFT__DHCP_SCOPE__INIT;
	struct address rooms[2];

	scope.interface = interface;
	scope.first = ip_bytes(&rooms[0], first);
	scope.last = ip_bytes(&rooms[1], last);
	scope.has_lease_seconds = true;
	scope.lease_seconds = lease_seconds;
	scope.domain = (char *)domain;
	object.dhcp_scope = &scope;
	scenario_put(scenario, &object);
}

void scenario_reservation(struct scenario *scenario, uint64_t id, uint64_t scope, const char *mac,
                          const char *ip, const char *hostname)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_DHCP_RESERVATION);
	Weft__DhcpReservation reservation = WEFT__DHCP_RESERVATION__INIT;
	struct address rooms[2];

	reservation.scope = scope;
	reservation.mac = mac_bytes(&rooms[0], mac);
	reservation.has_ip = ip != NULL;
	if (ip)
		reservation.ip = ip_bytes(&rooms[1], ip);
	reservation.hostname = (char *)hostname;
	object.dhcp_reservation = &reservation;
	scenario_put(scenario, &object);
}

void scenario_zone(struct scenario *scenario, uint64_t id, uint64_t interface, const char *domain,
                   const char *forwarder)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_DNS_ZONE);
	Weft__DnsZone zone = WEFT__DNS_ZONE__INIT;
	char *forwarders[] = {(char *)forwarder};

	zone.interface = interface;
	zone.domain = (char *)domain;
	zone.n_forwarders = forwarder != NULL;
	zone.forwarders = forwarders;
	object.dns_zone = &zone;
	scenario_put(scenario, &object);
}

void scenario_record(struct scenario *scenario, uint64_t id, uint64_t zone, const char *name,
                     const char *ip)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_DNS_RECORD);
	Weft__DnsRecord record = WEFT__DNS_RECORD__INIT;
	struct address room;

	record.zone = zone;
	record.name = (char *)name;
	record.ip = ip_bytes(&room, ip);
	object.dns_record = &record;
	scenario_put(scenario, &object);
}

void scenario_advertised(struct scenario *scenario, uint64_t id, uint64_t vrf, uint64_t bridge,
                         uint32_t vid, const char *address, const char *address6,
                         uint32_t lifetime_seconds)
{
	Weft__Object object = new_object(id, WEFT__OBJECT__BODY_INTERFACE);
	Weft__Interface interface = WEFT__INTERFACE__INIT;
	Weft__RouterAdvert advert = WEFT__ROUTER_ADVERT__INIT;
	Weft__Prefix prefixes[2] = {WEFT__PREFIX__INIT, WEFT__PREFIX__INIT};
	Weft__Prefix *list[] = {&prefixes[0], &prefixes[1]};
	const char *texts[] = {address, address6};
	struct address rooms[3];

	interface.vrf = vrf;
	interface.bridge = bridge;
	interface.vid = vid;
	interface.mac = mac_bytes(&rooms[2], ROUTER_MAC);
	interface.addresses = list;
	for (unsigned i = 0; i < 2; i++) {
		struct ip_prefix prefix;
		char text[IP_TEXT];

		assert_int_equal(prefix_parse(texts[i], &prefix), 0);
		prefixes[i].addr = ip_bytes(&rooms[i], ip_format(prefix.addr, text));
		prefixes[i].len = prefix.len;
		interface.n_addresses++;
	}
	advert.has_router_lifetime_seconds = true;
	advert.router_lifetime_seconds = lifetime_seconds;
	interface.advert = &advert;
	object.interface = &interface;
	scenario_put(scenario, &object);
}

enum { DHCP_XID = 0x5157, DHCP_OPTIONS = 240, DNS_ID = 0x1234 };

static size_t put_option(uint8_t *at, uint8_t code, const void *value, size_t len)
{
	at[0] = code;
	at[1] = (uint8_t)len;
	memcpy(at + 2, value, len);
	return 2 + len;
}

static void put_ip(uint8_t *at, const char *text)
{
	struct address room;

	memcpy(at, ip_bytes(&room, text).data, 4);
}

struct frame dhcp_frame(const struct dhcp_ask *ask)
{
	bool unicast = ask->ciaddr && ask->server;
	struct end client = {ask->mac, ask->ciaddr ? ask->ciaddr : "0.0.0.0", 68};
	struct end server = {unicast ? ROUTER_MAC : "ff:ff:ff:ff:ff:ff",
	                     unicast ? ask->server : "255.255.255.255", 67};
	uint8_t message[400] = {1, 1, 6};
	size_t len = DHCP_OPTIONS;
	struct address room;
	uint8_t ip[4];

	store_be32(message + 4, DHCP_XID);
	if (ask->ciaddr)
		put_ip(message + 12, ask->ciaddr);
	memcpy(message + 28, mac_bytes(&room, ask->mac).data, 6);
	store_be32(message + 236, 0x63825363);
	len += put_option(message + len, 53, &ask->type, 1);
	if (ask->requested) {
		put_ip(ip, ask->requested);
		len += put_option(message + len, 50, ip, 4);
	}
	if (ask->server && !unicast) {
		put_ip(ip, ask->server);
		len += put_option(message + len, 54, ip, 4);
	}
	if (ask->hostname)
		len += put_option(message + len, 12, ask->hostname, strlen(ask->hostname));
	message[len++] = 255;
	return frame_udp_bytes(&client, &server, message, len);
}

static void format4(const uint8_t *bytes, char text[static IP_TEXT])
{
	uint32_t ip;

	memcpy(&ip, bytes, sizeof(ip));
	ip_format(ip_from4(ip), text);
}

struct dhcp_heard dhcp_read(const struct frame *frame)
{
	const uint8_t *ip = frame->bytes + 14, *message = ip + 28;
	const uint8_t *at = message + DHCP_OPTIONS, *end = frame->bytes + frame->len;
	struct dhcp_heard heard = {0};
	struct mac mac;

	assert_true(frame->len > 14 + 28 + DHCP_OPTIONS);
	assert_int_equal(load_be16(frame->bytes + 12), 0x0800);
	assert_int_equal(load_be16(ip + 20), 67);
	assert_int_equal(load_be16(ip + 22), 68);
	assert_int_equal(message[0], 2);
	assert_int_equal(load_be32(message + 4), DHCP_XID);
	memcpy(mac.b, frame->bytes, 6);
	mac_format(mac, heard.dst_mac);
	format4(ip + 16, heard.dst_ip);
	format4(message + 16, heard.ip);
	for (; at < end && *at != 255; at += 2 + at[1]) {
		if (*at == 53)
			heard.type = at[2];
		else if (*at == 51)
			heard.lease = load_be32(at + 2);
		else if (*at == 1)
			heard.mask = load_be32(at + 2);
		else if (*at == 3)
			heard.router = load_be32(at + 2);
		else if (*at == 6)
			heard.dns = load_be32(at + 2);
	}
	assert_true(at < end);
	return heard;
}

struct dhcp_heard dhcp_bind(struct scenario *scenario, uint64_t port, const char *mac,
                            const char *hostname)
{
	struct dhcp_ask ask = {.type = DHCP_DISCOVER, .mac = mac, .hostname = hostname};
	struct dhcp_heard heard;
	char server[IP_TEXT];
	struct frame frame;

	scenario_send(scenario, port, dhcp_frame(&ask));
	frame = scenario_take(scenario, port);
	heard = dhcp_read(&frame);
	assert_int_equal(heard.type, DHCP_OFFER);
	format4(frame.bytes + 14 + 12, server);
	ask.type = DHCP_REQUEST;
	ask.requested = heard.ip;
	ask.server = server;
	scenario_send(scenario, port, dhcp_frame(&ask));
	frame = scenario_take(scenario, port);
	heard = dhcp_read(&frame);
	assert_int_equal(heard.type, DHCP_ACK);
	return heard;
}

struct frame dns_frame(const struct end *from, const struct end *to, const char *name,
                       uint16_t type)
{
	uint8_t message[300] = {0};
	size_t at = 12;

	store_be16(message, DNS_ID);
	store_be16(message + 2, 0x0100);
	store_be16(message + 4, 1);
	while (*name) {
		size_t len = strcspn(name, ".");

		message[at++] = (uint8_t)len;
		memcpy(message + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	at++;
	store_be16(message + at, type);
	store_be16(message + at + 2, 1);
	return frame_udp_bytes(from, to, message, at + 4);
}

// Labels with dots between; no pointers are expected.
static void format_name(const uint8_t *at, char *out)
{
	for (; *at; at += 1 + *at)
		out += sprintf(out, "%.*s.", *at, (const char *)at + 1);
}

struct dns_heard dns_read(const struct frame *frame)
{
	bool six = load_be16(frame->bytes + 12) == 0x86dd;
	const uint8_t *udp = frame->bytes + (six ? 54 : 34), *message = udp + 8;
	const uint8_t *at = message + 12;
	struct dns_heard heard = {0};

	assert_true(frame->len >= (size_t)(at - frame->bytes));
	assert_int_equal(load_be16(udp), 53);
	assert_int_equal(load_be16(message), DNS_ID);
	assert_true(message[2] & 0x80);
	heard.rcode = message[3] & 0xf;
	heard.authoritative = message[2] & 4;
	heard.answers = load_be16(message + 6);
	if (heard.answers == 0)
		return heard;
	while (*at)
		at += 1 + *at;
	at += 5;
	assert_int_equal(*at, 0xc0);
	if (load_be16(at + 2) == DNS_A)
		format4(at + 12, heard.first);
	else if (load_be16(at + 2) == DNS_AAAA)
		ip_format(ip_from6(at + 12), heard.first);
	else
		format_name(at + 12, heard.first);
	return heard;
}
