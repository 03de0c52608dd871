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
#include "datapath/suppress.h"
#include "datapath/wire.h"
#include "vnic/checksum.h"

enum {
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

// A message about `target`, with the sender's MAC as its option.
static void build(uint8_t *frame, struct mac from, struct mac to, struct ip_addr src,
                  struct ip_addr dst, uint8_t type, uint8_t flags, struct ip_addr target)
{
	uint8_t *ip = frame + ETH_HEADER;
	uint8_t *icmp = ip + IP6_HEADER;
	uint8_t *option = icmp + ND_HEADER;
	const uint16_t len = ND_HEADER + ND_OPTION;

	memset(frame, 0, ND_FRAME);
	memcpy(frame + ETH_DST, to.b, 6);
	memcpy(frame + ETH_SRC, from.b, 6);
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
	memcpy(option + 2, from.b, 6);
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
	build(frame, interface->mac, mac_from_group(group), source, group, ND_NEIGHBOUR_SOLICIT, 0,
	      ip);
	egress_ask(pipeline, interface->domain, suppress_reach(pipeline->generation, interface, ip),
	           frame, sizeof(frame));
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

// To whom an advertisement goes that nobody can be told alone.
static struct ip_addr all_nodes(void)
{
	static const uint8_t group[16] = {0xff, 2, [15] = 1};

	return ip_from6(group);
}

void nd_answer(uint8_t frame[static ND_FRAME], const struct nd_question *asked, struct mac owner,
               bool router)
{
	uint8_t flags = ADVERT_OVERRIDE | (router ? ADVERT_ROUTER : 0);
	struct ip_addr group = all_nodes();

	// Who tries an address out has none yet to be told by (RFC 4861, 7.2.4).
	if (ip_is_unspecified(asked->src))
		build(frame, owner, mac_from_group(group), asked->target, group,
		      ND_NEIGHBOUR_ADVERT, flags, asked->target);
	else
		build(frame, owner, asked->mac, asked->target, asked->src, ND_NEIGHBOUR_ADVERT,
		      flags | ADVERT_SOLICITED, asked->target);
}

// Says to everybody whose the address is: to who tries it out, and to who claims it.
static void defend(struct miss *miss, struct ip_addr target)
{
	struct nd_question nobody = {.target = target};
	struct pipeline *pipeline = miss->pipeline;
	uint8_t frame[ND_FRAME];

	if (!miss_acts(miss) || !meter_take(&pipeline->defence, pipeline->now_ns, 10))
		return;
	nd_answer(frame, &nobody, miss->interface->mac, true);
	egress_emit(pipeline, miss->interface->domain, 0, frame, sizeof(frame));
}

// Reads what is asked. False: malformed. => The message has passed check().
static bool read_question(const struct packet *packet, struct nd_question *ret)
{
	struct ip_addr src = ip_from6(packet_l3(packet) + IP6_SRC);
	struct mac mac;
	bool found;

	memcpy(mac.b, packet->data + ETH_SRC, sizeof(mac.b));
	if (!read_options(packet, ND_OPTION_SOURCE_MAC, &mac, &found) ||
	    (found && ip_is_unspecified(src)))
		return false;
	*ret = (struct nd_question){
		.src = src, .target = ip_from6(packet_l4(packet) + ND_TARGET), .mac = mac};
	return true;
}

static bool solicited(struct miss *miss)
{
	const struct vrf *vrf = pmap_get(&miss->generation->vrfs, miss->interface->vrf);
	struct nd_question asked;
	uint8_t frame[ND_FRAME];

	if (!read_question(miss->packet, &asked))
		return miss_drop(miss, DROP_ND_MALFORMED);
	if (!interface_answers(miss->interface, vrf, asked.target))
		return mac_is_multicast(miss->dst) ? false : miss_done(miss);

	trace_step(miss->trace, "nd", "answered by the router");
	if (ip_is_unspecified(asked.src)) {
		defend(miss, asked.target);
		return miss_done(miss);
	}
	learn(miss, asked.src, asked.mac, false, true);
	nd_answer(frame, &asked, miss->interface->mac, true);
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

// What every message must be (RFC 4861, 6.1 and 7.1). DROP_NONE, or why it is to be ignored.
static enum drop_reason check(const struct packet *packet)
{
	const uint8_t *icmp = packet_l4(packet);
	uint32_t least = icmp[ICMP_TYPE] == ND_ROUTER_SOLICIT ? ICMP_HEADER : ND_HEADER;

	if (packet_l3(packet)[IP6_HOPS] != 255 || icmp[ICMP_CODE] != 0 ||
	    packet->l4 + least > MIN(message_end(packet), packet->head_len))
		return DROP_ND_MALFORMED;
	if (!has_good_sum(packet))
		return DROP_ICMP_CHECKSUM;
	if (icmp[ICMP_TYPE] != ND_ROUTER_SOLICIT && ip_is_multicast(ip_from6(icmp + ND_TARGET)))
		return DROP_ND_MALFORMED;
	return DROP_NONE;
}

bool nd_read_question(const struct packet *packet, struct nd_question *ret)
{
	return nd_is_message(packet) && packet_l4(packet)[ICMP_TYPE] == ND_NEIGHBOUR_SOLICIT &&
	       check(packet) == DROP_NONE && read_question(packet, ret);
}

bool nd_input(struct miss *miss)
{
	uint8_t type = packet_l4(miss->packet)[ICMP_TYPE];
	enum drop_reason reason = check(miss->packet);

	miss->program->flags |= PROGRAM_NO_CACHE;
	if (reason) {
		trace_step(miss->trace, "nd", "malformed");
		return miss_drop(miss, reason);
	}
	if (type == ND_ROUTER_SOLICIT)
		return miss->interface->advert ? divert(miss, PUNT_ROUTER_SOLICIT) : false;
	if (type == ND_NEIGHBOUR_SOLICIT)
		return solicited(miss);
	return advertised(miss, ip_from6(packet_l4(miss->packet) + ND_TARGET));
}
