// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_message: the front end's messages of the vhost-user protocol, and their way over the socket. One thread.

#pragma once

#include <stddef.h>
#include <stdint.h>

enum vguest_request {
	VGUEST_GET_FEATURES = 1,
	VGUEST_SET_FEATURES = 2,
	VGUEST_SET_OWNER = 3,
	VGUEST_SET_MEM_TABLE = 5,
	VGUEST_SET_VRING_NUM = 8,
	VGUEST_SET_VRING_ADDR = 9,
	VGUEST_SET_VRING_BASE = 10,
	VGUEST_GET_VRING_BASE = 11,
	VGUEST_SET_VRING_KICK = 12,
	VGUEST_SET_VRING_CALL = 13,
	VGUEST_SET_VRING_ERR = 14,
	VGUEST_GET_PROTOCOL_FEATURES = 15,
	VGUEST_SET_PROTOCOL_FEATURES = 16,
	VGUEST_GET_QUEUE_NUM = 17,
	VGUEST_SET_VRING_ENABLE = 18,
	VGUEST_NET_SET_MTU = 20,
	VGUEST_SET_BACKEND_REQ_FD = 21,
	VGUEST_GET_INFLIGHT_FD = 31,
	VGUEST_SET_INFLIGHT_FD = 32,
	VGUEST_GET_MAX_MEM_SLOTS = 36,
	VGUEST_ADD_MEM_REG = 37,
	VGUEST_SET_STATUS = 39,
};

// Bits of the protocol features.
enum {
	VGUEST_P_MQ = 0,
	VGUEST_P_LOG_SHMFD = 1,
	VGUEST_P_RARP = 2,
	VGUEST_P_REPLY_ACK = 3,
	VGUEST_P_MTU = 4,
	VGUEST_P_BACKEND_REQ = 5,
	VGUEST_P_INFLIGHT_SHMFD = 12,
	VGUEST_P_RESET_DEVICE = 13,
	VGUEST_P_CONFIGURE_MEM_SLOTS = 15,
	VGUEST_P_STATUS = 16,
};

enum {
	VGUEST_VERSION = 1,
	VGUEST_REPLY = 1 << 2,
	VGUEST_NEED_REPLY = 1 << 3,
	VGUEST_NO_FD = 1 << 8, // Of a ring's number, where there is no descriptor.
	VGUEST_HEADER = 12,
	VGUEST_TABLE = 8, // Regions of one memory table.
	VGUEST_FDS = 8,
};

struct vguest_message_region {
	uint64_t guest;
	uint64_t size;
	uint64_t user;
	uint64_t offset;
};

// As on the wire. => The compiler pads none of these: all parts lie on their natural alignment, but for
// the payload as a whole.
struct vguest_message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		struct {
			uint32_t index;
			uint32_t num;
		} state;
		struct {
			uint32_t index;
			uint32_t flags;
			uint64_t desc;
			uint64_t used;
			uint64_t avail;
			uint64_t log;
		} ring;
		struct {
			uint32_t count;
			uint32_t padding;
			struct vguest_message_region regions[VGUEST_TABLE];
		} table;
		struct {
			uint64_t padding;
			struct vguest_message_region region;
		} slot;
		struct {
			uint64_t size;
			uint64_t offset;
			uint16_t queues;
			uint16_t queue_size;
		} inflight;
		uint8_t bytes[4096];
	} __attribute__((packed));
} __attribute__((packed));

// Sends header and payload with the descriptors; returns 0 or -errno.
int vguest_message_send(int fd, const struct vguest_message *message, const int *fds,
                        unsigned count);

// Waits up to timeout_ms for a whole message. Descriptors that the caller has no room for (`room`) are closed.
// Returns 0; -ETIMEDOUT; -ECONNRESET at the end of the connection; -EPROTO for what no back end may send.
int vguest_message_receive(int fd, struct vguest_message *message, int *fds, unsigned room,
                           unsigned *ret_count, int timeout_ms);
