// SPDX-License-Identifier: BSD-3-Clause
//
// suppress: ARP and neighbour solicitations in nets that span hosts (as RFC 9161 does it for EVPN).
//
// The controller knows who has which address, and behind which port. A question for who lives behind a tunnel is
// answered as he would himself, from his MAC; one for who lives at a port of ours is left to him, and goes to no
// peer. All else takes the bridge's way: what is said and not asked (replies, announcements by RFC 5227, 2.3,
// unsolicited advertisements), questions to one MAC alone, by which a host finds out whether the other still lives
// (RFC 4861, 7.3), and what came by a peer, whose own host has answered if it could.
//
// Who tries an address out (an ARP probe, or a solicitation from nowhere) hears that it is taken, unless it is the
// owner itself, which must never be told about itself: it would give its own address up. Pure questions to one
// tree of the domain; owning worker.

#include "datapath/suppress.h"

#include "datapath/arp.h"
#include "datapath/nd.h"
#include "datapath/pipeline_priv.h"
#include "datapath/wire.h"

static const struct host_address *find(const struct lpm *hosts, struct ip_addr ip)
{
	return lpm_exact(hosts, &(struct ip_prefix){.addr = ip, .len = ip_is4(ip) ? 32 : 128});
}

// The peer behind which the host is, if it is there for anybody; NULL: at a port of ours, or nobody can say.
static const struct port_config *peer_of(const struct generation *generation,
                                         const struct host_address *host)
{
	const struct port_config *port = pmap_get(&generation->ports, host->port);

	// Behind a peer that is gone nobody can be spoken for.
	return port && port->is_peer && port->door && !port->admin_down &&
	                       !atomic_load_explicit(&port->door->deaf, memory_order_relaxed)
	               ? port
	               : NULL;
}

static const struct host_address *find_on(const struct generation *generation,
                                          const struct interface *interface, struct ip_addr ip)
{
	const struct domain *domain = pmap_get(&generation->domains, interface->domain);

	return domain ? find(ip_is4(ip) ? &domain->hosts4 : &domain->hosts6, ip) : NULL;
}

// Whether the host is at a port of ours that is there.
static bool is_here(const struct generation *generation, const struct host_address *host)
{
	const struct port_config *port = pmap_get(&generation->ports, host->port);

	return port && !port->is_peer && port->door && !port->admin_down;
}

enum egress_reach suppress_reach(const struct generation *generation,
                                 const struct interface *interface, struct ip_addr ip)
{
	const struct host_address *host = find_on(generation, interface, ip);

	return host && is_here(generation, host) ? EGRESS_HERE : EGRESS_EVERYWHERE;
}

bool suppress_told(const struct generation *generation, const struct interface *interface,
                   struct ip_addr ip, struct mac *ret)
{
	const struct host_address *host = find_on(generation, interface, ip);

	if (!host || !peer_of(generation, host))
		return false;
	*ret = host->mac;
	return true;
}

// Whether a question of `asker` for the host's address has its answer here. If the host is at a port of ours, the
// question stays among those.
static bool is_ours_to_answer(struct miss *miss, const char *stage, const struct host_address *host,
                              struct mac asker)
{
	const struct port_config *port;
	char text[IP_TEXT];

	if (!host || mac_equal(host->mac, asker) || mac_equal(host->mac, miss->src))
		return false;
	port = peer_of(miss->generation, host);
	if (port) {
		trace_step(miss->trace, stage, "%s is behind %s: answered on behalf of {%lu}",
		           ip_format(host->ip, text), port->name, (unsigned long)host->id);
		return true;
	}
	if (!is_here(miss->generation, host))
		return false;
	port = pmap_get(&miss->generation->ports, host->port);
	trace_step(miss->trace, stage, "%s is at port %s of this host, and not asked for elsewhere",
	           ip_format(host->ip, text), port->name);
	miss->program->flags |= PROGRAM_HERE;
	return false;
}

static bool answer(struct miss *miss, const uint8_t *frame, size_t len)
{
	if (miss_acts(miss))
		miss->pipeline->words[STATS_SUPPRESSED]++;
	miss_answer(miss, frame, len);
	return miss_done(miss);
}

static bool suppress_arp(struct miss *miss)
{
	const struct lpm *hosts = &miss->domain->hosts4;
	const struct host_address *host;
	uint8_t frame[ARP_FRAME];
	struct arp arp;

	if (!hosts->count)
		return false;
	// What is asked for is no part of a flow's key.
	miss->program->flags |= PROGRAM_NO_CACHE;
	if (!arp_read(miss->packet, &arp) || arp.operation != ARP_REQUEST ||
	    ip_equal(arp.sender, arp.target))
		return false;
	host = find(hosts, arp.target);
	if (!is_ours_to_answer(miss, "arp", host, arp.sender_mac))
		return false;
	arp_answer(frame, &arp, host->mac);
	return answer(miss, frame, sizeof(frame));
}

static bool suppress_nd(struct miss *miss)
{
	const struct lpm *hosts = &miss->domain->hosts6;
	const struct host_address *host;
	struct nd_question asked;
	uint8_t frame[ND_FRAME];

	if (!hosts->count || !nd_is_message(miss->packet))
		return false;
	miss->program->flags |= PROGRAM_NO_CACHE;
	if (!nd_read_question(miss->packet, &asked))
		return false;
	host = find(hosts, asked.target);
	if (!is_ours_to_answer(miss, "nd", host, asked.mac))
		return false;
	nd_answer(frame, &asked, host->mac, host->router);
	return answer(miss, frame, sizeof(frame));
}

bool suppress_stage(struct miss *miss)
{
	if (miss->in->is_peer)
		return false;
	return miss->packet->eth_type == ETH_TYPE_ARP ? suppress_arp(miss) : suppress_nd(miss);
}
