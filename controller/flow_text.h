// SPDX-License-Identifier: BSD-3-Clause
//
// flow_text: the rule of a flow as users write it: "port=h1,tcp,dport=80" and "output=h2". Any thread.

#pragma once

#include "base/addr.h"
#include "controller/refusal.h"
#include "proto/model.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

enum flow_text_field {
	FLOW_PORT = 1 << 0,
	FLOW_NET = 1 << 1,
	FLOW_VID = 1 << 2,
	FLOW_ETH_SRC = 1 << 3,
	FLOW_ETH_DST = 1 << 4,
	FLOW_ETH_TYPE = 1 << 5,
	FLOW_IP_SRC = 1 << 6,
	FLOW_IP_DST = 1 << 7,
	FLOW_IP_PROTO = 1 << 8,
	FLOW_L4_SRC = 1 << 9,
	FLOW_L4_DST = 1 << 10,
};

struct flow_text {
	uint32_t fields; // Of flow_text_field: what must match.
	char port[64];
	char net[64];
	uint16_t vid, eth_type, l4_src, l4_dst;
	uint8_t ip_proto;
	struct mac eth_src, eth_dst;
	struct ip_prefix ip_src, ip_dst;

	bool drop, normal;
	char output[64]; // Empty: to nobody in particular.
	bool has_set_src, has_set_dst;
	struct mac set_src, set_dst;
};

int flow_text_parse(const char *key, const Weft__FlowIntent *flow, struct flow_text *ret,
                    struct refusal *refusal);
