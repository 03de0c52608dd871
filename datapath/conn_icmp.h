// SPDX-License-Identifier: BSD-3-Clause
//
// conn_icmp: ICMP errors about packets of a connection: whose they are, and their quote (RFC 5508).
//
// An error quotes the packet that caused it, as that packet looked where it died: after our translation.
// The quote is changed back, so that who sent the packet knows it again. Owning worker.

#pragma once

#include "datapath/conn_key.h"
#include "vnic/packet.h"

#include <stdbool.h>
#include <stdint.h>

// What the quote shall say instead.
struct conn_icmp_quote {
	bool present;
	struct conn_key key;
};

// Whether the packet is an ICMP error. => Parsed to L4.
bool conn_icmp_is_error(const struct packet *packet);
// Reads the key of the quoted packet (zone left 0). False when it is cut short or of a protocol without ports.
bool conn_icmp_quoted(const struct packet *packet, struct conn_key *ret);
// Changes the quote, and the ICMP checksum with it.
void conn_icmp_rewrite(struct packet *packet, const struct conn_icmp_quote *quote);
