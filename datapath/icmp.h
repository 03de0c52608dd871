// SPDX-License-Identifier: BSD-3-Clause
//
// icmp: the router's own ICMP of both families: echo answers and errors. Owning worker.

#pragma once

#include "datapath/miss.h"

enum icmp_problem {
	ICMP_NO_ROUTE,
	ICMP_HOST_UNREACHABLE,
	ICMP_PROTOCOL_UNREACHABLE,
	ICMP_PORT_UNREACHABLE,
	ICMP_TOO_BIG,
	ICMP_TIME_EXCEEDED,
	ICMP_PROHIBITED,
};

// Tells the sender about his packet, where RFC 1122 and RFC 4443 allow and the rate does. `mtu` for ICMP_TOO_BIG.
void icmp_error(struct miss *miss, enum icmp_problem problem, uint32_t mtu);
// Tells the sender of a packet that is only bridged that the way carries `mtu` bytes: from our address where we have
// one in its net, else in the name of whom it was for. => The packet is parsed to L4.
void icmp_too_big(struct miss *miss, uint32_t mtu);
// Turns an echo request to one of our addresses round. Always decides.
bool icmp_echo(struct miss *miss);
