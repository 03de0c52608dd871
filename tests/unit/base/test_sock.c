// SPDX-License-Identifier: BSD-3-Clause
//
// test_sock: sockets left behind, sockets alive, and descriptors that must not leak.

#include "base/fail.h"
#include "base/sock.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char dir[UNIT_DIR];
static char path[UNIT_DIR + 16];

static int set_up(void **state)
{
	unit_make_dir(dir);
	snprintf(path, sizeof(path), "%s/sock", dir);
	return 0;
}

static int tear_down(void **state)
{
	unit_remove_dir(dir);
	return 0;
}

static void listens_and_connects(void **state)
{
	mode_t umask_before = umask(077);
	int listening = sock_listen(path, 0660, NULL);
	struct sock_peer peer;
	struct stat st;

	umask(umask_before);
	assert_true(listening >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(sock_accept(listening), -EAGAIN);

	int client = sock_connect(path, NULL);
	int server = sock_accept(listening);

	assert_true(client >= 0 && server >= 0);
	assert_int_equal(fcntl(server, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(client, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(client, F_GETFL) & O_NONBLOCK);

	assert_int_equal(sock_peer(server, &peer), 0);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	assert_true(sock_peer(STDIN_FILENO, &peer) < 0);
	close(client);
	close(server);
	close(listening);
}

static void dead_sockets_are_replaced(void **state)
{
	struct fail fail = {0};
	int first = sock_listen(path, 0600, &fail);

	assert_true(first >= 0);
	assert_int_equal(sock_listen(path, 0600, &fail), -EADDRINUSE);
	assert_non_null(strstr(fail.what, path));
	assert_true(fail.hint[0]);

	// The one alive still is, and took no harm from the question.
	int client = sock_connect(path, NULL);

	assert_true(client >= 0);
	close(client);
	close(first);
	assert_int_equal(sock_connect(path, &fail), -ECONNREFUSED);

	int second = sock_listen(path, 0600, &fail);

	assert_true(second >= 0);
	close(second);
}

static void other_files_are_spared(void **state)
{
	struct fail fail = {0};
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	close(fd);
	assert_int_equal(sock_listen(path, 0600, &fail), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);

	// Not even by way of a link.
	char link[UNIT_DIR + 16];

	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(sock_listen(link, 0600, &fail), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
}

static void paths_are_checked(void **state)
{
	struct fail fail = {0};
	char longer[200];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(sock_listen(longer, 0600, &fail), -ENAMETOOLONG);
	assert_int_equal(sock_connect(longer, &fail), -ENAMETOOLONG);
	assert_non_null(strstr(fail.what, "107"));
	assert_int_equal(sock_listen("", 0600, &fail), -EINVAL);
	assert_int_equal(sock_connect("/nonexistent/sock", &fail), -ENOENT);
	assert_int_equal(sock_listen("/nonexistent/sock", 0600, &fail), -ENOENT);
}

static _Atomic unsigned winners;

static void *race(void *arg)
{
	int *fd = arg;

	*fd = sock_listen(path, 0600, NULL);
	if (*fd >= 0)
		winners++;
	else
		assert_int_equal(*fd, -EADDRINUSE);
	return NULL;
}

// Many find the same dead socket: one takes it over, and is the one who is reached.
static void one_wins_the_takeover(void **state)
{
	for (unsigned round = 0; round < 50; round++) {
		pthread_t threads[4];
		int fds[4];

		close(sock_listen(path, 0600, NULL));
		winners = 0;
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, race, &fds[i]), 0);
		for (unsigned i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(winners, 1);

		int client = sock_connect(path, NULL);

		assert_true(client >= 0);
		close(client);
		for (unsigned i = 0; i < 4; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
}

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
	                 0);
}

static void descriptors_travel(void **state)
{
	unsigned before = unit_open_fds();
	int pair[2], sent[2], got[2];
	struct iovec out = {.iov_base = "hello", .iov_len = 5};
	char buf[16];
	struct iovec in = {.iov_base = buf, .iov_len = sizeof(buf)};
	unsigned count;

	make_pair(pair);
	assert_int_equal(pipe2(sent, 0), 0);
	assert_int_equal(sock_send_fds(pair[0], &out, 1, sent, 2), 5);
	assert_int_equal(sock_recv_fds(pair[1], &in, 1, got, 2, &count), 5);
	assert_int_equal(count, 2);
	assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(got[1], "x", 1), 1);
	assert_int_equal(read(sent[0], buf, 1), 1);
	for (unsigned i = 0; i < 2; i++) {
		close(got[i]);
		close(sent[i]);
	}
	assert_int_equal(sock_recv_fds(pair[1], &in, 1, got, 2, &count), -EAGAIN);
	assert_int_equal(count, 0);
	close(pair[0]);
	assert_int_equal(sock_recv_fds(pair[1], &in, 1, got, 2, &count), 0);
	assert_int_equal(sock_send_fds(pair[1], &out, 1, NULL, 0), -EPIPE);
	close(pair[1]);
	assert_int_equal(unit_open_fds(), before);
}

static void surplus_is_closed(void **state)
{
	unsigned before = unit_open_fds();
	int pair[2], sent[SOCK_FDS_MAX], got[1];
	struct iovec out = {.iov_base = "hello", .iov_len = 5};
	char buf[16];
	struct iovec in = {.iov_base = buf, .iov_len = sizeof(buf)};
	unsigned count;

	make_pair(pair);
	for (unsigned i = 0; i < SOCK_FDS_MAX; i++)
		sent[i] = pair[0];
	assert_int_equal(sock_send_fds(pair[0], &out, 1, sent, SOCK_FDS_MAX), 5);
	assert_int_equal(sock_recv_fds(pair[1], &in, 1, got, 1, &count), 5);
	assert_int_equal(count, 1);
	close(got[0]);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(unit_open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(listens_and_connects, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dead_sockets_are_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_files_are_spared, set_up, tear_down),
		cmocka_unit_test(paths_are_checked),
		cmocka_unit_test_setup_teardown(one_wins_the_takeover, set_up, tear_down),
		cmocka_unit_test(descriptors_travel),
		cmocka_unit_test(surplus_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
