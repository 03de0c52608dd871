// SPDX-License-Identifier: BSD-3-Clause
//
// bfd_packet: BFD Control packets (RFC 5880, section 4.1), as bytes and as a struct. Any thread.

#pragma once

#include "vnic/drop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BFD_BYTES = 24,               // without authentication, of which there is none
	BFD_UDP_PORT = 3784,          // RFC 5881: one hop
	BFD_UDP_PORT_MULTIHOP = 4784, // RFC 5883
	BFD_TTL = 255,
};

enum bfd_state { BFD_ADMIN_DOWN, BFD_DOWN, BFD_INIT, BFD_UP };

enum bfd_diagnostic {
	BFD_DIAG_NONE,
	BFD_DIAG_EXPIRED, // nothing heard for the detection time
	BFD_DIAG_ECHO_FAILED,
	BFD_DIAG_NEIGHBOUR_DOWN, // the other end said that it is down
	BFD_DIAG_FORWARDING_RESET,
	BFD_DIAG_PATH_DOWN,
	BFD_DIAG_CONCATENATED_DOWN,
	BFD_DIAG_ADMIN_DOWN,
	BFD_DIAG_REVERSE_DOWN,
	BFD_DIAGS,
};

struct bfd_packet {
	uint8_t diagnostic; // enum bfd_diagnostic, or beyond
	uint8_t state;      // enum bfd_state
	uint8_t multiplier;
	bool poll, final, demand;
	uint32_t my_discriminator, your_discriminator;
	uint32_t desired_tx_us, required_rx_us, required_echo_us;
};

// Checks what section 6.8.6 says of a packet alone. Returns DROP_NONE, or why it is refused: then *ret is not set.
enum drop_reason bfd_packet_read(const uint8_t *bytes, size_t len, struct bfd_packet *ret);
void bfd_packet_write(const struct bfd_packet *packet, uint8_t bytes[static BFD_BYTES]);

const char *bfd_state_name(enum bfd_state state);     // "admin-down", "down", "init", "up"
const char *bfd_diagnostic_text(unsigned diagnostic); // a part of a sentence
