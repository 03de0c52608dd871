// SPDX-License-Identifier: BSD-3-Clause
//
// device_priv: what the files of the vhost device share. Main thread, but for what device.h says.

#pragma once

#include "vnic/vhost/device.h"
#include "vnic/vhost/message.h"
#include "vnic/vhost/state.h"

#include <stdatomic.h>

// Bits of the features that are the protocol's rather than virtio's.
enum { DEVICE_F_LOG_ALL = 26, DEVICE_F_PROTOCOL = 30 };

struct device_ring {
	struct vhost_ring shared;
	struct virtq *queue; // open; offered to the workers or not
	int member;          // borrowed from the slot: what is in the bell; -1: none
};

struct vhost_device {
	struct vhost_device_config config;
	char name[64];
	struct vhost_kept kept;
	struct vhost_memory *memory; // NULL: none told
	struct dirty_log *log;
	struct virtq_mark *inflight; // of the front end's region, one a ring; NULL: none given
	struct vhost_terms terms;
	struct vhost_message message; // under way
	struct device_ring rings[VHOST_RINGS_MAX];
	unsigned ring_count;
	int ready_fd; // always readable: rings bells
	int ticker;   // periodic, for guests that do not kick; -1: none needs it
	int alarm_fd;
	_Atomic uint32_t lost;                 // rings, one bit each
	uint64_t kicks, calls, in_flight_lost; // of queues that were closed
	enum virtq_fault faults[VHOST_RINGS_MAX];
	bool differs;   // since `changed` was called last
	bool complains; // since `complain` was, of `last`
	struct fail last;
};

// The rings from `first` to `last` (both included), or none when first > last.
struct ring_span {
	unsigned first, last;
};

static inline struct vhost_state *device_state(const struct vhost_device *device)
{
	return device->kept.state;
}

static inline struct ring_span device_all_rings(const struct vhost_device *device)
{
	return (struct ring_span){0, device->ring_count - 1};
}

static inline bool device_agreed(const struct vhost_device *device, unsigned feature)
{
	return device_state(device)->features >> feature & 1;
}

static inline bool device_speaks(const struct vhost_device *device, unsigned protocol_feature)
{
	return device_state(device)->protocol >> protocol_feature & 1;
}

// device.c: keeps the sentence for whoever asks for the last, as that of the port.
void device_note(struct vhost_device *device, const struct fail *fail);

// device_requests.c: checks the frame against what the request must look like, and carries it out. 0 or -errno.
int device_handle(struct vhost_device *device, struct vhost_message *message, struct fail *fail);

// device_features.c
uint64_t device_offered(const struct vhost_device *device);
uint64_t device_offered_protocol(const struct vhost_device *device);
int device_agree(struct vhost_device *device, uint64_t features, struct fail *fail);
// Makes the terms anew. => All rings are withdrawn.
void device_make_terms(struct vhost_device *device);
int device_get_config(const struct vhost_device *device, struct vhost_payload_config *config,
                      struct fail *fail);

// device_rings.c
int device_rings_open(struct vhost_device *device);
void device_rings_close(struct vhost_device *device);
// No worker has them when this returns; where they stood is in the state.
void device_withdraw(struct vhost_device *device, struct ring_span span);
// Opens and offers what is complete. 0, or the first reason why one could not be opened, -EFAULT when its
// addresses are outside of the memory.
int device_offer(struct vhost_device *device, struct fail *fail);
// Stops them; where they stood is remembered, and what was told of them.
void device_stop_rings(struct vhost_device *device);
// Forgets what was told of the rings, but not what to call.
void device_reset_rings(struct vhost_device *device);
int device_set_size(struct vhost_device *device, const struct vhost_payload_state *state,
                    struct fail *fail);
int device_set_base(struct vhost_device *device, const struct vhost_payload_state *state,
                    struct fail *fail);
int device_get_base(struct vhost_device *device, struct vhost_payload_state *state,
                    struct fail *fail);
int device_set_enabled(struct vhost_device *device, const struct vhost_payload_state *state,
                       struct fail *fail);
int device_set_address(struct vhost_device *device, const struct vhost_payload_address *address,
                       struct fail *fail);
// `fd` is taken in any case.
int device_set_kick(struct vhost_device *device, unsigned index, int fd, struct fail *fail);
int device_set_call(struct vhost_device *device, unsigned index, int fd, struct fail *fail);
int device_set_err(struct vhost_device *device, unsigned index, int fd, struct fail *fail);
// Puts into the bell what the state says is to ring it.
int device_hang_bell(struct vhost_device *device, unsigned index, struct fail *fail);
// The ring's worker said that it broke.
void device_note_lost(struct vhost_device *device, unsigned index);

// device_memory.c; the fds are taken in any case.
int device_set_table(struct vhost_device *device, struct vhost_message *message, struct fail *fail);
int device_add_region(struct vhost_device *device, struct vhost_message *message,
                      struct fail *fail);
int device_remove_region(struct vhost_device *device, const struct vhost_region_claim *claim,
                         struct fail *fail);
int device_set_log(struct vhost_device *device, struct vhost_message *message, struct fail *fail);
// Makes again, after a predecessor, what lies behind the descriptors.
int device_memory_restore(struct vhost_device *device, struct fail *fail);
// Whether no byte was ever written to the memory, by anybody. => There is some.
bool device_memory_is_untouched(const struct vhost_device *device);
// => All rings are withdrawn.
void device_memory_close(struct vhost_device *device);

// inflight.c
// A new region for so many rings; the payload then says where it is. The fd is the caller's, or -errno.
int inflight_make(struct vhost_payload_area *area, struct fail *fail);
int inflight_map(int fd, const struct vhost_payload_area *area, struct virtq_mark **ret,
                 struct fail *fail);
void inflight_unmap(struct virtq_mark *marks, uint32_t queues); // NULL is fine.
