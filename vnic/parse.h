// SPDX-License-Identifier: BSD-3-Clause
//
// parse: finds the headers of a frame and checks that they are what they claim.
//
// Reads only the packet's own header copy. Each byte is checked against head_len before it is read; the
// lengths headers claim are checked against len. Cost: bounded by PACKET_HEAD bytes and by
// PARSE_MAX_EXTENSIONS IPv6 extension headers.

#pragma once

#include "vnic/drop.h"
#include "vnic/packet.h"

enum parse_depth { PARSE_L2, PARSE_L3, PARSE_L4 };

enum { PARSE_MAX_EXTENSIONS = 8 };

// Sets eth_type, l3 and, by depth, ip_version, ip_proto, l4, payload and the fragment flags. Takes an
// outer 802.1Q tag (or 802.1ad? no: DROP_VLAN_NESTED is for a second tag seen when L3 was asked) into
// packet->vlan by moving the MACs, and corrects csum_start. Returns DROP_NONE or why the frame is
// refused. A frame of an EtherType that we do not parse is fine at any depth (ip_version 0).
enum drop_reason packet_parse(struct packet *packet, enum parse_depth depth);
