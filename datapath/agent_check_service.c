// SPDX-License-Identifier: BSD-3-Clause
//
// agent_check_service: DHCP scopes and reservations, DNS zones and records.

#include "base/bytes.h"
#include "datapath/agent_check.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum {
	RESOLVERS_MAX = 4,
	RESOLVER_TEXT = 63,
	DOMAIN_MAX = 253, // RFC 1035, section 2.3.4, as text
	LABEL_MAX = 63,
	LEASE_MIN = 10,
	TTL_MAX = 1 << 30,
	RESOLVER_PORT_MAX = 65535,
};

static bool is_label_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static bool is_domain(const char *text)
{
	size_t label = 0;

	if (strlen(text) > DOMAIN_MAX)
		return false;
	for (const char *c = text; *c; c++) {
		if (*c == '.' && label == 0)
			return false;
		if (*c != '.' && (!is_label_char(*c) || label == LABEL_MAX))
			return false;
		label = *c == '.' ? 0 : label + 1;
	}
	return label > 0;
}

static int check_domain(const struct agent_object *object, struct apply_result *result,
                        const char *field, const char *domain)
{
	if (is_domain(domain))
		return 0;
	return agent_object_refuse(object, result, -EINVAL, field,
	                           "'%.64s' is not a name of labels with letters, digits and "
	                           "hyphens, joined by single dots",
	                           domain);
}

static int check_scope(const struct agent_object *object, struct apply_result *result)
{
	const Weft__DhcpScope *scope = object->message->dhcp_scope;
	struct ip_addr first, last;
	int code = agent_check_host(object, result, "first", &scope->first, &first);

	if (code == 0)
		code = agent_check_host(object, result, "last", &scope->last, &last);
	if (code < 0)
		return code;
	if (!ip_is4(first) || !ip_is4(last))
		return agent_object_refuse(object, result, -EAFNOSUPPORT, "first",
		                           "a pool of leases is of IPv4 addresses");
	if (ip_compare(first, last) > 0)
		return agent_object_refuse(object, result, -EINVAL, "last",
		                           "the pool ends before it begins");
	if (scope->lease_seconds < LEASE_MIN)
		return agent_object_refuse(object, result, -ERANGE, "lease_seconds",
		                           "a lease of %u seconds is shorter than %d",
		                           scope->lease_seconds, LEASE_MIN);
	if (scope->n_dns > RESOLVERS_MAX)
		return agent_object_refuse(object, result, -E2BIG, "dns",
		                           "%zu resolvers, %d at most", scope->n_dns,
		                           RESOLVERS_MAX);
	for (size_t i = 0; code == 0 && i < scope->n_dns; i++)
		code = agent_check_host(object, result, "dns", &scope->dns[i], NULL);
	if (code == 0 && scope->domain && scope->domain[0])
		code = check_domain(object, result, "domain", scope->domain);
	return code;
}

static int check_reservation(const struct agent_object *object, struct apply_result *result)
{
	const Weft__DhcpReservation *reservation = object->message->dhcp_reservation;
	struct ip_addr ip;
	int code = agent_check_mac(object, result, "mac", &reservation->mac);

	if (code == 0 && reservation->has_ip) {
		code = agent_check_host(object, result, "ip", &reservation->ip, &ip);
		if (code == 0 && !ip_is4(ip))
			code = agent_object_refuse(object, result, -EAFNOSUPPORT, "ip",
			                           "a reserved address is an IPv4 address");
	}
	if (code == 0 && reservation->hostname && reservation->hostname[0]) {
		code = check_domain(object, result, "hostname", reservation->hostname);
		if (code == 0 && strlen(reservation->hostname) > LABEL_MAX)
			code = agent_object_refuse(object, result, -ENAMETOOLONG, "hostname",
			                           "has more than %d characters", LABEL_MAX);
	}
	return code;
}

// "ip" or "ip#port", or "none".
static bool is_resolver(const char *text)
{
	char addr[RESOLVER_TEXT + 1];
	const char *hash = strchr(text, '#');
	size_t len = hash ? (size_t)(hash - text) : strlen(text);
	struct ip_addr ip;

	if (strcmp(text, "none") == 0)
		return true;
	if (strlen(text) > RESOLVER_TEXT)
		return false;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (ip_parse(addr, &ip) < 0)
		return false;
	if (!hash)
		return true;

	char *end;
	unsigned long port = strtoul(hash + 1, &end, 10);

	return isdigit((unsigned char)hash[1]) && !*end && port > 0 && port <= RESOLVER_PORT_MAX;
}

static int check_zone(const struct agent_object *object, struct apply_result *result)
{
	const Weft__DnsZone *zone = object->message->dns_zone;
	int code = check_domain(object, result, "domain", zone->domain);

	if (code == 0 && zone->n_forwarders > RESOLVERS_MAX)
		code = agent_object_refuse(object, result, -E2BIG, "forwarders",
		                           "%zu resolvers, %d at most", zone->n_forwarders,
		                           RESOLVERS_MAX);
	for (size_t i = 0; code == 0 && i < zone->n_forwarders; i++)
		if (!is_resolver(zone->forwarders[i]))
			code = agent_object_refuse(object, result, -EINVAL, "forwarders",
			                           "'%.64s' is not an address, or an address, '#' "
			                           "and a port",
			                           zone->forwarders[i]);
	return code;
}

static int check_record(const struct agent_object *object, struct apply_result *result)
{
	const Weft__DnsRecord *record = object->message->dns_record;
	// "@" stands for the zone itself.
	int code = strcmp(record->name, "@") == 0
	                   ? 0
	                   : check_domain(object, result, "name", record->name);

	if (code == 0)
		code = agent_check_host(object, result, "ip", &record->ip, NULL);
	if (code == 0 && record->ttl_seconds > TTL_MAX)
		code = agent_object_refuse(object, result, -ERANGE, "ttl_seconds",
		                           "a record lives %d seconds at most", TTL_MAX);
	return code;
}

int agent_check_service(const struct agent_object *object, struct apply_result *result)
{
	switch (object->kind) {
	case WEFT__KIND__KIND_DHCP_SCOPE:
		return check_scope(object, result);
	case WEFT__KIND__KIND_DHCP_RESERVATION:
		return check_reservation(object, result);
	case WEFT__KIND__KIND_DNS_ZONE:
		return check_zone(object, result);
	default:
		return check_record(object, result);
	}
}
