// SPDX-License-Identifier: BSD-3-Clause
//
// Calls go out, and whatever their receiver does to its descriptor, the caller does not wait.

#include "tests/unit/unit.h"
#include "vnic/vhost/caller.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

enum { MANY = 1000, THREADS = 8, STUCK_SECONDS = 60 };

static int make_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static uint64_t drain(int fd)
{
	eventfd_t count = 0;

	return eventfd_read(fd, &count) < 0 ? 0 : count;
}

static void test_eventfd_counts_calls(void **state)
{
	int fd = make_eventfd();
	struct caller caller;

	caller_init(&caller, fd);
	// More than a context has completions for.
	for (unsigned i = 0; i < MANY; i++)
		assert_true(caller_call(&caller));
	assert_int_equal(drain(fd), MANY);
	assert_int_equal(drain(fd), 0);
	close(fd);
}

// Ends the test when a call waits.
static void test_full_eventfd_holds_nobody(void **state)
{
	int fd = make_eventfd();
	struct caller caller;

	caller_init(&caller, fd);
	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	// As the other end may do, at any time after we looked.
	assert_int_equal(fcntl(fd, F_SETFL, O_RDWR), 0);
	alarm(STUCK_SECONDS);
	for (unsigned i = 0; i < 3; i++)
		caller_call(&caller);
	alarm(0);
	assert_true(drain(fd) >= UINT64_MAX - 1);
	close(fd);
}

static void *call_from_thread(void *user)
{
	return caller_call(user) ? user : NULL;
}

static void test_threads_have_ways_of_their_own(void **state)
{
	int fd = make_eventfd();
	struct caller caller;

	caller_init(&caller, fd);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_t thread;
		void *called;

		assert_int_equal(pthread_create(&thread, NULL, call_from_thread, &caller), 0);
		pthread_join(thread, &called);
		assert_non_null(called);
	}
	assert_int_equal(drain(fd), THREADS);
	close(fd);
}

static void test_full_socket_holds_nobody(void **state)
{
	struct caller caller;
	unsigned calls = 0;
	uint64_t word = 0;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	caller_init(&caller, fds[0]);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_RDWR), 0);
	alarm(STUCK_SECONDS);
	while (caller_call(&caller))
		calls++;
	alarm(0);
	assert_true(calls > 1);
	assert_int_equal(read(fds[1], &word, sizeof(word)), sizeof(word));
	assert_int_equal(word, 1);
	close(fds[0]);
	close(fds[1]);
}

// Nor does the signal come that would end the process.
static void test_closed_socket_is_harmless(void **state)
{
	struct caller caller;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	caller_init(&caller, fds[0]);
	close(fds[1]);
	assert_false(caller_call(&caller));
	close(fds[0]);
}

static void test_nobody_is_called(void **state)
{
	struct caller caller;

	caller_init(&caller, -1);
	assert_false(caller_call(&caller));
}

static void test_kinds(void **state)
{
	int pipes[2], sockets[2];

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	const struct {
		int fd;
		bool event, socket;
	} cases[] = {
		{make_eventfd(), true, false},
		{sockets[0], false, true},
		{sockets[1], false, true},
		{pipes[0], false, false},
		{pipes[1], false, false},
		{socket(AF_INET, SOCK_DGRAM, 0), false, false},
		{epoll_create1(0), false, false},
		{timerfd_create(CLOCK_MONOTONIC, 0), false, false},
		{memfd_create("anon_inode:[eventfd]", 0), false, false},
		{open("/", O_RDONLY), false, false},
		{open("/", O_PATH), false, false},
		{open("/dev/null", O_RDWR), false, false},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(cases[i].fd >= 0);
		assert_int_equal(caller_is_eventfd(cases[i].fd), cases[i].event);
		assert_int_equal(caller_is_unix_socket(cases[i].fd), cases[i].socket);
		close(cases[i].fd);
	}
	assert_false(caller_is_eventfd(-1));
	assert_false(caller_is_unix_socket(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eventfd_counts_calls),
		cmocka_unit_test(test_full_eventfd_holds_nobody),
		cmocka_unit_test(test_threads_have_ways_of_their_own),
		cmocka_unit_test(test_full_socket_holds_nobody),
		cmocka_unit_test(test_closed_socket_is_harmless),
		cmocka_unit_test(test_nobody_is_called),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
