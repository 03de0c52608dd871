// SPDX-License-Identifier: BSD-3-Clause
//
// virtio_text: the features that a guest's driver agreed on, in the words of the virtio specification. Any
// thread.

#pragma once

#include <stddef.h>
#include <stdint.h>

// The name of the lowest feature at or above *bit, which becomes the one behind it; NULL when there is none.
// A bit without a name is "bit-N".
const char *virtio_text_next(uint64_t features, unsigned *bit, char buf[static 16]);
