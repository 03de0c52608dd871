// SPDX-License-Identifier: BSD-3-Clause
//
// flow_rule: the operator's rules, tried in order.
//
// Rules only cost the miss path, once per flow: a program remembers the outcome. While there are rules, every
// flow is keyed at full depth, as any rule may name any field.

#include "datapath/flow_rule.h"

#include "base/bytes.h"
#include "datapath/egress.h"
#include "datapath/flow_count.h"
#include "datapath/miss.h"
#include "datapath/wire.h"

#include <stdlib.h>
#include <string.h>

void flow_rules_free(void *rules)
{
	struct flow_rules *piece = rules;

	for (uint32_t i = 0; piece && i < piece->count; i++)
		flow_counts_give(piece->rules[i].counts);
	free(piece);
}

// The address at `offset` of the L3 header.
static struct ip_addr address_at(const struct packet *packet, unsigned offset4, unsigned offset6)
{
	const uint8_t *l3 = packet_l3(packet);
	uint32_t be;

	if (packet->ip_version == 6)
		return ip_from6(l3 + offset6);
	memcpy(&be, l3 + offset4, sizeof(be));
	return ip_from4(be);
}

static bool ip_matches(const struct flow_rule *rule, const struct packet *packet)
{
	const uint32_t fields = rule->fields;

	if (!(fields & (FLOW_RULE_IP_SRC | FLOW_RULE_IP_DST | FLOW_RULE_IP_PROTO |
	                FLOW_RULE_L4_SRC | FLOW_RULE_L4_DST)))
		return true;
	if (packet->ip_version == 0)
		return false;
	if (fields & FLOW_RULE_IP_SRC &&
	    !prefix_contains(rule->ip_src, address_at(packet, IP4_SRC, IP6_SRC)))
		return false;
	if (fields & FLOW_RULE_IP_DST &&
	    !prefix_contains(rule->ip_dst, address_at(packet, IP4_DST, IP6_DST)))
		return false;
	if (fields & FLOW_RULE_IP_PROTO && rule->ip_proto != packet->ip_proto)
		return false;
	if (!(fields & (FLOW_RULE_L4_SRC | FLOW_RULE_L4_DST)))
		return true;
	if (packet->l4 == 0 || packet->flags & PACKET_LATER_FRAGMENT ||
	    (packet->ip_proto != PROTO_TCP && packet->ip_proto != PROTO_UDP))
		return false;
	if (fields & FLOW_RULE_L4_SRC && rule->l4_src != load_be16(packet_l4(packet)))
		return false;
	return !(fields & FLOW_RULE_L4_DST) || rule->l4_dst == load_be16(packet_l4(packet) + 2);
}

bool flow_rule_matches(const struct flow_rule *rule, const struct packet *packet, uint32_t domain)
{
	const uint32_t fields = rule->fields;

	if (fields & FLOW_RULE_PORT && rule->port != packet->in_port)
		return false;
	if (fields & FLOW_RULE_DOMAIN && rule->domain != domain)
		return false;
	if (fields & FLOW_RULE_ETH_SRC &&
	    memcmp(rule->eth_src.b, packet->data + ETH_SRC, sizeof(rule->eth_src.b)) != 0)
		return false;
	if (fields & FLOW_RULE_ETH_DST &&
	    memcmp(rule->eth_dst.b, packet->data + ETH_DST, sizeof(rule->eth_dst.b)) != 0)
		return false;
	if (fields & FLOW_RULE_ETH_TYPE && rule->eth_type != packet->eth_type)
		return false;
	return ip_matches(rule, packet);
}

// Sends the frame straight to a port, under the tag that its domain has there, or as it came.
static bool output(struct miss *miss, const struct flow_rule *rule)
{
	struct program *program = miss->program;
	const struct port_config *out = pmap_get(&miss->generation->ports, rule->output);
	struct domain_member member = {0};
	uint16_t tag;

	if (!out) {
		trace_step(miss->trace, "rule", "{%lu}: its port is gone", (unsigned long)rule->id);
		return miss_drop(miss, DROP_PORT_UNKNOWN);
	}
	if (egress_member(out, miss->domain, &member))
		tag = member.vid;
	else
		tag = miss->packet->flags & PACKET_VLAN ? miss->packet->vlan : 0;

	program->out_port = rule->output;
	program->vlan = tag;
	if (member.vni) {
		program->flags |= PROGRAM_VNI;
		program->vni = member.vni & VNI_MASK;
	} else if (out->is_peer) {
		trace_step(miss->trace, "rule", "{%lu}: peer %s does not carry the net",
		           (unsigned long)rule->id, out->name);
		return miss_drop(miss, DROP_VNI_UNKNOWN);
	}
	if (tag)
		program->flags |= PROGRAM_TAG;
	if (rule->has_set_src || rule->has_set_dst) {
		program->flags |= PROGRAM_MACS;
		program->dst_mac = miss->dst;
		program->src_mac = miss->src;
	}
	trace_step(miss->trace, "rule", "{%lu}: output to port %s", (unsigned long)rule->id,
	           out->name);
	return true;
}

static bool apply(struct miss *miss, const struct flow_rule *rule)
{
	if (rule->counts) {
		miss->program->flags |= PROGRAM_COUNTED;
		miss->program->counts = rule->counts;
	}
	if (rule->has_set_src)
		miss->src = rule->set_src;
	if (rule->has_set_dst)
		miss->dst = rule->set_dst;
	if (rule->has_output)
		return output(miss, rule);
	if (rule->normal && !rule->drop) {
		trace_step(miss->trace, "rule", "{%lu}: carries on", (unsigned long)rule->id);
		return false;
	}
	trace_step(miss->trace, "rule", "{%lu}: drop", (unsigned long)rule->id);
	return miss_drop(miss, DROP_FLOW_RULE);
}

bool flow_rule_stage(struct miss *miss)
{
	const struct flow_rules *rules = miss->generation->flow_rules;

	for (uint32_t i = 0; rules && i < rules->count; i++)
		if (flow_rule_matches(&rules->rules[i], miss->packet, miss->domain->slot))
			return apply(miss, &rules->rules[i]);
	return false;
}
