// SPDX-License-Identifier: BSD-3-Clause
//
// dhcp_reply: what a DHCP answer holds and where it goes.
//
// Main thread only.

#pragma once

#include "datapath/dhcp_pool.h"
#include "datapath/generation.h"

struct dhcp_reply {
	enum dhcp_type type;
	struct ip_addr ip;      // the client's; none in a NAK and for an INFORM
	uint32_t lease_seconds; // 0: none is told
	const char *hostname;   // of the reservation, or ""
	const char *message;    // why, in a NAK; or NULL
};

// Writes the whole frame. Returns its length, or 0 when it cannot be sent.
size_t dhcp_reply_write(uint8_t *frame, size_t room, const struct dhcp_reply *reply,
                        const struct dhcp_pool *pool, const struct dhcp_message *to,
                        const struct generation *generation);
