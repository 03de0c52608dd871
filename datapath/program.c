// SPDX-License-Identifier: BSD-3-Clause
//
// program: the one place where a packet's headers are rewritten.
//
// A packet with a partial checksum carries only the pseudo header's sum, which ports are no part of: then
// addresses alone are mended. A UDP checksum of 0 means "none" and stays 0. Cost: a handful of loads
// and stores, no table is touched.

#include "datapath/program.h"

#include "datapath/rewrite.h"
#include "datapath/wire.h"
#include "vnic/offload.h"

bool program_is_current(const struct program *program, const struct state *state,
                        const struct generation *generation)
{
	if (program->generation != generation->number)
		return false;
	if (program->in_domain && program->in_epoch != fdb_epoch(state->fdb, program->in_domain))
		return false;
	if (program->out_domain && program->out_epoch != fdb_epoch(state->fdb, program->out_domain))
		return false;
	if (program->interface &&
	    program->neighbour_epoch != neighbour_epoch(state->neighbours, program->interface - 1))
		return false;
	return !(program->flags & PROGRAM_CONN) || conn_is_live(state->conns, program->conn);
}

void program_stamp_in(struct program *program, const struct state *state, uint32_t domain)
{
	program->in_domain = domain;
	program->in_epoch = fdb_epoch(state->fdb, domain);
}

void program_stamp_out(struct program *program, const struct state *state, uint32_t domain,
                       uint32_t interface)
{
	program->out_domain = domain;
	program->out_epoch = fdb_epoch(state->fdb, domain);
	program->interface = interface + 1;
	program->neighbour_epoch = neighbour_epoch(state->neighbours, interface);
}

uint32_t program_l3_length(const struct packet *packet)
{
	// However deep it was parsed.
	if (packet->gso != GSO_NONE)
		return offload_headers_len(packet) - packet->l3 + packet->gso_size;
	return packet->len - packet->l3;
}

bool program_accepts(const struct program *program, const struct packet *packet)
{
	const uint8_t *l3 = packet_l3(packet);

	if (!(program->flags & PROGRAM_TTL))
		return !(program->flags & PROGRAM_VNI) || program_l3_length(packet) <= program->mtu;
	if (packet->ip_version == 0 || l3[packet->ip_version == 4 ? IP4_TTL : IP6_HOPS] <= 1)
		return false;
	if (program->mtu && program_l3_length(packet) > program->mtu)
		return false;
	// A fragment's ports come from another table, which only the miss path asks.
	if (!(program->flags & PROGRAM_CONN) || packet->ip_proto != PROTO_TCP)
		return true;
	return packet->l4 && !(packet_l4(packet)[TCP_FLAGS] & (TCP_SYN | TCP_FIN | TCP_RST));
}

static void lower_ttl(struct packet *packet)
{
	uint8_t *l3 = packet_l3(packet);

	if (packet->ip_version == 6) {
		l3[IP6_HOPS]--;
		return;
	}
	rewrite_check(l3 + IP4_CHECK,
	              rewrite_16(l3 + IP4_TTL, (uint16_t)(load_be16(l3 + IP4_TTL) - 0x100)));
}

// Where the transport checksum lies behind the L4 header, or -1: none that we know.
static int check_offset(const struct packet *packet)
{
	switch (packet->ip_proto) {
	case PROTO_TCP:
		return TCP_CHECK;
	case PROTO_UDP:
		return UDP_CHECK;
	case PROTO_ICMP4:
	case PROTO_ICMP6:
		return ICMP_CHECK;
	default:
		return -1;
	}
}

static bool is_icmp_echo(const struct packet *packet)
{
	uint8_t type = packet_l4(packet)[ICMP_TYPE];

	if (packet->ip_proto == PROTO_ICMP4)
		return type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY;
	return type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY;
}

// Sets ports, or the identifier of an echo, which both ends share.
static uint32_t rewrite_ports(const struct program *program, struct packet *packet)
{
	uint8_t *l4 = packet_l4(packet);
	uint32_t delta = 0;

	if (packet->ip_proto == PROTO_TCP || packet->ip_proto == PROTO_UDP) {
		if (program->flags & PROGRAM_NAT_SRC)
			delta += rewrite_16(l4, program->src_port);
		if (program->flags & PROGRAM_NAT_DST)
			delta += rewrite_16(l4 + 2, program->dst_port);
	} else if (is_icmp_echo(packet)) {
		delta += rewrite_16(l4 + ICMP_ID, program->flags & PROGRAM_NAT_SRC
		                                          ? program->src_port
		                                          : program->dst_port);
	}
	return delta;
}

static void rewrite_ends(const struct program *program, struct packet *packet)
{
	bool is4 = packet->ip_version == 4;
	uint8_t *l3 = packet_l3(packet);
	uint32_t addresses = 0;

	if (program->flags & PROGRAM_NAT_SRC)
		addresses += rewrite_addr(l3 + (is4 ? IP4_SRC : IP6_SRC), &program->src, is4);
	if (program->flags & PROGRAM_NAT_DST)
		addresses += rewrite_addr(l3 + (is4 ? IP4_DST : IP6_DST), &program->dst, is4);
	if (is4)
		rewrite_check(l3 + IP4_CHECK, addresses);

	int offset = check_offset(packet);

	if (packet->l4 == 0 || packet->flags & PACKET_LATER_FRAGMENT || offset < 0)
		return;

	uint8_t *check = packet_l4(packet) + offset;
	uint32_t ports = rewrite_ports(program, packet);

	if (packet->ip_proto == PROTO_ICMP4)
		addresses = 0; // ICMP of IPv4 has no pseudo header.
	if (packet->flags & PACKET_CSUM_PARTIAL) {
		rewrite_partial(check, addresses);
		return;
	}
	if (packet->ip_proto == PROTO_UDP && load_be16(check) == 0)
		return;
	rewrite_check(check, addresses + ports);
	if (packet->ip_proto == PROTO_UDP && load_be16(check) == 0)
		store_be16(check, 0xffff);
}

void program_rewrite(const struct program *program, struct packet *packet)
{
	if (program->flags & PROGRAM_MACS) {
		memcpy(packet->data, program->dst_mac.b, 6);
		memcpy(packet->data + 6, program->src_mac.b, 6);
	}
	if (program->flags & PROGRAM_TTL)
		lower_ttl(packet);
	if (program->flags & (PROGRAM_NAT_SRC | PROGRAM_NAT_DST))
		rewrite_ends(program, packet);
	if (program->flags & PROGRAM_VNI)
		packet->vni = program->vni;
	if (program->flags & PROGRAM_TAG) {
		packet->flags |= PACKET_VLAN;
		packet->vlan = program->vlan;
	} else if (!(program->flags & PROGRAM_FLOOD)) {
		packet->flags &= (uint8_t)~PACKET_VLAN;
	}
}
