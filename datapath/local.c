// SPDX-License-Identifier: BSD-3-Clause
//
// local: the router as a host: it answers pings, hands DHCP and DNS to their services and refuses the rest
// aloud, except to the outside, which is told nothing.

#include "datapath/local.h"

#include "base/bytes.h"
#include "datapath/divert.h"
#include "datapath/icmp.h"
#include "datapath/nd.h"
#include "datapath/pipeline_priv.h"
#include "datapath/wire.h"
#include "vnic/checksum.h"

bool local_is_dhcp(const struct packet *packet)
{
	return packet->ip_version == 4 && packet->ip_proto == PROTO_UDP && packet->l4 &&
	       load_be16(packet_l4(packet) + 2) == PORT_DHCP_SERVER;
}

bool local_before_address(struct miss *miss)
{
	const struct packet *packet = miss->packet;

	if (nd_is_message(packet))
		return nd_input(miss);
	if (miss->interface->dhcp && local_is_dhcp(packet) &&
	    (ip_is_unspecified(miss->came.src) || ip_is_broadcast(miss->came.dst)))
		return divert(miss, PUNT_DHCP4);
	return false;
}

// Answers a TCP segment that nobody wants (RFC 9293, 3.5.2).
static void reset(struct miss *miss)
{
	const struct packet *packet = miss->packet;
	const uint8_t *in3 = packet_l3(packet);
	const uint8_t *in = packet_l4(packet);
	bool is4 = packet->ip_version == 4;
	uint32_t header = is4 ? IP4_HEADER : IP6_HEADER;
	uint32_t end = is4 ? load_be16(in3 + IP4_TOTAL) : IP6_HEADER + load_be16(in3 + IP6_PAYLOAD);
	uint8_t frame[ETH_HEADER + IP6_HEADER + TCP_HEADER] = {0};
	uint8_t *ip = frame + ETH_HEADER;
	uint8_t *tcp = ip + header;

	if (in[TCP_FLAGS] & TCP_RST)
		return;
	memcpy(frame + ETH_DST, miss->src.b, 6);
	memcpy(frame + ETH_SRC, miss->interface->mac.b, 6);
	store_be16(frame + ETH_TYPE, packet->eth_type);
	memcpy(tcp, in + 2, 2);
	memcpy(tcp + 2, in, 2);
	tcp[TCP_DATA_OFFSET] = TCP_HEADER / 4 << 4;
	if (in[TCP_FLAGS] & TCP_ACK) {
		memcpy(tcp + TCP_SEQ, in + TCP_ACK_NUMBER, 4);
		tcp[TCP_FLAGS] = TCP_RST;
	} else {
		uint32_t data = end - (uint32_t)(packet->payload - packet->l3);

		data += !!(in[TCP_FLAGS] & TCP_SYN) + !!(in[TCP_FLAGS] & TCP_FIN);
		store_be32(tcp + TCP_ACK_NUMBER, load_be32(in + TCP_SEQ) + data);
		tcp[TCP_FLAGS] = TCP_RST | TCP_ACK;
	}

	uint64_t pseudo;

	if (is4) {
		ip[0] = 0x45;
		store_be16(ip + IP4_TOTAL, (uint16_t)(header + TCP_HEADER));
		store_be16(ip + IP4_OFFSET, IP4_DF);
		ip[IP4_TTL] = 64;
		ip[IP4_PROTO] = PROTO_TCP;
		memcpy(ip + IP4_SRC, in3 + IP4_DST, 4);
		memcpy(ip + IP4_DST, in3 + IP4_SRC, 4);
		store_be16(ip + IP4_CHECK, checksum_finish(checksum_sum(ip, IP4_HEADER)));
		pseudo = checksum_pseudo4(ip, PROTO_TCP, TCP_HEADER);
	} else {
		ip[0] = 0x60;
		store_be16(ip + IP6_PAYLOAD, TCP_HEADER);
		ip[IP6_NEXT] = PROTO_TCP;
		ip[IP6_HOPS] = 64;
		memcpy(ip + IP6_SRC, in3 + IP6_DST, 16);
		memcpy(ip + IP6_DST, in3 + IP6_SRC, 16);
		pseudo = checksum_pseudo6(ip, PROTO_TCP, TCP_HEADER);
	}
	store_be16(tcp + TCP_CHECK, checksum_finish(pseudo + checksum_sum(tcp, TCP_HEADER)));
	miss_answer(miss, frame, ETH_HEADER + header + TCP_HEADER);
}

static bool icmp_input(struct miss *miss)
{
	uint8_t type = packet_l4(miss->packet)[ICMP_TYPE];

	if (type == (miss->packet->ip_version == 4 ? ICMP4_ECHO : ICMP6_ECHO))
		return icmp_echo(miss);
	trace_step(miss->trace, "router", "an ICMP message that the router has no use for");
	return miss_drop(miss, DROP_NOT_FOR_US);
}

static bool refuse(struct miss *miss)
{
	uint8_t proto = miss->packet->ip_proto;

	if (miss->interface->nat == NAT_ROLE_OUTSIDE) {
		trace_step(miss->trace, "nat", "no connection and no forward wants it");
		return miss_drop(miss, DROP_NAT_NO_BINDING);
	}
	trace_step(miss->trace, "router", "nobody listens there");
	if (!miss_acts(miss))
		return miss_drop(miss, DROP_PROTOCOL_UNREACHABLE);
	if (proto == PROTO_TCP)
		reset(miss);
	else
		icmp_error(miss,
		           proto == PROTO_UDP ? ICMP_PORT_UNREACHABLE : ICMP_PROTOCOL_UNREACHABLE,
		           0);
	return miss_drop(miss, DROP_PROTOCOL_UNREACHABLE);
}

bool local_input(struct miss *miss)
{
	const struct packet *packet = miss->packet;
	uint8_t proto = packet->ip_proto;

	miss->program->flags |= PROGRAM_NO_CACHE;
	if (packet->flags & PACKET_LATER_FRAGMENT) {
		trace_step(miss->trace, "router",
		           "a later fragment, and the router puts none together");
		return miss_drop(miss, DROP_FRAGMENT_UNKNOWN);
	}
	if (proto == (packet->ip_version == 4 ? PROTO_ICMP4 : PROTO_ICMP6))
		return icmp_input(miss);
	if (miss->interface->dhcp && local_is_dhcp(packet))
		return divert(miss, PUNT_DHCP4);
	if (miss->interface->dns && proto == PROTO_UDP && !(packet->flags & PACKET_FRAGMENT) &&
	    load_be16(packet_l4(packet) + 2) == PORT_DNS)
		return divert(miss, PUNT_DNS);
	return refuse(miss);
}
