// SPDX-License-Identifier: BSD-3-Clause
//
// test_stream_hostile: one stream, and at the other end a socket that says whatever it likes.

#include "base/bytes.h"
#include "base/fail.h"
#include "base/sock.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>

enum { HEADER = 24, TYPE = 40, CREDIT = 1 };

static struct event_base *base;
static struct stream *stream;
static int peer;
static unsigned frames, closes, fds_before;
static int error;
static char reason[200];

static void on_frame(void *user, struct stream_frame *frame)
{
	frames++;
}

static void on_closed(void *user, int code, const char *why)
{
	assert_true(strlen(why) > 5);
	snprintf(reason, sizeof(reason), "%s", why);
	closes++;
	error = code;
}

static const struct stream_ops ops = {.frame = on_frame, .closed = on_closed};

static int set_up(void **state)
{
	int pair[2];

	fds_before = unit_open_fds();
	frames = closes = 0;
	error = 0;
	base = event_base_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	peer = pair[1];
	stream = stream_new(base, pair[0], &ops, NULL);
	return !stream;
}

static int tear_down(void **state)
{
	stream_free(stream);
	if (peer >= 0)
		close(peer);
	event_base_free(base);
	assert_int_equal(unit_open_fds(), fds_before);
	return 0;
}

static void run(void)
{
	for (unsigned i = 0; i < 8; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

struct header {
	uint32_t len;
	uint16_t type;
	uint8_t stream, nfds;
	uint64_t request;
	uint32_t flags, zero;
};

static void store_header(uint8_t to[static HEADER], const struct header *header)
{
	store_be32(to, header->len);
	store_be16(to + 4, header->type);
	to[6] = header->stream;
	to[7] = header->nfds;
	store_be64(to + 8, header->request);
	store_be32(to + 16, header->flags);
	store_be32(to + 20, header->zero);
}

// Says the header, and `bytes` zero bytes of body, with descriptors that nobody need have named.
static void say(struct header header, size_t bytes, unsigned nfds)
{
	static uint8_t message[HEADER + 4096];
	struct iovec iov = {.iov_base = message, .iov_len = HEADER + bytes};
	int fds[SOCK_FDS_MAX];

	assert_true(bytes <= 4096);
	for (unsigned i = 0; i < nfds; i++)
		fds[i] = STDERR_FILENO;
	store_header(message, &header);
	assert_int_equal(sock_send_fds(peer, &iov, 1, fds, nfds), HEADER + bytes);
}

static void assert_refused(void)
{
	run();
	assert_int_equal(closes, 1);
	assert_int_equal(error, -EPROTO);
}

static void good_frame_passes(void **state)
{
	say((struct header){.type = TYPE, .nfds = 3, .len = 9}, 9, 3);
	run();
	assert_int_equal(frames, 1);
	assert_int_equal(closes, 0);
}

static void bad_headers_end_it(void **state)
{
	static const struct header bad[] = {
		{.type = TYPE, .len = STREAM_BODY_MAX + 1},
		{.type = TYPE, .len = UINT32_MAX},
		{.type = TYPE, .stream = STREAM_COUNT},
		{.type = TYPE, .stream = 255},
		{.type = TYPE, .nfds = STREAM_FDS_MAX + 1},
		{.type = TYPE, .nfds = 255},
		{.type = TYPE, .nfds = 1},
		{.type = TYPE, .flags = 2},
		{.type = TYPE, .flags = UINT32_MAX},
		{.type = TYPE, .zero = 1},
		{.type = 0},
		{.type = CREDIT, .len = 1},
		{.type = CREDIT, .flags = 1},
		{.type = CREDIT, .stream = 4},
		{.type = CREDIT, .request = UINT64_MAX},
		{.type = CREDIT, .request = UINT64_C(1) << 40},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		say((struct header){.type = TYPE}, 0, 0);
		say(bad[i], 0, 0);
		run();
		if (closes != 1 || error != -EPROTO || frames != 1)
			fail_msg("header %u: closed %u, error %d, frames %u", i, closes, error,
			         frames);
		tear_down(state);
		set_up(state);
	}
}

static void named_descriptors_must_come(void **state)
{
	say((struct header){.type = TYPE, .nfds = 2}, 0, 1);
	assert_refused();
	assert_int_equal(frames, 0);
}

static void unnamed_descriptors_end_it(void **state)
{
	say((struct header){.type = TYPE, .nfds = 1}, 0, 2);
	assert_refused();
}

static void unnamed_descriptors_in_a_part_end_it(void **state)
{
	say((struct header){.type = TYPE, .nfds = 1, .len = 10}, 5, 2);
	assert_refused();
	assert_int_equal(frames, 0);
}

static void heaps_of_descriptors_end_it(void **state)
{
	say((struct header){.type = TYPE, .nfds = 1}, 0, SOCK_FDS_MAX);
	assert_refused();
}

// Descriptors trickle in with bytes of one header that never ends.
static void trickling_descriptors_end_it(void **state)
{
	int fds[8] = {2, 2, 2, 2, 2, 2, 2, 2};
	struct iovec iov = {.iov_base = "\0", .iov_len = 1};

	for (unsigned i = 0; i < 4 && closes == 0; i++) {
		assert_int_equal(sock_send_fds(peer, &iov, 1, fds, 8), 1);
		run();
	}
	assert_int_equal(closes, 1);
	assert_int_equal(error, -EPROTO);
}

static void overdrawn_credit_ends_it(void **state)
{
	stream_withhold(stream, 2);
	for (unsigned i = 0; i < STREAM_WINDOW / 4096 + 2 && closes == 0; i++) {
		say((struct header){.type = TYPE, .stream = 2, .len = 4096 - HEADER}, 4096 - HEADER,
		    0);
		run();
	}
	assert_int_equal(closes, 1);
	assert_int_equal(error, -EPROTO);
	assert_int_equal(frames, STREAM_WINDOW / 4096);
}

static void one_byte_at_a_time(void **state)
{
	uint8_t message[HEADER + 3];

	store_header(message, &(struct header){.type = TYPE, .nfds = 2, .len = 3});
	for (unsigned i = 0; i < sizeof(message); i++) {
		struct iovec iov = {.iov_base = message + i, .iov_len = 1};

		assert_int_equal(frames, 0);
		assert_int_equal(sock_send_fds(peer, &iov, 1, (int[]){2, 2}, i ? 0 : 2), 1);
		run();
	}
	assert_int_equal(frames, 1);
	assert_int_equal(closes, 0);
}

static void end_within_a_frame_is_told(void **state)
{
	say((struct header){.type = TYPE, .nfds = 1, .len = 10}, 5, 1);
	close(peer);
	peer = -1;
	run();
	assert_int_equal(closes, 1);
	assert_int_equal(error, -ECONNRESET);
	assert_int_equal(frames, 0);
}

static void orderly_end_is_no_error(void **state)
{
	say((struct header){.type = TYPE}, 0, 0);
	close(peer);
	peer = -1;
	run();
	assert_int_equal(frames, 1);
	assert_int_equal(closes, 1);
	assert_int_equal(error, 0);
}

// A peer that reads nothing, and whose credit never comes back, costs no more than the limit.
static void silent_peer_costs_its_limit(void **state)
{
	static uint8_t body[4096];
	size_t limit = 1 << 20;
	unsigned sent = 0;

	stream_set_limit(stream, 3, limit);
	while (stream_send(stream, 3, TYPE, sent, body, sizeof(body), NULL, 0) == 0) {
		sent++;
		run();
		assert_true(stream_queued(stream, 3) <= limit);
		assert_true(sent < 10000);
	}
	run();
	assert_int_equal(closes, 0);
}

// Puts a pair of TCP sockets in the place of the unix sockets.
static void move_to_tcp(void)
{
	struct tcp_address address, from;
	struct fail fail = {0};
	int listener, accepted;

	stream_free(stream);
	close(peer);
	assert_int_equal(tcp_parse("127.0.0.1:0", &address, &fail), 0);
	listener = tcp_listen(&address, &fail);
	peer = tcp_connect(&address, &fail);
	while ((accepted = tcp_accept(listener, &from)) == -EAGAIN)
		usleep(100);
	close(listener);
	stream = stream_new(base, accepted, &ops, NULL);
	assert_non_null(stream);
}

static void run_until_closed(void)
{
	for (unsigned i = 0; i < 20000 && !closes; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(500);
	}
}

static void descriptors_named_over_tcp_end_it(void **state)
{
	move_to_tcp();
	assert_false(stream_takes_fds(stream));
	assert_int_equal(stream_send(stream, 0, TYPE, 1, "x", 1, (int[]){1}, 1), -EOPNOTSUPP);
	say((struct header){.type = TYPE, .len = 9}, 9, 0);
	say((struct header){.type = TYPE, .nfds = 1, .len = 9}, 9, 0);
	run_until_closed();
	assert_int_equal(frames, 1);
	assert_int_equal(closes, 1);
	assert_int_equal(error, -EPROTO);
	assert_non_null(strstr(reason, "which only a unix socket can carry"));
}

#define HOSTILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE(good_frame_passes),
		HOSTILE(bad_headers_end_it),
		HOSTILE(named_descriptors_must_come),
		HOSTILE(unnamed_descriptors_end_it),
		HOSTILE(unnamed_descriptors_in_a_part_end_it),
		HOSTILE(heaps_of_descriptors_end_it),
		HOSTILE(trickling_descriptors_end_it),
		HOSTILE(overdrawn_credit_ends_it),
		HOSTILE(one_byte_at_a_time),
		HOSTILE(end_within_a_frame_is_told),
		HOSTILE(orderly_end_is_no_error),
		HOSTILE(silent_peer_costs_its_limit),
		HOSTILE(descriptors_named_over_tcp_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
