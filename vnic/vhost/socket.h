// SPDX-License-Identifier: BSD-3-Clause
//
// socket: the way to a front end at a unix socket: we connect and try again with back-off (100 ms to 2 s, at once
// when the socket appears), or listen and accept one at a time; a second front end is sent away after a second.
// Main thread, libevent.

#pragma once

#include "base/fail.h"

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

struct vhost_socket;

struct vhost_socket_config {
	struct event_base *base;
	const char *name; // of the port, for messages
	const char *path; // absolute, shorter than sockaddr_un holds
	bool server;
	gid_t group;   // server: whose members may connect, too, if we are one; 0: nobody but us
	int listen_fd; // server: one that a predecessor had, or -1; taken over
	// A front end is there; the fd is the callee's.
	void (*connected)(void *user, int fd);
	// It is not, for this reason; told once until the reason changes.
	void (*waiting)(void *user, const struct fail *why);
	void *user;
};

// A path that is a file, too long, in use by a living server or without permission is refused in server mode; a
// stale socket is replaced. In client mode there is nothing to refuse but the length: the front
// end may come later. 0 or -errno.
int vhost_socket_open(const struct vhost_socket_config *config, struct vhost_socket **ret,
                      struct fail *fail);
// `forget`: removes the socket file that it made; otherwise a successor listens on there. NULL is fine.
void vhost_socket_close(struct vhost_socket *socket, bool forget);
// Looks for a front end, once more after each connection ended; nothing while it is doing so already.
// open alone seeks nobody: a predecessor's connection may be there.
void vhost_socket_seek(struct vhost_socket *socket);
// Server mode: to be lent to the keeper; -1 otherwise.
int vhost_socket_listen_fd(const struct vhost_socket *socket);
