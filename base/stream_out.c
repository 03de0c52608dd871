// SPDX-License-Identifier: BSD-3-Clause
//
// stream_out: four bounded queues, drained in order of urgency, within the receiver's credit.
//
// A frame goes from its queue to the committed list, and from there to the socket. What is committed
// keeps its order, because its first frame may be half sent; the list is kept short (COMMIT_BYTES,
// or one frame), since that much an urgent frame may have to wait for. Grants of credit are committed
// before any other frame and need no credit themselves, so two ends can never wait for each other.
//
// Descriptors leave with the first byte of their frame: a frame that has some starts a message of
// its own. Frames behind it without descriptors may share the message.

#include "base/bytes.h"
#include "base/fail.h"
#include "base/sock.h"
#include "base/stream_priv.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	COMMIT_BYTES = 64 << 10,
	FRAMES_PER_MESSAGE = 32,
	RECORD_BYTES = 16 << 10,   // What one record of TLS holds (RFC 8446 5.1).
	BYTES_PER_EVENT = 1 << 20, // Then other events of the loop have their turn.
};

// No sender is ever so far behind; more can only be a fault, and could overflow.
#define CREDIT_MAX (UINT64_C(1) << 40)

struct outgoing {
	struct outgoing *next;
	size_t len, sent; // Header and body.
	unsigned nfds;
	int fds[STREAM_FDS_MAX]; // Our own copies.
	uint8_t bytes[];
};

static void list_add(struct outgoing_list *list, struct outgoing *frame)
{
	frame->next = NULL;
	if (list->last)
		list->last->next = frame;
	else
		list->first = frame;
	list->last = frame;
}

static struct outgoing *list_take(struct outgoing_list *list)
{
	struct outgoing *frame = list->first;

	list->first = frame->next;
	if (!list->first)
		list->last = NULL;
	return frame;
}

static void frame_free(struct outgoing *frame)
{
	for (unsigned i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	free(frame);
}

static void list_clear(struct outgoing_list *list)
{
	while (list->first)
		frame_free(list_take(list));
}

void stream_out_init(struct stream_out *out)
{
	for (unsigned i = 0; i < STREAM_COUNT; i++) {
		out->of[i].limit = STREAM_QUEUE_LIMIT;
		out->of[i].credit = STREAM_WINDOW;
	}
}

static void drop_all(struct stream_out *out)
{
	list_clear(&out->committed);
	out->committed_bytes = 0;
	for (unsigned i = 0; i < STREAM_COUNT; i++) {
		list_clear(&out->of[i].list);
		out->of[i].bytes = 0;
	}
}

void stream_out_fini(struct stream_out *out)
{
	drop_all(out);
}

// A frame with room for its body; NULL when memory or descriptors run out, with errno.
static struct outgoing *frame_new(unsigned stream_id, uint16_t type, uint64_t request,
                                  const void *body, size_t len, uint32_t flags, const int *fds,
                                  unsigned nfds)
{
	struct outgoing *frame = malloc(sizeof(*frame) + STREAM_HEADER + len);

	if (!frame)
		return NULL;

	frame->len = STREAM_HEADER + len;
	frame->sent = 0;
	for (frame->nfds = 0; frame->nfds < nfds; frame->nfds++) {
		frame->fds[frame->nfds] = fcntl(fds[frame->nfds], F_DUPFD_CLOEXEC, 0);
		if (frame->fds[frame->nfds] < 0) {
			int code = errno;

			frame_free(frame);
			errno = code;
			return NULL;
		}
	}

	store_be32(frame->bytes, (uint32_t)len);
	store_be16(frame->bytes + 4, type);
	frame->bytes[6] = (uint8_t)stream_id;
	frame->bytes[7] = (uint8_t)nfds;
	store_be64(frame->bytes + 8, request);
	store_be32(frame->bytes + 16, flags);
	store_be32(frame->bytes + 20, 0);
	if (len > 0)
		memcpy(frame->bytes + STREAM_HEADER, body, len);
	return frame;
}

static int enqueue(struct stream *stream, unsigned id, uint16_t type, uint64_t request,
                   const void *body, size_t len, uint32_t flags, const int *fds, unsigned nfds)
{
	struct stream_out *out = &stream->out;

	assert(id < STREAM_COUNT && type >= STREAM_TYPE_FIRST && nfds <= STREAM_FDS_MAX);
	if (len > STREAM_BODY_MAX)
		return -EMSGSIZE;
	if (nfds > 0 && !stream->takes_fds)
		return -EOPNOTSUPP;
	if (stream->closed || out->finishing || out->ended)
		return -EPIPE;
	if (out->of[id].bytes > 0 && out->of[id].bytes + STREAM_HEADER + len > out->of[id].limit) {
		out->of[id].refused = true;
		return -EAGAIN;
	}

	struct outgoing *frame = frame_new(id, type, request, body, len, flags, fds, nfds);

	if (!frame)
		return -errno;
	list_add(&out->of[id].list, frame);
	out->of[id].bytes += frame->len;
	stream_out_arm(stream);
	return 0;
}

int stream_send(struct stream *stream, unsigned stream_id, uint16_t type, uint64_t request,
                const void *body, size_t len, const int *fds, unsigned nfds)
{
	return enqueue(stream, stream_id, type, request, body, len, 0, fds, nfds);
}

int stream_send_more(struct stream *stream, unsigned stream_id, uint16_t type, uint64_t request,
                     const void *body, size_t len, const int *fds, unsigned nfds)
{
	return enqueue(stream, stream_id, type, request, body, len, STREAM_FLAG_MORE, fds, nfds);
}

void stream_set_limit(struct stream *stream, unsigned stream_id, size_t bytes)
{
	assert(stream_id < STREAM_COUNT);
	stream->out.of[stream_id].limit = bytes;
}

size_t stream_queued(const struct stream *stream, unsigned stream_id)
{
	assert(stream_id < STREAM_COUNT);
	return stream->out.of[stream_id].bytes;
}

void stream_finish(struct stream *stream)
{
	stream->out.finishing = true;
	stream_out_arm(stream);
}

void stream_out_grant(struct stream *stream, unsigned stream_id, uint64_t bytes)
{
	stream->out.of[stream_id].granted += bytes;
	stream_out_arm(stream);
}

int stream_out_credit(struct stream *stream, unsigned stream_id, uint64_t bytes)
{
	uint64_t credit = stream->out.of[stream_id].credit;

	if (bytes > CREDIT_MAX - credit)
		return -EPROTO;
	stream->out.of[stream_id].credit = credit + bytes;
	return 0;
}

static bool can_commit(const struct stream_out *out, unsigned id)
{
	return out->of[id].list.first && out->of[id].list.first->len <= out->of[id].credit;
}

// Whether queues, grants and committed frames are all gone.
static bool is_drained(const struct stream_out *out)
{
	for (unsigned id = 0; id < STREAM_COUNT; id++)
		if (out->of[id].list.first)
			return false;
	return !out->committed.first;
}

static bool has_work(const struct stream_out *out)
{
	if (out->ended)
		return false;
	for (unsigned id = 0; id < STREAM_COUNT; id++)
		if (out->of[id].granted || can_commit(out, id))
			return true;
	return out->committed.first || (out->finishing && is_drained(out));
}

void stream_out_arm(struct stream *stream)
{
	if (!stream->closed && has_work(&stream->out))
		event_add(stream->writable, NULL);
}

static void commit(struct stream_out *out, struct outgoing *frame)
{
	list_add(&out->committed, frame);
	out->committed_bytes += frame->len;
}

static int commit_grants(struct stream_out *out)
{
	for (unsigned id = 0; id < STREAM_COUNT; id++) {
		if (!out->of[id].granted)
			continue;

		struct outgoing *frame =
			frame_new(id, STREAM_TYPE_CREDIT, out->of[id].granted, NULL, 0, 0, NULL, 0);

		if (!frame)
			return -ENOMEM;
		commit(out, frame);
		out->of[id].granted = 0;
	}
	return 0;
}

static void commit_frames(struct stream_out *out)
{
	for (unsigned id = 0; id < STREAM_COUNT; id++) {
		while (out->committed_bytes < COMMIT_BYTES && can_commit(out, id)) {
			struct outgoing *frame = list_take(&out->of[id].list);

			out->of[id].bytes -= frame->len;
			out->of[id].credit -= frame->len;
			commit(out, frame);
		}
	}
}

// One message of what is committed. The bytes that went, or -errno.
static ssize_t send_committed(struct stream *stream)
{
	struct stream_out *out = &stream->out;
	struct outgoing *first = out->committed.first;
	struct iovec iov[FRAMES_PER_MESSAGE];
	unsigned count = 0;

	for (struct outgoing *frame = first; frame && count < FRAMES_PER_MESSAGE;
	     frame = frame->next) {
		if (frame != first && frame->nfds > 0)
			break;
		iov[count++] = (struct iovec){.iov_base = frame->bytes + frame->sent,
		                              .iov_len = frame->len - frame->sent};
	}
	return sock_send_fds(stream->fd, iov, count, first->fds, first->sent ? 0 : first->nfds);
}

// One record of what is committed. A record that did not go out whole is offered again from its first
// byte on, which is what TLS asks for: what is committed keeps its order and only grows.
static ssize_t send_record(struct stream *stream, struct fail *fail)
{
	uint8_t record[RECORD_BYTES];
	size_t len = 0;

	for (struct outgoing *frame = stream->out.committed.first; frame && len < sizeof(record);
	     frame = frame->next) {
		size_t part = MIN(frame->len - frame->sent, sizeof(record) - len);

		memcpy(record + len, frame->bytes + frame->sent, part);
		len += part;
	}
	return stream->wire->write(stream->tls, record, len, fail);
}

static void drop_sent(struct stream *stream, size_t bytes)
{
	struct stream_out *out = &stream->out;

	stream->counters.bytes_out += bytes;
	out->committed_bytes -= bytes;
	while (bytes > 0) {
		struct outgoing *frame = out->committed.first;
		size_t step = MIN(bytes, frame->len - frame->sent);

		frame->sent += step;
		bytes -= step;
		if (frame->sent == frame->len) {
			if (load_be16(frame->bytes + 4) >= STREAM_TYPE_FIRST)
				stream->counters.frames_out++;
			frame_free(list_take(&out->committed));
		}
	}
}

// The other end no longer reads. What it still sent is worth reading, so that side stays open until
// it says the end.
static int stop_writing(struct stream_out *out)
{
	out->ended = true;
	drop_all(out);
	return 0;
}

static int write_some(struct stream *stream, struct fail *fail)
{
	struct stream_out *out = &stream->out;

	for (size_t total = 0; total < BYTES_PER_EVENT;) {
		if (commit_grants(out) < 0)
			return fail_errno(fail, -ENOMEM, "cannot write");
		commit_frames(out);
		if (!out->committed.first)
			return 0;

		ssize_t sent = stream->wire ? send_record(stream, fail) : send_committed(stream);

		if (sent == -EAGAIN)
			return 0;
		if (sent == -EPIPE || sent == -ECONNRESET)
			return stop_writing(out);
		if (sent < 0 && stream->wire)
			return (int)sent;
		if (sent < 0)
			return fail_errno(fail, (int)sent, "cannot write");
		drop_sent(stream, (size_t)sent);
		total += (size_t)sent;
	}
	return 0;
}

// Calls writable() for the queues that have room again. The owner may do anything in it.
static void tell_room(struct stream *stream)
{
	struct stream_out *out = &stream->out;

	for (unsigned id = 0; id < STREAM_COUNT && !stream->closed; id++) {
		if (!out->of[id].refused || out->of[id].bytes > out->of[id].limit / 2)
			continue;
		out->of[id].refused = false;
		if (stream->ops->writable)
			stream->ops->writable(stream->user, id);
	}
}

int stream_out_write(struct stream *stream, struct fail *fail)
{
	struct stream_out *out = &stream->out;
	int code = write_some(stream, fail);

	if (code < 0)
		return code;
	if (out->finishing && !out->ended && is_drained(out)) {
		if (stream->wire && stream->wire->finish(stream->tls) == -EAGAIN)
			return 0;
		shutdown(stream->fd, SHUT_WR);
		out->ended = true;
	}
	if (!out->ended)
		tell_room(stream);
	return 0;
}
