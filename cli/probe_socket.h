// SPDX-License-Identifier: BSD-3-Clause
//
// probe_socket: addresses for sockets, and echo requests with their replies. Any process.

#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { PROBE_ECHO_HEADER = 8 };

// The port in host order; the length of the address.
socklen_t probe_sockaddr(const struct ip_addr *ip, uint16_t port, struct sockaddr_storage *ret);

// An echo request of `len` bytes for a raw socket; the kernel sums an ICMPv6 one itself.
// => At least PROBE_ECHO_HEADER bytes; those behind the header are the payload already.
void probe_echo_request(bool v4, uint16_t mark, uint16_t sequence, uint8_t *bytes, size_t len);

// Whether the raw socket got the reply to a request with the mark: an IPv4 one with its IP header.
bool probe_echo_is_reply(bool v4, uint16_t mark, const uint8_t *bytes, size_t len,
                         uint16_t *ret_sequence);
