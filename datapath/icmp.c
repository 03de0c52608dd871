// SPDX-License-Identifier: BSD-3-Clause
//
// icmp: errors and echoes.
//
// An answer goes back by the port and to the MAC that the packet came from: no route is looked up and nothing
// is held, so that an error cannot cause more work than the packet did. No error is sent about an error, a
// packet to a group or a broadcast, a later fragment, or from an address that is no one's
// (RFC 1122, 3.2.2; RFC 4443, 2.4 (e)).

#include "datapath/icmp.h"

#include "base/bytes.h"
#include "datapath/interface.h"
#include "datapath/pipeline_priv.h"
#include "datapath/rewrite.h"
#include "datapath/wire.h"
#include "vnic/checksum.h"
#include "vnic/packet_pool.h"

enum {
	ERROR4_MAX = 576, // whole IP packet (RFC 1812, 4.3.2.3)
	ERROR6_MAX = IP6_MIN_MTU,
	ICMP_PER_SECOND = 1000,
	OWN_TTL = 64,
};

static const struct {
	uint8_t type4, code4, type6, code6;
} problems[] = {
	[ICMP_NO_ROUTE] = {ICMP4_UNREACHABLE, 0, ICMP6_UNREACHABLE, 0},
	[ICMP_HOST_UNREACHABLE] = {ICMP4_UNREACHABLE, 1, ICMP6_UNREACHABLE, 3},
	[ICMP_PROTOCOL_UNREACHABLE] = {ICMP4_UNREACHABLE, 2, ICMP6_PARAMETER, 1},
	[ICMP_PORT_UNREACHABLE] = {ICMP4_UNREACHABLE, 3, ICMP6_UNREACHABLE, 4},
	[ICMP_TOO_BIG] = {ICMP4_UNREACHABLE, 4, ICMP6_TOO_BIG, 0},
	[ICMP_TIME_EXCEEDED] = {ICMP4_TIME_EXCEEDED, 0, ICMP6_TIME_EXCEEDED, 0},
	[ICMP_PROHIBITED] = {ICMP4_UNREACHABLE, 13, ICMP6_UNREACHABLE, 1},
};

static bool may_complain(const struct miss *miss)
{
	const struct packet *packet = miss->packet;
	struct ip_addr src = miss->came.src;
	struct ip_addr dst = miss->came.dst;

	if (packet->ip_version == 0 || packet->flags & PACKET_LATER_FRAGMENT ||
	    mac_is_multicast(miss->dst))
		return false;
	if (ip_is_multicast(src) || ip_is_unspecified(src) || ip_is_broadcast(src) ||
	    ip_is_loopback(src) || ip_is_multicast(dst) || ip_is_broadcast(dst))
		return false;
	return !conn_icmp_is_error(packet);
}

static size_t build4(const struct miss *miss, enum icmp_problem problem, uint32_t rest,
                     struct ip_addr src, uint8_t *ip)
{
	size_t quoted = MIN(miss->packet->len - miss->packet->l3,
	                    (size_t)ERROR4_MAX - IP4_HEADER - ICMP_HEADER);
	uint8_t *icmp = ip + IP4_HEADER;

	quoted = packet_copy(miss->packet, miss->packet->l3, quoted, icmp + ICMP_HEADER);
	ip[0] = 0x45;
	store_be16(ip + IP4_TOTAL, (uint16_t)(IP4_HEADER + ICMP_HEADER + quoted));
	ip[IP4_TTL] = OWN_TTL;
	ip[IP4_PROTO] = PROTO_ICMP4;
	memcpy(ip + IP4_SRC, src.b + 12, 4);
	memcpy(ip + IP4_DST, miss->came.src.b + 12, 4);
	store_be16(ip + IP4_CHECK, checksum_finish(checksum_sum(ip, IP4_HEADER)));
	icmp[ICMP_TYPE] = problems[problem].type4;
	icmp[ICMP_CODE] = problems[problem].code4;
	store_be32(icmp + 4, rest);
	store_be16(icmp + ICMP_CHECK, checksum_finish(checksum_sum(icmp, ICMP_HEADER + quoted)));
	return IP4_HEADER + ICMP_HEADER + quoted;
}

static size_t build6(const struct miss *miss, enum icmp_problem problem, uint32_t rest,
                     struct ip_addr src, uint8_t *ip)
{
	size_t quoted = MIN(miss->packet->len - miss->packet->l3,
	                    (size_t)ERROR6_MAX - IP6_HEADER - ICMP_HEADER);
	uint8_t *icmp = ip + IP6_HEADER;

	quoted = packet_copy(miss->packet, miss->packet->l3, quoted, icmp + ICMP_HEADER);

	const uint32_t len = (uint32_t)(ICMP_HEADER + quoted);

	ip[0] = 0x60;
	store_be16(ip + IP6_PAYLOAD, (uint16_t)len);
	ip[IP6_NEXT] = PROTO_ICMP6;
	ip[IP6_HOPS] = OWN_TTL;
	memcpy(ip + IP6_SRC, src.b, 16);
	memcpy(ip + IP6_DST, miss->came.src.b, 16);
	icmp[ICMP_TYPE] = problems[problem].type6;
	icmp[ICMP_CODE] = problems[problem].code6;
	store_be32(icmp + 4, rest);
	store_be16(icmp + ICMP_CHECK, checksum_finish(checksum_pseudo6(ip, PROTO_ICMP6, len) +
	                                              checksum_sum(icmp, len)));
	return IP6_HEADER + len;
}

static void complain(struct miss *miss, enum icmp_problem problem, uint32_t mtu, struct ip_addr src,
                     struct mac mac)
{
	struct pipeline *pipeline = miss->pipeline;
	uint32_t rate = pipeline->config.icmp_per_second;
	uint8_t frame[ETH_HEADER + ERROR6_MAX] = {0};
	uint8_t *ip = frame + ETH_HEADER;

	if (!meter_take(&pipeline->icmp_errors, pipeline->now_ns, rate ? rate : ICMP_PER_SECOND)) {
		// The packet has a drop of its own; this one is that of the error.
		stats_drop_words(pipeline->config.stats, pipeline->config.worker,
		                 miss->packet->in_port)[DROP_ICMP_RATE]++;
		return;
	}

	memcpy(frame + ETH_DST, miss->src.b, 6);
	memcpy(frame + ETH_SRC, mac.b, 6);
	store_be16(frame + ETH_TYPE, miss->packet->eth_type);

	size_t len = miss->packet->ip_version == 4 ? build4(miss, problem, mtu, src, ip)
	                                           : build6(miss, problem, mtu, src, ip);

	miss_answer(miss, frame, ETH_HEADER + len);
}

void icmp_error(struct miss *miss, enum icmp_problem problem, uint32_t mtu)
{
	struct ip_addr src;

	if (miss_acts(miss) && may_complain(miss) &&
	    interface_source(miss->interface, miss->came.src, &src))
		complain(miss, problem, mtu, src, miss->interface->mac);
}

void icmp_too_big(struct miss *miss, uint32_t mtu)
{
	const struct packet *packet = miss->packet;
	const uint8_t *ip = packet_l3(packet);
	struct mac mac = miss->dst;
	struct ip_addr src;

	if (!miss_acts(miss) || !packet->ip_version)
		return;
	if (packet->ip_version == 4) {
		uint32_t ends[2];

		memcpy(ends, ip + IP4_SRC, sizeof(ends));
		miss->came.src = ip_from4(ends[0]);
		miss->came.dst = ip_from4(ends[1]);
	} else {
		miss->came.src = ip_from6(ip + IP6_SRC);
		miss->came.dst = ip_from6(ip + IP6_DST);
	}
	if (!may_complain(miss))
		return;
	src = miss->came.dst;
	if (miss->interface && interface_source(miss->interface, miss->came.src, &src))
		mac = miss->interface->mac;
	complain(miss, ICMP_TOO_BIG, mtu, src, mac);
}

bool icmp_echo(struct miss *miss)
{
	struct program *program = miss->program;
	struct packet *packet = miss->packet;
	bool is4 = packet->ip_version == 4;
	uint8_t *l3 = packet_l3(packet);
	uint8_t *l4 = packet_l4(packet);

	trace_step(miss->trace, "icmp", "echo answered by the router");
	program->flags |= PROGRAM_NO_CACHE | PROGRAM_MACS | PROGRAM_NAT_SRC | PROGRAM_NAT_DST;
	program->dst_mac = miss->src;
	program->src_mac = miss->interface->mac;
	program->src = miss->came.dst;
	program->dst = miss->came.src;
	program->src_port = program->dst_port = load_be16(l4 + ICMP_ID);
	program->out_port = miss->in->slot;
	if (packet->flags & PACKET_VLAN) {
		program->flags |= PROGRAM_TAG;
		program->vlan = packet->vlan;
	}
	if (!miss_acts(miss))
		return miss_done(miss);

	// Type and TTL are the two fields that no program rewrites like this.
	uint16_t word =
		(uint16_t)((is4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY) << 8 | l4[ICMP_CODE]);
	uint32_t delta = rewrite_16(l4, word);

	if (!(packet->flags & PACKET_CSUM_PARTIAL))
		rewrite_check(l4 + ICMP_CHECK, delta);
	if (is4)
		rewrite_check(l3 + IP4_CHECK,
		              rewrite_16(l3 + IP4_TTL, OWN_TTL << 8 | l3[IP4_PROTO]));
	else
		l3[IP6_HOPS] = OWN_TTL;
	return true;
}
