// SPDX-License-Identifier: BSD-3-Clause
//
// stream: life and death of a connection; stream_in.c reads it, stream_out.c writes it.
//
// All callbacks to the owner start in one of two event handlers, on_readable() and on_writable().
// The owner may free the stream within any of them, so a handler marks the stream as busy, and
// stream_free() then leaves the last step to the handler. After every callback the code looks at
// stream->closed before it goes on.

#include "base/stream.h"

#include "base/fail.h"
#include "base/stream_priv.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void destroy(struct stream *stream)
{
	if (stream->readable)
		event_free(stream->readable);
	if (stream->writable)
		event_free(stream->writable);
	stream_in_fini(&stream->in);
	stream_out_fini(&stream->out);
	if (stream->wire)
		stream->wire->free(stream->tls);
	if (stream->fd >= 0)
		close(stream->fd);
	free(stream);
}

// The end of the connection, whichever side caused it.
static void end(struct stream *stream, const struct fail *fail)
{
	stream->closed = true;
	event_del(stream->readable);
	event_del(stream->writable);
	shutdown(stream->fd, SHUT_RDWR);
	stream->ops->closed(stream->user, fail->code == -ENODATA ? 0 : fail->code, fail->what);
}

static void arm(struct stream *stream)
{
	stream_out_arm(stream);

	if (!stream->wire)
		return;
	// A read may wait for room too, if TLS has to answer for itself (RFC 8446 4.6.3).
	if (stream->wire->wants_write(stream->tls))
		event_add(stream->writable, NULL);
	// What TLS holds already does not make the socket readable.
	if (stream->wire->has_more(stream->tls) && !stream->paused)
		event_active(stream->readable, EV_READ, 0);
}

// Closes an event handler: ends the connection if it failed, and frees the stream if it is time.
static void leave(struct stream *stream, int code, const struct fail *fail)
{
	if (code < 0 && !stream->closed)
		end(stream, fail);
	stream->in_event = false;
	if (stream->freed)
		destroy(stream);
	else if (!stream->closed)
		arm(stream);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *stream = arg;
	struct fail fail = {0};
	int code;

	stream->in_event = true;

	// A stream that resumes may hold whole frames already.
	code = stream_in_deliver(stream, &fail);
	if (code == 0 && !stream->closed && !stream->paused)
		code = stream_in_read(stream, &fail);
	if (code == 0)
		code = stream_in_deliver(stream, &fail);
	leave(stream, code, &fail);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *stream = arg;
	struct fail fail = {0};

	stream->in_event = true;

	bool read_too = stream->wire && stream->wire->wants_write(stream->tls) && !stream->paused;
	int code = stream_out_write(stream, &fail);

	if (read_too && code == 0 && !stream->closed)
		event_active(stream->readable, EV_READ, 0);
	leave(stream, code, &fail);
}

static int set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static bool is_unix(int fd)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

static int init(struct stream *stream, struct event_base *base, int fd)
{
	int code = set_flags(fd);

	if (code < 0)
		return code;

	stream->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, stream);
	stream->writable = event_new(base, fd, EV_WRITE, on_writable, stream);
	if (!stream->readable || !stream->writable || event_add(stream->readable, NULL) < 0)
		return -ENOMEM;
	stream->takes_fds = !stream->wire && is_unix(fd);
	return stream_in_init(&stream->in);
}

struct stream *stream_new(struct event_base *base, int fd, const struct stream_ops *ops, void *user)
{
	return stream_new_on(base, fd, NULL, NULL, ops, user);
}

struct stream *stream_new_on(struct event_base *base, int fd, const struct stream_wire *wire,
                             struct tls *tls, const struct stream_ops *ops, void *user)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;

	*stream = (struct stream){.fd = -1, .wire = wire, .tls = tls, .ops = ops, .user = user};
	stream_out_init(&stream->out);

	int code = init(stream, base, fd);

	if (code < 0) {
		stream->wire = NULL; // Still the caller's.
		destroy(stream);
		errno = -code;
		return NULL;
	}
	stream->fd = fd;
	arm(stream);
	return stream;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;

	stream->closed = true;
	if (stream->in_event)
		stream->freed = true;
	else
		destroy(stream);
}

void stream_pause(struct stream *stream)
{
	stream->paused = true;
	event_del(stream->readable);
}

void stream_resume(struct stream *stream)
{
	if (!stream->paused || stream->closed)
		return;
	stream->paused = false;
	event_add(stream->readable, NULL);

	// Frames that wait in our buffer do not make the socket readable.
	event_active(stream->readable, EV_READ, 0);
}

void stream_withhold(struct stream *stream, unsigned stream_id)
{
	assert(stream_id < STREAM_COUNT);
	stream->in.of[stream_id].withheld = true;
}

void stream_grant(struct stream *stream, unsigned stream_id)
{
	assert(stream_id < STREAM_COUNT);
	stream->in.of[stream_id].withheld = false;
	stream_in_settle(stream, stream_id);
}

const struct stream_counters *stream_counters(const struct stream *stream)
{
	return &stream->counters;
}

int stream_fd(const struct stream *stream)
{
	return stream->fd;
}

bool stream_takes_fds(const struct stream *stream)
{
	return stream->takes_fds;
}
