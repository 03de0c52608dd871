// SPDX-License-Identifier: BSD-3-Clause
//
// fuzz_stream: a peer that says anything to a stream whose owner answers, takes descriptors, pauses.
//
// The input is a list of steps: a byte of what to do, a byte of how many bytes follow, and those
// bytes. Whatever happens, no descriptor may be open at the end that was not at the beginning.

#include "base/bytes.h"
#include "base/sock.h"
#include "base/stream.h"
#include "tests/fuzz/fuzz.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEADER = 24,

	// The first byte of a step.
	STEP_FDS = 0x0f,    // How many descriptors go along.
	STEP_ACTION = 0x30, // None, pause, resume, drain.
	STEP_FRAME = 0x40,  // The bytes are the body of a well-formed header,
	STEP_URGENT = 0x80, // on stream 0 rather than 3.
};

struct owner {
	struct stream *stream;
	bool closed;
};

static void on_frame(void *user, struct stream_frame *frame)
{
	struct owner *owner = user;

	stream_send(owner->stream, frame->stream, frame->type, frame->request, frame->body,
	            frame->len, frame->fds, frame->nfds);
	if (frame->nfds > 1)
		close(stream_take_fd(frame, 1));
	if (frame->type == 99)
		stream_pause(owner->stream);
	if (frame->type == 98) {
		stream_free(owner->stream);
		owner->stream = NULL;
	}
}

static void on_closed(void *user, int error, const char *reason)
{
	struct owner *owner = user;

	if (owner->closed)
		abort();
	owner->closed = true;
}

static const struct stream_ops ops = {.frame = on_frame, .closed = on_closed};

static void say(int peer, uint8_t step, const uint8_t *bytes, size_t size)
{
	uint8_t header[HEADER] = {0};
	struct iovec iov[2] = {{.iov_base = header, .iov_len = HEADER},
	                       {.iov_base = (void *)bytes, .iov_len = size}};
	unsigned first = step & STEP_FRAME ? 0 : 1;
	unsigned nfds = step & STEP_FDS;
	int fds[STEP_FDS];

	for (unsigned i = 0; i < nfds; i++)
		fds[i] = peer;
	store_be32(header, (uint32_t)size);
	store_be16(header + 4, size ? bytes[0] : 2);
	header[6] = step & STEP_URGENT ? 0 : 3;
	header[7] = (uint8_t)nfds;
	sock_send_fds(peer, iov + first, 2 - first, fds, nfds);
}

static void drain(int peer)
{
	static uint8_t bytes[1 << 16];
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	int fds[SOCK_FDS_MAX];
	unsigned count;

	while (sock_recv_fds(peer, &iov, 1, fds, SOCK_FDS_MAX, &count) > 0)
		for (unsigned i = 0; i < count; i++)
			close(fds[i]);
}

static void act(struct owner *owner, int peer, uint8_t step)
{
	switch (step & STEP_ACTION) {
	case 0x10:
		stream_pause(owner->stream);
		break;
	case 0x20:
		stream_resume(owner->stream);
		break;
	case 0x30:
		drain(peer);
		break;
	}
}

static void play(struct event_base *base, struct owner *owner, int peer, const uint8_t *input,
                 size_t size)
{
	while (size >= 2 && owner->stream && !owner->closed) {
		uint8_t step = input[0];
		size_t bytes = MIN((size_t)input[1], size - 2);

		say(peer, step, input + 2, bytes);
		act(owner, peer, step);
		event_base_loop(base, EVLOOP_NONBLOCK);
		input += 2 + bytes;
		size -= 2 + bytes;
	}
}

// The lowest free number: the same before and after if, and only if, nothing below it leaked.
static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct event_base *base;
	struct owner owner = {0};
	int pair[2];

	if (!base)
		base = event_base_new();

	int before = lowest_free();

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	owner.stream = stream_new(base, pair[0], &ops, &owner);
	if (!owner.stream)
		abort();

	play(base, &owner, pair[1], input, size);

	close(pair[1]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	stream_free(owner.stream);
	if (lowest_free() != before)
		abort();
	return 0;
}
