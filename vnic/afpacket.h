// SPDX-License-Identifier: BSD-3-Clause
//
// afpacket: an existing interface (veth, NIC, a VMM's TAP) by AF_PACKET with PACKET_VNET_HDR.
//
// 802.1Q tags that the kernel took off are restored from auxdata; our own sends are ignored; rx and tx go
// by recvmmsg and sendmmsg. Main thread, except through port_ops.

#pragma once

#include "base/fail.h"
#include "vnic/port.h"

struct afpacket_config {
	const char *name; // for messages
	const char *ifname;
	const char *netns; // path, or NULL for ours
	uint32_t mtu;      // 0: the interface's
};

// Sets the interface up and promiscuous for as long as the port is open. 0 or -errno.
int afpacket_open(const struct afpacket_config *config, struct port **ret, struct fail *fail);
