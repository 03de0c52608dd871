// SPDX-License-Identifier: BSD-3-Clause
//
// vguest_message: whole messages over a nonblocking stream socket.
//
// The header is read first and alone, so that the bytes of the message after it stay in the socket;
// descriptors come with the header's first byte.

#include "tests/guest/vguest_message.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/sock.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

_Static_assert(sizeof(struct vguest_message) == VGUEST_HEADER + 4096, "padding on the wire");

static int wait_for(int fd, short events, uint64_t deadline)
{
	uint64_t now = clock_now();
	struct pollfd wait = {.fd = fd, .events = events};
	int timeout = now >= deadline ? 0 : (int)((deadline - now) / NSEC_PER_MSEC) + 1;
	int ready = poll(&wait, 1, timeout);

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return ready ? 0 : -ETIMEDOUT;
}

static int send_all(int fd, const void *bytes, size_t len, const int *fds, unsigned count)
{
	uint64_t deadline = clock_now() + 5 * NSEC_PER_SEC;

	while (len) {
		struct iovec part = {(void *)(uintptr_t)bytes, len};
		ssize_t sent = sock_send_fds(fd, &part, 1, fds, count);

		if (sent == -EAGAIN)
			sent = wait_for(fd, POLLOUT, deadline);
		else if (sent > 0)
			count = 0;
		if (sent < 0)
			return sent == -EPIPE ? -ECONNRESET : (int)sent;
		bytes = (const uint8_t *)bytes + sent;
		len -= (size_t)sent;
	}
	return 0;
}

int vguest_message_send(int fd, const struct vguest_message *message, const int *fds,
                        unsigned count)
{
	return send_all(fd, message, VGUEST_HEADER + message->size, fds, count);
}

static int receive_all(int fd, void *bytes, size_t len, int *fds, unsigned room, unsigned *count,
                       uint64_t deadline)
{
	while (len) {
		struct iovec part = {bytes, len};
		unsigned more = 0;
		ssize_t got = sock_recv_fds(fd, &part, 1, fds ? fds + *count : NULL,
		                            fds ? room - *count : 0, &more);

		*count += more;
		if (got == 0)
			return -ECONNRESET;
		if (got == -EAGAIN)
			got = wait_for(fd, POLLIN, deadline);
		if (got < 0)
			return (int)got;
		bytes = (uint8_t *)bytes + got;
		len -= (size_t)got;
	}
	return 0;
}

int vguest_message_receive(int fd, struct vguest_message *message, int *fds, unsigned room,
                           unsigned *ret_count, int timeout_ms)
{
	uint64_t deadline = clock_now() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	unsigned count = 0;
	int done = receive_all(fd, message, VGUEST_HEADER, fds, room, &count, deadline);

	if (done == 0 && message->size > sizeof(message->bytes))
		done = -EPROTO;
	if (done == 0)
		done = receive_all(fd, message->bytes, message->size, fds, room, &count, deadline);
	if (done == 0 && (message->flags & 3) != VGUEST_VERSION)
		done = -EPROTO;
	if (done < 0)
		for (unsigned i = 0; i < count; i++)
			close(fds[i]);
	if (ret_count)
		*ret_count = done < 0 ? 0 : count;
	return done;
}
