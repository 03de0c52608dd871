// SPDX-License-Identifier: BSD-3-Clause
//
// conn_key: one direction of a connection: zone, protocol, both ends.

#pragma once

#include "base/addr.h"

#include <stdint.h>

// Plain bytes without padding: compared and hashed whole. Ports in host order; for ICMP echo both ports
// hold the identifier.
struct conn_key {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t zone; // the VRF's slot
	uint8_t proto;
	uint8_t spare; // 0
};

_Static_assert(sizeof(struct conn_key) == 40, "hashed whole");

// The key of an answer to `key`.
static inline struct conn_key conn_key_reverse(const struct conn_key *key)
{
	return (struct conn_key){
		.src = key->dst,
		.dst = key->src,
		.src_port = key->dst_port,
		.dst_port = key->src_port,
		.zone = key->zone,
		.proto = key->proto,
	};
}
