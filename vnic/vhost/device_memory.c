// SPDX-License-Identifier: BSD-3-Clause
//
// device_memory: the regions that a front end shares with us, and the log of what we write there.
//
// Regions may come and go while rings run: a module of memory is plugged in, or a guest's firmware remaps a
// few pages at boot. The new table is made first; only if that succeeds are the rings withdrawn, and only
// until the tables have changed places. A ring whose own memory went away meanwhile waits, without
// complaint, for the message that brings it back.
//
// QEMU tells of each region once for every pair of queues, and takes it away as often. The first time counts;
// what is known already, or not known any more, is no mistake.

#include "vnic/vhost/device_priv.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

// Offers again after memory has changed, when a ring that is outside is nobody's mistake yet.
static int offer_again(struct vhost_device *device, struct fail *fail)
{
	struct fail why = {0};
	int error = device_offer(device, &why);

	if (error == -EFAULT) {
		device_note(device, &why);
		return 0;
	}
	if (error && fail)
		*fail = why;
	return error;
}

static int swap_memory(struct vhost_device *device, struct vhost_memory *memory, struct fail *fail)
{
	device_withdraw(device, device_all_rings(device));
	vhost_memory_free(device->memory);
	device->memory = memory;
	device->differs = true;
	return offer_again(device, fail);
}

// Makes the table of all regions that the state tells of, but for `without`, with one more if `extra`.
static int make_table(const struct vhost_device *device, unsigned without,
                      const struct vhost_region_claim *extra, int extra_fd,
                      struct vhost_memory **ret, struct fail *fail)
{
	const struct vhost_state *state = device_state(device);
	struct vhost_region_claim claims[VHOST_REGIONS_MAX + 1];
	int fds[VHOST_REGIONS_MAX + 1];
	unsigned count = 0;

	for (unsigned i = 0; i < VHOST_REGIONS_MAX; i++) {
		if (!state->regions[i].size || i == without)
			continue;
		fds[count] = device->kept.fds[VHOST_SLOT_REGION + i];
		claims[count++] = state->regions[i];
	}
	if (extra) {
		fds[count] = extra_fd;
		claims[count++] = *extra;
	}
	// Without a region there is no table, which is how a guest's life in slots begins and ends.
	if (count == 0) {
		*ret = NULL;
		return 0;
	}
	return vhost_memory_new(claims, fds, count, device->memory, ret, fail);
}

static void put_region(struct vhost_device *device, unsigned index,
                       const struct vhost_region_claim *claim, int fd)
{
	vhost_kept_put(&device->kept, VHOST_SLOT_REGION + index, fd);
	device_state(device)->regions[index] = claim ? *claim : (struct vhost_region_claim){0};
}

int device_set_table(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	const struct vhost_payload_table *table = &message->table;
	struct vhost_memory *memory = NULL;
	int error;

	if (table->count > VHOST_TABLE_REGIONS)
		return fail_set(fail, -EINVAL,
		                "the front end tells of %u regions at once, %d at most",
		                table->count, VHOST_TABLE_REGIONS);
	if (message->size < 8 + table->count * sizeof(table->regions[0]))
		return fail_set(fail, -EMSGSIZE, "SET_MEM_TABLE of %u regions has %u bytes",
		                table->count, message->size);
	if (message->fd_count != table->count)
		return fail_set(fail, -EINVAL, "SET_MEM_TABLE of %u regions has %u descriptors",
		                table->count, message->fd_count);
	error = vhost_memory_new(table->regions, message->fds, table->count, device->memory,
	                         &memory, fail);
	if (error)
		return error;
	for (unsigned i = 0; i < VHOST_REGIONS_MAX; i++) {
		if (i < table->count)
			put_region(device, i, &table->regions[i], TAKE_FD(message->fds[i]));
		else
			put_region(device, i, NULL, -1);
	}
	return swap_memory(device, memory, fail);
}

static bool is_same_claim(const struct vhost_region_claim *one,
                          const struct vhost_region_claim *other)
{
	return one->size == other->size && one->guest == other->guest && one->user == other->user;
}

// VHOST_REGIONS_MAX: there is none like it. A size of 0 finds a place that is free.
static unsigned find_region(const struct vhost_device *device,
                            const struct vhost_region_claim *claim)
{
	const struct vhost_region_claim *regions = device_state(device)->regions;
	unsigned index = 0;

	while (index < VHOST_REGIONS_MAX && !is_same_claim(&regions[index], claim))
		index++;
	return index;
}

static bool is_same_file(int one, int other)
{
	struct stat a, b;

	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int device_add_region(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	const struct vhost_region_claim *claim = &message->slot.region;
	struct vhost_memory *memory = NULL;
	unsigned index = claim->size ? find_region(device, claim) : VHOST_REGIONS_MAX;
	int error;

	if (index < VHOST_REGIONS_MAX &&
	    device_state(device)->regions[index].offset == claim->offset &&
	    is_same_file(device->kept.fds[VHOST_SLOT_REGION + index], message->fds[0]))
		return 0;
	index = find_region(device, &(struct vhost_region_claim){0});
	if (index == VHOST_REGIONS_MAX)
		return fail_set(fail, -ENOSPC, "the front end has told of %d regions already",
		                VHOST_REGIONS_MAX);
	error = make_table(device, VHOST_REGIONS_MAX, claim, message->fds[0], &memory, fail);
	if (error)
		return error;
	put_region(device, index, claim, TAKE_FD(message->fds[0]));
	return swap_memory(device, memory, fail);
}

int device_remove_region(struct vhost_device *device, const struct vhost_region_claim *claim,
                         struct fail *fail)
{
	unsigned index = claim->size ? find_region(device, claim) : VHOST_REGIONS_MAX;
	struct vhost_memory *memory = NULL;
	int error;

	if (index == VHOST_REGIONS_MAX)
		return 0;
	error = make_table(device, index, NULL, -1, &memory, fail);
	if (error)
		return error;
	put_region(device, index, NULL, -1);
	return swap_memory(device, memory, fail);
}

static int swap_log(struct vhost_device *device, struct dirty_log *log, struct fail *fail)
{
	device_withdraw(device, device_all_rings(device));
	dirty_log_close(device->log);
	device->log = log;
	device_make_terms(device);
	return offer_again(device, fail);
}

int device_set_log(struct vhost_device *device, struct vhost_message *message, struct fail *fail)
{
	struct vhost_state *state = device_state(device);
	struct dirty_log *log = NULL;
	int error = dirty_log_open(message->fds[0], message->area.offset, message->area.size, &log,
	                           fail);

	if (error)
		return error;
	vhost_kept_put(&device->kept, VHOST_SLOT_LOG, TAKE_FD(message->fds[0]));
	state->log_size = message->area.size;
	state->log_offset = message->area.offset;
	return swap_log(device, log, fail);
}

int device_memory_restore(struct vhost_device *device, struct fail *fail)
{
	const struct vhost_state *state = device_state(device);
	const int *fds = device->kept.fds;
	const struct vhost_payload_area inflight = {
		.size = state->inflight_size,
		.offset = state->inflight_offset,
		.queues = (uint16_t)state->inflight_queues,
	};
	int error = make_table(device, VHOST_REGIONS_MAX, NULL, -1, &device->memory, fail);

	if (!error && fds[VHOST_SLOT_LOG] >= 0)
		error = dirty_log_open(fds[VHOST_SLOT_LOG], state->log_offset, state->log_size,
		                       &device->log, fail);
	if (!error && fds[VHOST_SLOT_INFLIGHT] >= 0)
		error = inflight_map(fds[VHOST_SLOT_INFLIGHT], &inflight, &device->inflight, fail);
	return error;
}

bool device_memory_is_untouched(const struct vhost_device *device)
{
	for (unsigned i = 0; i < VHOST_REGIONS_MAX; i++) {
		struct stat st;

		if (device_state(device)->regions[i].size &&
		    (fstat(device->kept.fds[VHOST_SLOT_REGION + i], &st) < 0 || st.st_blocks))
			return false;
	}
	return true;
}

void device_memory_close(struct vhost_device *device)
{
	vhost_memory_free(device->memory);
	device->memory = NULL;
	dirty_log_close(device->log);
	device->log = NULL;
	inflight_unmap(device->inflight, device_state(device)->inflight_queues);
	device->inflight = NULL;
}
