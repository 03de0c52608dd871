// SPDX-License-Identifier: BSD-3-Clause
//
// flow_rule: rules that an operator programs one by one, looked at as a frame enters a port, after its
// VLAN is known.
//
// A rule is bound by what `fields` names; everything else matches. The first that matches, in the order
// of struct flow_rules, decides. Any worker.

#pragma once

#include "datapath/generation.h"
#include "vnic/packet.h"

#include <stdbool.h>

struct miss;

enum flow_rule_field {
	FLOW_RULE_PORT = 1 << 0,
	FLOW_RULE_DOMAIN = 1 << 1,
	FLOW_RULE_ETH_SRC = 1 << 2,
	FLOW_RULE_ETH_DST = 1 << 3,
	FLOW_RULE_ETH_TYPE = 1 << 4,
	FLOW_RULE_IP_SRC = 1 << 5,
	FLOW_RULE_IP_DST = 1 << 6,
	FLOW_RULE_IP_PROTO = 1 << 7,
	FLOW_RULE_L4_SRC = 1 << 8,
	FLOW_RULE_L4_DST = 1 << 9,
};

// Frees the rules and gives their references; NULL is fine. For edit_replaced().
void flow_rules_free(void *rules);

// => The packet is parsed to L4. A later fragment matches no rule that names a port of L4.
bool flow_rule_matches(const struct flow_rule *rule, const struct packet *packet, uint32_t domain);

// Applies the first rule that matches: drops, sends out or changes the MACs the later stages see. Returns
// whether the frame's way is decided.
bool flow_rule_stage(struct miss *miss);
