// SPDX-License-Identifier: BSD-3-Clause
//
// service: hands punted frames to the service they are for, and time to all of them.
//
// The services share the state's tables and the env; each has its own configuration and its own
// limits. Nothing here waits, and no frame is kept behind its call except a question to an upstream
// resolver, of which there is a fixed number.

#include "datapath/service.h"

#include "base/bytes.h"
#include "datapath/advert_server.h"
#include "datapath/dhcp_server.h"
#include "datapath/dns_server.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)

struct service {
	struct service_env env;
	struct dhcp_server *dhcp;
	struct dns_server *dns;
	struct advert_server *adverts;
};

struct service *service_new(struct state *state, const struct service_env *env)
{
	struct service *service = calloc(1, sizeof(*service));

	if (!service)
		return NULL;
	service->env = *env;
	service->dhcp = dhcp_server_new(state, &service->env);
	if (service->dhcp)
		service->dns = dns_server_new(state, &service->env, service->dhcp);
	if (service->dns)
		service->adverts = advert_server_new(&service->env);
	if (!service->adverts) {
		service_free(service);
		errno = ENOMEM;
		return NULL;
	}
	return service;
}

void service_free(struct service *service)
{
	if (!service)
		return;
	advert_server_free(service->adverts);
	dns_server_free(service->dns);
	dhcp_server_free(service->dhcp);
	free(service);
}

// The router's leg in the domain the frame came from; NULL when it went while the frame waited.
static const struct interface *leg_of(const struct service *service, uint32_t domain_slot)
{
	const struct generation *generation = service->env.generation(service->env.user);
	const struct domain *domain = pmap_get(&generation->domains, domain_slot);

	return domain ? domain->interface : NULL;
}

enum drop_reason service_frame_in(struct service *service, const struct service_frame *frame,
                                  uint64_t now_ns, uint64_t wall_seconds)
{
	const struct interface *interface = leg_of(service, frame->domain);

	if (!interface)
		return DROP_SERVICE_REFUSED;
	switch (frame->kind) {
	case PUNT_DHCP4:
		return dhcp_server_frame_in(service->dhcp, frame, interface, now_ns, wall_seconds);
	case PUNT_DNS:
		return dns_server_frame_in(service->dns, frame, interface, now_ns, wall_seconds);
	case PUNT_ROUTER_SOLICIT:
		return advert_server_frame_in(service->adverts, frame, interface, now_ns);
	default:
		return DROP_SERVICE_REFUSED;
	}
}

void service_upstream_answer(struct service *service, uint64_t token, const uint8_t *answer,
                             size_t len, uint64_t now_ns)
{
	dns_server_upstream_answer(service->dns, token, answer, len, now_ns);
}

uint64_t service_tick(struct service *service, uint64_t now_ns, uint64_t wall_seconds)
{
	uint64_t dhcp = dhcp_server_tick(service->dhcp, wall_seconds) * SECOND_NS;
	uint64_t dns = dns_server_tick(service->dns, now_ns);
	uint64_t adverts = advert_server_tick(service->adverts, now_ns);
	uint64_t next = MIN(dns, adverts);

	return MIN(dhcp, next > now_ns ? next - now_ns : 0);
}

void service_forget_leases(struct service *service, uint64_t scope)
{
	dhcp_server_forget(service->dhcp, scope);
}

int service_take_lease(struct service *service, const struct lease *lease)
{
	return dhcp_server_take(service->dhcp, lease);
}

int service_set_scope(struct service *service, const struct dhcp_scope_config *config)
{
	return dhcp_scopes_set(dhcp_server_scopes(service->dhcp), config);
}

int service_set_reservation(struct service *service, const struct dhcp_reservation_config *config)
{
	return dhcp_scopes_set_reservation(dhcp_server_scopes(service->dhcp), config);
}

int service_set_zone(struct service *service, const struct dns_zone_config *config)
{
	return dns_zones_set(dns_server_zones(service->dns), config);
}

int service_set_record(struct service *service, const struct dns_record_config *config)
{
	return dns_zones_set_record(dns_server_zones(service->dns), config);
}

int service_set_advert(struct service *service, const struct advert_config *config)
{
	return advert_server_set(service->adverts, config);
}

void service_remove_scope(struct service *service, uint64_t id)
{
	dhcp_scopes_remove(dhcp_server_scopes(service->dhcp), id);
}

void service_remove_reservation(struct service *service, uint64_t id)
{
	dhcp_scopes_remove_reservation(dhcp_server_scopes(service->dhcp), id);
}

void service_remove_zone(struct service *service, uint64_t id)
{
	dns_zones_remove(dns_server_zones(service->dns), id);
}

void service_remove_record(struct service *service, uint64_t id)
{
	dns_zones_remove_record(dns_server_zones(service->dns), id);
}

void service_remove_advert(struct service *service, uint32_t interface)
{
	advert_server_remove(service->adverts, interface);
}
