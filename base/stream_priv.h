// SPDX-License-Identifier: BSD-3-Clause
//
// stream_priv: the two halves of a stream, shared by stream.c, stream_in.c and stream_out.c.

#pragma once

#include "base/stream.h"

#include <sys/types.h>

struct evbuffer;
struct event;
struct fail;
struct outgoing;
struct tls;

enum {
	STREAM_HEADER = 24,
	STREAM_TYPE_CREDIT = 1, // Grants the sender `request` more bytes of that stream.
	STREAM_FLAG_MORE = 1,

	// Those of a frame half received, and those of the next frame that came along with its end.
	IN_FDS_MAX = 2 * STREAM_FDS_MAX,
};

struct stream_in {
	struct evbuffer *bytes;
	int fds[IN_FDS_MAX]; // Received, and not yet named by a whole frame; oldest first.
	unsigned nfds;
	struct {
		uint64_t credit; // What the sender may still send.
		uint64_t owed;   // Consumed, and not yet granted anew.
		bool withheld;
	} of[STREAM_COUNT];
};

struct outgoing_list {
	struct outgoing *first, *last;
};

struct stream_out {
	struct outgoing_list committed; // In the order they leave; the first may be half sent.
	size_t committed_bytes;
	bool finishing; // Nothing new is taken.
	bool ended;     // Told the other end, or it no longer listens.
	struct {
		struct outgoing_list list;
		size_t bytes, limit;
		uint64_t credit;  // What the receiver still takes.
		uint64_t granted; // Credit to give to the other end in the next CREDIT frame.
		bool refused;     // A frame was turned away; writable() is due.
	} of[STREAM_COUNT];
};

// What lies between a stream and its socket, if anything does. A stream knows no more of TLS than this, so a
// program without secure connections does not load it.
struct stream_wire {
	// The bytes read, 0 at the orderly end, -EAGAIN, or -errno with fail.
	ssize_t (*read)(struct tls *tls, void *buf, size_t size, struct fail *fail);
	// The bytes taken, -EAGAIN, -EPIPE, or -errno with fail.
	ssize_t (*write)(struct tls *tls, const void *bytes, size_t len, struct fail *fail);
	int (*finish)(struct tls *tls); // 0, or -EAGAIN.
	bool (*wants_write)(const struct tls *tls);
	bool (*has_more)(const struct tls *tls);
	void (*free)(struct tls *tls);
};

struct stream {
	struct event *readable, *writable;
	int fd;
	const struct stream_wire *wire; // NULL: bytes go as they are.
	struct tls *tls;
	bool takes_fds;
	bool paused;
	bool closed;   // closed() was called, or nobody wants it any more.
	bool in_event; // A callback may be running.
	bool freed;    // stream_free() came meanwhile.
	const struct stream_ops *ops;
	void *user;
	struct stream_in in;
	struct stream_out out;
	struct stream_counters counters;
};

// As stream_new(), with what lies between.
struct stream *stream_new_on(struct event_base *base, int fd, const struct stream_wire *wire,
                             struct tls *tls, const struct stream_ops *ops, void *user);

int stream_in_init(struct stream_in *in);
void stream_in_fini(struct stream_in *in);

// Delivers the whole frames that are here. -errno, with the reason, when the connection is over.
int stream_in_deliver(struct stream *stream, struct fail *fail);

// Reads once from the socket. -ENODATA at the orderly end.
int stream_in_read(struct stream *stream, struct fail *fail);

// Grants anew what was consumed, once that is worth a frame and unless it is withheld.
void stream_in_settle(struct stream *stream, unsigned stream_id);

void stream_out_init(struct stream_out *out);
void stream_out_fini(struct stream_out *out);

// Writes what the socket, the credit and the priorities allow. -errno when the connection is over.
int stream_out_write(struct stream *stream, struct fail *fail);

// Watches the socket for room if there is something to write.
void stream_out_arm(struct stream *stream);

// Tells the other end, by and by, that it may send more.
void stream_out_grant(struct stream *stream, unsigned stream_id, uint64_t bytes);

// Takes in what the other end granted. -EPROTO when that is out of all reason.
int stream_out_credit(struct stream *stream, unsigned stream_id, uint64_t bytes);
