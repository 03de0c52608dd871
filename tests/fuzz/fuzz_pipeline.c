// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_pipeline: frames as guests may send them, through a whole datapath: bridge, VLANs, router, NAT, and what is
// answered on behalf of hosts behind a tunnel.
//
// Input: records of one byte that chooses port and metadata, one that says how long to wait, two of length, and
// the frame. What must hold, besides what the sanitizers watch: every packet comes back to its pool (the
// kit checks), and every frame that arrives whole at a plain door carries right checksums of IP.

#include "tests/fuzz/fuzz.h"

#include "base/bytes.h"
#include "tests/scenario/scenario.h"

#include <stdlib.h>

enum {
	LAN = 1,
	WAN = 2,
	A = 11,
	T = 12,
	W = 13,
	VRF = 30,
	IN = 31,
	OUT = 32,
	TUNNEL = 50,
	PEER = 51,
	RECORDS = 32
};

// A member that gets what is for routers only once one was heard there.
static void add_guest(struct scenario *s, uint64_t id, uint64_t port, uint64_t bridge, uint32_t vid)
{
	Weft__VlanMember member = WEFT__VLAN_MEMBER__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;

	member.port = port;
	member.bridge = bridge;
	member.vid = vid;
	member.has_snooped = member.snooped = true;
	object.id = id;
	object.body_case = WEFT__OBJECT__BODY_VLAN_MEMBER;
	object.vlan_member = &member;
	scenario_put(s, &object);
}

static struct scenario *build(void)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, LAN);
	scenario_bridge(s, WAN);
	scenario_port(s, A, "a");
	scenario_port(s, T, "trunk");
	scenario_port(s, W, "w");
	add_guest(s, 21, A, LAN, 10);
	scenario_member(s, 22, T, LAN, 10, true);
	scenario_member(s, 23, W, WAN, 0, false);
	scenario_vrf(s, VRF);
	scenario_interface(s, IN, VRF, LAN, 10, WEFT__NAT_ROLE__NAT_INSIDE, "10.1.0.1/24",
	                   "fd01::1/64");
	scenario_interface(s, OUT, VRF, WAN, 0, WEFT__NAT_ROLE__NAT_OUTSIDE, "198.51.100.2/24",
	                   "2001:db8::2/64");
	scenario_route(s, 34, VRF, "0.0.0.0/0", OUT, "198.51.100.1");
	scenario_route(s, 35, VRF, "::/0", OUT, "2001:db8::1");
	scenario_nat_rule(s, 36, VRF, OUT, "10.1.0.0/24", NULL);
	scenario_nat_rule(s, 37, VRF, OUT, "fd01::/64", NULL);
	scenario_forward(s, 38, VRF, NULL, 6, 8080, "10.1.0.10", 80);
	scenario_neighbour(s, 39, OUT, "198.51.100.1", "02:00:00:00:00:0f");
	scenario_neighbour(s, 40, OUT, "2001:db8::1", "02:00:00:00:00:0f");
	scenario_neighbour(s, 41, IN, "10.1.0.10", "02:00:00:00:00:0a");
	scenario_neighbour(s, 42, IN, "fd01::10", "02:00:00:00:00:0a");
	scenario_tunnel(s, TUNNEL, WEFT__ENCAPSULATION__ENCAP_VXLAN, "203.0.113.1");
	scenario_peer(s, PEER, TUNNEL, "203.0.113.2", false);
	scenario_member_vni(s, 52, PEER, LAN, 10, 77);
	scenario_address(s, 53, LAN, 10, "10.1.0.77", "02:00:00:00:00:77", PEER);
	scenario_address(s, 54, LAN, 10, "fd01::77", "02:00:00:00:00:77", PEER);
	scenario_address(s, 55, LAN, 10, "10.1.0.10", "02:00:00:00:00:0a", A);
	scenario_commit(s);
	return s;
}

static void drain(struct scenario *s)
{
	while (scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0)
		continue;
}

// One frame; returns the bytes it took of the input.
static size_t send_one(struct scenario *s, const uint8_t *input, size_t size)
{
	static const uint64_t ports[] = {A, T, W, A};
	struct frame frame = {.len = MIN(load_be16(input + 2), size - 4)};

	frame.len = MIN(frame.len, FRAME_MAX);
	memcpy(frame.bytes, input + 4, frame.len);
	if (input[0] & 4) {
		frame.meta.flags |= PACKET_CSUM_PARTIAL;
		frame.meta.csum_start = input[0] & 8 ? 34 : 54;
		frame.meta.csum_offset = input[0] & 16 ? 16 : 6;
	}
	if (input[0] & 32) {
		frame.meta.gso = input[0] & 8 ? GSO_TCP4 : GSO_TCP6;
		frame.meta.gso_size = 536;
	}
	if (input[1] & 1)
		scenario_run_seconds(s, input[1] / 8.0);
	if (frame.len)
		scenario_send(s, ports[input[0] & 3], frame);
	scenario_discard(s);
	drain(s);
	return 4 + frame.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct scenario *s = build();

	for (unsigned i = 0; size > 4 && i < RECORDS; i++) {
		size_t used = send_one(s, input, size);

		input += used;
		size -= used;
	}
	scenario_free(s);
	return 0;
}
