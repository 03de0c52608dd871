// SPDX-License-Identifier: BSD-3-Clause
//
// agent_query_rules: rows of what rules have done: flow rules, NAT rules, port forwards.
//
// The counts of NAT hang on the objects, which lie in the buckets of their kind. A page goes on behind
// the place (bucket, position) of the last row, so a rule that came or went between two pages may make
// another one of its bucket come twice or not at all.

#include "base/bytes.h"
#include "datapath/agent_change.h"
#include "datapath/agent_query.h"
#include "datapath/flow_count.h"
#include "datapath/nat_count.h"

void agent_query_flow_rules(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	const struct flow_rules *rules = apply_generation(agent->apply)->flow_rules;
	uint64_t cursor = query->cursor, packets, bytes;

	agent_rows_column(rows, "name");
	agent_rows_column(rows, "packets");
	agent_rows_column(rows, "bytes");
	for (; rules && cursor < rules->count && agent_rows_begin(rows); cursor++) {
		flow_counts_sum(rules->rules[cursor].counts, &packets, &bytes);
		agent_rows_object(rows, rules->rules[cursor].id);
		agent_rows_number(rows, packets);
		agent_rows_number(rows, bytes);
	}
	if (rules && cursor < rules->count)
		agent_query_more(rows, cursor);
}

static void begun_row(struct agent_rows *rows, const struct agent_object *object)
{
	agent_rows_object(rows, object->id);
	agent_rows_number(rows, nat_count_read(object->begun));
}

void agent_query_objects(struct agent *agent, const Weft__Query *query, Weft__Kind kind,
                         struct agent_rows *rows,
                         void (*row)(struct agent_rows *rows, const struct agent_object *object))
{
	const struct agent_table *table = &agent->apply->store.tables[kind];
	uint32_t bucket = (uint32_t)(query->cursor >> 32), skipped = (uint32_t)query->cursor;

	for (; bucket < ARRAY_SIZE(table->members); bucket++, skipped = 0) {
		uint32_t position = 0;

		for (const struct agent_object *object = table->members[bucket]; object;
		     object = object->bucket_next, position++) {
			if (position < skipped ||
			    (query->has_object && query->object != object->id))
				continue;
			if (!agent_rows_begin(rows)) {
				agent_query_more(rows, (uint64_t)bucket << 32 | position);
				return;
			}
			row(rows, object);
		}
	}
}

void agent_query_nat_rules(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	agent_rows_column(rows, "name");
	agent_rows_column(rows, "nat_connections");
	agent_query_objects(agent, query, WEFT__KIND__KIND_NAT_RULE, rows, begun_row);
}

void agent_query_forwards(struct agent *agent, const Weft__Query *query, struct agent_rows *rows)
{
	agent_rows_column(rows, "name");
	agent_rows_column(rows, "connections");
	agent_query_objects(agent, query, WEFT__KIND__KIND_PORT_FORWARD, rows, begun_row);
}
