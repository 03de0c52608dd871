// SPDX-License-Identifier: BSD-3-Clause
//
// drop: every reason for which a frame ends here, with the name a person sees and what to do about it.

#pragma once

enum drop_reason {
	DROP_NONE,
	// Frames that are not what they claim.
	DROP_FRAME_SHORT,
	DROP_FRAME_LONG,
	DROP_OFFLOAD_INVALID, // vnet header that contradicts the frame
	DROP_SOURCE_MAC_INVALID,
	DROP_VLAN_NESTED,
	DROP_ARP_MALFORMED,
	DROP_IP4_MALFORMED,
	DROP_IP4_CHECKSUM,
	DROP_IP6_MALFORMED,
	DROP_L4_MALFORMED,
	DROP_ICMP_CHECKSUM,
	DROP_ND_MALFORMED,
	DROP_DHCP_MALFORMED,
	DROP_DNS_MALFORMED,
	// L2.
	DROP_PORT_DOWN,
	DROP_PORT_UNKNOWN,
	DROP_VLAN_NOT_ALLOWED,     // a tag the port does not carry
	DROP_UNTAGGED_NOT_ALLOWED, // no native VLAN on the port
	DROP_RESERVED_MULTICAST,   // 01:80:c2:00:00:0x stays on its link
	DROP_SAME_PORT,            // the destination is behind the port it came by
	DROP_NO_MEMBER,            // flooded to nobody
	DROP_UNKNOWN_MAC,          // the same, because the net's policy says so
	DROP_MAC_LIMIT,
	DROP_MAC_MOVE_STATIC, // a static MAC seen on another port
	// L3.
	DROP_NOT_FOR_US,
	DROP_NO_ROUTE,
	DROP_BLACKHOLE,
	DROP_TTL_EXCEEDED,
	DROP_MTU_EXCEEDED,
	DROP_MARTIAN_SOURCE,
	DROP_MARTIAN_DESTINATION,
	DROP_NEIGHBOUR_PENDING_FULL,
	DROP_NEIGHBOUR_UNREACHABLE,
	DROP_PROTOCOL_UNREACHABLE, // to the router itself, nobody listens
	DROP_FRAGMENT_UNKNOWN,     // a later fragment whose first was not seen
	// NAT and connections.
	DROP_NAT_NO_BINDING, // from outside, to no connection and no forward
	DROP_NAT_EXHAUSTED,
	DROP_NAT_PROTOCOL, // a protocol NAT cannot translate
	DROP_CONN_TABLE_FULL,
	DROP_CONN_INVALID, // e.g. a TCP segment that fits no state
	// Tunnels.
	DROP_TUNNEL_MALFORMED,    // outer headers cut short, or a flag that must not be
	DROP_TUNNEL_OPTION,       // Geneve: a critical option that we do not know
	DROP_TUNNEL_PROTOCOL,     // what is within is no Ethernet
	DROP_TUNNEL_PEER_UNKNOWN, // from an address that is no peer
	DROP_TUNNEL_ECN,          // RFC 6040: marked on the way, and cannot say so within
	DROP_TUNNEL_UNREACHABLE,  // no way to the peer
	DROP_TUNNEL_MTU,          // too big for the tunnel
	DROP_VNI_UNKNOWN,         // no net of that number
	DROP_SPLIT_HORIZON,       // from one peer, for another
	DROP_TUNNEL_PEER_DOWN,    // BFD says that no way to the peer works
	DROP_BFD_MALFORMED,       // RFC 5880, section 6.8.6
	DROP_BFD_AUTHENTICATION,  // claims to be authenticated
	DROP_BFD_TTL,             // not from a neighbour (RFC 5881, section 5)
	DROP_BFD_UNKNOWN,         // of no session
	// Policy.
	DROP_FLOW_RULE,
	DROP_MISS_LIMIT, // too many new flows per second from this port
	DROP_ICMP_RATE,
	// Doors.
	DROP_TX_QUEUE_FULL,
	DROP_TX_FAILED,
	DROP_TX_TOO_BIG,
	DROP_NO_BUFFER,
	DROP_SERVICE_QUEUE_FULL,
	DROP_SERVICE_REFUSED, // understood, and answered with silence (rate, policy)
	DROP_DHCP_EXHAUSTED,  // no address is left in the pool
	DROP_IN_FLIGHT,       // a predecessor ended with the frame in its hands
	// Impairments that the user asked for.
	DROP_IMPAIR_DOWN,
	DROP_IMPAIR_LOSS,
	DROP_IMPAIR_BURST, // loss in the bad state of a Gilbert-Elliott chain
	DROP_IMPAIR_QUEUE_FULL,
	DROP_IMPAIR_NO_ROOM, // more frames are under way than there is memory for
	DROP_REASONS,
};

// The stable name, as "vlan_not_allowed"; "unknown" beyond the table.
const char *drop_name(enum drop_reason reason);
// One sentence for a person: what it means and what to try.
const char *drop_explain(enum drop_reason reason);
