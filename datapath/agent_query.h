// SPDX-License-Identifier: BSD-3-Clause
//
// agent_query: questions about live state, each answered in rows, a page at a time. Main thread only.

#pragma once

#include "datapath/agent_priv.h"
#include "datapath/agent_rows.h"

// Fills columns and rows; sets the message's cursor when more follow.
typedef void (*agent_query_fn)(struct agent *agent, const Weft__Query *query,
                               struct agent_rows *rows);

void agent_query_fdb(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_neighbours(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_conns(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_leases(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_drops(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_workers(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_flow_cache(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_ports(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_flow_rules(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_nat_rules(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_forwards(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);
void agent_query_impairments(struct agent *agent, const Weft__Query *query,
                             struct agent_rows *rows);
struct agent_object;
// Calls for each object of the kind that the query asks for, until there is no room for a row.
void agent_query_objects(struct agent *agent, const Weft__Query *query, Weft__Kind kind,
                         struct agent_rows *rows,
                         void (*row)(struct agent_rows *rows, const struct agent_object *object));
void agent_query_summary(struct agent *agent, const Weft__Query *query, struct agent_rows *rows);

// Says from where the next page goes on.
static inline void agent_query_more(struct agent_rows *rows, uint64_t cursor)
{
	rows->message.has_cursor = true;
	rows->message.cursor = cursor;
}
