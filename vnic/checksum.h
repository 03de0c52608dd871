// SPDX-License-Identifier: BSD-3-Clause
//
// checksum: the Internet checksum (RFC 1071): whole, in parts, and updated in place (RFC 1624).
//
// A sum is an unfolded, native-order value that parts are added to; a checksum is the 16 bits as they stand
// in a header, read with load_be16. Any thread.

#pragma once

#include "vnic/packet.h"

#include <stddef.h>
#include <stdint.h>

// The sum of bytes that start at an even place of what is summed.
uint64_t checksum_sum(const void *bytes, size_t len);
// The same without what only some processors have: its twin, and where there is nothing better, itself.
uint64_t checksum_sum_plain(const void *bytes, size_t len);
// The same for a part that starts at `offset`: at an odd one its bytes change places.
uint64_t checksum_sum_at(const void *bytes, size_t len, size_t offset);
// The ones' complement of the folded sum, as header bytes in host order.
uint16_t checksum_finish(uint64_t sum);

// The sum of the pseudo header of `proto` with an L4 length of `len`; `ip` is the IPv4 or IPv6 header.
uint64_t checksum_pseudo4(const uint8_t *ip, uint8_t proto, uint32_t len);
uint64_t checksum_pseudo6(const uint8_t *ip, uint8_t proto, uint32_t len);
// The folded sum, not complemented: what a partial checksum field holds.
uint16_t checksum_partial(uint64_t sum);

// The checksum after a field changed; for a partial field, which is not complemented, pass and store ~.
uint16_t checksum_update16(uint16_t checksum, uint16_t before, uint16_t after);
uint16_t checksum_update32(uint16_t checksum, uint32_t before, uint32_t after);
// `len` is even, and so is the place of the bytes in what is summed.
uint16_t checksum_update(uint16_t checksum, const void *before, const void *after, size_t len);

// The sum of the frame's bytes from `offset` to its end, over head and segments.
uint64_t checksum_packet(const struct packet *packet, size_t offset);
// Ends a partial checksum in software; nothing happens without PACKET_CSUM_PARTIAL.
void checksum_complete(struct packet *packet);
