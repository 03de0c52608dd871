// SPDX-License-Identifier: BSD-3-Clause
//
// pcapng: writes captured packets as draft-ietf-opsawg-pcapng describes: one section in the byte order of
// this machine, interfaces with names, Enhanced Packet Blocks with direction, flags, losses and comments.
//
// Nanoseconds throughout. What cannot be written is told by the functions (-errno) and lost. One thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum pcapng_way { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

struct pcapng_packet {
	uint32_t interface; // as pcapng_interface() numbered it
	uint64_t wall_ns;
	const uint8_t *bytes;
	uint32_t len;      // of bytes
	uint32_t wire_len; // of the whole frame
	enum pcapng_way way;
	bool checksum_pending; // still to be made
	bool segments_pending; // a super-packet, still to be cut
	uint64_t lost;         // since the packet before
	uint64_t worker;       // epb_queue; UINT64_MAX: unknown
	const char *comment;   // NULL: none
};

struct pcapng_totals {
	uint32_t interface;
	uint64_t began_ns, ended_ns;
	uint64_t received, lost;
};

// The section header; `application` wrote it, `comment` may be NULL. 0 or -errno, as all of these.
int pcapng_section(FILE *file, const char *application, const char *comment);
// An Ethernet interface. They are numbered from 0 in the order of these calls. `filter` as it was
// written, `description` and `filter` may be NULL.
int pcapng_interface(FILE *file, const char *name, const char *description, uint32_t snap,
                     const char *filter);
int pcapng_packet(FILE *file, const struct pcapng_packet *packet);
int pcapng_totals(FILE *file, const struct pcapng_totals *totals);
