// SPDX-License-Identifier: BSD-3-Clause
//
// tunnel_option: options of Geneve tunnels as users write them, "0x0102:0x80:aabbccdd": class (16 bits), type (8 bits, of
// which the highest says that it is critical) and data, after RFC 8926, section 3.5. Any thread.

#pragma once

#include "controller/refusal.h"

#include <stddef.h>
#include <stdint.h>

enum { TUNNEL_OPTIONS_MAX = 252 };

// Replaces *text by its canonical form. Refuses what is no option, naming `key`: -EINVAL, -ERANGE or, for data beyond
// 124 bytes, -E2BIG.
int tunnel_option_canon(const char *key, char **text, struct refusal *refusal);

// Lays the options out as they follow the header of a frame, *len bytes. Refuses beyond what
// tunnel_option_canon does: -E2BIG more than a header has room for, -EEXIST one class and type twice.
int tunnel_options_pack(const char *key, char *const *texts, size_t count,
                        uint8_t ret[static TUNNEL_OPTIONS_MAX], size_t *len,
                        struct refusal *refusal);
