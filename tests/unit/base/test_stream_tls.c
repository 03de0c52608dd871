// SPDX-License-Identifier: BSD-3-Clause
//
// test_stream_tls: what holds of a stream holds of one over TLS, but for descriptors.

#include "base/rand.h"
#include "base/stream.h"
#include "base/tls.h"
#include "tests/unit/base/certs.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>

enum { TYPE = 40, MIB = 1 << 20, SMALL = 3000 };

struct end {
	struct tls_end *tls_end;
	struct stream *stream;
	unsigned count, closed, writable;
	uint64_t bytes, expected; // The next request, where order is checked.
	bool check_order, pause_at_each, free_at_first;
	int error;
	char reason[512];
};

static struct cert_pair authority;
static struct credential controller, host;
static struct event_base *base;
static struct end a, b;
static unsigned fds_before;
static uint8_t body[MIB];

static int set_up_group(void **state)
{
	authority = certs_authority("ours");
	controller = certs_controller(&authority);
	host = certs_host(&authority, "b");
	rand_seed_for_tests(3);
	rand_bytes(body, sizeof(body));
	return 0;
}

static int tear_down_group(void **state)
{
	credential_fini(&controller);
	credential_fini(&host);
	cert_pair_fini(&authority);
	return 0;
}

static void on_frame(void *user, struct stream_frame *frame)
{
	struct end *end = user;

	assert_int_equal(end->closed, 0);
	assert_memory_equal(frame->body, body, frame->len);
	end->count++;
	end->bytes += frame->len;
	if (end->check_order)
		assert_true(frame->request == end->expected++);
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

	end->closed++;
	end->error = error;
	snprintf(end->reason, sizeof(end->reason), "%s", reason);
}

static void on_writable(void *user, unsigned stream_id)
{
	((struct end *)user)->writable++;
}

static const struct stream_ops ops = {
	.frame = on_frame, .closed = on_closed, .writable = on_writable};

static int set_up(void **state)
{
	struct tls *tls[2];
	struct fail fail = {0};
	int pair[2], done[2] = {-EAGAIN, -EAGAIN};

	fds_before = unit_open_fds();
	base = event_base_new();
	a = (struct end){.tls_end = tls_end_new(&controller, CERT_HOST, &fail)};
	b = (struct end){.tls_end = tls_end_new(&host, CERT_CONTROLLER, &fail)};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	tls[0] = tls_new(a.tls_end, pair[0], NULL, NULL);
	tls[1] = tls_new(b.tls_end, pair[1], NULL, NULL);
	while (done[0] == -EAGAIN || done[1] == -EAGAIN)
		for (unsigned i = 0; i < 2; i++)
			done[i] = tls_handshake(tls[i], &fail);
	assert_true(done[0] == 0 && done[1] == 0);
	a.stream = stream_new_tls(base, pair[0], tls[0], &ops, &a);
	b.stream = stream_new_tls(base, pair[1], tls[1], &ops, &b);
	return !a.stream || !b.stream;
}

static int tear_down(void **state)
{
	stream_free(a.stream);
	stream_free(b.stream);
	tls_end_free(a.tls_end);
	tls_end_free(b.tls_end);
	event_base_free(base);
	assert_int_equal(unit_open_fds(), fds_before);
	return 0;
}

static uint64_t progress(const struct end *end)
{
	return (end->stream ? stream_counters(end->stream)->bytes_in : 0) + end->count +
	       end->closed;
}

// Runs until nothing happens any more.
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
	assert_int_equal(send_from(&a, 2, 1, 5), 0);
	assert_int_equal(send_from(&a, 2, 2, 0), 0);
	assert_int_equal(send_from(&b, 0, 3, MIB), 0);
	run();
	assert_int_equal(b.count, 2);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.bytes, MIB);
	assert_int_equal(stream_counters(a.stream)->frames_out, 2);
	assert_true(stream_counters(a.stream)->bytes_in >= MIB + 24);
}

static void small_frames_keep_their_order(void **state)
{
	b.check_order = true;
	for (unsigned i = 0; i < SMALL; i++)
		assert_int_equal(send_from(&a, 1, i, i % 300), 0);
	run();
	assert_int_equal(b.count, SMALL);
	assert_int_equal(stream_queued(a.stream, 1), 0);
}

// Much more than sockets and window hold, both ways at once.
static void large_frames_both_ways(void **state)
{
	unsigned sent_a = 0, sent_b = 0;

	a.check_order = b.check_order = true;
	while (a.count < 40 || b.count < 40) {
		sent_a += sent_a < 40 && send_from(&a, 0, sent_a, MIB - sent_a) == 0;
		sent_b += sent_b < 40 && send_from(&b, 3, sent_b, MIB - 7 * sent_b) == 0;
		run();
	}
	assert_int_equal(a.closed + b.closed, 0);
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
	b.check_order = false;
	assert_int_equal(send_from(&a, 2, 0, MIB), 0);
	run();
	assert_int_equal(b.count, 33);
	stream_grant(b.stream, 3);
	run();
	assert_int_equal(b.count, 61);
}

static void slow_reader_holds_the_sender(void **state)
{
	unsigned sent = 0;

	stream_pause(b.stream);
	while (send_from(&a, 1, sent, 60000) == 0) {
		sent++;
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_true(sent < 1000);
	}
	for (unsigned i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(b.count, 0);
	assert_true(stream_queued(a.stream, 1) > 0);
	stream_resume(b.stream);
	run();
	assert_int_equal(b.count, sent);
	assert_int_equal(a.writable, 1);
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
	}
}

static void descriptors_are_refused(void **state)
{
	assert_false(stream_takes_fds(a.stream));
	assert_int_equal(stream_send(a.stream, 0, TYPE, 1, body, 5, (int[]){1}, 1), -EOPNOTSUPP);
	run();
	assert_int_equal(b.count, 0);
	assert_int_equal(a.closed, 0);
}

static void end_comes_in_order(void **state)
{
	assert_int_equal(send_from(&a, 1, 1, MIB), 0);
	stream_finish(a.stream);
	run();
	assert_int_equal(b.count, 1);
	assert_int_equal(b.closed, 1);
	assert_int_equal(b.error, 0);
}

static void cut_is_told_apart(void **state)
{
	shutdown(stream_fd(a.stream), SHUT_WR);
	run();
	assert_int_equal(b.closed, 1);
	assert_int_equal(b.error, -ECONNRESET);
	assert_string_equal(b.reason, "the connection was cut");
}

// Bytes that somebody put between: a record that fails its check ends the connection.
static void forged_bytes_end_it(void **state)
{
	static const uint8_t record[5 + 64] = {0x17, 3, 3, 0, 64};

	assert_int_equal(send(stream_fd(a.stream), record, sizeof(record), 0), sizeof(record));
	run();
	assert_int_equal(b.closed, 1);
	assert_int_equal(b.error, -EPROTO);
	assert_int_equal(b.count, 0);
}

static void freed_in_a_frame(void **state)
{
	b.free_at_first = true;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(send_from(&a, 1, i, 1000), 0);
	run();
	assert_int_equal(b.count, 1);
	assert_int_equal(a.closed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_arrive_as_sent),
		TEST(small_frames_keep_their_order),
		TEST(large_frames_both_ways),
		TEST(withheld_stream_stops_alone),
		TEST(slow_reader_holds_the_sender),
		TEST(paused_stream_keeps_frames),
		TEST(descriptors_are_refused),
		TEST(end_comes_in_order),
		TEST(cut_is_told_apart),
		TEST(forged_bytes_end_it),
		TEST(freed_in_a_frame),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
