// SPDX-License-Identifier: BSD-3-Clause
//
// message: one request of a vhost-user front end, as it comes over the socket with its descriptors, and
// our answer to it.
//
// The bytes are a front end's and may say anything: what is checked here is the frame (version, length,
// number of descriptors); what a request means, and whether it fits, is the device's matter. Main thread.

#pragma once

#include "base/fail.h"
#include "vnic/vhost/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vhost_request {
	VHOST_GET_FEATURES = 1,
	VHOST_SET_FEATURES = 2,
	VHOST_SET_OWNER = 3,
	VHOST_RESET_OWNER = 4,
	VHOST_SET_MEM_TABLE = 5,
	VHOST_SET_LOG_BASE = 6,
	VHOST_SET_LOG_FD = 7,
	VHOST_SET_VRING_NUM = 8,
	VHOST_SET_VRING_ADDR = 9,
	VHOST_SET_VRING_BASE = 10,
	VHOST_GET_VRING_BASE = 11,
	VHOST_SET_VRING_KICK = 12,
	VHOST_SET_VRING_CALL = 13,
	VHOST_SET_VRING_ERR = 14,
	VHOST_GET_PROTOCOL_FEATURES = 15,
	VHOST_SET_PROTOCOL_FEATURES = 16,
	VHOST_GET_QUEUE_NUM = 17,
	VHOST_SET_VRING_ENABLE = 18,
	VHOST_SEND_RARP = 19,
	VHOST_NET_SET_MTU = 20,
	VHOST_SET_BACKEND_REQ_FD = 21,
	VHOST_GET_CONFIG = 24,
	VHOST_SET_CONFIG = 25,
	VHOST_GET_INFLIGHT_FD = 31,
	VHOST_SET_INFLIGHT_FD = 32,
	VHOST_RESET_DEVICE = 34,
	VHOST_GET_MAX_MEM_SLOTS = 36,
	VHOST_ADD_MEM_REG = 37,
	VHOST_REM_MEM_REG = 38,
	VHOST_SET_STATUS = 39,
	VHOST_GET_STATUS = 40,
	VHOST_REQUESTS,
};

// Bits of the protocol features.
enum {
	VHOST_PROTOCOL_MQ = 0,
	VHOST_PROTOCOL_LOG_SHMFD = 1,
	VHOST_PROTOCOL_RARP = 2,
	VHOST_PROTOCOL_REPLY_ACK = 3,
	VHOST_PROTOCOL_MTU = 4,
	VHOST_PROTOCOL_BACKEND_REQ = 5,
	VHOST_PROTOCOL_CONFIG = 9,
	VHOST_PROTOCOL_INFLIGHT_SHMFD = 12,
	VHOST_PROTOCOL_RESET_DEVICE = 13,
	VHOST_PROTOCOL_CONFIGURE_MEM_SLOTS = 15,
	VHOST_PROTOCOL_STATUS = 16,
};

enum {
	VHOST_MESSAGE_HEADER = 12,
	VHOST_MESSAGE_FDS = 8,
	VHOST_TABLE_REGIONS = 8, // of one SET_MEM_TABLE
	VHOST_CONFIG_BYTES = 256,
	VHOST_FLAG_VERSION = 1, // in the lower two bits
	VHOST_FLAG_REPLY = 1 << 2,
	VHOST_FLAG_NEED_REPLY = 1 << 3,
	VHOST_NO_FD = 1 << 8, // beside a ring's number: no descriptor comes along
};

struct vhost_payload_state {
	uint32_t index, num;
};

struct vhost_payload_address {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct vhost_payload_table {
	uint32_t count, padding;
	struct vhost_region_claim regions[VHOST_TABLE_REGIONS];
};

struct vhost_payload_slot {
	uint64_t padding;
	struct vhost_region_claim region;
};

// Of the log and of the in-flight region: where in a file they lie.
struct vhost_payload_area {
	uint64_t size, offset;
	uint16_t queues, queue_size; // of the in-flight region only
	uint32_t padding;            // which some front ends count, and some do not
};

struct vhost_payload_config {
	uint32_t offset, size, flags;
	uint8_t bytes[VHOST_CONFIG_BYTES];
};

struct vhost_message {
	uint32_t request, flags;
	uint32_t size; // of the payload
	union {
		uint64_t u64;
		struct vhost_payload_state state;
		struct vhost_payload_address address;
		struct vhost_payload_table table;
		struct vhost_payload_slot slot;
		struct vhost_payload_area area;
		struct vhost_payload_config config;
		uint8_t bytes[512];
	};
	int fds[VHOST_MESSAGE_FDS]; // taken ones are -1
	unsigned fd_count;
	size_t got; // bytes so far; 0: nothing was begun
};

// Reads on at the message that is under way, or begins one. 1: it is whole, and stays so until it is cleared;
// 0: the rest is not there yet; -ECONNRESET: the front end closed the connection; another -errno with a
// sentence: these are no messages. => The message is zeroed before its first use.
int vhost_message_read(int fd, struct vhost_message *message, struct fail *fail);
// Closes the descriptors that nobody took, and forgets the message.
void vhost_message_clear(struct vhost_message *message);
// Sends the payload of `message` back as the answer to it, with a descriptor unless that is -1. A front end
// that does not read its answers is refused: -EAGAIN.
int vhost_message_answer(int fd, const struct vhost_message *message, int with);

// "SET_VRING_KICK", as the specification has it; NULL: no request that is known here.
const char *vhost_request_name(uint32_t request);
