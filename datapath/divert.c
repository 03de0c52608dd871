// SPDX-License-Identifier: BSD-3-Clause
//
// divert: one copy, bounded by what a service frame holds.

#include "datapath/divert.h"

#include "datapath/pipeline_priv.h"

bool divert(struct miss *miss, enum punt_kind kind)
{
	static const char *const names[PUNT_KINDS] = {"dhcp", "dns", "router advertisements"};
	struct pipeline *pipeline = miss->pipeline;
	const struct packet *packet = miss->packet;
	struct service_frame frame;

	trace_step(miss->trace, "service", "%s of the router", names[kind]);
	if (packet->len > sizeof(frame.bytes))
		return miss_drop(miss, DROP_FRAME_LONG);
	if (!miss_acts(miss))
		return miss_done(miss);

	frame.len = (uint16_t)packet_copy(packet, 0, packet->len, frame.bytes);
	frame.vlan = packet->flags & PACKET_VLAN ? packet->vlan : 0;
	frame.kind = (uint8_t)kind;
	frame.flags =
		packet->flags & (PACKET_CSUM_PARTIAL | PACKET_CSUM_VALID) ? 0 : SERVICE_CHECK_SUM;
	frame.port = packet->in_port;
	frame.domain = packet->domain;
	frame.l3 = packet->l3;
	frame.l4 = packet->l4;
	frame.payload = packet->payload;
	if (!pipeline->config.punt || !pipeline->config.punt(pipeline->config.user, &frame))
		return miss_drop(miss, DROP_SERVICE_QUEUE_FULL);
	pipeline->words[STATS_PUNTS]++;
	return miss_done(miss);
}
