// SPDX-License-Identifier: BSD-3-Clause
//
// limit: how many descriptors a process may have.

#pragma once

// As many as the system lets us have without asking: thousands of ports are tens of thousands of descriptors.
void limit_raise_descriptors(void);
