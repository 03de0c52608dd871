// SPDX-License-Identifier: BSD-3-Clause
//
// arp: the router's side of ARP.
//
// Who asks us is learnt (RFC 826: the sender is merged when we are the target); of what others say to each
// other only entries that we have anyway are updated. Somebody else who claims one of our addresses is told
// off in public (RFC 5227, 2.4 (c)), and his claim is not passed on.

#include "datapath/arp.h"

#include "base/bytes.h"
#include "datapath/interface.h"
#include "datapath/pipeline_priv.h"
#include "datapath/suppress.h"
#include "datapath/wire.h"

static const struct mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static struct ip_addr ip_at(const uint8_t *field)
{
	uint32_t be;

	memcpy(&be, field, sizeof(be));
	return ip_from4(be);
}

static void build(uint8_t *frame, uint16_t operation, struct mac dst, struct mac sender,
                  struct ip_addr sender_ip, struct mac target, struct ip_addr target_ip)
{
	static const uint8_t ethernet_ip[6] = {0, 1, 8, 0, 6, 4};
	uint8_t *arp = frame + ETH_HEADER;

	memcpy(frame + ETH_DST, dst.b, 6);
	memcpy(frame + ETH_SRC, sender.b, 6);
	store_be16(frame + ETH_TYPE, ETH_TYPE_ARP);
	memcpy(arp, ethernet_ip, sizeof(ethernet_ip));
	store_be16(arp + ARP_OPERATION, operation);
	memcpy(arp + ARP_SENDER_MAC, sender.b, 6);
	memcpy(arp + ARP_SENDER_IP, sender_ip.b + 12, 4);
	memcpy(arp + ARP_TARGET_MAC, target.b, 6);
	memcpy(arp + ARP_TARGET_IP, target_ip.b + 12, 4);
}

void arp_ask(struct pipeline *pipeline, const struct interface *interface, struct ip_addr ip)
{
	uint8_t frame[ARP_FRAME];
	struct ip_addr source;

	if (!interface_source(interface, ip, &source))
		return;
	build(frame, ARP_REQUEST, broadcast, interface->mac, source, (struct mac){{0}}, ip);
	egress_ask(pipeline, interface->domain, suppress_reach(pipeline->generation, interface, ip),
	           frame, sizeof(frame));
}

bool arp_read(const struct packet *packet, struct arp *ret)
{
	static const uint8_t ethernet_ip[6] = {0, 1, 8, 0, 6, 4};
	const uint8_t *arp = packet_l3(packet);

	if (packet->head_len < packet->l3 + ARP_LENGTH)
		return false;
	if (memcmp(arp, ethernet_ip, sizeof(ethernet_ip)) != 0 || arp[ARP_SENDER_MAC] & 1)
		return false;
	ret->operation = load_be16(arp + ARP_OPERATION);
	memcpy(ret->sender_mac.b, arp + ARP_SENDER_MAC, sizeof(ret->sender_mac.b));
	ret->sender = ip_at(arp + ARP_SENDER_IP);
	ret->target = ip_at(arp + ARP_TARGET_IP);
	return ret->operation == ARP_REQUEST || ret->operation == ARP_REPLY;
}

void arp_answer(uint8_t frame[static ARP_FRAME], const struct arp *asked, struct mac owner)
{
	build(frame, ARP_REPLY, asked->sender_mac, owner, asked->target, asked->sender_mac,
	      asked->sender);
}

// Says to everybody whose the address is.
static void defend(struct miss *miss, struct ip_addr ip)
{
	struct pipeline *pipeline = miss->pipeline;
	uint8_t frame[ARP_FRAME];

	if (!miss_acts(miss) || !meter_take(&pipeline->defence, pipeline->now_ns, 10))
		return;
	build(frame, ARP_REQUEST, broadcast, miss->interface->mac, ip, (struct mac){{0}}, ip);
	egress_emit(pipeline, miss->interface->domain, 0, frame, sizeof(frame));
}

static void learn(struct miss *miss, struct ip_addr ip, struct mac mac, bool reply, bool ours)
{
	struct pipeline *pipeline = miss->pipeline;
	// A question to us is as good a proof as an answer: who asks can be spoken to.
	bool solicited = ours && (!reply || !mac_is_multicast(miss->dst));

	if (!miss_acts(miss) || ip_is_unspecified(ip) || !interface_on_link(miss->interface, ip))
		return;
	neighbour_confirm(pipeline->state->neighbours, miss->interface->slot, &ip, &mac, solicited,
	                  ours && !reply, pipeline->now_ms);
	pipeline->resolved = true;
}

bool arp_input(struct miss *miss)
{
	const struct interface *interface = miss->interface;
	struct arp arp;

	miss->program->flags |= PROGRAM_NO_CACHE;
	if (!arp_read(miss->packet, &arp)) {
		trace_step(miss->trace, "arp", "malformed");
		return miss_drop(miss, DROP_ARP_MALFORMED);
	}

	const struct vrf *vrf = pmap_get(&miss->generation->vrfs, interface->vrf);
	bool reply = arp.operation == ARP_REPLY;
	bool ours = interface_answers(interface, vrf, arp.target);

	if (interface_answers(interface, vrf, arp.sender)) {
		trace_step(miss->trace, "arp", "claims the router's address");
		defend(miss, arp.sender);
		return miss_done(miss);
	}
	learn(miss, arp.sender, arp.sender_mac, reply, ours);
	if (ours && !reply) {
		uint8_t frame[ARP_FRAME];

		trace_step(miss->trace, "arp", "answered by the router");
		arp_answer(frame, &arp, interface->mac);
		miss_answer(miss, frame, sizeof(frame));
		return miss_done(miss);
	}
	return mac_is_multicast(miss->dst) ? false : miss_done(miss);
}
