// SPDX-License-Identifier: BSD-3-Clause
//
// capture_filter: a classic BPF program from outside, checked once, run per packet.
//
// A program runs over the frame as it is on the wire, its outer tag included. Immutable once made: any
// thread runs it.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_filter;
struct fail;

enum {
	CAPTURE_FILTER_INSNS = 4096, // most instructions
	CAPTURE_FILTER_INSN = 8, // bytes of one on the wire: code 2, jt 1, jf 1, k 4, big-endian
	// Bytes that a shallow program looks at, at most.
	CAPTURE_FILTER_SHALLOW = 256,
};

// Refuses what is no program or could run for ever (-EINVAL) and what is too long (-E2BIG).
int capture_filter_new(const uint8_t *program, size_t len, struct capture_filter **ret,
                       struct fail *fail);
void capture_filter_free(struct capture_filter *filter); // NULL is fine.

// Whether the first CAPTURE_FILTER_SHALLOW bytes are enough to decide. NULL lets everything pass and is.
bool capture_filter_is_shallow(const struct capture_filter *filter);

// `len` bytes of a frame of `wire_len`. Beyond `len` a program that asks for more says no. NULL: true.
bool capture_filter_wants(const struct capture_filter *filter, const uint8_t *frame, uint32_t len,
                          uint32_t wire_len);
