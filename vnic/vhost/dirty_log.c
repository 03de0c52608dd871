// SPDX-License-Identifier: BSD-3-Clause
//
// dirty_log: a bitmap that we set and a front end reads and clears.
//
// Each mark is an atomic OR, also where the bit seems to be set already: the front end may have read and
// cleared it between our write to the page and our look at the bit. A byte of the log stands for 32 KB,
// so even 64 KB of payload is three operations.

#include "vnic/vhost/dirty_log.h"

#include "vnic/vhost/mapping.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PAGE_SHIFT = 12 };

struct dirty_log {
	struct mapping *mapping;
	_Atomic uint8_t *bits;
	uint64_t pages;
};

int dirty_log_open(int fd, uint64_t offset, uint64_t size, struct dirty_log **ret,
                   struct fail *fail)
{
	struct dirty_log *log = calloc(1, sizeof(*log));

	if (!log)
		return fail_errno(fail, -ENOMEM, "the log of dirty pages");

	int error = mapping_new(fd, offset, size, &log->mapping, fail);

	if (error) {
		fail_prefix(fail, "the log of dirty pages");
		free(log);
		return error;
	}
	log->bits = (_Atomic uint8_t *)mapping_base(log->mapping);
	log->pages = size * 8;
	*ret = log;
	return 0;
}

void dirty_log_close(struct dirty_log *log)
{
	if (!log)
		return;
	mapping_drop(log->mapping);
	free(log);
}

void dirty_log_mark(struct dirty_log *log, uint64_t guest, uint64_t len)
{
	if (len == 0)
		return;

	uint64_t page = guest >> PAGE_SHIFT;
	// One that wraps has its end behind the log, as the front end's own arithmetic would.
	uint64_t last = len - 1 > UINT64_MAX - guest ? UINT64_MAX : guest + len - 1;
	uint64_t end = (last >> PAGE_SHIFT) + 1;

	if (end > log->pages)
		end = log->pages;
	while (page < end) {
		unsigned first = page % 8;
		unsigned count = end - page < 8 - first ? (unsigned)(end - page) : 8 - first;
		uint8_t mask = (uint8_t)(((1U << count) - 1) << first);

		atomic_fetch_or(&log->bits[page / 8], mask);
		page += count;
	}
}
