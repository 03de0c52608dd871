// SPDX-License-Identifier: BSD-3-Clause
//
// advert_message: router solicitations read, router advertisements written (RFC 4861, RFC 8106).
//
// Any thread.

#pragma once

#include "datapath/generation.h"
#include "datapath/service.h"

enum { ADVERT_FRAME_MAX = 1024 };

struct solicit {
	struct mac src_mac;
	struct ip_addr src; // :: when the host has none yet
};

// DROP_NONE, or why it is refused.
enum drop_reason solicit_read(const struct service_frame *frame, struct solicit *ret);

// What an advertisement says: of the interface, and of the prefixes that are no longer there.
struct advert_message {
	const struct interface *interface;
	const struct advert_config *config;
	bool final; // the router goes away
	unsigned former_count;
	const struct ip_prefix *former; // to be deprecated
};

// To all nodes, or to the host that asked. Returns the length of the frame.
size_t advert_write(uint8_t frame[static ADVERT_FRAME_MAX], const struct advert_message *message,
                    const struct solicit *to);
