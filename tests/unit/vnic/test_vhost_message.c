// SPDX-License-Identifier: BSD-3-Clause
//
// Messages of a front end: in pieces, in a row, with descriptors, and what is none.

#include "base/bytes.h"
#include "base/sock.h"
#include "tests/unit/unit.h"
#include "vnic/vhost/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	int ours, theirs;
	struct vhost_message message;
	struct fail fail;
	unsigned fds_before;
};

static void open_pair(struct pair *pair)
{
	int fds[2];

	*pair = (struct pair){.fds_before = unit_open_fds()};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
	                 0);
	pair->ours = fds[0];
	pair->theirs = fds[1];
}

// Nothing may be open that was not before.
static void close_pair(struct pair *pair)
{
	vhost_message_clear(&pair->message);
	close(pair->ours);
	if (pair->theirs >= 0)
		close(pair->theirs);
	assert_int_equal(unit_open_fds(), pair->fds_before);
}

static void say(struct pair *pair, const void *bytes, size_t len, unsigned fd_count)
{
	const struct iovec part = {(void *)(uintptr_t)bytes, len};
	int fds[SOCK_FDS_MAX];

	for (unsigned i = 0; i < fd_count; i++)
		fds[i] = STDERR_FILENO;
	assert_int_equal(sock_send_fds(pair->theirs, &part, 1, fds, fd_count), len);
}

static void say_header(struct pair *pair, uint32_t request, uint32_t flags, uint32_t size,
                       unsigned fd_count)
{
	const uint32_t header[] = {request, flags, size};

	say(pair, header, sizeof(header), fd_count);
}

static int read_one(struct pair *pair)
{
	return vhost_message_read(pair->ours, &pair->message, &pair->fail);
}

static void test_whole_message(void **state)
{
	const uint64_t value = 0x1122334455667788;
	struct pair pair;

	open_pair(&pair);
	assert_int_equal(read_one(&pair), 0);
	assert_int_equal(pair.message.got, 0);
	say_header(&pair, VHOST_SET_VRING_KICK, 9, 8, 1);
	say(&pair, &value, sizeof(value), 0);
	assert_int_equal(read_one(&pair), 1);
	assert_int_equal(pair.message.request, VHOST_SET_VRING_KICK);
	assert_int_equal(pair.message.flags, 9);
	assert_int_equal(pair.message.u64, value);
	assert_int_equal(pair.message.fd_count, 1);
	assert_true(fcntl(pair.message.fds[0], F_GETFD) & FD_CLOEXEC);
	// It stays whole until it is cleared.
	assert_int_equal(read_one(&pair), 1);
	close_pair(&pair);
}

// Byte by byte, and descriptors that come late.
static void test_in_pieces(void **state)
{
	const uint32_t bytes[] = {VHOST_SET_VRING_NUM, 1, 8, 3, 256};
	struct pair pair;

	open_pair(&pair);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(read_one(&pair), 0);
		assert_int_equal(pair.message.got, i);
		say(&pair, (const uint8_t *)bytes + i, 1, i == 13 ? 2 : 0);
	}
	assert_int_equal(read_one(&pair), 1);
	assert_int_equal(pair.message.state.index, 3);
	assert_int_equal(pair.message.state.num, 256);
	assert_int_equal(pair.message.fd_count, 2);
	close_pair(&pair);
}

// The second message stays in the socket until the first is done with.
static void test_next_stays_in_socket(void **state)
{
	struct pair pair;
	char byte;

	open_pair(&pair);
	say_header(&pair, VHOST_SET_OWNER, 1, 0, 0);
	say_header(&pair, VHOST_GET_FEATURES, 1, 0, 0);
	assert_int_equal(read_one(&pair), 1);
	assert_int_equal(pair.message.request, VHOST_SET_OWNER);
	assert_int_equal(recv(pair.ours, &byte, 1, MSG_PEEK), 1);
	assert_int_equal(byte, VHOST_GET_FEATURES);
	vhost_message_clear(&pair.message);
	assert_int_equal(read_one(&pair), 1);
	assert_int_equal(pair.message.request, VHOST_GET_FEATURES);
	close_pair(&pair);
}

static void test_end_of_connection(void **state)
{
	struct pair pair;

	open_pair(&pair);
	say_header(&pair, VHOST_SET_MEM_TABLE, 1, 40, 1);
	close(pair.theirs);
	pair.theirs = -1;
	assert_int_equal(read_one(&pair), -ECONNRESET);
	assert_int_equal(pair.fail.code, 0);
	close_pair(&pair);
}

static void expect_refusal(uint32_t flags, uint32_t size, unsigned fd_count, int code,
                           const char *words)
{
	struct pair pair;

	open_pair(&pair);
	say_header(&pair, VHOST_SET_MEM_TABLE, flags, size, fd_count);
	assert_int_equal(read_one(&pair), code);
	assert_non_null(strstr(pair.fail.what, words));
	close_pair(&pair);
}

static void test_no_messages(void **state)
{
	expect_refusal(0, 0, 0, -EPROTO, "does not speak vhost-user");
	expect_refusal(2, 0, 1, -EPROTO, "does not speak vhost-user");
	expect_refusal(5, 0, 0, -EPROTO, "does not speak vhost-user"); // an answer, asked by nobody
	expect_refusal(1, 513, 8, -EMSGSIZE, "513 bytes");
	expect_refusal(1, UINT32_MAX, 0, -EMSGSIZE, "4294967295 bytes");
	expect_refusal(1, 8, 9, -EMSGSIZE, "more than 8 descriptors");
	expect_refusal(1, 8, 64, -EMSGSIZE, "more than 8 descriptors");
}

// Also when no single piece brought too many.
static void test_too_many_descriptors_in_pieces(void **state)
{
	struct pair pair;
	uint8_t payload[8] = {0};

	open_pair(&pair);
	say_header(&pair, VHOST_SET_MEM_TABLE, 1, 8, 8);
	assert_int_equal(read_one(&pair), 0);
	say(&pair, payload, 4, 2);
	assert_int_equal(read_one(&pair), -EMSGSIZE);
	close_pair(&pair);
}

static void test_answer(void **state)
{
	uint32_t header[3];
	uint64_t value;
	const struct iovec parts[] = {{header, sizeof(header)}, {&value, sizeof(value)}};
	struct vhost_message answer = {
		.request = VHOST_GET_INFLIGHT_FD, .flags = 9, .size = 8, .u64 = 77};
	struct pair pair;
	unsigned count;
	int fd;

	open_pair(&pair);
	assert_int_equal(vhost_message_answer(pair.ours, &answer, pair.ours), 0);
	assert_int_equal(sock_recv_fds(pair.theirs, parts, 2, &fd, 1, &count), 20);
	assert_int_equal(header[0], VHOST_GET_INFLIGHT_FD);
	assert_int_equal(header[1], VHOST_FLAG_VERSION | VHOST_FLAG_REPLY);
	assert_int_equal(header[2], 8);
	assert_int_equal(value, 77);
	assert_int_equal(count, 1);
	close(fd);
	close_pair(&pair);
}

static void test_answers_that_nobody_reads(void **state)
{
	const struct vhost_message answer = {.request = VHOST_GET_FEATURES, .size = 500};
	struct pair pair;
	int error = 0;

	open_pair(&pair);
	for (unsigned i = 0; i < 100000 && !error; i++)
		error = vhost_message_answer(pair.ours, &answer, -1);
	assert_int_equal(error, -EAGAIN);
	close(pair.theirs);
	pair.theirs = -1;
	assert_int_equal(vhost_message_answer(pair.ours, &answer, -1), -ECONNRESET);
	close_pair(&pair);
}

static void test_names(void **state)
{
	assert_string_equal(vhost_request_name(VHOST_SET_VRING_KICK), "SET_VRING_KICK");
	assert_null(vhost_request_name(0));
	assert_null(vhost_request_name(22));
	assert_null(vhost_request_name(VHOST_REQUESTS));
	assert_null(vhost_request_name(UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_message),
		cmocka_unit_test(test_in_pieces),
		cmocka_unit_test(test_next_stays_in_socket),
		cmocka_unit_test(test_end_of_connection),
		cmocka_unit_test(test_no_messages),
		cmocka_unit_test(test_too_many_descriptors_in_pieces),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_answers_that_nobody_reads),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
