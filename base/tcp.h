// SPDX-License-Identifier: BSD-3-Clause
//
// tcp: TCP sockets by numeric address. Names are not looked up: that could take long, and the loop
// of the main thread waits for nobody. Every descriptor is close-on-exec and nonblocking. Any thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct fail;

enum { TCP_TEXT = 80 };

struct tcp_address {
	struct sockaddr_storage address;
	socklen_t len;
};

// "192.0.2.1:7411" or "[2001:db8::1]:7411"; -EINVAL with the reason. Port 0 is for listening at any.
int tcp_parse(const char *text, struct tcp_address *ret, struct fail *fail);
const char *tcp_format(const struct tcp_address *address, char buf[static TCP_TEXT]);

bool tcp_is_loopback(const struct tcp_address *address);
uint16_t tcp_port(const struct tcp_address *address);
bool tcp_is_any(const struct tcp_address *address); // 0.0.0.0 or ::

// The listening descriptor, or -errno. The address then has the port that was chosen for 0.
int tcp_listen(struct tcp_address *address, struct fail *fail);

// A descriptor on its way: writable once it is connected, or has failed. Or -errno.
int tcp_connect(const struct tcp_address *address, struct fail *fail);

// The next connection and whose it is, or -errno; -EAGAIN when there is none.
int tcp_accept(int fd, struct tcp_address *ret_peer);
