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
#include <sys/types.h>

enum vhost_port_event {
	VHOST_PORT_CONNECTED,
	VHOST_PORT_DISCONNECTED, // and why
	VHOST_PORT_WAITING,      // nobody came yet, and why
	VHOST_PORT_QUEUE_LOST,
	VHOST_PORT_COMPLAINT, // the connection stays
};

struct vhost_port_config {
	const char *name;
	const char *
		path; // of the socket; NULL: who opens the port brings connections, by vhost_port_connect()
	bool server;
	gid_t group; // see struct vhost_socket_config
	unsigned pairs;
	uint32_t mtu;
	struct mac mac; // the guest's, where nobody else tells it; zero: unknown
	bool offload_off;
	struct event_base *base;
	// Returns once every worker has passed (see struct vhost_device_config).
	void (*settle)(void *user);
	// `what` is a sentence. Never called from within open, arrive or close.
	void (*event)(void *user, enum vhost_port_event event, const char *what);
	void *user;
	const struct vhost_keeper *keeper; // copied; NULL: none
};

// The device, and whatever a predecessor left of it. The socket comes with vhost_port_arrive().
int vhost_port_open(const struct vhost_port_config *config, struct port **ret, struct fail *fail);
// Listens or begins to connect. Nothing happens the second time. 0 or -errno.
int vhost_port_arrive(struct port *port, struct fail *fail);
// As ops->close, but what was lent to the keeper stays for a successor.
void vhost_port_leave(struct port *port);

// A front end at a connected socket, which is the port's from now on. -EBUSY: it has one.
int vhost_port_connect(struct port *port, int fd, struct fail *fail);
void vhost_port_info(const struct port *port, struct vhost_info *info);
