// SPDX-License-Identifier: BSD-3-Clause
//
// stream: framed messages over one connected socket, under libevent: a unix socket, where descriptors go
// along; or TCP, by TLS or, within one machine, as it is.
//
// A connection carries four streams, 0 the most urgent. Frames of one stream arrive in order; a frame
// of a more urgent stream overtakes whole frames of the others. Each stream has its own bounded queue
// here and its own credit from the receiver, so a slow reader of one never blocks another.
// A frame is a header of 24 bytes, big-endian, and a body:
//
//	0  u32 length of the body      8  u64 request id         20  u32 zero
//	4  u16 type                   16  u32 flags (1: more frames of this message follow)
//	6  u8 stream    7  u8 count of descriptors, which travel with the frame's first byte
//
// The thread of the event base only. Callbacks come from the event loop, never out of a call below.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct stream;
struct tls;

enum {
	STREAM_COUNT = 4,
	STREAM_BODY_MAX = 1 << 20,
	STREAM_FDS_MAX = 16,
	STREAM_TYPE_FIRST = 2,        // Types below are the stream's own.
	STREAM_WINDOW = 2 << 20,      // Bytes of one stream a sender may be ahead of its receiver.
	STREAM_QUEUE_LIMIT = 4 << 20, // Bytes that wait in one queue, unless set otherwise.
};

// A frame as it arrived; gone when the callback returns.
struct stream_frame {
	uint16_t type;
	uint8_t stream;
	bool more; // More frames of the same message follow.
	uint64_t request;
	const uint8_t *body;
	uint32_t len;
	int *fds; // Closed after the callback, except those taken with stream_take_fd().
	unsigned nfds;
};

struct stream_ops {
	void (*frame)(void *user, struct stream_frame *frame);

	// The connection is over; comes once, and nothing comes after it. The error is 0 when the other
	// end closed in order, else a negative errno (-EPROTO: it broke the protocol). The reason is a
	// sentence. => Call stream_free(), now or later.
	void (*closed)(void *user, int error, const char *reason);

	// A queue that refused a frame is at most half full again. May be NULL.
	void (*writable)(void *user, unsigned stream_id);
};

// Takes over the descriptor. NULL with errno, and the descriptor is still the caller's.
// => The ops outlive the stream.
struct stream *stream_new(struct event_base *base, int fd, const struct stream_ops *ops,
                          void *user);

// The same over TLS, whose handshake is done; takes over both. tls NULL: none.
struct stream *stream_new_tls(struct event_base *base, int fd, struct tls *tls,
                              const struct stream_ops *ops, void *user);

// Drops what is queued and closes. Fine within a callback; none comes afterwards. NULL is fine.
void stream_free(struct stream *stream);

// Queues a frame: -EAGAIN when the queue of that stream is full (then writable() will come),
// -EMSGSIZE when the body is too long, -EPIPE after the end, -EOPNOTSUPP when descriptors cannot go this
// way. Body and descriptors are copied; the caller keeps its own. An empty queue takes a frame of any size.
// => stream_id < STREAM_COUNT, type >= STREAM_TYPE_FIRST, nfds <= STREAM_FDS_MAX.
int stream_send(struct stream *stream, unsigned stream_id, uint16_t type, uint64_t request,
                const void *body, size_t len, const int *fds, unsigned nfds);

// The same for all but the last frame of a message that does not fit one body.
int stream_send_more(struct stream *stream, unsigned stream_id, uint16_t type, uint64_t request,
                     const void *body, size_t len, const int *fds, unsigned nfds);

// No more sends: what is queued still goes out, then the other end sees the end of the stream.
void stream_finish(struct stream *stream);

// The descriptor at the index, now the caller's; -1 if it was taken before.
// => index < frame->nfds.
int stream_take_fd(struct stream_frame *frame, unsigned index);

// Stops all reading, or resumes it. A paused stream does not notice that the other end has gone.
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

// Stops giving new credit to one stream, so that the sender soon stops, while the others go on; or
// gives again, with what was withheld. Up to STREAM_WINDOW bytes may still arrive in between.
void stream_withhold(struct stream *stream, unsigned stream_id);
void stream_grant(struct stream *stream, unsigned stream_id);

// The most bytes, headers included, that may wait in the queue.
void stream_set_limit(struct stream *stream, unsigned stream_id, size_t bytes);
size_t stream_queued(const struct stream *stream, unsigned stream_id);

// Frames are those of the owners; bytes are all bytes.
struct stream_counters {
	uint64_t frames_in, frames_out, bytes_in, bytes_out;
};

const struct stream_counters *stream_counters(const struct stream *stream);
int stream_fd(const struct stream *stream);         // Borrowed, to ask sock_peer().
bool stream_takes_fds(const struct stream *stream); // Only unix sockets do.
