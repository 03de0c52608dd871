// SPDX-License-Identifier: BSD-3-Clause
//
// bfd_socket: the kernel's sockets for BFD (RFC 5881, section 4; RFC 5883, section 5): one to receive by at each address
// of ours, one to send by for each session. They never block. Main thread.

#pragma once

#include "base/fail.h"
#include "tunnels/bfd_sessions.h"

#include <stddef.h>
#include <stdint.h>

struct bfd_arrival {
	struct ip_addr from;
	unsigned ttl; // 0: the kernel did not say
	size_t len;
	uint8_t bytes[64]; // more than any packet that we take has
};

// At path->local; path->remote does not matter. The descriptor, or -errno with *fail.
int bfd_socket_receiver(const struct bfd_path *path, struct fail *fail);
// The descriptor, or -errno with *fail.
int bfd_socket_sender(const struct bfd_path *path, struct fail *fail);
// What cannot be sent is lost, as on any way.
void bfd_socket_send(int fd, const struct bfd_path *path, const uint8_t *bytes, size_t len);
// 0, or -EAGAIN: nothing waits.
int bfd_socket_receive(int fd, struct bfd_arrival *ret);
