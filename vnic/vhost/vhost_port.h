// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_port: a virtual machine's NIC as a door of the switch: port ops on top of a vhost device.
//
// rx copies headers only, and lends the payload out of the guest's memory until the batch has ended; tx
// writes headers from the packet and payload straight from wherever it lies, another guest's memory
// included, into the guest's buffers. Main thread, except through port_ops.

#pragma once

#include "base/fail.h"
#include "vnic/port.h"
#include "vnic/vhost/device.h"

#include <event2/event.h>

struct vhost_port_config {
	const char *name;
	const char *path;
	bool server;
	unsigned pairs;
	uint32_t mtu;
	bool offload_off;
	struct event_base *base;
	void (*settle)(void *user);
	// The front end came or went, a queue was lost: see vhost_port_info(). `what` is a sentence.
	void (*event)(void *user, const char *what);
	void *user;
	const struct vhost_keeper *keeper; // NULL: none
};

int vhost_port_open(const struct vhost_port_config *config, struct port **ret, struct fail *fail);
// As ops->close, but what was lent to the keeper stays for a successor.
void vhost_port_leave(struct port *port);
void vhost_port_info(const struct port *port, struct vhost_info *info);
