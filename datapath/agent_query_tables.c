// SPDX-License-Identifier: BSD-3-Clause
//
// agent_query_tables: rows of the FDB, the neighbours, the connections and the leases. The cursor is the
// table's own, so paging costs no more than one walk.

#include "base/clock.h"
#include "datapath/agent_query.h"
#include "datapath/lease.h"

#include <netinet/in.h>
#include <stdio.h>

static uint64_t port_id(const struct generation *generation, uint32_t slot)
{
	const struct port_config *port = pmap_get(&generation->ports, slot);

	return port ? port->id : 0;
}

void agent_query_fdb(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	const struct generation *generation = apply_generation(agent->apply);
	uint32_t now = (uint32_t)(clock_now() / NSEC_PER_SEC);
	uint32_t cursor = (uint32_t)query->cursor;
	struct fdb_entry entry;

	agent_rows_column(rows, "bridge");
	agent_rows_column(rows, "vlan");
	agent_rows_column(rows, "mac");
	agent_rows_column(rows, "port");
	agent_rows_column(rows, "static");
	agent_rows_column(rows, "age_seconds");
	while (!agent_rows_full(rows)) {
		const struct domain *domain;
		uint64_t port;

		if (!fdb_next(agent->state->fdb, &cursor, now, &entry))
			return;
		domain = pmap_get(&generation->domains, entry.domain);
		port = port_id(generation, entry.port);
		if (!domain || !port ||
		    (query->has_object && query->object != port && query->object != domain->bridge))
			continue;
		if (!agent_rows_begin(rows))
			break;
		agent_rows_object(rows, domain->bridge);
		agent_rows_number(rows, domain->vid);
		agent_rows_mac(rows, entry.mac);
		agent_rows_object(rows, port);
		agent_rows_flag(rows, entry.flags & FDB_STATIC);
		agent_rows_number(rows, entry.flags & FDB_STATIC ? 0 : entry.age_seconds);
	}
	agent_query_more(rows, cursor);
}

static const char *const neighbour_states[] = {
	[NEIGHBOUR_NONE] = "none",           [NEIGHBOUR_INCOMPLETE] = "incomplete",
	[NEIGHBOUR_REACHABLE] = "reachable", [NEIGHBOUR_STALE] = "stale",
	[NEIGHBOUR_PROBE] = "probe",         [NEIGHBOUR_FAILED] = "failed",
	[NEIGHBOUR_STATIC] = "static",
};

void agent_query_neighbours(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	const struct generation *generation = apply_generation(agent->apply);
	uint32_t now = (uint32_t)(clock_now() / NSEC_PER_MSEC);
	uint32_t cursor = (uint32_t)query->cursor;
	struct neighbour neighbour;

	agent_rows_column(rows, "interface");
	agent_rows_column(rows, "ip");
	agent_rows_column(rows, "mac");
	agent_rows_column(rows, "state");
	agent_rows_column(rows, "age_ms");
	while (!agent_rows_full(rows)) {
		const struct interface *interface;

		if (!neighbour_next(agent->state->neighbours, &cursor, now, &neighbour))
			return;
		interface = pmap_get(&generation->interfaces, neighbour.interface);
		if (!interface || (query->has_object && query->object != interface->id))
			continue;
		if (!agent_rows_begin(rows))
			break;
		agent_rows_object(rows, interface->id);
		agent_rows_ip(rows, neighbour.ip);
		if (mac_is_zero(neighbour.mac))
			agent_rows_none(rows);
		else
			agent_rows_mac(rows, neighbour.mac);
		agent_rows_text(rows, neighbour_states[neighbour.state]);
		agent_rows_number(rows, neighbour.age_ms);
	}
	agent_query_more(rows, cursor);
}

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmp6";
	default:
		return "other";
	}
}

static void conn_row(struct agent_rows *rows, const struct generation *generation,
                     const struct conn *conn, uint32_t now)
{
	const struct conn_key *original = &conn->key[CONN_ORIGINAL],
			      *reply = &conn->key[CONN_REPLY];
	const struct vrf *vrf = pmap_get(&generation->vrfs, original->zone);
	uint32_t idle = now - conn->last_seen;

	if (vrf)
		agent_rows_object(rows, vrf->id);
	else
		agent_rows_none(rows);
	agent_rows_text(rows, protocol_name(original->proto));
	agent_rows_ip(rows, original->src);
	agent_rows_number(rows, original->src_port);
	agent_rows_ip(rows, original->dst);
	agent_rows_number(rows, original->dst_port);
	agent_rows_ip(rows, reply->src);
	agent_rows_number(rows, reply->src_port);
	agent_rows_ip(rows, reply->dst);
	agent_rows_number(rows, reply->dst_port);
	agent_rows_text(rows, conn->flags & CONN_SNAT   ? "snat"
	                      : conn->flags & CONN_DNAT ? "dnat"
	                                                : "");
	agent_rows_flag(rows, conn->packets[CONN_REPLY] > 0);
	agent_rows_number(rows, idle);
	agent_rows_number(rows, conn->timeout > idle ? conn->timeout - idle : 0);
	agent_rows_number(rows, conn->packets[CONN_ORIGINAL]);
	agent_rows_number(rows, conn->packets[CONN_REPLY]);
	agent_rows_number(rows, conn->bytes[CONN_ORIGINAL]);
	agent_rows_number(rows, conn->bytes[CONN_REPLY]);
}

void agent_query_conns(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	static const char *const columns[] = {
		"vrf",          "protocol",       "src",       "src_port",
		"dst",          "dst_port",       "reply_src", "reply_src_port",
		"reply_dst",    "reply_dst_port", "nat",       "answered",
		"idle_seconds", "left_seconds",   "packets",   "reply_packets",
		"bytes",        "reply_bytes",
	};
	const struct generation *generation = apply_generation(agent->apply);
	uint32_t now = (uint32_t)(clock_now() / NSEC_PER_SEC);
	uint32_t cursor = (uint32_t)query->cursor;
	struct conn conn;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		agent_rows_column(rows, columns[i]);
	while (!agent_rows_full(rows)) {
		struct conn_ref ref = conn_next(agent->state->conns, &cursor);

		if (ref.index == CONN_NONE)
			return;
		if (!conn_read(agent->state->conns, ref, &conn) ||
		    (query->has_object && query->object != conn.rule))
			continue;
		if (!agent_rows_begin(rows))
			break;
		conn_row(rows, generation, &conn, now);
	}
	agent_query_more(rows, cursor);
}

static const char *const lease_states[] = {
	[LEASE_FREE] = "free",
	[LEASE_OFFERED] = "offered",
	[LEASE_BOUND] = "bound",
	[LEASE_DECLINED] = "declined",
};

void agent_query_leases(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	uint32_t cursor = (uint32_t)query->cursor;

	agent_rows_column(rows, "scope");
	agent_rows_column(rows, "ip");
	agent_rows_column(rows, "mac");
	agent_rows_column(rows, "hostname");
	agent_rows_column(rows, "state");
	agent_rows_column(rows, "expires");
	while (!agent_rows_full(rows)) {
		const struct lease *lease = lease_next(agent->state->leases, &cursor);

		if (!lease)
			return;
		if (query->has_object && query->object != lease->scope)
			continue;
		if (!agent_rows_begin(rows))
			break;
		agent_rows_object(rows, lease->scope);
		agent_rows_ip(rows, lease->ip);
		agent_rows_mac(rows, lease->mac);
		agent_rows_text(rows, lease->hostname);
		agent_rows_text(rows,
		                lease->state <= LEASE_DECLINED ? lease_states[lease->state] : "?");
		agent_rows_number(rows, lease->expires);
	}
	agent_query_more(rows, cursor);
}
