// SPDX-License-Identifier: BSD-3-Clause
//
// device: a virtio-net device whose other half is a front end at a vhost-user socket: what was negotiated,
// the guest's memory, its rings. Main thread; workers see rings only through struct vhost_ring.
//
// A message that touches what workers use (memory, addresses, log, stop) is carried out in one way: the rings
// concerned are withdrawn, every worker has passed (`settle`), the change is made, the rings are offered
// again at the positions where they stood. A message from a front end is never trusted: what does not
// fit is refused with a sentence that names the port, and closes the connection, never the process.

#pragma once

#include "base/addr.h"
#include "base/fail.h"
#include "vnic/vhost/virtq.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { VHOST_PAIRS_MAX = 16, VHOST_RINGS_MAX = 2 * VHOST_PAIRS_MAX };

// What the workers may use of one ring. The pointer is NULL while the ring is stopped or disabled.
struct vhost_ring {
	_Atomic(struct virtq *) queue;
	// An epoll fd that polls readable when the guest kicked, and when the queue was offered anew, as what
	// the guest made available before must not wait for its next kick; epoll_wait() on it, which is the
	// owning worker's, silences it (its members are edge-triggered). Stable for the device's life.
	int bell_fd;
	// Stopped by SET_VRING_ENABLE 0: frames are taken and dropped (guest sends); the queue is offered.
	_Atomic bool drain;
};

// What was negotiated, as workers need it; constant while any ring is offered.
struct vhost_terms {
	uint64_t features;     // virtio, both acknowledged and offered
	uint32_t header_len;   // of the virtio_net_hdr: 10 or 12
	uint32_t offloads;     // enum port_offload: what the guest takes
	bool mergeable;        // it takes frames in several chains
	struct dirty_log *log; // or NULL
};

struct vhost_device_config {
	const char *name; // of the port, for messages
	unsigned pairs;   // most queue pairs
	uint32_t mtu;
	struct mac mac; // of the guest, for a front end that asks us for it; zero: it makes one
	bool offload_off;
	// Returns once every worker has passed: what was withdrawn is nobody's.
	void (*settle)(void *user);
	// Connection, rings or terms differ from before: the port looks again. May be called often.
	void (*changed)(void *user);
	// Something is wrong that the device lives on with.
	void (*complain)(void *user, const struct fail *why);
	// The guest moved here: tell the network where `mac` is.
	void (*announce)(void *user, struct mac mac);
	void *user;
};

// Where fds and the state are put that must outlive this process; `what` is a short name, unique
// within the device ("connection", "state", "region/3", "kick/0", "call/1").
struct vhost_keeper {
	int (*lend)(void *user, const char *what, int fd); // the fd stays the device's; 0 or -errno
	void (*drop)(void *user, const char *what);
	// What a predecessor lent under this name, now the caller's; -1: nothing.
	int (*claim)(void *user, const char *what);
	void *user;
};

struct vhost_device;

// keeper may be NULL: nothing outlives us but what the front end keeps (its in-flight region). With one, a
// device that a predecessor left is taken up where it stood, and its guest notices nothing: the connection
// stays, the rings run on. 0 or -errno.
int vhost_device_new(const struct vhost_device_config *config, const struct vhost_keeper *keeper,
                     struct vhost_device **ret, struct fail *fail);
// Withdraws, settles and closes everything. `forget`: what was lent is dropped too; otherwise it stays
// for a successor.
void vhost_device_free(struct vhost_device *device, bool forget);

// Takes over a connected socket; a new negotiation begins. Refused with -EBUSY while there is one.
int vhost_device_connect(struct vhost_device *device, int fd, struct fail *fail);
// The connected socket, -1: none. When it polls readable, receive handles what is there (some messages,
// bounded). It returns 0, or -errno when the connection has ended and was closed: -ECONNRESET without a
// sentence when the front end went, others with a sentence for a person.
int vhost_device_fd(const struct vhost_device *device);
int vhost_device_receive(struct vhost_device *device, struct fail *fail);

// Rings 2n (the guest receives) and 2n + 1 (it sends) of pair n; stable for the device's life.
struct vhost_ring *vhost_device_ring(struct vhost_device *device, unsigned index);
// Workers may read it between two settles.
const struct vhost_terms *vhost_device_terms(const struct vhost_device *device);
// Pairs that the guest has enabled.
unsigned vhost_device_pairs(const struct vhost_device *device);
// Any worker: a ring broke. The device hears of it on its own thread: it tells the front end (SET_VRING_ERR)
// and calls changed.
void vhost_device_lost(struct vhost_device *device, unsigned ring);
// Rings a ring's bell as the guest's kick does, so that its worker looks at it. Main thread.
void vhost_device_wake(struct vhost_device *device, unsigned ring);
// A descriptor that polls readable when vhost_device_lost() was called; main thread: then note it.
int vhost_device_alarm_fd(const struct vhost_device *device);
void vhost_device_note_alarm(struct vhost_device *device);

// What a person may want to know.
struct vhost_info {
	bool connected;
	uint64_t features;          // agreed with the guest's driver
	uint64_t protocol_features; // agreed with the front end
	unsigned pairs;             // enabled
	bool packed;
	uint64_t memory_bytes;
	unsigned regions;
	uint64_t kicks, calls;
	bool has_buffers;        // A buffer of the guest's was seen in one of its rings.
	uint64_t in_flight_lost; // frames that a predecessor had when it ended
	enum virtq_fault faults[VHOST_RINGS_MAX];
	char last_fault[FAIL_TEXT]; // the last sentence and its hint, "" if there was none
};
void vhost_device_info(const struct vhost_device *device, struct vhost_info *info);
