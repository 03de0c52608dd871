// SPDX-License-Identifier: BSD-3-Clause
//
// message: the frame of a request over a nonblocking stream socket.
//
// The header is read alone, so that not a byte of the next message is ever held here: what was not begun
// stays in the socket, for a successor if need be. A message may come in any number of pieces, with its
// descriptors at any of them; they are owned by the message until someone takes them, so whatever becomes of
// it, clearing it closes them.

#include "vnic/vhost/message.h"

#include "base/bytes.h"
#include "base/sock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *const names[VHOST_REQUESTS] = {
	[VHOST_GET_FEATURES] = "GET_FEATURES",
	[VHOST_SET_FEATURES] = "SET_FEATURES",
	[VHOST_SET_OWNER] = "SET_OWNER",
	[VHOST_RESET_OWNER] = "RESET_OWNER",
	[VHOST_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[VHOST_SET_LOG_BASE] = "SET_LOG_BASE",
	[VHOST_SET_LOG_FD] = "SET_LOG_FD",
	[VHOST_SET_VRING_NUM] = "SET_VRING_NUM",
	[VHOST_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[VHOST_SET_VRING_BASE] = "SET_VRING_BASE",
	[VHOST_GET_VRING_BASE] = "GET_VRING_BASE",
	[VHOST_SET_VRING_KICK] = "SET_VRING_KICK",
	[VHOST_SET_VRING_CALL] = "SET_VRING_CALL",
	[VHOST_SET_VRING_ERR] = "SET_VRING_ERR",
	[VHOST_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[VHOST_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[VHOST_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[VHOST_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
	[VHOST_SEND_RARP] = "SEND_RARP",
	[VHOST_NET_SET_MTU] = "NET_SET_MTU",
	[VHOST_SET_BACKEND_REQ_FD] = "SET_BACKEND_REQ_FD",
	[VHOST_GET_CONFIG] = "GET_CONFIG",
	[VHOST_SET_CONFIG] = "SET_CONFIG",
	[VHOST_GET_INFLIGHT_FD] = "GET_INFLIGHT_FD",
	[VHOST_SET_INFLIGHT_FD] = "SET_INFLIGHT_FD",
	[VHOST_RESET_DEVICE] = "RESET_DEVICE",
	[VHOST_GET_MAX_MEM_SLOTS] = "GET_MAX_MEM_SLOTS",
	[VHOST_ADD_MEM_REG] = "ADD_MEM_REG",
	[VHOST_REM_MEM_REG] = "REM_MEM_REG",
	[VHOST_SET_STATUS] = "SET_STATUS",
	[VHOST_GET_STATUS] = "GET_STATUS",
};

const char *vhost_request_name(uint32_t request)
{
	return request < ARRAY_SIZE(names) ? names[request] : NULL;
}

// Reads until `len` bytes of the message are there, of which `at` are the last. 1, 0 or -errno.
static int read_until(int fd, struct vhost_message *message, size_t len, uint8_t *at, size_t size,
                      struct fail *fail)
{
	while (message->got < len) {
		size_t missing = len - message->got;
		struct iovec part = {at + (size - missing), missing};
		int fds[SOCK_FDS_MAX];
		unsigned count;
		ssize_t got = sock_recv_fds(fd, &part, 1, fds, SOCK_FDS_MAX, &count);

		for (unsigned i = 0; i < count; i++) {
			if (message->fd_count < VHOST_MESSAGE_FDS)
				message->fds[message->fd_count] = fds[i];
			else
				close(fds[i]);
			message->fd_count++;
		}
		if (got == -EAGAIN)
			return 0;
		if (got <= 0)
			return got < 0 ? (int)got : -ECONNRESET;
		message->got += (size_t)got;
		if (message->fd_count > VHOST_MESSAGE_FDS)
			return fail_set(
				fail, -EMSGSIZE,
				"the front end sent more than %d descriptors with a request",
				VHOST_MESSAGE_FDS);
	}
	return 1;
}

static int check_header(const struct vhost_message *message, struct fail *fail)
{
	if ((message->flags & 3) != VHOST_FLAG_VERSION || message->flags & VHOST_FLAG_REPLY) {
		fail_set(fail, -EPROTO, "the peer does not speak vhost-user: its flags are 0x%x",
		         message->flags);
		fail_hint(fail, "what connects to this socket must be a vhost-user front end");
		return -EPROTO;
	}
	if (message->size > sizeof(message->bytes))
		return fail_set(fail, -EMSGSIZE,
		                "the front end's request %u has %u bytes, %zu at most",
		                message->request, message->size, sizeof(message->bytes));
	return 0;
}

int vhost_message_read(int fd, struct vhost_message *message, struct fail *fail)
{
	bool is_new = message->got < VHOST_MESSAGE_HEADER;
	int done = read_until(fd, message, VHOST_MESSAGE_HEADER, (uint8_t *)message,
	                      VHOST_MESSAGE_HEADER, fail);

	if (done <= 0)
		return done;
	if (is_new) {
		int error = check_header(message, fail);

		if (error)
			return error;
	}
	return read_until(fd, message, VHOST_MESSAGE_HEADER + message->size, message->bytes,
	                  message->size, fail);
}

void vhost_message_clear(struct vhost_message *message)
{
	unsigned count = MIN(message->fd_count, (unsigned)VHOST_MESSAGE_FDS);

	for (unsigned i = 0; i < count; i++)
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	memset(message, 0, sizeof(*message));
}

int vhost_message_answer(int fd, const struct vhost_message *message, int with)
{
	uint32_t header[] = {message->request, VHOST_FLAG_VERSION | VHOST_FLAG_REPLY,
	                     message->size};
	const struct iovec parts[] = {
		{header, sizeof(header)},
		{(void *)(uintptr_t)message->bytes, message->size},
	};
	ssize_t sent = sock_send_fds(fd, parts, 2, &with, with < 0 ? 0 : 1);

	if (sent < 0)
		return sent == -EPIPE ? -ECONNRESET : (int)sent;
	return (size_t)sent == sizeof(header) + message->size ? 0 : -EAGAIN;
}
