// SPDX-License-Identifier: BSD-3-Clause
//
// mem: large blocks of memory with a name, and segments shared with other processes.
//
// For tables, pools and rings, which are few and live long; small things use malloc. Blocks come
// zeroed and are counted under their name, so that an operator can see where memory went. Any
// thread but the workers.

#pragma once

#include <stdbool.h>
#include <stddef.h>

enum mem_flags {
	MEM_HUGE = 1 << 0,     // Aligned to 2 MiB, huge pages wished for but not needed.
	MEM_RESIDENT = 1 << 1, // Pages are there from the start: no fault later, in a worker.
};

// Aligned to a page at least; NULL with errno. => The name is a literal, or outlives the block.
void *mem_block_new(const char *name, size_t size, unsigned flags);
void mem_block_free(void *block); // NULL is fine.

// Calls once per name, with the bytes and the number of blocks under it.
typedef void (*mem_report_fn)(void *user, const char *name, size_t bytes, unsigned blocks);
void mem_report(mem_report_fn report, void *user);

// A zeroed segment that can be passed on by its descriptor. Its size is sealed: whoever holds the
// descriptor cannot cut it and so kill the others by SIGBUS. NULL with errno; *ret_fd is closed by
// the caller, before or after mem_share_unmap().
void *mem_share_new(const char *name, size_t size, int *ret_fd);

// Maps a segment that was received. Refuses one that is smaller than asked (-> EMSGSIZE) or whose
// size is not sealed (-> EPERM). NULL with errno.
void *mem_share_map(int fd, size_t size, bool writable);
void mem_share_unmap(void *segment, size_t size); // NULL is fine.

// A new descriptor of the segment that can only be mapped for reading, to hand to watchers who are
// not its owner. -errno.
int mem_share_reader(int fd);
