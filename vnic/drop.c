// SPDX-License-Identifier: BSD-3-Clause
//
// drop: the table of reasons. A name is part of what users and tests rely on; it never changes.

#include "vnic/drop.h"

#include "base/bytes.h"

#include <assert.h>

struct words {
	const char *name;
	const char *explain;
};

// clang-format off
static const struct words words[] = {
	[DROP_NONE] = {"none",
		"Nothing was dropped."},
	[DROP_FRAME_SHORT] = {"frame_short",
		"The frame is shorter than an Ethernet header; its sender is broken."},
	[DROP_FRAME_LONG] = {"frame_long",
		"The frame is longer than 64 KB and did not fit; lower the sender's MTU or its "
		"GSO size."},
	[DROP_OFFLOAD_INVALID] = {"offload_invalid",
		"The offload header contradicts the frame; update the guest's driver or switch "
		"its offloads off."},
	[DROP_SOURCE_MAC_INVALID] = {"source_mac_invalid",
		"The source MAC is zero or a group address; correct the sender's MAC."},
	[DROP_VLAN_NESTED] = {"vlan_nested",
		"There is a second VLAN tag where an IP header was needed; double tags are "
		"bridged, not routed."},
	[DROP_ARP_MALFORMED] = {"arp_malformed",
		"The ARP message is cut short or not for Ethernet and IPv4; look at its sender "
		"with a capture."},
	[DROP_IP4_MALFORMED] = {"ip4_malformed",
		"The IPv4 header is cut short or its lengths contradict the frame; look at the "
		"sender with a capture."},
	[DROP_IP4_CHECKSUM] = {"ip4_checksum",
		"The IPv4 header checksum is wrong: the frame was damaged on its way or its "
		"sender is broken."},
	[DROP_IP6_MALFORMED] = {"ip6_malformed",
		"The IPv6 header or its extension headers are cut short, too many, or contradict "
		"the frame."},
	[DROP_L4_MALFORMED] = {"l4_malformed",
		"The TCP, UDP or ICMP header is cut short or its length contradicts the packet."},
	[DROP_ICMP_CHECKSUM] = {"icmp_checksum",
		"The ICMP checksum is wrong: the frame was damaged on its way or its sender is "
		"broken."},
	[DROP_ND_MALFORMED] = {"nd_malformed",
		"The neighbour discovery message breaks RFC 4861 (length, hop limit, options); "
		"look at its sender."},
	[DROP_DHCP_MALFORMED] = {"dhcp_malformed",
		"The DHCP message is cut short or its options are broken; look at the client with "
		"a capture."},
	[DROP_DNS_MALFORMED] = {"dns_malformed",
		"The DNS message is cut short or its names are broken; look at the client with a "
		"capture."},
	[DROP_PORT_DOWN] = {"port_down",
		"The port is down, or nobody is at its other end; bring it up, or the interface or the "
		"virtual machine there."},
	[DROP_PORT_UNKNOWN] = {"port_unknown",
		"The port has been removed while the frame was on its way."},
	[DROP_VLAN_NOT_ALLOWED] = {"vlan_not_allowed",
		"The frame carries a VLAN tag that the port does not; add the VLAN to the port if "
		"it should."},
	[DROP_UNTAGGED_NOT_ALLOWED] = {"untagged_not_allowed",
		"The frame has no VLAN tag and the port has no native VLAN; tag it, or give the "
		"port a native VLAN."},
	[DROP_RESERVED_MULTICAST] = {"reserved_multicast",
		"A protocol of one link only (01:80:c2:00:00:0x, such as STP or LACP) is never "
		"forwarded."},
	[DROP_SAME_PORT] = {"same_port",
		"The destination is behind the port the frame came by, so it has it already."},
	[DROP_NO_MEMBER] = {"no_member",
		"There is no other port in this network to send the frame to."},
	[DROP_UNKNOWN_MAC] = {"unknown_mac",
		"Nobody knows where the destination's MAC is, and the net's policy (--unknown) does not "
		"have it looked for everywhere."},
	[DROP_MAC_LIMIT] = {"mac_limit",
		"The port or network has learnt as many MACs as it may; raise the limit or look "
		"for a MAC flood."},
	[DROP_MAC_MOVE_STATIC] = {"mac_move_static",
		"The source MAC belongs to another port by configuration; look for a duplicate or "
		"a spoofed MAC."},
	[DROP_NOT_FOR_US] = {"not_for_us",
		"The frame is addressed to neither the router nor a host that it routes for."},
	[DROP_NO_ROUTE] = {"no_route",
		"No route covers the destination; add one, or a default route."},
	[DROP_BLACKHOLE] = {"blackhole",
		"A route says that this destination is to be dropped."},
	[DROP_TTL_EXCEEDED] = {"ttl_exceeded",
		"The TTL or hop limit ran out: a traceroute, or a routing loop."},
	[DROP_MTU_EXCEEDED] = {"mtu_exceeded",
		"The packet is larger than the next link carries and may not be fragmented; its "
		"sender was told."},
	[DROP_MARTIAN_SOURCE] = {"martian_source",
		"The source address cannot be on that link (loopback, multicast, broadcast or the "
		"router's own)."},
	[DROP_MARTIAN_DESTINATION] = {"martian_destination",
		"The destination address cannot be routed (loopback, link-local or none)."},
	[DROP_NEIGHBOUR_PENDING_FULL] = {"neighbour_pending_full",
		"Too many packets already wait for the answer of that neighbour; is it up?"},
	[DROP_NEIGHBOUR_UNREACHABLE] = {"neighbour_unreachable",
		"The next hop does not answer ARP or neighbour discovery; is it up, and in this "
		"network?"},
	[DROP_PROTOCOL_UNREACHABLE] = {"protocol_unreachable",
		"The packet is for the router itself and nothing listens there."},
	[DROP_FRAGMENT_UNKNOWN] = {"fragment_unknown",
		"A later fragment came whose first one was not seen, so it cannot be matched to a "
		"connection."},
	[DROP_NAT_NO_BINDING] = {"nat_no_binding",
		"From outside, to no known connection and no port forward; add a forward if it "
		"should come in."},
	[DROP_NAT_EXHAUSTED] = {"nat_exhausted",
		"All ports of the public address are taken; add a public address or find who "
		"opens so many."},
	[DROP_NAT_PROTOCOL] = {"nat_protocol",
		"NAT translates TCP, UDP and ICMP; this packet is another protocol."},
	[DROP_CONN_TABLE_FULL] = {"conn_table_full",
		"The connection table is full; raise its size or find who opens so many."},
	[DROP_CONN_INVALID] = {"conn_invalid",
		"The TCP segment fits no state of its connection."},
	[DROP_TUNNEL_MALFORMED] = {"tunnel_malformed",
		"A datagram at the tunnel's port is cut short or has a flag that it must not have; look "
		"at its sender with a capture."},
	[DROP_TUNNEL_OPTION] = {"tunnel_option",
		"The frame came with a critical Geneve option that this end does not know; have the "
		"sender leave it out."},
	[DROP_TUNNEL_PROTOCOL] = {"tunnel_protocol",
		"The tunnel's packet does not carry an Ethernet frame; correct the sender's tunnel "
		"type."},
	[DROP_TUNNEL_PEER_UNKNOWN] = {"tunnel_peer_unknown",
		"The datagram came from an address that is no peer of the tunnel; add the peer if it "
		"should be one."},
	[DROP_TUNNEL_ECN] = {"tunnel_ecn",
		"The network marked the packet for congestion, and its sender cannot be told so "
		"(RFC 6040): it is dropped instead."},
	[DROP_TUNNEL_UNREACHABLE] = {"tunnel_unreachable",
		"The host has no route to the tunnel's peer, or its firewall forbids it; look with ip "
		"route get."},
	[DROP_TUNNEL_MTU] = {"tunnel_mtu",
		"The packet does not fit the tunnel and may not be fragmented; its sender was told. "
		"Give the net the MTU of the tunnel."},
	[DROP_VNI_UNKNOWN] = {"vni_unknown",
		"No net of this datapath has that VNI at that peer; give the net the VNI, or correct "
		"the sender's."},
	[DROP_SPLIT_HORIZON] = {"split_horizon",
		"The frame came from one peer and is for another, which gets its own copy: frames never "
		"go from peer to peer."},
	[DROP_TUNNEL_PEER_DOWN] = {"tunnel_peer_down",
		"BFD hears nothing of the tunnel's peer, and there is no backup that works; weft peer show "
		"tells since when."},
	[DROP_BFD_MALFORMED] = {"bfd_malformed",
		"A BFD packet breaks RFC 5880 (version, length, a zero where there must be none); look at "
		"its sender with a capture."},
	[DROP_BFD_AUTHENTICATION] = {"bfd_authentication",
		"A BFD packet claims to be authenticated, which this end does not do; switch it off at the "
		"sender."},
	[DROP_BFD_TTL] = {"bfd_ttl",
		"A BFD packet of one hop came with another TTL than 255, so from further away; use --bfd "
		"multihop at both ends if that is right."},
	[DROP_BFD_UNKNOWN] = {"bfd_unknown",
		"A BFD packet belongs to no session: its sender is no peer with BFD on, or speaks to a "
		"session that has ended."},
	[DROP_FLOW_RULE] = {"flow_rule",
		"A flow rule says to drop it; trace the flow to see which."},
	[DROP_MISS_LIMIT] = {"miss_limit",
		"The port starts more new flows per second than it may: a scan or a flood, or "
		"raise the limit."},
	[DROP_ICMP_RATE] = {"icmp_rate",
		"More ICMP errors were due than the rate limit allows."},
	[DROP_TX_QUEUE_FULL] = {"tx_queue_full",
		"The receiver does not take its frames fast enough and its queue is full."},
	[DROP_TX_FAILED] = {"tx_failed",
		"The kernel or the peer refused the frame."},
	[DROP_TX_TOO_BIG] = {"tx_too_big",
		"The frame is larger than the MTU of the port it should leave by; align the MTUs."},
	[DROP_NO_BUFFER] = {"no_buffer",
		"No packet buffer was free."},
	[DROP_SERVICE_QUEUE_FULL] = {"service_queue_full",
		"Requests to the DHCP, DNS, ARP or RA service come faster than they are answered."},
	[DROP_SERVICE_REFUSED] = {"service_refused",
		"A service understood the request and answers it with silence (rate or policy)."},
	[DROP_DHCP_EXHAUSTED] = {"dhcp_exhausted",
		"No address is left in the DHCP pool; widen it, shorten the leases, or look who "
		"holds them with weft lease ls."},
	[DROP_IN_FLIGHT] = {"in_flight",
		"The datapath ended with the frame in its hands; it may have been delivered, and is not "
		"sent twice."},
	[DROP_IMPAIR_DOWN] = {"impair_down",
		"An impairment has the link down, as was asked; weft impair show tells until when."},
	[DROP_IMPAIR_LOSS] = {"impair_loss",
		"An impairment lost it at random, as was asked; weft impair ls shows where."},
	[DROP_IMPAIR_BURST] = {"impair_burst",
		"An impairment lost it in a burst, as was asked; weft impair ls shows where."},
	[DROP_IMPAIR_QUEUE_FULL] = {"impair_queue_full",
		"The queue before an impairment's rate is full: more comes than the rate lets pass; "
		"raise the rate or the queue."},
	[DROP_IMPAIR_NO_ROOM] = {"impair_no_room",
		"An impairment delays more frames than it has memory for; give it more with hold, or "
		"delay or send less."},
};
// clang-format on

static_assert(ARRAY_SIZE(words) == DROP_REASONS, "every reason needs its words");

const char *drop_name(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASONS ? words[reason].name : "unknown";
}

const char *drop_explain(enum drop_reason reason)
{
	return (unsigned)reason < DROP_REASONS ? words[reason].explain
	                                       : "This reason is not known to this version.";
}
