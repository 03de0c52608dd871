// SPDX-License-Identifier: BSD-3-Clause
//
// ends: two guests in namespaces of their own, and a forwarder between them made of port_rx and port_tx.

#pragma once

#include "base/addr.h"
#include "netns.h"
#include "vnic/port.h"

#include <linux/if_packet.h>

// One guest: eth0 in `netns`, with 10.9.0.N/24 and fd00:9::N/64, and our door to it.
struct end {
	struct port *port;
	char netns[NETNS_PATH];
	int namespace;
	struct ip_addr address;
	struct ip_addr address6;
};

struct ends {
	struct end end[2];
	struct packet_pool *pool;
	uint32_t largest;       // frame that was forwarded
	unsigned super_packets; // forwarded
	unsigned refused;       // by port_tx
};

extern struct ends ends;

// Everything anew, without doors.
void ends_open(void);
void ends_close(void);
// A TAP in the guest's namespace; a veth pair of which we open one side.
void ends_add_tap(unsigned i, bool offload_off);
void ends_add_veth(unsigned i);

// Takes what one end has and gives it to the other.
unsigned ends_forward(unsigned from);
// Sends bytes of a known pattern from end 0 to end 1 over TCP, forwards, and compares them.
void ends_transfer(int family, size_t total);
// Drops everything that waits at the door.
void ends_drain(unsigned i);

// A packet socket on the guest's interface, and whether it has seen a frame of that length and tag.
struct sniff {
	int fd;
	size_t len;
	uint16_t vlan;
};
int ends_sniffer(unsigned i, struct sockaddr_ll *name);
bool ends_guest_saw(void *sniff);
