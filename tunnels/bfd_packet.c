// SPDX-License-Identifier: BSD-3-Clause
//
// bfd_packet: one fixed layout. What is behind the packet's own length in the datagram is left alone, as the RFC has
// it; what claims to be authenticated is refused, since nothing here could check it.

#include "tunnels/bfd_packet.h"

#include "base/bytes.h"

#include <assert.h>

enum {
	VERSION = 1,
	POLL = 1 << 5,
	FINAL = 1 << 4,
	AUTHENTICATED = 1 << 2,
	DEMAND = 1 << 1,
	MULTIPOINT = 1 << 0,
};

enum drop_reason bfd_packet_read(const uint8_t *bytes, size_t len, struct bfd_packet *ret)
{
	struct bfd_packet packet;

	if (len < BFD_BYTES || bytes[0] >> 5 != VERSION || bytes[3] < BFD_BYTES || bytes[3] > len ||
	    bytes[1] & MULTIPOINT)
		return DROP_BFD_MALFORMED;
	packet = (struct bfd_packet){
		.diagnostic = bytes[0] & 0x1f,
		.state = bytes[1] >> 6,
		.poll = bytes[1] & POLL,
		.final = bytes[1] & FINAL,
		.demand = bytes[1] & DEMAND,
		.multiplier = bytes[2],
		.my_discriminator = load_be32(bytes + 4),
		.your_discriminator = load_be32(bytes + 8),
		.desired_tx_us = load_be32(bytes + 12),
		.required_rx_us = load_be32(bytes + 16),
		.required_echo_us = load_be32(bytes + 20),
	};
	if (!packet.multiplier || !packet.my_discriminator ||
	    (!packet.your_discriminator && packet.state > BFD_DOWN))
		return DROP_BFD_MALFORMED;
	if (bytes[1] & AUTHENTICATED)
		return DROP_BFD_AUTHENTICATION;
	*ret = packet;
	return DROP_NONE;
}

void bfd_packet_write(const struct bfd_packet *packet, uint8_t bytes[static BFD_BYTES])
{
	bytes[0] = (uint8_t)(VERSION << 5 | (packet->diagnostic & 0x1f));
	bytes[1] = (uint8_t)(packet->state << 6 | (packet->poll ? POLL : 0) |
	                     (packet->final ? FINAL : 0) | (packet->demand ? DEMAND : 0));
	bytes[2] = packet->multiplier;
	bytes[3] = BFD_BYTES;
	store_be32(bytes + 4, packet->my_discriminator);
	store_be32(bytes + 8, packet->your_discriminator);
	store_be32(bytes + 12, packet->desired_tx_us);
	store_be32(bytes + 16, packet->required_rx_us);
	store_be32(bytes + 20, packet->required_echo_us);
}

const char *bfd_state_name(enum bfd_state state)
{
	static const char *const names[] = {
		[BFD_ADMIN_DOWN] = "admin-down",
		[BFD_DOWN] = "down",
		[BFD_INIT] = "init",
		[BFD_UP] = "up",
	};

	return names[state];
}

const char *bfd_diagnostic_text(unsigned diagnostic)
{
	static const char *const texts[] = {
		[BFD_DIAG_NONE] = "no diagnostic",
		[BFD_DIAG_EXPIRED] = "nothing heard for the detection time",
		[BFD_DIAG_ECHO_FAILED] = "echo failed",
		[BFD_DIAG_NEIGHBOUR_DOWN] = "the other end says down",
		[BFD_DIAG_FORWARDING_RESET] = "forwarding was reset",
		[BFD_DIAG_PATH_DOWN] = "the path is down",
		[BFD_DIAG_CONCATENATED_DOWN] = "a path behind is down",
		[BFD_DIAG_ADMIN_DOWN] = "switched off",
		[BFD_DIAG_REVERSE_DOWN] = "a path back is down",
	};

	static_assert(ARRAY_SIZE(texts) == BFD_DIAGS, "every diagnostic needs its words");
	return diagnostic < BFD_DIAGS ? texts[diagnostic] : "a diagnostic of another's own";
}
