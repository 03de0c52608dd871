// SPDX-License-Identifier: BSD-3-Clause
//
// capture_writer: what a capture sends, as a pcapng stream: an interface a port, packets, totals. One thread.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct capture_writer;
struct fail;

struct capture_writer_config {
	FILE *file;          // borrowed
	const char *filter;  // as it was written, or NULL; borrowed
	const char *comment; // of the whole, or NULL
	uint32_t snap;
	uint64_t count; // packets that are wanted; 0: all
};

// Writes the header of the section. The fail tells what could not be written.
int capture_writer_new(const struct capture_writer_config *config, struct capture_writer **ret,
                       struct fail *fail);
void capture_writer_free(struct capture_writer *writer); // NULL is fine.

// Takes what one packed Captured holds, writes what has been held for long enough to be in the order of time, and
// flushes. -EPIPE: nobody reads any more.
int capture_writer_put(struct capture_writer *writer, const uint8_t *captured, size_t len,
                       struct fail *fail);
// The same with nothing new. => Now and then.
int capture_writer_tick(struct capture_writer *writer, struct fail *fail);
// What is still held, and the totals of each interface.
int capture_writer_end(struct capture_writer *writer, struct fail *fail);

// Whether all that were wanted have come; what comes then is left out.
bool capture_writer_is_full(const struct capture_writer *writer);
uint64_t capture_writer_packets(const struct capture_writer *writer);
// Packets that were wanted and did not come: for want of room at any place of the way.
uint64_t capture_writer_lost(const struct capture_writer *writer);
