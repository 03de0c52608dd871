// SPDX-License-Identifier: BSD-3-Clause
//
// agent_query_ports: rows of ports, drops, workers, the flow cache, and the one row that sums it all up.

#include "base/clock.h"
#include "datapath/agent_change.h"
#include "datapath/agent_liveness.h"
#include "datapath/agent_query.h"
#include "datapath/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_COLUMNS = 10, PEER_COLUMNS = 10 };

static void add_columns(struct agent_rows *rows, const char *const *columns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		agent_rows_column(rows, columns[i]);
}

// What the door itself refused and what the pipeline dropped that came by it.
static uint64_t port_drops(const struct agent *agent, const struct port_config *port)
{
	uint64_t sum = 0;

	for (int reason = DROP_NONE + 1; reason < DROP_REASONS; reason++) {
		sum += stats_drop_sum(agent->stats, port->slot, (enum drop_reason)reason);
		if (port->door)
			sum += atomic_load_explicit(&port->door->door_drops[reason],
			                            memory_order_relaxed);
	}
	return sum;
}

static const char *state_of(const struct port_config *port)
{
	if (!port->door)
		return "error";
	if (port->door->gone)
		return "gone";
	return port->admin_down || port->door->deaf ? "down" : "up";
}

static void offload_text(uint32_t offloads, char text[static 32])
{
	snprintf(text, 32, "%s%s%s%s", offloads & PORT_TX_CSUM ? "csum " : "",
	         offloads & PORT_TX_TSO4 ? "tso4 " : "", offloads & PORT_TX_TSO6 ? "tso6 " : "",
	         offloads & PORT_TX_USO ? "uso " : "");
	if (text[0])
		text[strlen(text) - 1] = '\0';
}

static void link_values(struct agent_rows *rows, const struct port *door)
{
	struct port_link link = {0};

	if (!door || !door->ops->link) {
		for (int i = 0; i < LINK_COLUMNS; i++)
			agent_rows_none(rows);
		return;
	}
	door->ops->link(door, &link);
	agent_rows_flag(rows, link.connected);
	agent_rows_number(rows, link.features);
	agent_rows_number(rows, link.pairs);
	if (link.pairs)
		agent_rows_text(rows, link.packed ? "packed" : "split");
	else
		agent_rows_none(rows);
	if (link.last_fault[0])
		agent_rows_text(rows, link.last_fault);
	else
		agent_rows_none(rows);
	if (link.waiting[0])
		agent_rows_text(rows, link.waiting);
	else
		agent_rows_none(rows);
	agent_rows_number(rows, link.kicks);
	agent_rows_number(rows, link.calls);
	agent_rows_number(rows, link.delivered);
	agent_rows_number(rows, link.copied);
}

static void session_values(struct agent_rows *rows, const struct bfd *bfd)
{
	uint64_t ago = bfd ? clock_now() - bfd->changed_at : 0;

	agent_rows_text(rows, !bfd ? "error" : bfd_state_name(bfd->state));
	if (bfd && bfd->state != BFD_UP)
		agent_rows_text(rows, bfd_diagnostic_text(bfd->diagnostic));
	else
		agent_rows_none(rows);
	agent_rows_number(rows, bfd ? bfd_interval_ns(bfd) / NSEC_PER_USEC : 0);
	agent_rows_number(rows, bfd ? bfd_detection_ns(bfd) / NSEC_PER_USEC : 0);
	agent_rows_number(rows, bfd ? bfd->rtt_ns / NSEC_PER_USEC : 0);
	agent_rows_number(rows, ago / NSEC_PER_SEC);
	agent_rows_number(rows, bfd ? bfd->downs : 0);
}

// What BFD says of a peer.
static void peer_values(const struct agent *agent, struct agent_rows *rows, const struct port *door)
{
	struct liveness_view view;

	// In tests an agent may have doors of another make.
	if (!door || !agent->ports ||
	    !agent_liveness_view(agent_ports_liveness(agent->ports), door, &view)) {
		for (int i = 0; i < PEER_COLUMNS; i++)
			agent_rows_none(rows);
		return;
	}
	session_values(rows, view.sessions[0]);
	if (view.way_count > 1)
		agent_rows_text(rows, view.sessions[1] ? bfd_state_name(view.sessions[1]->state)
		                                       : "error");
	else
		agent_rows_none(rows);
	if (view.reached)
		agent_rows_ip(rows, view.remote);
	else
		agent_rows_none(rows);
	agent_rows_number(rows, view.failovers);
}

static void port_row(struct agent *agent, struct agent_rows *rows, const struct port_config *port)
{
	char offloads[32] = "";

	agent_rows_object(rows, port->id);
	agent_rows_text(rows, state_of(port));
	agent_rows_text(rows, port->door ? port->door->ops->kind : "");
	agent_rows_number(rows, port->slot);
	agent_rows_number(rows, port->door ? port->door->queue_count : 0);
	agent_rows_number(rows, port->door ? port->door->mtu : 0);
	if (port->door)
		offload_text(port->door->offloads, offloads);
	agent_rows_text(rows, offloads);
	for (int word = 0; word < STATS_PORT_WORDS; word++)
		agent_rows_number(rows,
		                  stats_port_sum(agent->stats, port->slot, (enum stats_port)word));
	agent_rows_number(rows, port_drops(agent, port));
	agent_rows_number(rows, fdb_port_count(agent->state->fdb, port->slot));
	link_values(rows, port->door);
	peer_values(agent, rows, port->door);
}

void agent_query_ports(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	static const char *const columns[] = {
		"port",       "state",    "kind",       "slot",     "queues", "mtu",  "offloads",
		"rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "drops",  "macs",
	};
	static const char *const link_columns[LINK_COLUMNS] = {
		"connected", "features", "pairs", "ring",      "last_fault",
		"waiting",   "kicks",    "calls", "delivered", "copied",
	};
	static const char *const peer_columns[PEER_COLUMNS] = {
		"bfd_state",   "diagnostic", "interval_us",  "detection_us", "rtt_us",
		"bfd_seconds", "flaps",      "backup_state", "by",           "failovers",
	};
	const struct generation *generation = apply_generation(agent->apply);
	uint32_t slot = (uint32_t)query->cursor;
	const struct port_config *port;

	add_columns(rows, columns, sizeof(columns) / sizeof(columns[0]));
	add_columns(rows, link_columns, LINK_COLUMNS);
	add_columns(rows, peer_columns, PEER_COLUMNS);
	for (; (port = pmap_next(&generation->ports, &slot)); slot++) {
		if (query->has_object && query->object != port->id)
			continue;
		if (!agent_rows_begin(rows)) {
			agent_query_more(rows, slot);
			return;
		}
		port_row(agent, rows, port);
	}
}

static void hex(const uint8_t *bytes, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * len] = '\0';
}

// Workers note their own clock, which the wall's is ahead of by ahead_ns.
static void drop_row(struct agent_rows *rows, const struct drop_record *drop, uint64_t port,
                     uint64_t ahead_ns)
{
	char head[2 * STATS_DROP_HEAD + 1];

	hex(drop->head, drop->head_len <= STATS_DROP_HEAD ? drop->head_len : STATS_DROP_HEAD, head);
	agent_rows_number(rows, (drop->wall_ns + ahead_ns) / NSEC_PER_SEC);
	if (port)
		agent_rows_object(rows, port);
	else
		agent_rows_none(rows);
	agent_rows_text(rows, drop_name((enum drop_reason)drop->reason));
	agent_rows_number(rows, drop->vlan & 0xfff);
	agent_rows_number(rows, drop->len);
	agent_rows_text(rows, head);
	agent_rows_text(rows, drop_explain((enum drop_reason)drop->reason));
}

void agent_query_drops(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	static const char *const columns[] = {"time", "port", "reason", "vlan",
	                                      "len",  "head", "explain"};
	const struct generation *generation = apply_generation(agent->apply);
	struct drop_record *drops = calloc(rows->limit, sizeof(*drops));
	uint32_t slot = 0;
	unsigned count = 0;

	add_columns(rows, columns, sizeof(columns) / sizeof(columns[0]));
	if (query->has_object) {
		const struct agent_node *node =
			agent_store_at(&agent->apply->store, WEFT__KIND__KIND_PORT, query->object);

		slot = node ? node->slot : 0;
	}
	if (drops && (slot || !query->has_object))
		count = stats_recent_drops(agent->stats, slot, drops, (unsigned)rows->limit);
	for (unsigned i = 0; i < count && agent_rows_begin(rows); i++) {
		const struct port_config *port = pmap_get(&generation->ports, drops[i].port);

		drop_row(rows, &drops[i], port ? port->id : 0, clock_wall() - clock_now());
	}
	free(drops);
}

static const char *const worker_words[STATS_WORKER_WORDS] = {
	[STATS_LOOPS] = "loops",
	[STATS_BATCHES] = "batches",
	[STATS_PACKETS] = "packets",
	[STATS_CACHE_HITS] = "cache_hits",
	[STATS_CACHE_MISSES] = "cache_misses",
	[STATS_SLEEPS] = "sleeps",
	[STATS_BUSY_CYCLES] = "busy_cycles",
	[STATS_CONNS_NEW] = "conns_new",
	[STATS_CONNS_EXPIRED] = "conns_expired",
	[STATS_PUNTS] = "punts",
	[STATS_FLOODS] = "floods",
	[STATS_LEARNT] = "learnt",
	[STATS_MOVED] = "moved",
	[STATS_SUPPRESSED] = "suppressed",
	[STATS_SNOOPED] = "snooped",
	[STATS_WOKEN_10] = "woken_10us",
	[STATS_WOKEN_20] = "woken_20us",
	[STATS_WOKEN_50] = "woken_50us",
	[STATS_WOKEN_100] = "woken_100us",
	[STATS_WOKEN_1000] = "woken_1000us",
	[STATS_WOKEN_LATER] = "woken_later",
};

void agent_query_workers(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	agent_rows_column(rows, "worker");
	add_columns(rows, worker_words, STATS_WORKER_WORDS);
	for (unsigned i = 0; i < agent->config.sizes.workers && agent_rows_begin(rows); i++) {
		const uint64_t *words = stats_worker_words(agent->stats, i);

		agent_rows_number(rows, i);
		for (int word = 0; word < STATS_WORKER_WORDS; word++)
			agent_rows_number(rows, __atomic_load_n(&words[word], __ATOMIC_RELAXED));
	}
}

// The caches belong to workers, and nobody else may walk them: what can be told is how they do.
void agent_query_flow_cache(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	agent_rows_column(rows, "worker");
	agent_rows_column(rows, "entries");
	agent_rows_column(rows, "hits");
	agent_rows_column(rows, "misses");
	for (unsigned i = 0; i < agent->config.sizes.workers && agent_rows_begin(rows); i++) {
		const uint64_t *words = stats_worker_words(agent->stats, i);

		agent_rows_number(rows, i);
		agent_rows_number(rows, agent->config.flow_entries);
		agent_rows_number(rows,
		                  __atomic_load_n(&words[STATS_CACHE_HITS], __ATOMIC_RELAXED));
		agent_rows_number(rows,
		                  __atomic_load_n(&words[STATS_CACHE_MISSES], __ATOMIC_RELAXED));
	}
}

static uint64_t sum_drops(const struct agent *agent, enum drop_reason reason)
{
	const struct generation *generation = apply_generation(agent->apply);
	const struct port_config *port;
	uint64_t sum = 0;

	for (uint32_t slot = 0; (port = pmap_next(&generation->ports, &slot)); slot++) {
		sum += stats_drop_sum(agent->stats, slot, reason);
		if (port->door)
			sum += atomic_load_explicit(&port->door->door_drops[reason],
			                            memory_order_relaxed);
	}
	return sum;
}

static uint64_t count_objects(const struct agent *agent)
{
	uint64_t sum = 0;

	for (int kind = WEFT__KIND__KIND_BRIDGE; kind < AGENT_KINDS; kind++) {
		uint64_t count, hash;

		apply_digest(agent->apply, (Weft__Kind)kind, &count, &hash);
		sum += count;
	}
	return sum;
}

// Reasons that never occurred are left out, so the columns differ from one answer to the next.
static void add_drop_columns(struct agent *agent, struct agent_rows *rows,
                             uint64_t sums[DROP_REASONS], char names[DROP_REASONS][48])
{
	for (int reason = DROP_NONE + 1; reason < DROP_REASONS; reason++) {
		sums[reason] = sum_drops(agent, (enum drop_reason)reason);
		if (!sums[reason] || rows->column_count >= ROW_COLUMNS_MAX)
			continue;
		snprintf(names[reason], sizeof(names[reason]), "drop_%s",
		         drop_name((enum drop_reason)reason));
		agent_rows_column(rows, names[reason]);
	}
}

void agent_query_summary(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	static const char *const columns[] = {
		"generation",   "objects",     "uptime_seconds", "ports",   "connections",
		"macs",         "neighbours",  "leases",         "packets", "cache_hits",
		"cache_misses", "events_lost", "suppressed",     "snooped",
	};
	uint64_t sums[DROP_REASONS] = {0};
	char(*names)[48] = agent_arena_take(&rows->arena, DROP_REASONS * sizeof(*names));
	size_t fixed = sizeof(columns) / sizeof(columns[0]);

	add_columns(rows, columns, fixed);
	if (names)
		add_drop_columns(agent, rows, sums, names);
	if (!agent_rows_begin(rows))
		return;
	agent_rows_number(rows, apply_generation(agent->apply)->number);
	agent_rows_number(rows, count_objects(agent));
	agent_rows_number(rows, (clock_now() - agent->started_ns) / NSEC_PER_SEC);
	agent_rows_number(rows, apply_generation(agent->apply)->ports.count);
	agent_rows_number(rows, conn_count(agent->state->conns));
	agent_rows_number(rows, fdb_count(agent->state->fdb));
	agent_rows_number(rows, neighbour_count(agent->state->neighbours));
	agent_rows_number(rows, lease_count(agent->state->leases));
	agent_rows_number(rows, stats_worker_sum(agent->stats, STATS_PACKETS));
	agent_rows_number(rows, stats_worker_sum(agent->stats, STATS_CACHE_HITS));
	agent_rows_number(rows, stats_worker_sum(agent->stats, STATS_CACHE_MISSES));
	agent_rows_number(rows, agent->events_lost);
	agent_rows_number(rows, stats_worker_sum(agent->stats, STATS_SUPPRESSED));
	agent_rows_number(rows, stats_worker_sum(agent->stats, STATS_SNOOPED));
	for (int reason = DROP_NONE + 1; reason < DROP_REASONS; reason++)
		if (sums[reason] && rows->rows[0]->n_values < rows->column_count)
			agent_rows_number(rows, sums[reason]);
}
