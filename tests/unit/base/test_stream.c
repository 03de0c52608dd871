// SPDX-License-Identifier: BSD-3-Clause
//
// test_stream: two streams face to face in one event loop.

#include "base/bytes.h"
#include "base/rand.h"
#include "base/stream.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { TYPE = 40, MIB = 1 << 20, SEEN_MAX = 4096 };

struct end {
	struct stream *stream;
	struct {
		uint8_t stream;
		bool more;
		uint32_t len, nfds;
		uint64_t request;
	} seen[SEEN_MAX];
	unsigned count;
	uint64_t in_order[STREAM_COUNT]; // The next request expected, where a test checks it.
	bool check_order;
	int taken; // A descriptor that take_first took.
	bool take_first, pause_at_each, free_at_first, free_at_close;
	unsigned closed, writable[STREAM_COUNT];
	int error;
};

static struct event_base *base;
static struct end a, b;
static unsigned fds_before;
static uint8_t body[MIB];

static void on_frame(void *user, struct stream_frame *frame)
{
	struct end *end = user;

	assert_int_equal(end->closed, 0);
	assert_int_equal(frame->type, TYPE);
	assert_true(end->count < SEEN_MAX);
	assert_memory_equal(frame->body, body, frame->len);
	end->seen[end->count].stream = frame->stream;
	end->seen[end->count].more = frame->more;
	end->seen[end->count].len = frame->len;
	end->seen[end->count].nfds = frame->nfds;
	end->seen[end->count++].request = frame->request;
	if (end->check_order)
		assert_true(frame->request == end->in_order[frame->stream]++);
	if (end->take_first && frame->nfds > 0) {
		if (end->taken > 0)
			close(end->taken);
		end->taken = stream_take_fd(frame, 0);
		assert_int_equal(stream_take_fd(frame, 0), -1);
	}
	if (end->pause_at_each)
		stream_pause(end->stream);
	if (end->free_at_first) {
		stream_free(end->stream);
		end->stream = NULL;
	}
}

static void on_closed(void *user, int error, const char *reason)
{
	struct end *end = user;

	assert_non_null(reason);
	end->closed++;
	end->error = error;
	if (end->free_at_close) {
		stream_free(end->stream);
		end->stream = NULL;
	}
}

static void on_writable(void *user, unsigned stream_id)
{
	struct end *end = user;

	end->writable[stream_id]++;
}

static const struct stream_ops ops = {
	.frame = on_frame, .closed = on_closed, .writable = on_writable};

static int set_up(void **state)
{
	int pair[2];

	fds_before = unit_open_fds();
	rand_seed_for_tests(3);
	rand_bytes(body, sizeof(body));
	base = event_base_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	a = (struct end){.stream = stream_new(base, pair[0], &ops, &a)};
	b = (struct end){.stream = stream_new(base, pair[1], &ops, &b)};
	return !a.stream || !b.stream;
}

static int tear_down(void **state)
{
	stream_free(a.stream);
	stream_free(b.stream);
	event_base_free(base);
	assert_int_equal(unit_open_fds(), fds_before);
	return 0;
}

static uint64_t progress(const struct end *end)
{
	uint64_t bytes = end->stream ? stream_counters(end->stream)->bytes_in : 0;

	return bytes + end->count + end->closed;
}

// Runs until nothing happens any more: an armed write that cannot proceed does not count.
static void run(void)
{
	uint64_t before;

	do {
		before = progress(&a) + progress(&b);
		for (unsigned i = 0; i < 4; i++)
			event_base_loop(base, EVLOOP_NONBLOCK);
	} while (progress(&a) + progress(&b) != before);
}

static int send_from(struct end *end, unsigned id, uint64_t request, size_t len)
{
	return stream_send(end->stream, id, TYPE, request, body, len, NULL, 0);
}

static void frames_arrive_as_sent(void **state)
{
	assert_int_equal(send_from(&a, 2, UINT64_C(0x0123456789abcdef), 5), 0);
	assert_int_equal(stream_send_more(a.stream, 2, TYPE, 8, body, 3, NULL, 0), 0);
	assert_int_equal(send_from(&a, 2, 9, 0), 0);
	assert_int_equal(send_from(&b, 0, 10, MIB), 0);
	assert_int_equal(b.count, 0);
	run();
	assert_int_equal(b.count, 3);
	assert_int_equal(b.seen[0].stream, 2);
	assert_int_equal(b.seen[0].len, 5);
	assert_false(b.seen[0].more);
	assert_true(b.seen[0].request == UINT64_C(0x0123456789abcdef));
	assert_true(b.seen[1].more);
	assert_int_equal(b.seen[2].len, 0);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.seen[0].len, MIB);
	assert_int_equal(stream_counters(a.stream)->frames_out, 3);
	assert_int_equal(stream_counters(b.stream)->frames_in, 3);
	// Three frames, and the grant of new credit for the large one.
	assert_int_equal(stream_counters(b.stream)->bytes_in, 4 * 24 + 8);
	assert_true(stream_counters(a.stream)->bytes_in >= MIB + 24);
}

static void sizes_and_ends_are_checked(void **state)
{
	static uint8_t longer[STREAM_BODY_MAX + 1];

	assert_int_equal(stream_send(a.stream, 0, TYPE, 1, longer, sizeof(longer), NULL, 0),
	                 -EMSGSIZE);
	stream_free(b.stream);
	b.stream = NULL;
	run();
	assert_int_equal(a.closed, 1);
	assert_int_equal(a.error, 0);
	assert_int_equal(send_from(&a, 0, 1, 1), -EPIPE);
}

static void descriptors_stay_with_their_frame(void **state)
{
	int pipes[2][2];

	b.take_first = true;
	assert_int_equal(pipe2(pipes[0], 0), 0);
	assert_int_equal(pipe2(pipes[1], 0), 0);
	assert_int_equal(send_from(&a, 1, 1, 100), 0);
	assert_int_equal(stream_send(a.stream, 1, TYPE, 2, body, 0, pipes[0], 2), 0);
	assert_int_equal(send_from(&a, 1, 3, 200000), 0);
	assert_int_equal(stream_send(a.stream, 1, TYPE, 4, body, 300000, pipes[1], 1), 0);
	run();
	assert_int_equal(b.count, 4);
	assert_int_equal(b.seen[0].nfds, 0);
	assert_int_equal(b.seen[1].nfds, 2);
	assert_int_equal(b.seen[2].nfds, 0);
	assert_int_equal(b.seen[3].nfds, 1);

	// The last one taken is the reading end of the second pipe; the caller's own still work.
	char c;

	assert_int_equal(fcntl(b.taken, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(pipes[1][1], "y", 1), 1);
	assert_int_equal(read(b.taken, &c, 1), 1);
	assert_int_equal(c, 'y');
	close(b.taken);
	for (unsigned i = 0; i < 4; i++)
		close(pipes[i / 2][i % 2]);
}

static void queued_descriptors_do_not_leak(void **state)
{
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(
			stream_send(a.stream, 1, TYPE, i, body, 60000,
		                    (int[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		                    STREAM_FDS_MAX),
			0);
	for (unsigned i = 0; i < 8; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(b.count > 0);
	// Some are queued at a, some in the socket, some at b: tear_down counts.
}

static void bad_descriptor_is_the_senders_fault(void **state)
{
	int fds[2] = {1, -1};

	assert_int_equal(stream_send(a.stream, 1, TYPE, 1, NULL, 0, fds, 2), -EBADF);
	assert_int_equal(stream_queued(a.stream, 1), 0);
}

static void urgent_overtakes(void **state)
{
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(send_from(&a, 3, i, 60000), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);

	unsigned before = b.count;

	assert_int_equal(send_from(&a, 1, 100, 10), 0);
	assert_int_equal(send_from(&a, 0, 101, 10), 0);
	run();
	assert_int_equal(b.count, 32);

	unsigned zero = 0, one = 0;

	for (unsigned i = 0; i < b.count; i++) {
		zero = b.seen[i].stream == 0 ? i : zero;
		one = b.seen[i].stream == 1 ? i : one;
	}
	assert_true(zero < one);
	// What was in the socket and committed went before: less than ten frames of sixty thousand.
	assert_true(zero < before + 10);
}

static void full_queues_refuse(void **state)
{
	stream_set_limit(a.stream, 2, 1000);
	assert_int_equal(send_from(&a, 2, 0, 2000), 0); // Alone in the queue it may exceed.
	assert_int_equal(send_from(&a, 2, 1, 1), -EAGAIN);
	assert_int_equal(send_from(&a, 1, 1, 1), 0);
	assert_int_equal(stream_queued(a.stream, 2), 2024);
	run();
	assert_int_equal(a.writable[2], 1);
	assert_int_equal(a.writable[1], 0);
	assert_int_equal(stream_queued(a.stream, 2), 0);
	assert_int_equal(send_from(&a, 2, 1, 1), 0);
	run();
	assert_int_equal(b.count, 3);
	assert_int_equal(a.writable[2], 1);
}

static void withheld_stream_stops_alone(void **state)
{
	stream_withhold(b.stream, 3);
	b.check_order = true;
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(send_from(&a, 3, i, 65000), 0);
	run();
	// The window is 2 MiB: 32 frames of 65024 bytes.
	assert_int_equal(b.count, 32);
	assert_true(stream_queued(a.stream, 3) > 0);
	assert_int_equal(send_from(&a, 2, 0, MIB), 0);
	run();
	assert_int_equal(b.count, 33);
	stream_grant(b.stream, 3);
	run();
	assert_int_equal(b.count, 61);
	assert_int_equal(stream_queued(a.stream, 3), 0);
}

static void paused_stream_keeps_frames(void **state)
{
	b.pause_at_each = true;
	b.check_order = true;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_from(&a, 1, i, 10), 0);
	for (unsigned i = 1; i <= 5; i++) {
		run();
		assert_int_equal(b.count, i);
		stream_resume(b.stream);
		stream_resume(b.stream);
	}
}

static void frees_itself_in_callbacks(void **state)
{
	b.free_at_first = true;
	a.free_at_close = true;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_from(&a, 1, i, 10), 0);
	run();
	assert_int_equal(b.count, 1);
	assert_null(b.stream);
	assert_int_equal(b.closed, 0);
	assert_int_equal(a.closed, 1);
	assert_null(a.stream);
}

static void finishes_after_the_queue(void **state)
{
	b.check_order = true;
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(send_from(&a, 3, i, 65000), 0);
	stream_finish(a.stream);
	assert_int_equal(send_from(&a, 3, 60, 1), -EPIPE);
	run();
	assert_int_equal(b.count, 60);
	assert_int_equal(b.closed, 1);
	assert_int_equal(b.error, 0);
}

// What the other end said before it went is still heard, though our own words go nowhere.
static void last_words_are_heard(void **state)
{
	assert_int_equal(send_from(&b, 0, 77, 4), 0);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(send_from(&a, 3, i, 65000), 0);
	stream_pause(a.stream);
	run();
	stream_free(b.stream);
	b.stream = NULL;
	run();
	stream_resume(a.stream);
	run();
	assert_int_equal(a.count, 1);
	assert_int_equal(a.closed, 1);
}

// Any mix of sizes, streams and descriptors through small socket buffers, in both directions.
static void everything_at_once(void **state)
{
	uint64_t next[2][STREAM_COUNT] = {0};
	unsigned sent[2] = {0};
	struct end *ends[2] = {&a, &b};
	int small = 4096;

	setsockopt(stream_fd(a.stream), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(stream_fd(b.stream), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	a.check_order = b.check_order = true;
	for (unsigned round = 0; round < 3000; round++) {
		unsigned from = rand_below(2), id = rand_below(STREAM_COUNT);
		size_t len = rand_below(20) ? rand_below(3000) : rand_below(MIB + 1);
		unsigned nfds = rand_below(10) ? 0 : rand_below(STREAM_FDS_MAX + 1);
		int fds[STREAM_FDS_MAX];

		for (unsigned i = 0; i < nfds; i++)
			fds[i] = STDERR_FILENO;
		int code = stream_send(ends[from]->stream, id, TYPE, next[from][id], body, len, fds,
		                       nfds);
		if (code == 0) {
			next[from][id]++;
			sent[from]++;
		} else {
			assert_int_equal(code, -EAGAIN);
		}
		if (rand_below(3) == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
		if (rand_below(50) == 0)
			stream_pause(ends[rand_below(2)]->stream);
		if (rand_below(20) == 0)
			stream_resume(ends[rand_below(2)]->stream);
	}
	stream_resume(a.stream);
	stream_resume(b.stream);
	run();
	assert_int_equal(a.closed + b.closed, 0);
	assert_int_equal(b.count, sent[0]);
	assert_int_equal(a.count, sent[1]);
}

#define FACE_TO_FACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FACE_TO_FACE(frames_arrive_as_sent),
		FACE_TO_FACE(sizes_and_ends_are_checked),
		FACE_TO_FACE(descriptors_stay_with_their_frame),
		FACE_TO_FACE(queued_descriptors_do_not_leak),
		FACE_TO_FACE(bad_descriptor_is_the_senders_fault),
		FACE_TO_FACE(urgent_overtakes),
		FACE_TO_FACE(full_queues_refuse),
		FACE_TO_FACE(withheld_stream_stops_alone),
		FACE_TO_FACE(paused_stream_keeps_frames),
		FACE_TO_FACE(frees_itself_in_callbacks),
		FACE_TO_FACE(finishes_after_the_queue),
		FACE_TO_FACE(last_words_are_heard),
		FACE_TO_FACE(everything_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
