// SPDX-License-Identifier: BSD-3-Clause
//
// nd: as arp, in IPv6's words.
//
// What RFC 4861, 7.1 demands of a message (hop limit 255, so that it cannot have come from afar; a whole
// checksum; options of at least 8 bytes) is checked before anything is believed.

#include "datapath/nd.h"

#include "base/bytes.h"
#include "datapath/divert.h"
#include "datapath/interface.h"
#include "datapath/pipeline_priv.h"
#include "datapath/wire.h"
#include "vnic/checksum.h"

enum {
	ND_OPTION = 8,
	ND_FRAME = ETH_HEADER + IP6_HEADER + ND_HEADER + ND_OPTION,
	ADVERT_ROUTER = 0x80,
	ADVERT_SOLICITED = 0x40,
	ADVERT_OVERRIDE = 0x20,
	ADVERT_FLAGS = 4,
	ND_TARGET = 8,
};

bool nd_is_message(const struct packet *packet)
{
	if (packet->ip_version != 6 || packet->ip_proto != PROTO_ICMP6 || !packet->l4 ||
	    packet->flags & PACKET_FRAGMENT)
		return false;

	uint8_t type = packet_l4(packet)[ICMP_TYPE];

	return type == ND_ROUTER_SOLICIT || type == ND_NEIGHBOUR_SOLICIT ||
	       type == ND_NEIGHBOUR_ADVERT;
}

// A message about `target` with our MAC as its option.
static void build(uint8_t *frame, const struct interface *interface, struct mac to,
                  struct ip_addr src, struct ip_addr dst, uint8_t type, uint8_t flags,
                  struct ip_addr target)
{
	uint8_t *ip = frame + ETH_HEADER;
	uint8_t *icmp = ip + IP6_HEADER;
	uint8_t *option = icmp + ND_HEADER;
	const uint16_t len = ND_HEADER + ND_OPTION;

	memset(frame, 0, ND_FRAME);
	memcpy(frame + ETH_DST, to.b, 6);
	memcpy(frame + ETH_SRC, interface->mac.b, 6);
	store_be16(frame + ETH_TYPE, ETH_TYPE_IP6);
	ip[0] = 0x60;
	store_be16(ip + IP6_PAYLOAD, len);
	ip[IP6_NEXT] = PROTO_ICMP6;
	ip[IP6_HOPS] = 255;
	memcpy(ip + IP6_SRC, src.b, 16);
	memcpy(ip + IP6_DST, dst.b, 16);
	icmp[ICMP_TYPE] = type;
	icmp[ADVERT_FLAGS] = flags;
	memcpy(icmp + ND_TARGET, target.b, 16);
	option[0] = type == ND_NEIGHBOUR_SOLICIT ? ND_OPTION_SOURCE_MAC : ND_OPTION_TARGET_MAC;
	option[1] = 1;
	memcpy(option + 2, interface->mac.b, 6);
	store_be16(icmp + ICMP_CHECK, checksum_finish(checksum_pseudo6(ip, PROTO_ICMP6, len) +
	                                              checksum_sum(icmp, len)));
}

void nd_ask(struct pipeline *pipeline, const struct interface *interface, struct ip_addr ip)
{
	struct ip_addr group = ip_solicited_node(ip);
	uint8_t frame[ND_FRAME];
	struct ip_addr source;

	if (!interface_source(interface, ip, &source))
		return;
	build(frame, interface, mac_from_group(group), source, group, ND_NEIGHBOUR_SOLICIT, 0, ip);
	egress_emit(pipeline, interface->domain, 0, frame, sizeof(frame));
}

static bool has_good_sum(const struct packet *packet)
{
	uint32_t len = load_be16(packet_l3(packet) + IP6_PAYLOAD) -
	               (packet->l4 - packet->l3 - (uint32_t)IP6_HEADER);

	if (packet->flags & (PACKET_CSUM_PARTIAL | PACKET_CSUM_VALID))
		return true;
	// These messages lie in the head whole, or are refused.
	return packet->l4 + len <= packet->head_len &&
	       checksum_finish(checksum_pseudo6(packet_l3(packet), PROTO_ICMP6, len) +
	                       checksum_sum(packet_l4(packet), len)) == 0;
}

static uint32_t message_end(const struct packet *packet)
{
	return packet->l3 + (uint32_t)IP6_HEADER + load_be16(packet_l3(packet) + IP6_PAYLOAD);
}

// Finds a MAC in the options. False: malformed; *found tells whether it is there.
static bool read_options(const struct packet *packet, uint8_t kind, struct mac *mac, bool *found)
{
	uint32_t end = MIN(message_end(packet), packet->head_len);
	uint32_t at = packet->l4 + (uint32_t)ND_HEADER;

	*found = false;
	while (at + ND_OPTION <= end) {
		const uint8_t *option = packet->data + at;

		if (option[1] == 0)
			return false;
		if (option[0] == kind && option[1] == 1 && !(option[2] & 1)) {
			memcpy(mac->b, option + 2, 6);
			*found = true;
		}
		at += option[1] * (uint32_t)ND_OPTION;
	}
	return true;
}

static void learn(struct miss *miss, struct ip_addr ip, struct mac mac, bool solicited, bool create)
{
	struct pipeline *pipeline = miss->pipeline;

	if (!miss_acts(miss) || ip_is_multicast(ip) || !interface_on_link(miss->interface, ip))
		return;
	neighbour_confirm(pipeline->state->neighbours, miss->interface->slot, &ip, &mac, solicited,
	                  create, pipeline->now_ms);
	pipeline->resolved = true;
}

// Says to everybody whose the address is: to who tries it out, and to who claims it.
static void defend(struct miss *miss, struct ip_addr target)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	struct pipeline *pipeline = miss->pipeline;
	struct ip_addr group = ip_from6(all_nodes);
	uint8_t frame[ND_FRAME];

	if (!miss_acts(miss) || !meter_take(&pipeline->defence, pipeline->now_ns, 10))
		return;
	build(frame, miss->interface, mac_from_group(group), target, group, ND_NEIGHBOUR_ADVERT,
	      ADVERT_ROUTER | ADVERT_OVERRIDE, target);
	egress_emit(pipeline, miss->interface->domain, 0, frame, sizeof(frame));
}

static bool solicited(struct miss *miss, struct ip_addr src, struct ip_addr target)
{
	const struct vrf *vrf = pmap_get(&miss->generation->vrfs, miss->interface->vrf);
	struct mac mac = miss->src;
	uint8_t frame[ND_FRAME];
	bool found;

	if (!read_options(miss->packet, ND_OPTION_SOURCE_MAC, &mac, &found) ||
	    (found && ip_is_unspecified(src)))
		return miss_drop(miss, DROP_ND_MALFORMED);
	if (!interface_answers(miss->interface, vrf, target))
		return mac_is_multicast(miss->dst) ? false : miss_done(miss);

	trace_step(miss->trace, "nd", "answered by the router");
	if (ip_is_unspecified(src)) {
		defend(miss, target);
		return miss_done(miss);
	}
	learn(miss, src, mac, false, true);
	build(frame, miss->interface, mac, target, src, ND_NEIGHBOUR_ADVERT,
	      ADVERT_ROUTER | ADVERT_SOLICITED | ADVERT_OVERRIDE, target);
	miss_answer(miss, frame, sizeof(frame));
	return miss_done(miss);
}

static bool advertised(struct miss *miss, struct ip_addr target)
{
	const struct vrf *vrf = pmap_get(&miss->generation->vrfs, miss->interface->vrf);
	uint8_t flags = packet_l4(miss->packet)[ADVERT_FLAGS];
	struct mac mac = miss->src;
	bool found;

	if (!read_options(miss->packet, ND_OPTION_TARGET_MAC, &mac, &found))
		return miss_drop(miss, DROP_ND_MALFORMED);
	if (interface_answers(miss->interface, vrf, target)) {
		trace_step(miss->trace, "nd", "claims the router's address");
		defend(miss, target);
		return miss_done(miss);
	}
	learn(miss, target, mac, flags & ADVERT_SOLICITED && !mac_is_multicast(miss->dst), false);
	return mac_is_multicast(miss->dst) ? false : miss_done(miss);
}

bool nd_input(struct miss *miss)
{
	const struct packet *packet = miss->packet;
	const uint8_t *icmp = packet_l4(packet);
	uint8_t type = icmp[ICMP_TYPE];
	uint32_t least = type == ND_ROUTER_SOLICIT ? ICMP_HEADER : ND_HEADER;

	miss->program->flags |= PROGRAM_NO_CACHE;
	if (packet_l3(packet)[IP6_HOPS] != 255 || icmp[ICMP_CODE] != 0 ||
	    packet->l4 + least > MIN(message_end(packet), packet->head_len)) {
		trace_step(miss->trace, "nd", "malformed");
		return miss_drop(miss, DROP_ND_MALFORMED);
	}
	if (!has_good_sum(packet))
		return miss_drop(miss, DROP_ICMP_CHECKSUM);
	if (type == ND_ROUTER_SOLICIT)
		return miss->interface->advert ? divert(miss, PUNT_ROUTER_SOLICIT) : false;

	struct ip_addr src = ip_from6(packet_l3(packet) + IP6_SRC);
	struct ip_addr target = ip_from6(icmp + ND_TARGET);

	if (ip_is_multicast(target))
		return miss_drop(miss, DROP_ND_MALFORMED);
	return type == ND_NEIGHBOUR_SOLICIT ? solicited(miss, src, target)
	                                    : advertised(miss, target);
}
