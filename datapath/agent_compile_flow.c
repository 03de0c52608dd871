// SPDX-License-Identifier: BSD-3-Clause
//
// agent_compile_flow: the flow rules, as one sorted array: few by decree, so they are always made anew.

#include "datapath/agent_compile.h"
#include "datapath/flow_count.h"
#include "datapath/flow_rule.h"

#include <errno.h>
#include <stdlib.h>

// A domain that does not exist matches nothing.
static const uint32_t DOMAIN_NOBODY = UINT32_MAX;

static void fill_layer2(struct agent_change *change, const Weft__FlowMatch *match,
                        struct flow_rule *rule)
{
	if (match->has_port) {
		rule->fields |= FLOW_RULE_PORT;
		rule->port = agent_change_node(change, WEFT__KIND__KIND_PORT, match->port)->slot;
	}
	if (match->has_bridge) {
		const struct agent_node *domain =
			agent_change_domain(change, match->bridge, match->vid);

		rule->fields |= FLOW_RULE_DOMAIN;
		rule->domain = domain && domain->links ? domain->slot : DOMAIN_NOBODY;
	}
	if (match->has_eth_src) {
		rule->fields |= FLOW_RULE_ETH_SRC;
		agent_mac(&match->eth_src, &rule->eth_src);
	}
	if (match->has_eth_dst) {
		rule->fields |= FLOW_RULE_ETH_DST;
		agent_mac(&match->eth_dst, &rule->eth_dst);
	}
	if (match->has_eth_type) {
		rule->fields |= FLOW_RULE_ETH_TYPE;
		rule->eth_type = (uint16_t)match->eth_type;
	}
}

static void fill_layer3(const Weft__FlowMatch *match, struct flow_rule *rule)
{
	if (match->ip_src) {
		rule->fields |= FLOW_RULE_IP_SRC;
		agent_prefix(match->ip_src, &rule->ip_src);
	}
	if (match->ip_dst) {
		rule->fields |= FLOW_RULE_IP_DST;
		agent_prefix(match->ip_dst, &rule->ip_dst);
	}
	if (match->has_ip_proto) {
		rule->fields |= FLOW_RULE_IP_PROTO;
		rule->ip_proto = (uint8_t)match->ip_proto;
	}
	if (match->has_l4_src) {
		rule->fields |= FLOW_RULE_L4_SRC;
		rule->l4_src = (uint16_t)match->l4_src;
	}
	if (match->has_l4_dst) {
		rule->fields |= FLOW_RULE_L4_DST;
		rule->l4_dst = (uint16_t)match->l4_dst;
	}
}

static void fill_actions(struct agent_change *change, const Weft__FlowRule *message,
                         struct flow_rule *rule)
{
	for (size_t i = 0; i < message->n_actions; i++) {
		const Weft__FlowAction *action = message->actions[i];

		rule->drop |= action->has_drop && action->drop;
		rule->normal |= action->has_normal && action->normal;
		if (action->has_output) {
			rule->has_output = true;
			rule->output =
				agent_change_node(change, WEFT__KIND__KIND_PORT, action->output)
					->slot;
		}
		if (action->has_set_eth_src) {
			rule->has_set_src = true;
			agent_mac(&action->set_eth_src, &rule->set_src);
		}
		if (action->has_set_eth_dst) {
			rule->has_set_dst = true;
			agent_mac(&action->set_eth_dst, &rule->set_dst);
		}
	}
	// A rule that says neither where to go nor to carry on ends the packet.
	if (!rule->has_output && !rule->normal)
		rule->drop = true;
}

static int compare_rules(const void *a, const void *b)
{
	const struct flow_rule *one = a, *other = b;

	if (one->priority != other->priority)
		return one->priority > other->priority ? -1 : 1;
	return one->id < other->id ? -1 : one->id > other->id;
}

// A rule that is compiled anew goes on counting.
static struct flow_counts *counts_of(const struct flow_rules *old, uint64_t id)
{
	for (uint32_t i = 0; old && i < old->count; i++)
		if (old->rules[i].id == id)
			return flow_counts_take(old->rules[i].counts);
	return flow_counts_new();
}

static int out_of_memory(struct agent_change *change)
{
	return agent_change_fail(change, -ENOMEM, "out of memory while compiling");
}

int agent_compile_flow_rules(struct agent_change *change)
{
	const struct agent_node *all = agent_change_node(change, INDEX_FLOW_RULES, 0);
	size_t count = change->apply->store.tables[WEFT__KIND__KIND_FLOW_RULE].count;
	const struct flow_rules *old = change->next->flow_rules;
	struct flow_rules *piece = NULL;

	if (count > 0) {
		piece = calloc(1, sizeof(*piece) + count * sizeof(struct flow_rule));
		if (!piece || edit_created(change->edit, piece, flow_rules_free) < 0)
			return out_of_memory(change);

		struct flow_rule *rules = (struct flow_rule *)(piece + 1);

		piece->rules = rules;
		for (const struct agent_link *link = all->links; link; link = link->next) {
			const Weft__FlowRule *message = link->from->message->flow_rule;
			struct flow_rule *rule = &rules[piece->count++];

			rule->id = link->from->id;
			rule->priority = message->priority;
			rule->counts = counts_of(old, rule->id);
			if (!rule->counts)
				return out_of_memory(change);
			fill_layer2(change, message->match, rule);
			fill_layer3(message->match, rule);
			fill_actions(change, message, rule);
		}
		qsort(rules, piece->count, sizeof(*rules), compare_rules);
	}
	change->next->flow_rules = piece;
	if (old && edit_replaced(change->edit, (void *)old, flow_rules_free) < 0)
		return out_of_memory(change);
	return 0;
}
