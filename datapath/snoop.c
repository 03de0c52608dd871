// SPDX-License-Identifier: BSD-3-Clause
//
// snoop: who is a router is heard; membership reports and router solicitations go to routers alone.
//
// Each guest that comes tells a dozen times which groups it is in and that it looks for a router. No other guest wants
// to hear that (RFC 4541, 2.1.1, 1), and with N guests N times N copies are most of what a net does while it comes
// up. So such a message goes to ports behind which a router was heard, and to those that are not of a guest at all:
// peers of tunnels, interfaces, trunks, behind which another switch may be. The controller says which members are of
// guests (`snooped`); where it says nothing, all is flooded as ever.
//
// A router is who asks for members (RFC 3376, 4.1; RFC 3810, 5.1), says that it routes multicast (PIM, RFC 4286),
// advertises itself (RFC 4861, 4.2), or is in the group of all routers, as every IPv6 router has to be and to report.
// A querier is believed for as long as other queriers would believe it, an advertisement for its own lifetime,
// a member until it leaves. All of them are believed too readily rather than too late: what that costs is copies.
// These frames are never cached, since a flow's key does not tell a query from a report.
//
// A pure question to one walk over the domain's members, bounded by them; owning worker.

#include "datapath/snoop.h"

#include "base/bytes.h"
#include "datapath/pipeline_priv.h"
#include "datapath/wire.h"
#include "vnic/checksum.h"

#include <string.h>

// How long a querier is believed: RFC 3376, 8.5, and RFC 3810, 9.5, with what is usual.
enum { QUERIER_SECONDS = 2 * 125 + 10 / 2 };

enum {
	PROTO_IGMP = 2,
	PROTO_PIM = 103,
	PIM_HELLO = 0x20, // version 2
	IGMP_QUERY = 0x11,
	IGMP_REPORT_1 = 0x12,
	IGMP_REPORT_2 = 0x16,
	IGMP_LEAVE = 0x17,
	IGMP_REPORT_3 = 0x22,
	IGMP_ROUTER = 0x30, // RFC 4286
	MLD_QUERY = 130,
	MLD_REPORT_1 = 131,
	MLD_DONE = 132,
	MLD_REPORT_2 = 143,
	MLD_ROUTER = 151,
};

// MLDv1 and v2, offsets from the ICMPv6 header (RFC 2710, 3; RFC 3810, 5.2).
enum {
	MLD1_GROUP = 8,
	MLD2_RECORD_COUNT = 6,
	MLD2_RECORDS = 8,
	RECORD_EXTRA = 1, // in words of 4 bytes
	RECORD_SOURCES = 2,
	RECORD_GROUP = 4,
	RECORD_SIZE = 20,
	MODE_IS_INCLUDE = 1,
	MODE_IS_EXCLUDE = 2,
	CHANGE_TO_INCLUDE = 3,
	CHANGE_TO_EXCLUDE = 4,
};

enum { RA_LIFETIME = 6 };

static const uint8_t all_routers[16] = {0xff, 2, [15] = 2};

// How many bytes of the transport there are to read.
static uint32_t readable(const struct packet *packet)
{
	return packet->l4 && packet->l4 < packet->head_len ? (uint32_t)packet->head_len - packet->l4
	                                                   : 0;
}

static bool is_sum_right(const struct packet *packet)
{
	const uint8_t *ip = packet_l3(packet);
	uint64_t pseudo = 0;

	if (packet->flags & (PACKET_CSUM_PARTIAL | PACKET_CSUM_VALID))
		return true;
	if (packet->ip_version == 6)
		pseudo = checksum_pseudo6(ip, packet->ip_proto,
		                          load_be16(ip + IP6_PAYLOAD) + packet->l3 +
		                                  (uint32_t)IP6_HEADER - packet->l4);
	return checksum_finish(pseudo + checksum_packet(packet, packet->l4)) == 0;
}

// Somebody behind the port is a router for so long.
static void hear(struct miss *miss, uint32_t seconds)
{
	const struct pipeline *pipeline = miss->pipeline;

	if (!is_sum_right(miss->packet))
		return;
	trace_step(miss->trace, "snoop",
	           "a router speaks behind port %s: it hears reports for %u s", miss->in->name,
	           seconds);
	if (miss_acts(miss))
		router_ports_hear(pipeline->state->routers, miss->in->slot,
		                  pipeline->now_s + seconds);
}

// Somebody behind the port comes into a group, or leaves it.
static void follow_group(struct miss *miss, const uint8_t *group, bool leaves)
{
	struct router_ports *routers = miss->pipeline->state->routers;

	if (memcmp(group, all_routers, sizeof(all_routers)) != 0 || !miss_acts(miss) ||
	    !is_sum_right(miss->packet))
		return;
	if (leaves)
		router_ports_limit(routers, miss->in->slot,
		                   miss->pipeline->now_s + QUERIER_SECONDS);
	else
		router_ports_hear(routers, miss->in->slot, ROUTER_PORT_STAYS);
}

static void follow_record(struct miss *miss, const uint8_t *record)
{
	bool sources = load_be16(record + RECORD_SOURCES) != 0;

	switch (record[0]) {
	case MODE_IS_EXCLUDE:
	case CHANGE_TO_EXCLUDE:
		follow_group(miss, record + RECORD_GROUP, false);
		return;
	case MODE_IS_INCLUDE:
	case CHANGE_TO_INCLUDE:
		follow_group(miss, record + RECORD_GROUP, !sources);
		return;
	}
}

static void follow_records(struct miss *miss)
{
	const uint8_t *mld = packet_l4(miss->packet);
	uint32_t end = readable(miss->packet);
	uint32_t at = MLD2_RECORDS;
	uint32_t count = load_be16(mld + MLD2_RECORD_COUNT);

	for (; count && at + RECORD_SIZE <= end; count--) {
		follow_record(miss, mld + at);
		at += (uint32_t)RECORD_SIZE + mld[at + RECORD_EXTRA] * 4U +
		      load_be16(mld + at + RECORD_SOURCES) * 16U;
	}
	// Of one who says more than is at hand anything may be true.
	if (count && miss_acts(miss))
		router_ports_hear(miss->pipeline->state->routers, miss->in->slot,
		                  miss->pipeline->now_s + QUERIER_SECONDS);
}

// Whether the message is for routers. One that a router sends is noted.
static bool read4(struct miss *miss)
{
	const struct packet *packet = miss->packet;
	uint8_t type = packet_l4(packet)[0];

	if (packet->ip_proto == PROTO_PIM) {
		if (type == PIM_HELLO)
			hear(miss, QUERIER_SECONDS);
		return false;
	}
	switch (type) {
	case IGMP_QUERY:
		// One from nowhere is of a switch that wants to hear all, and no router (RFC 4541, 2.1.1, 1b).
		if (load_be32(packet_l3(packet) + IP4_SRC))
			hear(miss, QUERIER_SECONDS);
		return false;
	case IGMP_ROUTER:
		hear(miss, QUERIER_SECONDS);
		return false;
	case IGMP_REPORT_1:
	case IGMP_REPORT_2:
	case IGMP_REPORT_3:
	case IGMP_LEAVE:
		return true;
	}
	return false;
}

static bool read6(struct miss *miss)
{
	const struct packet *packet = miss->packet;
	const uint8_t *icmp = packet_l4(packet);
	bool is_near = ip_is_link_local(ip_from6(packet_l3(packet) + IP6_SRC));

	if (packet->ip_proto == PROTO_PIM) {
		if (icmp[0] == PIM_HELLO)
			hear(miss, QUERIER_SECONDS);
		return false;
	}
	switch (icmp[ICMP_TYPE]) {
	case ND_ROUTER_SOLICIT:
		return true;
	case ND_ROUTER_ADVERT:
		if (is_near && packet_l3(packet)[IP6_HOPS] == 255)
			hear(miss, MAX(load_be16(icmp + RA_LIFETIME), (uint32_t)QUERIER_SECONDS));
		return false;
	case MLD_QUERY:
	case MLD_ROUTER:
		if (is_near)
			hear(miss, QUERIER_SECONDS);
		return false;
	case MLD_REPORT_1:
	case MLD_DONE:
		if (readable(packet) >= MLD1_GROUP + sizeof(all_routers))
			follow_group(miss, icmp + MLD1_GROUP, icmp[ICMP_TYPE] == MLD_DONE);
		return true;
	case MLD_REPORT_2:
		follow_records(miss);
		return true;
	}
	return false;
}

// Whether it is one of the messages that are looked at here.
static bool is_known(const struct packet *packet)
{
	if (packet->ip_version == 0 || packet->flags & PACKET_FRAGMENT ||
	    readable(packet) < ICMP_HEADER)
		return false;
	return packet->ip_proto == PROTO_PIM ||
	       packet->ip_proto == (packet->ip_version == 4 ? PROTO_IGMP : PROTO_ICMP6);
}

// How many get the frame where it goes so far.
static unsigned count(const struct miss *miss, enum egress_reach reach)
{
	unsigned sum = 0;

	for (uint32_t i = 0; i < miss->domain->member_count; i++)
		sum += egress_floods_to(miss->pipeline, &miss->domain->members[i], miss->in->slot,
		                        reach, miss->packet);
	return sum;
}

bool snoop_stage(struct miss *miss)
{
	unsigned all, routers;

	if (!is_known(miss->packet))
		return false;
	miss->program->flags |= PROGRAM_NO_CACHE;
	if (!(miss->packet->ip_version == 4 ? read4(miss) : read6(miss)))
		return false;
	all = count(miss, EGRESS_EVERYWHERE);
	routers = count(miss, EGRESS_ROUTERS);
	if (routers == all)
		return false;
	if (miss_acts(miss))
		miss->pipeline->words[STATS_SNOOPED]++;
	if (routers) {
		miss->program->flags |= PROGRAM_ROUTERS;
		trace_step(miss->trace, "snoop", "for routers: %u of %u ports hear it", routers,
		           all);
		return false;
	}
	trace_step(miss->trace, "snoop",
	           "for routers, and none was heard in net %s: no guest wants it",
	           miss->domain->name);
	return miss_done(miss);
}
