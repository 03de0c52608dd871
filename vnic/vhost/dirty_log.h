// SPDX-License-Identifier: BSD-3-Clause
//
// dirty_log: the bitmap in which a back end marks every guest page it has written, while the guest is
// being migrated (vhost-user, "Migration"): one bit for 4096 bytes, set atomically, after the bytes.
//
// open and close on the main thread, marks by any worker.

#pragma once

#include "base/fail.h"

#include <stdint.h>

struct dirty_log;

// Maps `size` bytes of the fd from `offset`; the fd stays the caller's. 0 or -errno.
int dirty_log_open(int fd, uint64_t offset, uint64_t size, struct dirty_log **ret,
                   struct fail *fail);
// => No worker uses it any more. NULL is fine.
void dirty_log_close(struct dirty_log *log);

// Marks the pages of `len` bytes at a guest address. Pages behind the end of the log are left out.
void dirty_log_mark(struct dirty_log *log, uint64_t guest, uint64_t len);
