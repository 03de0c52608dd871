// SPDX-License-Identifier: BSD-3-Clause
//
// handshake: the state before the stream.
//
// Whoever can reach the port can make us hold one of these, so each is bounded: in time, whatever trickles
// in, and in bytes. When we refuse, the other end is to learn why. Had it sent anything that we never
// read, closing would reset the connection, and the alert that says why could be lost on the way; so
// we stop sending and read on for a moment, until the other end has closed.

#include "base/handshake.h"

#include "base/fail.h"
#include "base/tls.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BYTES_MAX = 128 << 10, // Ours have some 3000.
	LINGER_MS = 500,
	LINGER_BYTES = 64 << 10,
};

struct handshake {
	struct event *readable, *writable, *limit;
	int fd;
	struct tls *tls;
	bool connected, failed;
	struct fail fail; // Set when failed.
	unsigned lingered;
	struct cert_facts peer;
	handshake_done_fn done;
	void *user;
};

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void handshake_free(struct handshake *handshake)
{
	if (!handshake)
		return;
	free_event(handshake->readable);
	free_event(handshake->writable);
	free_event(handshake->limit);
	tls_free(handshake->tls);
	if (handshake->fd >= 0)
		close(handshake->fd);
	free(handshake);
}

// The last thing done here: the owner may free us in the callback.
static void tell(struct handshake *handshake)
{
	struct fail fail = handshake->fail;
	struct tls *tls = handshake->tls;
	int fd = handshake->fd;

	if (tls)
		handshake->peer = *tls_peer(tls);
	event_del(handshake->readable);
	event_del(handshake->writable);
	event_del(handshake->limit);
	handshake->tls = NULL;
	handshake->fd = -1;
	if (!handshake->failed) {
		handshake->done(handshake->user, fd, tls, NULL);
		return;
	}
	tls_free(tls);
	close(fd);
	handshake->done(handshake->user, -1, NULL, &fail);
}

static void linger(struct handshake *handshake)
{
	struct timeval wait = {.tv_usec = LINGER_MS * 1000};

	handshake->failed = true;
	event_del(handshake->writable);
	if (!handshake->connected || !handshake->tls || shutdown(handshake->fd, SHUT_WR) < 0)
		tell(handshake);
	else
		event_add(handshake->limit, &wait);
}

static void read_away(struct handshake *handshake)
{
	char bytes[4096];
	ssize_t got = recv(handshake->fd, bytes, sizeof(bytes), 0);

	handshake->lingered += got > 0 ? (unsigned)got : 0;
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
	    handshake->lingered > LINGER_BYTES)
		tell(handshake);
}

static int check_connected(struct handshake *handshake)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(handshake->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		return fail_errno(&handshake->fail, -error, "cannot connect");
	handshake->connected = true;
	event_add(handshake->readable, NULL);
	return 0;
}

static void proceed(struct handshake *handshake)
{
	int code = handshake->connected ? 0 : check_connected(handshake);

	if (code == 0 && handshake->tls)
		code = tls_handshake(handshake->tls, &handshake->fail);
	if (code == -EAGAIN && tls_bytes_in(handshake->tls) > BYTES_MAX)
		code = fail_set(&handshake->fail, -EMSGSIZE,
		                "the other end has sent %llu bytes without finishing its handshake",
		                (unsigned long long)tls_bytes_in(handshake->tls));
	if (code == -EAGAIN && tls_wants_write(handshake->tls))
		event_add(handshake->writable, NULL);
	else if (code == 0)
		tell(handshake);
	else if (code != -EAGAIN)
		linger(handshake);
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct handshake *handshake = user;

	if (handshake->failed)
		read_away(handshake);
	else
		proceed(handshake);
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	proceed(user);
}

static void on_limit(evutil_socket_t fd, short what, void *user)
{
	struct handshake *handshake = user;

	if (!handshake->failed)
		fail_set(&handshake->fail, -ETIMEDOUT, "%s in time",
		         handshake->connected ? "the other end did not finish its handshake"
		                              : "the other end did not answer");
	handshake->failed = true;
	tell(handshake);
}

const struct cert_facts *handshake_peer(const struct handshake *handshake)
{
	return &handshake->peer;
}

struct handshake *handshake_new(struct event_base *base, int fd, struct tls *tls, unsigned limit_ms,
                                handshake_done_fn done, void *user)
{
	struct timeval limit = {.tv_sec = limit_ms / 1000,
	                        .tv_usec = (suseconds_t)(limit_ms % 1000) * 1000};
	struct handshake *handshake = calloc(1, sizeof(*handshake));

	if (!handshake)
		return NULL;
	*handshake = (struct handshake){.fd = -1, .done = done, .user = user};
	handshake->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, handshake);
	handshake->writable = event_new(base, fd, EV_WRITE, on_writable, handshake);
	handshake->limit = evtimer_new(base, on_limit, handshake);
	if (!handshake->readable || !handshake->writable || !handshake->limit ||
	    event_add(handshake->writable, NULL) < 0 || event_add(handshake->limit, &limit) < 0) {
		handshake_free(handshake);
		errno = ENOMEM;
		return NULL;
	}
	handshake->fd = fd;
	handshake->tls = tls;
	return handshake;
}
