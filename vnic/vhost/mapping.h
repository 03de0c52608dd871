// SPDX-License-Identifier: BSD-3-Clause
//
// mapping: bytes of a front end's file, mapped so that the file's owner cannot kill us by cutting it.
//
// Who touches a page behind the end of its file gets SIGBUS. Here zeroed pages of our own then take the
// place of the whole mapping, which is lost from then on: the thread goes on, and the guest alone bears it.
// System calls on a lost page fail with EFAULT and are their callers' matter.
//
// new, share and drop on the main thread; the rest on any. => No thread may have SIGBUS blocked.

#pragma once

#include "base/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping;

// Which bytes of which file: two mappings of the same are one.
struct mapping_key {
	uint64_t device, inode; // of the file
	uint64_t offset, size;
};

// Maps `size` bytes from `offset`, shared, to read and write; neither needs to be aligned. What is no file in
// memory, is too short or may not be written is refused with a sentence. The fd stays the caller's. 0 or -errno.
int mapping_new(int fd, uint64_t offset, uint64_t size, struct mapping **ret, struct fail *fail);
// One holder more; each drops its own.
struct mapping *mapping_share(struct mapping *mapping);
void mapping_drop(struct mapping *mapping); // NULL is fine.

uint8_t *mapping_base(const struct mapping *mapping); // of the first byte that was asked for
const struct mapping_key *mapping_key(const struct mapping *mapping);
// The key that a mapping of these would have. 0 or -errno.
int mapping_key_of(int fd, uint64_t offset, uint64_t size, struct mapping_key *ret);
bool mapping_is_lost(const struct mapping *mapping);
// How many were ever lost.
unsigned mapping_losses(void);
