// SPDX-License-Identifier: BSD-3-Clause
//
// stream_in: bytes and descriptors from the socket, cut into frames and checked.
//
// The kernel ends a read at the end of the piece of data that descriptors came with, and they come with
// the first byte of the frame that names them. So, when the header of a frame is here, its
// descriptors are too; and while a frame is incomplete, no later one can have brought any. Both are
// checked: a descriptor that no frame names, or a name without descriptor, ends the connection.
//
// The other end is not trusted. Memory is bounded by one frame and one read, whatever it sends:
// a frame beyond the limits or beyond the credit we granted ends the connection at its header.

#include "base/bytes.h"
#include "base/fail.h"
#include "base/sock.h"
#include "base/stream_priv.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <string.h>
#include <unistd.h>

enum {
	READ_SIZE = 64 << 10,

	// Small enough that a sender at rest always has credit for a frame of any size: window less
	// this is more than the largest frame.
	SETTLE_AT = STREAM_WINDOW / 4,
};

_Static_assert(STREAM_WINDOW - SETTLE_AT > STREAM_BODY_MAX + STREAM_HEADER, "frames must fit");

struct header {
	uint32_t len;
	uint16_t type;
	uint8_t stream;
	uint8_t nfds;
	uint64_t request;
	uint32_t flags;
	uint32_t zero;
};

int stream_in_init(struct stream_in *in)
{
	in->bytes = evbuffer_new();
	for (unsigned i = 0; i < STREAM_COUNT; i++)
		in->of[i].credit = STREAM_WINDOW;
	return in->bytes ? 0 : -ENOMEM;
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void stream_in_fini(struct stream_in *in)
{
	if (in->bytes)
		evbuffer_free(in->bytes);
	close_all(in->fds, in->nfds);
}

// Whether a whole header is here.
static bool peek_header(const struct stream_in *in, struct header *ret)
{
	uint8_t b[STREAM_HEADER];

	if (evbuffer_get_length(in->bytes) < sizeof(b))
		return false;
	evbuffer_copyout(in->bytes, b, sizeof(b));
	*ret = (struct header){
		.len = load_be32(b),
		.type = load_be16(b + 4),
		.stream = b[6],
		.nfds = b[7],
		.request = load_be64(b + 8),
		.flags = load_be32(b + 16),
		.zero = load_be32(b + 20),
	};
	return true;
}

static int check_header(const struct stream_in *in, const struct header *header, bool takes_fds,
                        struct fail *fail)
{
	if (header->len > STREAM_BODY_MAX)
		return fail_set(fail, -EPROTO, "a frame of %u bytes, %u at most", header->len,
		                STREAM_BODY_MAX);
	if (header->stream >= STREAM_COUNT)
		return fail_set(fail, -EPROTO, "a frame of stream %u, there are %u", header->stream,
		                STREAM_COUNT);
	if (header->nfds > STREAM_FDS_MAX)
		return fail_set(fail, -EPROTO, "a frame with %u descriptors, %u at most",
		                header->nfds, STREAM_FDS_MAX);
	if (header->nfds > 0 && !takes_fds)
		return fail_set(fail, -EPROTO,
		                "a frame names %u descriptors, which only a unix socket can carry",
		                header->nfds);
	if (header->nfds > in->nfds)
		return fail_set(fail, -EPROTO, "a frame names %u descriptors, %u came",
		                header->nfds, in->nfds);
	if (header->flags & ~(uint32_t)STREAM_FLAG_MORE || header->zero)
		return fail_set(fail, -EPROTO, "a frame with unknown flags %#x", header->flags);

	if (header->type >= STREAM_TYPE_FIRST) {
		uint64_t credit = in->of[header->stream].credit;

		if (STREAM_HEADER + header->len > credit)
			return fail_set(fail, -EPROTO,
			                "a frame of %u bytes on stream %u, beyond its credit",
			                header->len, header->stream);
	} else if (header->type != STREAM_TYPE_CREDIT || header->len || header->nfds ||
	           header->flags) {
		return fail_set(fail, -EPROTO, "a malformed frame of type %u", header->type);
	}
	return 0;
}

void stream_in_settle(struct stream *stream, unsigned stream_id)
{
	struct stream_in *in = &stream->in;
	uint64_t owed = in->of[stream_id].owed;

	if (in->of[stream_id].withheld || owed < SETTLE_AT)
		return;
	in->of[stream_id].owed = 0;
	in->of[stream_id].credit += owed;
	stream_out_grant(stream, stream_id, owed);
}

int stream_take_fd(struct stream_frame *frame, unsigned index)
{
	assert(index < frame->nfds);

	int fd = frame->fds[index];

	frame->fds[index] = -1;
	return fd;
}

// Hands one whole frame to the owner, who may free or pause the stream meanwhile.
static int deliver(struct stream *stream, const struct header *header)
{
	struct stream_in *in = &stream->in;
	size_t size = STREAM_HEADER + header->len;
	int fds[STREAM_FDS_MAX];

	if (header->type == STREAM_TYPE_CREDIT) {
		evbuffer_drain(in->bytes, size);
		return stream_out_credit(stream, header->stream, header->request);
	}

	const uint8_t *bytes = evbuffer_pullup(in->bytes, (ev_ssize_t)size);

	if (!bytes)
		return -ENOMEM;

	in->nfds -= header->nfds;
	memcpy(fds, in->fds, header->nfds * sizeof(fds[0]));
	memmove(in->fds, in->fds + header->nfds, in->nfds * sizeof(fds[0]));
	in->of[header->stream].credit -= size;

	struct stream_frame frame = {
		.type = header->type,
		.stream = header->stream,
		.more = header->flags & STREAM_FLAG_MORE,
		.request = header->request,
		.body = bytes + STREAM_HEADER,
		.len = header->len,
		.fds = fds,
		.nfds = header->nfds,
	};

	stream->counters.frames_in++;
	stream->ops->frame(stream->user, &frame);
	close_all(fds, header->nfds);

	evbuffer_drain(in->bytes, size);
	in->of[header->stream].owed += size;
	stream_in_settle(stream, header->stream);
	return 0;
}

int stream_in_deliver(struct stream *stream, struct fail *fail)
{
	struct stream_in *in = &stream->in;
	struct header header;

	while (!stream->closed && !stream->paused && peek_header(in, &header)) {
		int code = check_header(in, &header, stream->takes_fds, fail);

		if (code < 0)
			return code;
		if (evbuffer_get_length(in->bytes) < STREAM_HEADER + header.len) {
			if (in->nfds > header.nfds)
				return fail_set(fail, -EPROTO, "descriptors that no frame names");
			return 0;
		}
		code = deliver(stream, &header);
		if (code < 0)
			return fail_errno(fail, code, "a frame of type %u", header.type);
	}

	// With less than a header left, descriptors can only be those of the frame that begins here.
	if (!stream->closed && !stream->paused &&
	    in->nfds > (evbuffer_get_length(in->bytes) ? STREAM_FDS_MAX : 0U))
		return fail_set(fail, -EPROTO, "descriptors that no frame names");
	return 0;
}

// How much to read: at least what the frame that has begun still lacks, so that it lands in one piece.
static size_t read_size(const struct stream_in *in)
{
	struct header header;

	if (!peek_header(in, &header))
		return READ_SIZE;

	size_t lacks = STREAM_HEADER + header.len - evbuffer_get_length(in->bytes);

	return MAX(lacks, (size_t)READ_SIZE);
}

// Keeps the descriptors of one read. Too many for the frames they may belong to is an error.
static int keep_fds(struct stream_in *in, const int *fds, unsigned count, struct fail *fail)
{
	if (in->nfds + count > IN_FDS_MAX) {
		close_all(fds, count);
		return fail_set(fail, -EPROTO, "more descriptors than frames can name");
	}
	memcpy(in->fds + in->nfds, fds, count * sizeof(fds[0]));
	in->nfds += count;
	return 0;
}

int stream_in_read(struct stream *stream, struct fail *fail)
{
	struct stream_in *in = &stream->in;
	int fds[SOCK_FDS_MAX];
	struct evbuffer_iovec space;
	unsigned nfds = 0;

	if (evbuffer_reserve_space(in->bytes, (ev_ssize_t)read_size(in), &space, 1) < 1)
		return fail_errno(fail, -ENOMEM, "cannot read");

	struct iovec iov = {.iov_base = space.iov_base, .iov_len = space.iov_len};
	ssize_t got = stream->wire
	                      ? stream->wire->read(stream->tls, iov.iov_base, iov.iov_len, fail)
	                      : sock_recv_fds(stream->fd, &iov, 1, fds, SOCK_FDS_MAX, &nfds);

	space.iov_len = got > 0 ? (size_t)got : 0;
	evbuffer_commit_space(in->bytes, &space, 1);
	if (got == -EAGAIN)
		return 0;
	if (got < 0 && stream->wire)
		return (int)got;
	if (got < 0)
		return fail_errno(fail, (int)got, "cannot read");
	if (got == 0 && evbuffer_get_length(in->bytes) > 0)
		return fail_set(fail, -ECONNRESET, "the other end closed in the middle of a frame");
	if (got == 0)
		return fail_set(fail, -ENODATA, "the other end closed");

	stream->counters.bytes_in += (uint64_t)got;
	return keep_fds(in, fds, nfds, fail);
}
