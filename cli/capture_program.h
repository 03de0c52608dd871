// SPDX-License-Identifier: BSD-3-Clause
//
// capture_program: a filter in the words of pcap-filter(7), as the program that a capture wants. One thread.

#pragma once

#include <stddef.h>
#include <stdint.h>

struct fail;

// 8 bytes an instruction: code 2, jt 1, jf 1, k 4, big-endian. What libpcap does not like is told in its
// own words (-EINVAL). => free() the program.
int capture_program_compile(const char *filter, uint8_t **ret, size_t *ret_len, struct fail *fail);
