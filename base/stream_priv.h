// SPDX-License-Identifier: BSD-3-Clause
//
// stream_priv: the two halves of a stream, shared by stream.c, stream_in.c and stream_out.c.

#pragma once

#include "base/stream.h"

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

struct stream {
	struct event *readable, *writable;
	int fd;
	struct tls *tls; // NULL: bytes go as they are.
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
