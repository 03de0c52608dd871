// SPDX-License-Identifier: BSD-3-Clause
//
// device: the life of a vhost device: made with its port, connected, spoken to, left alone again.
//
// Between two messages a device is always in a state that could be gone on with; during one it says so in
// its kept state (`busy`), and whoever finds it like that starts from a new connection instead. When a
// front end goes, or is sent away, everything that it gave is returned: rings first, then memory, then
// descriptors. What a message was refused for stays readable until the next refusal.

#include "vnic/vhost/device_priv.h"

#include "base/bytes.h"
#include "base/cleanup.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MESSAGES_AT_ONCE = 32 }; // so that one front end cannot keep the main thread to itself

void device_note(struct vhost_device *device, const struct fail *fail)
{
	device->last = *fail;
}

static void tell(struct vhost_device *device)
{
	bool differs = device->differs, complains = device->complains;

	device->differs = device->complains = false;
	if (differs)
		device->config.changed(device->config.user);
	if (complains)
		device->config.complain(device->config.user, &device->last);
}

// Returns to the front end all that came from it.
static void disconnect(struct vhost_device *device)
{
	vhost_message_clear(&device->message);
	device_reset_rings(device);
	device_memory_close(device);
	vhost_kept_reset(&device->kept);
	device_make_terms(device);
	device->differs = true;
}

// Goes on where a predecessor stopped. 0 or -errno.
static int resume(struct vhost_device *device, struct fail *fail)
{
	int error = device_memory_restore(device, fail);

	for (unsigned i = device->ring_count; i < VHOST_RINGS_MAX && !error; i++)
		if (device_state(device)->rings[i].size)
			error = fail_set(fail, -EINVAL, "there are fewer queues than before");
	for (unsigned i = 0; i < device->ring_count && !error; i++)
		error = device_hang_bell(device, i, fail);
	if (error)
		return error;
	device_make_terms(device);
	return device_offer(device, fail);
}

static struct vhost_device *device_alloc(const struct vhost_device_config *config)
{
	struct vhost_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->config = *config;
	snprintf(device->name, sizeof(device->name), "%s", config->name);
	device->config.name = device->name;
	device->ring_count = 2 * config->pairs;
	device->ready_fd = device->ticker = -1;
	for (unsigned i = 0; i < VHOST_RINGS_MAX; i++) {
		device->rings[i].shared.bell_fd = -1;
		device->rings[i].member = -1;
	}
	device->alarm_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return device;
}

int vhost_device_new(const struct vhost_device_config *config, const struct vhost_keeper *keeper,
                     struct vhost_device **ret, struct fail *fail)
{
	struct vhost_device *device;
	bool taken_up = false;
	int error = 0;

	if (config->pairs == 0 || config->pairs > VHOST_PAIRS_MAX)
		return fail_set(fail, -EINVAL, "%s: %u queue pairs are not between 1 and %d",
		                config->name, config->pairs, VHOST_PAIRS_MAX);
	device = device_alloc(config);
	if (!device)
		return fail_errno(fail, -ENOMEM, "%s", config->name);
	if (device->alarm_fd < 0)
		error = -errno;
	if (!error)
		error = device_rings_open(device);
	if (!error)
		error = vhost_kept_open(&device->kept, keeper, &taken_up);
	if (error) {
		vhost_device_free(device, true);
		return fail_errno(fail, error, "%s", config->name);
	}
	device_make_terms(device);
	if (taken_up) {
		struct fail why = {0};

		// Its front end then connects anew, which is no reason to have no device.
		if (resume(device, &why)) {
			device_note(device, &why);
			disconnect(device);
		}
	}
	device->differs = false;
	*ret = device;
	return 0;
}

void vhost_device_free(struct vhost_device *device, bool forget)
{
	if (!device)
		return;
	vhost_message_clear(&device->message);
	if (device->kept.state) {
		device_withdraw(device, device_all_rings(device));
		device_memory_close(device);
		vhost_kept_close(&device->kept, forget);
	}
	device_rings_close(device);
	if (device->alarm_fd >= 0)
		close(device->alarm_fd);
	free(device);
}

int vhost_device_connect(struct vhost_device *device, int fd, struct fail *fail)
{
	if (vhost_device_fd(device) >= 0) {
		close(fd);
		return fail_set(fail, -EBUSY, "%s: there is a front end already", device->name);
	}
	vhost_kept_put(&device->kept, VHOST_SLOT_CONNECTION, fd);
	device->config.changed(device->config.user);
	return 0;
}

int vhost_device_fd(const struct vhost_device *device)
{
	return device->kept.fds[VHOST_SLOT_CONNECTION];
}

// One message: 1 when it was carried out, 0 when it is not there yet, -errno.
static int receive_one(struct vhost_device *device, struct fail *fail)
{
	struct vhost_message *message = &device->message;
	int done;

	// From the first byte that leaves the socket until all that it means is done.
	atomic_store(&device_state(device)->busy, true);
	done = vhost_message_read(vhost_device_fd(device), message, fail);
	if (done == 1) {
		int error = device_handle(device, message, fail);

		vhost_message_clear(message);
		done = error ? error : 1;
	}
	if (done >= 0 && message->got == 0)
		atomic_store(&device_state(device)->busy, false);
	return done;
}

int vhost_device_receive(struct vhost_device *device, struct fail *fail)
{
	struct fail why = {0};
	int done = 1;

	if (vhost_device_fd(device) < 0)
		return -ENOTCONN;
	for (unsigned i = 0; i < MESSAGES_AT_ONCE && done == 1; i++)
		done = receive_one(device, &why);
	if (done < 0) {
		// A connection that breaks is one that ended.
		if (!why.code && done != -ECONNRESET)
			fail_errno(&why, done, "the connection to the front end broke");
		if (why.code) {
			device_note(device, &why);
			if (fail)
				*fail = device->last;
		}
		disconnect(device);
	}
	tell(device);
	return MIN(done, 0);
}

struct vhost_ring *vhost_device_ring(struct vhost_device *device, unsigned index)
{
	return &device->rings[index].shared;
}

const struct vhost_terms *vhost_device_terms(const struct vhost_device *device)
{
	return &device->terms;
}

unsigned vhost_device_pairs(const struct vhost_device *device)
{
	unsigned pairs = 0;

	while (2 * pairs < device->ring_count) {
		const struct device_ring *rings = &device->rings[2 * pairs];

		// The guest's sending half may be drained, which is no use to anyone.
		if (!atomic_load(&rings[0].shared.queue) || !atomic_load(&rings[1].shared.queue) ||
		    atomic_load(&rings[1].shared.drain))
			break;
		pairs++;
	}
	return pairs;
}

void vhost_device_lost(struct vhost_device *device, unsigned ring)
{
	const uint64_t one = 1;

	// The second of two losses finds the alarm ringing.
	if (!(atomic_fetch_or(&device->lost, UINT32_C(1) << ring) >> ring & 1) &&
	    write(device->alarm_fd, &one, sizeof(one)) < 0)
		return;
}

int vhost_device_alarm_fd(const struct vhost_device *device)
{
	return device->alarm_fd;
}

void vhost_device_note_alarm(struct vhost_device *device)
{
	uint64_t count;
	uint32_t lost;

	if (read(device->alarm_fd, &count, sizeof(count)) < 0)
		return;
	lost = atomic_exchange(&device->lost, 0);
	for (unsigned i = 0; i < device->ring_count; i++)
		if (lost >> i & 1)
			device_note_lost(device, i);
	tell(device);
}

void vhost_device_info(const struct vhost_device *device, struct vhost_info *info)
{
	const struct vhost_state *state = device_state(device);

	*info = (struct vhost_info){
		.connected = vhost_device_fd(device) >= 0,
		.features = state->features,
		.protocol_features = state->protocol,
		.pairs = vhost_device_pairs(device),
		.packed = device_agreed(device, VIRTIO_F_RING_PACKED),
		.kicks = device->kicks,
		.calls = device->calls,
		.in_flight_lost = device->in_flight_lost,
	};
	for (unsigned i = 0; i < VHOST_REGIONS_MAX; i++) {
		info->memory_bytes += state->regions[i].size;
		info->regions += state->regions[i].size != 0;
	}
	for (unsigned i = 0; i < device->ring_count; i++) {
		struct virtq_counts counts = {0};

		if (device->rings[i].queue)
			virtq_counts(device->rings[i].queue, &counts);
		info->kicks += counts.kicks;
		info->calls += counts.calls;
		info->has_buffers |= counts.taken != 0;
		info->in_flight_lost += counts.in_flight_lost;
		info->faults[i] = device->faults[i];
	}
	fail_text(&device->last, info->last_fault);
}
