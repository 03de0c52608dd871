// SPDX-License-Identifier: BSD-3-Clause
//
// tap: a TAP whose file descriptors we hold (multiqueue, vnet header, TSO4/6, USO where the kernel has it).
//
// Main thread, except through port_ops.

#pragma once

#include "base/addr.h"
#include "base/fail.h"
#include "vnic/port.h"

struct tap_config {
	const char *name;   // for messages
	const char *ifname; // its name in `netns`
	const char *netns;  // path, or NULL for ours
	unsigned queues;
	uint32_t mtu;
	bool offload_off;
};

// Creates the TAP, down, at once in the namespace where it belongs: to move it there afterwards takes the
// kernel 20 ms, for it waits until no processor can see the interface any more. Fails with a sentence
// when /dev/net/tun is not there or not allowed. 0 or -errno.
int tap_open(const struct tap_config *config, struct port **ret, struct fail *fail);
// Makes a port of queue fds that an earlier process opened; takes them over on success.
int tap_adopt(const struct tap_config *config, const int *fds, unsigned count, struct port **ret,
              struct fail *fail);
// Lets the interface outlive its queues. => Its namespace ends soon, or somebody removes it. 0 or -errno.
int tap_persist(const struct port *port);
// The fd of a queue, to be handed to a keeper; stays the port's.
int tap_queue_fd(const struct port *port, unsigned queue);
