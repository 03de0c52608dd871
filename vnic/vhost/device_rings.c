// SPDX-License-Identifier: BSD-3-Clause
//
// device_rings: from what a front end tells of its rings to queues that workers use, and back.
//
// A ring is opened when it is complete (memory, size, addresses, a bell) and offered when it is enabled. There is
// one way to change anything of it: withdraw it, let every worker pass, close it, change, and offer again
// what is complete then. That costs a pause of a few microseconds on messages that come by the
// dozen when a guest starts, and spares every worker any doubt about what it holds.
//
// A bell is an epoll set whose members are edge-triggered: a worker that has waited on it is not woken again
// before the next kick, and never needs to read an eventfd, whose count means nothing here.

#include "vnic/vhost/device_priv.h"

#include "base/cleanup.h"
#include "vnic/vhost/caller.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	TICK_NSEC = 1000000, // how often a guest that does not kick is looked at
	// Of a position in a packed ring: the lap is the first.
	FIRST_LAP = 1U << 15,
};

static bool is_sender(unsigned index)
{
	return index & 1;
}

static bool is_enabled(const struct vhost_device *device, unsigned index)
{
	// Without the protocol's features there is no message to enable a ring with.
	return device_state(device)->rings[index].enabled ||
	       !device_agreed(device, DEVICE_F_PROTOCOL);
}

static bool is_any_enabled(const struct vhost_device *device)
{
	for (unsigned i = 0; i < device->ring_count; i++)
		if (is_enabled(device, i))
			return true;
	return false;
}

static int watch(int bell_fd, int operation, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};

	return epoll_ctl(bell_fd, operation, fd, &event) < 0 ? -errno : 0;
}

void vhost_device_wake(struct vhost_device *device, unsigned ring)
{
	// A changed member is looked at anew, and this one is always readable.
	watch(device->rings[ring].shared.bell_fd, EPOLL_CTL_MOD, device->ready_fd);
}

int device_rings_open(struct vhost_device *device)
{
	device->ready_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (device->ready_fd < 0)
		return -errno;
	for (unsigned i = 0; i < device->ring_count; i++) {
		struct device_ring *ring = &device->rings[i];
		int bell_fd = epoll_create1(EPOLL_CLOEXEC);
		int error;

		if (bell_fd < 0)
			return -errno;
		ring->shared.bell_fd = bell_fd;
		error = watch(bell_fd, EPOLL_CTL_ADD, device->ready_fd);
		if (error)
			return error;
		// Nobody is to wake for a ring that is not there.
		epoll_wait(bell_fd, &(struct epoll_event){0}, 1, 0);
	}
	return 0;
}

void device_rings_close(struct vhost_device *device)
{
	for (unsigned i = 0; i < device->ring_count; i++)
		if (device->rings[i].shared.bell_fd >= 0)
			close(device->rings[i].shared.bell_fd);
	if (device->ready_fd >= 0)
		close(device->ready_fd);
	if (device->ticker >= 0)
		close(device->ticker);
}

static void close_queue(struct vhost_device *device, struct device_ring *ring, uint32_t *ret_base)
{
	struct virtq_counts counts;

	virtq_counts(ring->queue, &counts);
	device->kicks += counts.kicks;
	device->calls += counts.calls;
	device->in_flight_lost += counts.in_flight_lost;
	*ret_base = virtq_position(ring->queue);
	virtq_close(ring->queue);
	ring->queue = NULL;
}

void device_withdraw(struct vhost_device *device, struct ring_span span)
{
	bool was_offered = false;

	for (unsigned i = span.first; i <= span.last; i++) {
		struct vhost_ring *shared = &device->rings[i].shared;

		if (atomic_exchange(&shared->queue, NULL))
			was_offered = true;
	}
	if (was_offered) {
		device->differs = true;
		device->config.settle(device->config.user);
	}
	for (unsigned i = span.first; i <= span.last; i++)
		if (device->rings[i].queue)
			close_queue(device, &device->rings[i],
			            &device_state(device)->rings[i].base);
}

static struct virtq_mark *mark_of(const struct vhost_device *device, unsigned index)
{
	if (device->inflight && index < device_state(device)->inflight_queues)
		return &device->inflight[index];
	return &device_state(device)->marks[index];
}

// Finds the three areas in our memory; fills the config.
static int locate(const struct vhost_device *device, unsigned index, struct virtq_config *config,
                  struct fail *fail)
{
	const struct vhost_ring_state *ring = &device_state(device)->rings[index];
	uint64_t event = config->event_idx ? sizeof(uint16_t) : 0;
	uint64_t avail_len = 4 + sizeof(uint16_t) * (uint64_t)config->size + event;
	uint64_t used_len = 4 + sizeof(struct vring_used_elem) * (uint64_t)config->size + event;
	uint64_t desc_len = sizeof(struct vring_desc) * (uint64_t)config->size;

	if (config->packed)
		avail_len = used_len = sizeof(struct vring_packed_desc_event);
	config->desc = vhost_memory_at_user(device->memory, ring->desc, desc_len);
	config->avail = vhost_memory_at_user(device->memory, ring->avail, avail_len);
	config->used = vhost_memory_at_user(device->memory, ring->used, used_len);
	if (!config->desc || !config->avail || !config->used)
		return fail_set(fail, -EFAULT, "ring %u is not in the memory that the guest shares",
		                index);
	return 0;
}

static int open_queue(struct vhost_device *device, unsigned index, struct fail *fail)
{
	const struct vhost_ring_state *state = &device_state(device)->rings[index];
	struct device_ring *ring = &device->rings[index];
	struct virtq_config config = {
		.size = state->size,
		.packed = device_agreed(device, VIRTIO_F_RING_PACKED),
		.event_idx = device_agreed(device, VIRTIO_RING_F_EVENT_IDX),
		.indirect = device_agreed(device, VIRTIO_RING_F_INDIRECT_DESC),
		.in_order = device_agreed(device, VIRTIO_F_IN_ORDER),
		.writable = !is_sender(index),
		.memory = device->memory,
		.log = device->terms.log,
		.mark = mark_of(device, index),
		.position = state->base,
		.call_fd = device->kept.fds[VHOST_SLOT_CALL + index],
	};
	int error = locate(device, index, &config, fail);

	if (error)
		return error;
	ring->queue = virtq_open(&config, fail);
	if (!ring->queue) {
		error = -errno;
		fail_prefix(fail, "ring %u", index);
		return error;
	}
	// It may have been broken all along; its worker need not find out.
	device->faults[index] = VIRTQ_SOUND;
	if (virtq_fault(ring->queue) != VIRTQ_SOUND)
		vhost_device_lost(device, index);
	return 0;
}

static bool is_complete(const struct vhost_device *device, unsigned index)
{
	const struct vhost_ring_state *ring = &device_state(device)->rings[index];

	return device->memory && ring->size && ring->addressed && ring->started && !ring->broken;
}

// The driver has set a ring up, and not a page of its memory exists: it writes to copies of its own, which
// we will never see. Before we touch the ring ourselves.
static void check_memory(struct vhost_device *device)
{
	struct fail why = {0};

	if (!device_memory_is_untouched(device))
		return;
	fail_set(&why, -EINVAL,
	         "nobody has written to the memory that the guest shares, so it is "
	         "private to the machine, and no frame can pass");
	fail_hint(&why, "start the machine with memory-backend-memfd and share=on");
	device_note(device, &why);
	device->complains = true;
}

int device_offer(struct vhost_device *device, struct fail *fail)
{
	// A sender that is disabled is drained, unless all are: then its driver is gone, and the ring's memory
	// may be something else's already.
	bool drains = is_any_enabled(device);
	int first = 0;

	for (unsigned i = 0; i < device->ring_count; i++) {
		struct device_ring *ring = &device->rings[i];
		bool enabled = is_enabled(device, i);
		bool wanted = is_complete(device, i) && (enabled || (drains && is_sender(i)));

		if (!wanted || atomic_load(&ring->shared.queue))
			continue;
		if (!ring->queue) {
			check_memory(device);
			int error = open_queue(device, i, first ? NULL : fail);

			first = first ? first : error;
			if (error)
				continue;
		}
		atomic_store(&ring->shared.drain, !enabled);
		atomic_store(&ring->shared.queue, ring->queue);
		vhost_device_wake(device, i);
		device->differs = true;
	}
	return first;
}

// The ring's state, for a message that sets it up anew. NULL: there is no such ring.
static struct vhost_ring_state *ring_of(struct vhost_device *device, uint32_t index,
                                        struct fail *fail)
{
	if (index < device->ring_count)
		return &device_state(device)->rings[index];
	fail_set(fail, -EINVAL, "the front end speaks of ring %u, and the port has %u", index,
	         device->ring_count);
	fail_hint(fail, "give the port more queues, or the guest fewer");
	return NULL;
}

static struct ring_span only(unsigned index)
{
	return (struct ring_span){index, index};
}

int device_set_size(struct vhost_device *device, const struct vhost_payload_state *state,
                    struct fail *fail)
{
	struct vhost_ring_state *ring = ring_of(device, state->index, fail);

	if (!ring)
		return -EINVAL;
	if (state->num == 0 || state->num > VIRTQ_SIZE_MAX)
		return fail_set(fail, -EINVAL, "ring %u cannot have %u descriptors", state->index,
		                state->num);
	device_withdraw(device, only(state->index));
	ring->size = state->num;
	return device_offer(device, fail);
}

// User-Mode Linux knows nothing of laps, and says 0 where a packed ring begins.
static uint32_t position_of(const struct vhost_device *device, uint32_t told)
{
	bool lapless = device_state(device)->plain && device_agreed(device, VIRTIO_F_RING_PACKED);

	return lapless && told == 0 ? FIRST_LAP : told;
}

int device_set_base(struct vhost_device *device, const struct vhost_payload_state *state,
                    struct fail *fail)
{
	struct vhost_ring_state *ring = ring_of(device, state->index, fail);

	if (!ring)
		return -EINVAL;
	device_withdraw(device, only(state->index));
	ring->base = position_of(device, state->num);
	ring->broken = false;
	return device_offer(device, fail);
}

int device_set_enabled(struct vhost_device *device, const struct vhost_payload_state *state,
                       struct fail *fail)
{
	struct vhost_ring_state *ring = ring_of(device, state->index, fail);

	if (!ring)
		return -EINVAL;
	if (state->num > 1)
		return fail_set(fail, -EINVAL, "ring %u is neither to be enabled nor disabled: %u",
		                state->index, state->num);
	if (ring->enabled == !!state->num)
		return 0;
	// With the last enabled ring goes the draining of all.
	ring->enabled = state->num;
	device_withdraw(device,
	                is_any_enabled(device) ? only(state->index) : device_all_rings(device));
	return device_offer(device, fail);
}

int device_set_address(struct vhost_device *device, const struct vhost_payload_address *address,
                       struct fail *fail)
{
	struct vhost_ring_state *ring = ring_of(device, address->index, fail);

	if (!ring)
		return -EINVAL;
	// What the flags say of logging is not needed: our own writes to a ring are logged whenever those to
	// buffers are, at the guest's addresses of both.
	if (ring->addressed && ring->desc == address->desc && ring->avail == address->avail &&
	    ring->used == address->used)
		return 0;
	device_withdraw(device, only(address->index));
	ring->desc = address->desc;
	ring->avail = address->avail;
	ring->used = address->used;
	ring->addressed = true;
	return device_offer(device, fail);
}

// Not even a question may be put to what is neither: the answer could be a front end's to give.
static int check_fd(int fd, bool kick, const char *what, unsigned index, struct fail *fail)
{
	if (caller_is_eventfd(fd) || (!kick && caller_is_unix_socket(fd)))
		return 0;
	return fail_set(fail, -EINVAL, "ring %u: its %s descriptor is no eventfd", index, what);
}

static int make_ticker(struct vhost_device *device)
{
	const struct itimerspec every = {
		.it_interval.tv_nsec = TICK_NSEC,
		.it_value.tv_nsec = TICK_NSEC,
	};

	if (device->ticker >= 0)
		return 0;
	device->ticker = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (device->ticker < 0)
		return -errno;
	return timerfd_settime(device->ticker, 0, &every, NULL) < 0 ? -errno : 0;
}

int device_hang_bell(struct vhost_device *device, unsigned index, struct fail *fail)
{
	struct device_ring *ring = &device->rings[index];
	int member = device->kept.fds[VHOST_SLOT_KICK + index];
	int error = 0;

	if (device_state(device)->rings[index].polled) {
		error = make_ticker(device);
		member = device->ticker;
	}
	if (!error && member >= 0)
		error = watch(ring->shared.bell_fd, EPOLL_CTL_ADD, member);
	ring->member = error ? -1 : member;
	return error ? fail_errno(fail, error, "ring %u: its kick descriptor", index) : 0;
}

static void take_bell_down(struct vhost_device *device, unsigned index)
{
	struct device_ring *ring = &device->rings[index];

	if (ring->member >= 0)
		epoll_ctl(ring->shared.bell_fd, EPOLL_CTL_DEL, ring->member, NULL);
	ring->member = -1;
	vhost_kept_put(&device->kept, VHOST_SLOT_KICK + index, -1);
	device_state(device)->rings[index].polled = false;
}

static int check_ring_fd(struct vhost_device *device, unsigned index, int fd, const char *what,
                         struct fail *fail)
{
	if (!ring_of(device, index, fail))
		return -EINVAL;
	return fd < 0 ? 0 : check_fd(fd, strcmp(what, "kick") == 0, what, index, fail);
}

int device_set_kick(struct vhost_device *device, unsigned index, int fd, struct fail *fail)
{
	auto_close int kick = fd;
	int error = check_ring_fd(device, index, fd, "kick", fail);

	if (error)
		return error;
	device_withdraw(device, only(index));
	take_bell_down(device, index);
	device_state(device)->rings[index].polled = fd < 0;
	if (kick >= 0)
		vhost_kept_put(&device->kept, VHOST_SLOT_KICK + index, TAKE_FD(kick));
	error = device_hang_bell(device, index, fail);
	device_state(device)->rings[index].started = !error;
	return error ? error : device_offer(device, fail);
}

int device_set_call(struct vhost_device *device, unsigned index, int fd, struct fail *fail)
{
	auto_close int call = fd;
	int error = check_ring_fd(device, index, fd, "call", fail);

	if (error)
		return error;
	device_withdraw(device, only(index));
	vhost_kept_put(&device->kept, VHOST_SLOT_CALL + index, TAKE_FD(call));
	return device_offer(device, fail);
}

int device_set_err(struct vhost_device *device, unsigned index, int fd, struct fail *fail)
{
	auto_close int err = fd;
	int error = check_ring_fd(device, index, fd, "error", fail);

	if (!error)
		vhost_kept_put(&device->kept, VHOST_SLOT_ERR + index, TAKE_FD(err));
	return error;
}

int device_get_base(struct vhost_device *device, struct vhost_payload_state *state,
                    struct fail *fail)
{
	struct vhost_ring_state *ring = ring_of(device, state->index, fail);

	if (!ring)
		return -EINVAL;
	device_withdraw(device, only(state->index));
	take_bell_down(device, state->index);
	ring->started = false;
	ring->broken = false;
	state->num = ring->base;
	return 0;
}

void device_stop_rings(struct vhost_device *device)
{
	device_withdraw(device, device_all_rings(device));
	for (unsigned i = 0; i < device->ring_count; i++) {
		take_bell_down(device, i);
		device_state(device)->rings[i].started = false;
	}
}

void device_reset_rings(struct vhost_device *device)
{
	device_stop_rings(device);
	for (unsigned i = 0; i < device->ring_count; i++)
		device_state(device)->rings[i] = (struct vhost_ring_state){0};
}

void device_note_lost(struct vhost_device *device, unsigned index)
{
	struct device_ring *ring = &device->rings[index];
	struct caller err;

	// It may have been stopped, or set up anew, since.
	if (!ring->queue || virtq_fault(ring->queue) == VIRTQ_SOUND)
		return;
	fail_set(&device->last, -EPROTO, "queue %u (%s) was lost: %s", index / 2,
	         is_sender(index) ? "sending" : "receiving",
	         virtq_fault_name(virtq_fault(ring->queue)));
	device->faults[index] = virtq_fault(ring->queue);
	device_state(device)->rings[index].broken = true;
	device_withdraw(device, only(index));
	device->differs = true;
	caller_init(&err, device->kept.fds[VHOST_SLOT_ERR + index]);
	caller_call(&err);
}
