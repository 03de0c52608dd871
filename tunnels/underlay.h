// SPDX-License-Identifier: BSD-3-Clause
//
// underlay: what carries the datagrams of a tunnel: sockets of the kernel, or memory in a scenario.
//
// open and close on the main thread; receive by the worker that owns the queue; send by any worker. Neither
// blocks nor allocates.

#pragma once

#include "base/addr.h"
#include "base/fail.h"
#include "vnic/drop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct encap;
struct underlay;

enum { UNDERLAY_BATCH = 64 };

// One datagram to send, or several of one size in one piece.
struct datagram {
	struct ip_addr to;
	uint32_t entropy;      // datagrams of one inner flow share it
	uint8_t tos;           // DSCP and ECN of the outer header
	uint16_t part_size;    // each so long but the last, which may be shorter; 0: one datagram
	uint32_t len;          // in all
	unsigned iov_count;    //
	struct iovec *iov;     // borrowed until send returns
	enum drop_reason drop; // set by send: why it did not go
};

// What came: one datagram, or several from one sender, each part_size long but the last.
struct arrival {
	struct ip_addr from;
	uint8_t tos;
	uint16_t part_size; // 0: one datagram
	uint32_t len;
	const uint8_t *bytes; // the underlay's, until the next receive of the queue
};

struct underlay_ops {
	unsigned (*receive)(struct underlay *underlay, unsigned queue, struct arrival *ret,
	                    unsigned most);
	// Returns whether all went; `drop` of those that did not says why.
	bool (*send)(struct underlay *underlay, struct datagram *datagrams, unsigned count);
	int (*fd)(const struct underlay *underlay, unsigned queue); // polls readable; -1: none
	// Of the way to the address, in bytes of L3; 0: unknown. Main thread.
	uint32_t (*mtu)(const struct underlay *underlay, struct ip_addr to);
	void (*close)(struct underlay *underlay);
};

struct underlay {
	const struct underlay_ops *ops;
	unsigned queue_count;
	unsigned parts_max; // of one datagram in several parts; 1: it cannot
	bool is6;
};

struct underlay_config {
	const char *name; // for messages
	const struct encap *encap;
	struct ip_addr local;
	uint16_t udp_port; // 0: none
	uint8_t ttl;
	bool checksum_off;
	unsigned queues;
};

typedef int (*underlay_open_fn)(void *user, const struct underlay_config *config,
                                struct underlay **ret, struct fail *fail);
