// SPDX-License-Identifier: BSD-3-Clause
//
// frame_text: the beginning of a frame in a few words: "10.77.0.2:40000 > 10.77.0.3:80 tcp". Any thread.

#pragma once

#include <stddef.h>
#include <stdint.h>

// Never reads beyond len, and says as much as the bytes allow.
void frame_text(const uint8_t *frame, size_t len, char *buf, size_t size);
