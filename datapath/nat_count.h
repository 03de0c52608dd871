// SPDX-License-Identifier: BSD-3-Clause
//
// nat_count: how many connections a NAT rule or a port forward has begun.
//
// Lives as long as the object, through all its versions. Any worker adds; all else: main thread.

#pragma once

#include <stdint.h>

struct nat_count;

struct nat_count *nat_count_new(void); // With one reference. NULL with errno.
struct nat_count *nat_count_take(struct nat_count *count);
void nat_count_give(struct nat_count *count); // NULL is fine.

void nat_count_add(struct nat_count *count);
uint64_t nat_count_read(const struct nat_count *count);
