// SPDX-License-Identifier: BSD-3-Clause
//
// inflight: the region in which a front end keeps, for the back end, what was under way in each ring.
//
// Its contents are the back end's own business, and are here one mark a ring (virtq.h): rings are served in
// order, so positions say it all. The front end only carries the descriptor from one back end to the next,
// but may well write to it; marks are believed only as far as they can be true. The size is sealed, and
// what is not sealed is refused, or the front end could end us by cutting it.

#include "vnic/vhost/device_priv.h"

#include "base/mem.h"

#include <errno.h>
#include <unistd.h>

static uint64_t bytes_of(uint32_t queues)
{
	return queues * (uint64_t)sizeof(struct virtq_mark);
}

int inflight_make(struct vhost_payload_area *area, struct fail *fail)
{
	struct virtq_mark *marks;
	int fd;

	if (area->queues == 0 || area->queues > VHOST_RINGS_MAX)
		return fail_set(fail, -EINVAL,
		                "the front end wants an in-flight region for %u rings",
		                area->queues);
	area->size = bytes_of(area->queues);
	area->offset = 0;
	marks = mem_share_new("weft-inflight", area->size, &fd);
	if (!marks)
		return fail_errno(fail, -errno, "cannot make an in-flight region");
	mem_share_unmap(marks, area->size);
	return fd;
}

int inflight_map(int fd, const struct vhost_payload_area *area, struct virtq_mark **ret,
                 struct fail *fail)
{
	struct virtq_mark *marks;

	if (area->queues == 0 || area->queues > VHOST_RINGS_MAX || area->offset != 0 ||
	    area->size < bytes_of(area->queues))
		return fail_set(fail, -EINVAL,
		                "the in-flight region is none of ours: %llu bytes for %u "
		                "rings at %llu",
		                (unsigned long long)area->size, area->queues,
		                (unsigned long long)area->offset);
	marks = mem_share_map(fd, bytes_of(area->queues), true);
	if (!marks)
		return fail_errno(fail, -errno, "cannot map the in-flight region");
	*ret = marks;
	return 0;
}

void inflight_unmap(struct virtq_mark *marks, uint32_t queues)
{
	mem_share_unmap(marks, bytes_of(queues));
}
