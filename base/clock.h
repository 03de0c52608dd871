// SPDX-License-Identifier: BSD-3-Clause
//
// clock: the time, in nanoseconds. Any thread.

#pragma once

#include <stdint.h>

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC UINT64_C(1000000000)

// Since an arbitrary start; never goes back. What every timeout and age is measured by.
uint64_t clock_now(void);

// Since 1970; may jump. For people and for files only.
uint64_t clock_wall(void);
