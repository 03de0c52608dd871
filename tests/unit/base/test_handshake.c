// SPDX-License-Identifier: BSD-3-Clause
//
// test_handshake: the way from a socket to a secure connection, with peers that dawdle, babble and vanish.

#include "base/handshake.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "tests/unit/base/certs.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { LONG_MS = 60000, TYPE = 40 };

static struct cert_pair authority;
static struct credential controller, host;
static struct event_base *base;
static unsigned fds_before;

struct side {
	struct tls_end *end;
	struct handshake *handshake;
	int fd;
	struct tls *tls;
	unsigned calls;
	struct fail fail;
	bool free_in_callback;
	struct stream *stream;
	unsigned frames, closed;
	char reason[512];
};

static struct side server, client;

static int set_up_group(void **state)
{
	authority = certs_authority("ours");
	controller = certs_controller(&authority);
	host = certs_host(&authority, "b");
	return 0;
}

static int tear_down_group(void **state)
{
	credential_fini(&controller);
	credential_fini(&host);
	cert_pair_fini(&authority);
	return 0;
}

static int set_up(void **state)
{
	struct fail fail = {0};

	fds_before = unit_open_fds();
	base = event_base_new();
	server = (struct side){.fd = -1, .end = tls_end_new(&controller, CERT_HOST, &fail)};
	client = (struct side){.fd = -1, .end = tls_end_new(&host, CERT_CONTROLLER, &fail)};
	return !server.end || !client.end;
}

static void drop(struct side *side)
{
	stream_free(side->stream);
	handshake_free(side->handshake);
	tls_free(side->tls);
	if (side->fd >= 0)
		close(side->fd);
	tls_end_free(side->end);
}

static int tear_down(void **state)
{
	drop(&client);
	drop(&server);
	event_base_free(base);
	assert_int_equal(unit_open_fds(), fds_before);
	return 0;
}

static void on_done(void *user, int fd, struct tls *tls, const struct fail *fail)
{
	struct side *side = user;

	side->calls++;
	side->fd = fd;
	side->tls = tls;
	if (fail)
		side->fail = *fail;
	if (side->free_in_callback) {
		handshake_free(side->handshake);
		side->handshake = NULL;
	}
}

static void start(struct side *side, int fd, bool secure, unsigned limit_ms)
{
	struct tls *tls = secure ? tls_new(side->end, fd, NULL, NULL) : NULL;

	side->handshake = handshake_new(base, fd, tls, limit_ms, on_done, side);
	assert_non_null(side->handshake);
}

// A connected pair over TCP; the first is still connecting.
static void make_pair(int *ret_client, int *ret_server)
{
	struct tcp_address address, peer;
	struct fail fail = {0};
	int listener;

	assert_int_equal(tcp_parse("127.0.0.1:0", &address, &fail), 0);
	listener = tcp_listen(&address, &fail);
	*ret_client = tcp_connect(&address, &fail);
	assert_true(*ret_client >= 0);
	while ((*ret_server = tcp_accept(listener, &peer)) == -EAGAIN)
		usleep(100);
	assert_true(*ret_server >= 0);
	close(listener);
}

// Runs until the side was told, or for as long as a slow machine may need.
static void run_until(const unsigned *flag)
{
	for (unsigned i = 0; i < 20000 && !*flag; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(500);
	}
	assert_int_equal(*flag, 1);
}

static void ends_meet(void **state)
{
	int here, there;

	make_pair(&here, &there);
	client.free_in_callback = true;
	start(&client, here, true, LONG_MS);
	start(&server, there, true, LONG_MS);
	run_until(&client.calls);
	run_until(&server.calls);
	assert_non_null(client.tls);
	assert_string_equal(tls_peer(server.tls)->name, "b");
	assert_int_equal(server.fd, there);
	// Nothing comes twice.
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(server.calls, 1);
}

static void plain_connection_is_only_awaited(void **state)
{
	int here, there;

	make_pair(&here, &there);
	start(&client, here, false, LONG_MS);
	run_until(&client.calls);
	assert_int_equal(client.fd, here);
	assert_null(client.tls);
	close(there);
}

static void nobody_listens(void **state)
{
	struct tcp_address address;
	struct fail fail = {0};
	int fd;

	// Port 1 of this address of ours: nobody is there.
	assert_int_equal(tcp_parse("127.66.77.88:1", &address, &fail), 0);
	fd = tcp_connect(&address, &fail);
	if (fd < 0)
		return; // Refused at once.
	start(&client, fd, true, LONG_MS);
	run_until(&client.calls);
	assert_int_equal(client.fail.code, -ECONNREFUSED);
	assert_int_equal(client.fd, -1);
}

static void silent_peer_runs_out_of_time(void **state)
{
	int here, there;

	make_pair(&here, &there);
	start(&server, there, true, 50);
	run_until(&server.calls);
	assert_int_equal(server.fail.code, -ETIMEDOUT);
	assert_non_null(strstr(server.fail.what, "did not finish its handshake in time"));
	close(here);
}

// One byte now and then keeps nobody's door open.
static void slow_peer_runs_out_of_time(void **state)
{
	static const uint8_t hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
	int here, there;
	size_t sent = 0;

	make_pair(&here, &there);
	start(&server, there, true, 300);
	for (unsigned i = 0; i < 20000 && !server.calls; i++) {
		if (i % 10 == 0)
			send(here, sent < sizeof(hello) ? &hello[sent++] : (const uint8_t *)"", 1,
			     MSG_NOSIGNAL);
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	assert_int_equal(server.calls, 1);
	assert_int_equal(server.fail.code, -ETIMEDOUT);
	close(here);
}

static void babbling_peer_is_cut_off(void **state)
{
	static const char frame[24] = {0, 0, 0, 4, 0, 16};
	char byte;
	int here, there;

	make_pair(&here, &there);
	start(&server, there, true, LONG_MS);
	for (unsigned i = 0; i < 20000 && !server.calls; i++) {
		send(here, frame, sizeof(frame), MSG_NOSIGNAL | MSG_DONTWAIT);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(server.calls, 1);
	assert_int_equal(server.fail.code, -EPROTO);
	assert_true(recv(here, &byte, 1, 0) >= 0); // The alert.
	close(here);
}

// A hello of the greatest length that never ends.
static void endless_hello_is_refused(void **state)
{
	static uint8_t record[5 + 16384] = {0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff};
	int here, there;

	make_pair(&here, &there);
	start(&server, there, true, LONG_MS);
	for (unsigned i = 0; i < 20000 && !server.calls; i++) {
		send(here, record, sizeof(record), MSG_NOSIGNAL | MSG_DONTWAIT);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(server.calls, 1);
	assert_true(server.fail.code < 0);
	close(here);
}

static void on_frame(void *user, struct stream_frame *frame)
{
	((struct side *)user)->frames++;
}

static void on_closed(void *user, int error, const char *reason)
{
	struct side *side = user;

	side->closed++;
	snprintf(side->reason, sizeof(side->reason), "%s", reason);
}

static const struct stream_ops ops = {.frame = on_frame, .closed = on_closed};

static void open_stream(struct side *side)
{
	side->stream = stream_new_tls(base, side->fd, side->tls, &ops, side);
	assert_non_null(side->stream);
	side->fd = -1;
	side->tls = NULL;
}

// The host has said its first words before it is refused, and yet learns why.
static void refusal_arrives_though_more_was_sent(void **state)
{
	static const uint8_t body[100000];
	struct credential old = certs_issue(&authority, CERT_HOST, "b", -100, -10);
	struct fail fail = {0};
	int here, there;

	tls_end_free(client.end);
	client.end = tls_end_new(&old, CERT_CONTROLLER, &fail);
	make_pair(&here, &there);
	start(&client, here, true, LONG_MS);
	start(&server, there, true, LONG_MS);
	run_until(&client.calls);
	open_stream(&client);
	assert_int_equal(stream_send(client.stream, 0, TYPE, 1, body, sizeof(body), NULL, 0), 0);
	run_until(&server.calls);
	assert_int_equal(server.fail.code, -EKEYEXPIRED);
	run_until(&client.closed);
	assert_non_null(strstr(client.reason, "it has expired"));
	credential_fini(&old);
}

// What came along with the last words of the handshake is not left lying.
static void first_frame_is_delivered(void **state)
{
	int here, there;

	make_pair(&here, &there);
	start(&client, here, true, LONG_MS);
	start(&server, there, true, LONG_MS);
	run_until(&client.calls);
	open_stream(&client);
	assert_int_equal(stream_send(client.stream, 0, TYPE, 1, "hello", 5, NULL, 0), 0);
	run_until(&server.calls);
	open_stream(&server);
	run_until(&server.frames);
}

static void freed_in_the_middle(void **state)
{
	char byte = 0x16;
	int here, there;

	make_pair(&here, &there);
	start(&server, there, true, LONG_MS);
	assert_int_equal(send(here, &byte, 1, 0), 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	handshake_free(server.handshake);
	server.handshake = NULL;
	assert_true(recv(here, &byte, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(server.calls, 0);
	close(here);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_meet),
		TEST(plain_connection_is_only_awaited),
		TEST(nobody_listens),
		TEST(silent_peer_runs_out_of_time),
		TEST(slow_peer_runs_out_of_time),
		TEST(babbling_peer_is_cut_off),
		TEST(endless_hello_is_refused),
		TEST(refusal_arrives_though_more_was_sent),
		TEST(first_frame_is_delivered),
		TEST(freed_in_the_middle),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
