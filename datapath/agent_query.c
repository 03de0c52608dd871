// SPDX-License-Identifier: BSD-3-Clause
//
// agent_query: finds who answers, and sends what they filled in.

#include "datapath/agent_query.h"

#include "base/bytes.h"
#include "datapath/agent_frame.h"

#include <errno.h>

enum { QUERY_LIMIT = 4096 };

static const agent_query_fn answers[] = {
	[WEFT__QUERY_WHAT__QUERY_FDB] = agent_query_fdb,
	[WEFT__QUERY_WHAT__QUERY_NEIGHBOURS] = agent_query_neighbours,
	[WEFT__QUERY_WHAT__QUERY_CONNS] = agent_query_conns,
	[WEFT__QUERY_WHAT__QUERY_LEASES] = agent_query_leases,
	[WEFT__QUERY_WHAT__QUERY_DROPS] = agent_query_drops,
	[WEFT__QUERY_WHAT__QUERY_WORKERS] = agent_query_workers,
	[WEFT__QUERY_WHAT__QUERY_FLOW_CACHE] = agent_query_flow_cache,
	[WEFT__QUERY_WHAT__QUERY_PORTS] = agent_query_ports,
	[WEFT__QUERY_WHAT__QUERY_SUMMARY] = agent_query_summary,
	[WEFT__QUERY_WHAT__QUERY_FLOW_RULES] = agent_query_flow_rules,
	[WEFT__QUERY_WHAT__QUERY_NAT_RULES] = agent_query_nat_rules,
	[WEFT__QUERY_WHAT__QUERY_FORWARDS] = agent_query_forwards,
	[WEFT__QUERY_WHAT__QUERY_IMPAIRMENTS] = agent_query_impairments,
};

static void answer(struct agent *agent, uint64_t request, const Weft__Query *query)
{
	struct agent_rows *rows = agent_rows_new(query->limit);

	if (rows)
		answers[query->what](agent, query, rows);
	if (!rows || rows->failed)
		agent_refuse(agent, request, -ENOMEM, "out of memory for the answer", NULL);
	else if (agent_send(agent, WEFT__STREAM_ID__STREAM_QUERIES, WEFT__FRAME_TYPE__FRAME_ROWS,
	                    request, &rows->message.base) == -EAGAIN)
		agent_refuse(agent, request, -EAGAIN,
		             "earlier answers wait to be read; ask again later", NULL);
	agent_rows_free(rows);
}

void agent_query_frame(struct agent *agent, struct stream_frame *frame)
{
	struct agent_arena arena;
	const Weft__Query *query;

	agent_arena_init(&arena, QUERY_LIMIT);
	query = agent_frame_decode(&arena, frame, &weft__query__descriptor);
	if (query && query->what >= WEFT__QUERY_WHAT__QUERY_FDB &&
	    (unsigned)query->what < ARRAY_SIZE(answers) && answers[query->what])
		answer(agent, frame->request, query);
	else
		agent_refuse(agent, frame->request, -EOPNOTSUPP,
		             "this datapath cannot answer that question", NULL);
	agent_arena_fini(&arena);
}
