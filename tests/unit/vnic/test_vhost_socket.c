// SPDX-License-Identifier: BSD-3-Clause
//
// The way to a front end: as client of one that comes, goes and comes back, and as server.

#include "base/clock.h"
#include "base/sock.h"
#include "tests/unit/unit.h"
#include "vnic/vhost/path_watch.h"
#include "vnic/vhost/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { PATIENCE_S = 30 };

struct test {
	char dir[UNIT_DIR], path[UNIT_DIR + 16];
	struct event_base *base;
	struct vhost_socket *sock;
	struct fail fail;
	unsigned connections, complaints, fds_before;
	int fd; // the last connection
	struct fail why;
	gid_t group;
};

static void on_connected(void *user, int fd)
{
	struct test *test = user;

	if (test->fd >= 0)
		close(test->fd);
	test->fd = fd;
	test->connections++;
	event_base_loopbreak(test->base);
}

static void on_waiting(void *user, const struct fail *why)
{
	struct test *test = user;

	test->why = *why;
	test->complaints++;
	event_base_loopbreak(test->base);
}

static int begin(struct test *test, bool server, int listen_fd)
{
	const struct vhost_socket_config config = {
		.base = test->base,
		.name = "web",
		.path = test->path,
		.server = server,
		.group = test->group,
		.listen_fd = listen_fd,
		.connected = on_connected,
		.waiting = on_waiting,
		.user = test,
	};

	return vhost_socket_open(&config, &test->sock, &test->fail);
}

static void set_up(struct test *test)
{
	*test = (struct test){.fd = -1, .fds_before = unit_open_fds()};
	unit_make_dir(test->dir);
	snprintf(test->path, sizeof(test->path), "%s/web.vu", test->dir);
	test->base = event_base_new();
}

static void tear_down(struct test *test)
{
	vhost_socket_close(test->sock, true);
	if (test->fd >= 0)
		close(test->fd);
	event_base_free(test->base);
	unit_remove_dir(test->dir);
	assert_int_equal(unit_open_fds(), test->fds_before);
}

static void on_time(evutil_socket_t fd, short events, void *user)
{
	event_base_loopbreak(user);
}

// Runs until there were so many connections and complaints.
static void run_until(struct test *test, unsigned connections, unsigned complaints)
{
	uint64_t deadline = clock_now() + PATIENCE_S * NSEC_PER_SEC;
	const struct timeval tick = {0, 100000};

	while (test->connections < connections || test->complaints < complaints) {
		assert_true(clock_now() < deadline);
		event_base_once(test->base, -1, EV_TIMEOUT, on_time, test->base, &tick);
		event_base_dispatch(test->base);
	}
	assert_int_equal(test->connections, connections);
}

// Callbacks break the loop, so it is entered again until the time is over.
static void run_for_ms(struct test *test, unsigned ms)
{
	const struct timeval tick = {0, 10000};

	for (uint64_t end = clock_now() + ms * NSEC_PER_MSEC; clock_now() < end;) {
		event_base_loopexit(test->base, &tick);
		event_base_dispatch(test->base);
	}
}

static void test_client_meets_a_server(void **state)
{
	struct test test;

	set_up(&test);
	int server = sock_listen(test.path, 0600, NULL);

	assert_int_equal(begin(&test, false, -1), 0);
	assert_int_equal(vhost_socket_listen_fd(test.sock), -1);
	// Nobody is sought before we say so.
	run_for_ms(&test, 20);
	assert_int_equal(test.connections, 0);
	vhost_socket_seek(test.sock);
	run_until(&test, 1, 0);
	int peer = sock_accept(server);

	assert_int_equal(write(peer, "x", 1), 1);
	close(peer);
	close(server);
	tear_down(&test);
}

// A virtual machine that starts must not wait for our next attempt, which may be two seconds away.
static void test_client_is_there_at_once(void **state)
{
	struct test test;
	uint64_t start, took = UINT64_MAX;

	set_up(&test);
	assert_int_equal(begin(&test, false, -1), 0);
	vhost_socket_seek(test.sock);
	run_until(&test, 0, 1);
	assert_non_null(strstr(test.why.what, "no front end listens"));
	assert_non_null(strstr(test.why.what, test.path));
	assert_non_null(strstr(test.why.hint, "weft attach"));
	// Once the attempts are rare; the best of several, as the machine may be busy.
	run_for_ms(&test, 1600);
	for (unsigned i = 0; i < 5; i++) {
		int server = sock_listen(test.path, 0600, NULL);

		start = clock_now();
		run_until(&test, i + 1, 1);
		if (clock_now() - start < took)
			took = clock_now() - start;
		close(test.fd);
		test.fd = -1;
		close(server);
		unlink(test.path);
		vhost_socket_seek(test.sock);
	}
	assert_true(took < 90 * NSEC_PER_MSEC);
	tear_down(&test);
}

// However often the last ones went soon, as machines do that are started and fail.
static void test_client_meets_a_newcomer_at_once(void **state)
{
	struct test test;
	uint64_t start = clock_now();

	set_up(&test);
	assert_int_equal(begin(&test, false, -1), 0);
	for (unsigned i = 0; i < 12; i++) {
		vhost_socket_seek(test.sock);
		int server = sock_listen(test.path, 0600, NULL);

		run_until(&test, i + 1, 0);
		close(server);
		unlink(test.path);
	}
	// By the rules for a front end that stays and is refused it would be sixteen seconds.
	assert_true(clock_now() - start < 8 * NSEC_PER_SEC);
	tear_down(&test);
}

static void test_client_waits_for_the_directory_too(void **state)
{
	struct test test;

	set_up(&test);
	snprintf(test.path, sizeof(test.path), "%s/sub/web.vu", test.dir);
	assert_int_equal(begin(&test, false, -1), 0);
	vhost_socket_seek(test.sock);
	run_until(&test, 0, 1);
	snprintf(test.path, sizeof(test.path), "%s/sub", test.dir);
	assert_int_equal(mkdir(test.path, 0700), 0);
	snprintf(test.path, sizeof(test.path), "%s/sub/web.vu", test.dir);
	int server = sock_listen(test.path, 0600, NULL);

	run_until(&test, 1, 1);
	close(server);
	tear_down(&test);
}

static void test_client_says_each_reason_once(void **state)
{
	struct test test;

	set_up(&test);
	assert_int_equal(begin(&test, false, -1), 0);
	vhost_socket_seek(test.sock);
	run_for_ms(&test, 500);
	run_until(&test, 0, 1);
	assert_int_equal(test.complaints, 1);
	int file = open(test.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	run_until(&test, 0, 2);
	assert_non_null(strstr(test.why.what, "is no socket"));
	close(file);
	unlink(test.path);
	int server = sock_listen(test.path, 0600, NULL);

	run_until(&test, 1, 2);
	close(server);
	tear_down(&test);
}

// One that is refused as soon as it is there, is not tried again and again without a pause.
static void test_client_does_not_spin(void **state)
{
	struct test test;

	set_up(&test);
	int server = sock_listen(test.path, 0600, NULL);

	assert_int_equal(begin(&test, false, -1), 0);
	vhost_socket_seek(test.sock);
	for (uint64_t end = clock_now() + NSEC_PER_SEC; clock_now() < end;) {
		unsigned before = test.connections;

		run_for_ms(&test, 20);
		if (test.connections > before)
			vhost_socket_seek(test.sock);
	}
	assert_in_range(test.connections, 1, 6);
	close(server);
	tear_down(&test);
}

static void test_path_must_be_usable(void **state)
{
	char longest[200] = "/";
	struct test test;

	set_up(&test);
	memset(longest + 1, 'x', 150);
	struct vhost_socket_config config = {.base = test.base, .name = "web", .path = longest};

	assert_int_equal(vhost_socket_open(&config, &test.sock, &test.fail), -ENAMETOOLONG);
	assert_non_null(strstr(test.fail.what, "web: "));
	assert_non_null(strstr(test.fail.what, "151 bytes"));
	config.path = "web.vu";
	assert_int_equal(vhost_socket_open(&config, &test.sock, &test.fail), -EINVAL);
	assert_non_null(strstr(test.fail.what, "no absolute path"));
	tear_down(&test);
}

static void test_server_refuses_what_it_cannot_have(void **state)
{
	struct test test;
	int fd;

	set_up(&test);
	fd = open(test.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(begin(&test, true, -1), -EEXIST);
	assert_non_null(strstr(test.fail.what, "web: "));
	assert_int_equal(access(test.path, F_OK), 0);
	unlink(test.path);

	fd = sock_listen(test.path, 0600, NULL);
	assert_int_equal(begin(&test, true, -1), -EADDRINUSE);
	assert_non_null(strstr(test.fail.what, "another process"));
	close(fd);

	// What a dead process left is replaced.
	assert_int_equal(begin(&test, true, -1), 0);
	vhost_socket_close(test.sock, true);
	test.sock = NULL;
	assert_int_equal(access(test.path, F_OK), -1);
	tear_down(&test);
}

static void test_server_takes_one_after_the_other(void **state)
{
	struct test test;

	set_up(&test);
	assert_int_equal(begin(&test, true, -1), 0);
	vhost_socket_seek(test.sock);
	int first = sock_connect(test.path, NULL);

	run_until(&test, 1, 0);
	// The second is left waiting, and gets its turn as soon as the first is gone.
	int second = sock_connect(test.path, NULL);

	run_for_ms(&test, 50);
	assert_int_equal(test.connections, 1);
	close(first);
	vhost_socket_seek(test.sock);
	run_until(&test, 2, 0);
	close(second);
	tear_down(&test);
}

static void test_server_sends_a_second_away(void **state)
{
	struct test test;
	char byte;

	set_up(&test);
	assert_int_equal(begin(&test, true, -1), 0);
	vhost_socket_seek(test.sock);
	int first = sock_connect(test.path, NULL);

	run_until(&test, 1, 0);
	int second = sock_connect(test.path, NULL);

	run_for_ms(&test, 1500);
	assert_int_equal(read(second, &byte, 1), 0);
	assert_int_equal(read(first, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(test.connections, 1);
	close(second);
	close(first);
	// And another comes in, as always.
	vhost_socket_seek(test.sock);
	int third = sock_connect(test.path, NULL);

	run_until(&test, 2, 0);
	close(third);
	tear_down(&test);
}

// A successor listens on with the descriptor of its predecessor: no client sees the socket gone.
static void test_server_is_taken_over(void **state)
{
	struct test test;
	int kept, client;

	set_up(&test);
	assert_int_equal(begin(&test, true, -1), 0);
	kept = fcntl(vhost_socket_listen_fd(test.sock), F_DUPFD_CLOEXEC, 0);
	vhost_socket_close(test.sock, false);
	client = sock_connect(test.path, NULL);
	assert_true(client >= 0);
	assert_int_equal(begin(&test, true, kept), 0);
	assert_int_equal(vhost_socket_listen_fd(test.sock), kept);
	vhost_socket_seek(test.sock);
	run_until(&test, 1, 0);
	close(client);
	tear_down(&test);
}

// A descriptor whose file is no more is of no use to anyone.
static void test_server_whose_file_is_gone_listens_anew(void **state)
{
	struct test test;
	int kept, client;

	set_up(&test);
	assert_int_equal(begin(&test, true, -1), 0);
	kept = fcntl(vhost_socket_listen_fd(test.sock), F_DUPFD_CLOEXEC, 0);
	vhost_socket_close(test.sock, true);
	assert_int_equal(begin(&test, true, kept), 0);
	vhost_socket_seek(test.sock);
	client = sock_connect(test.path, NULL);
	assert_true(client >= 0);
	run_until(&test, 1, 0);
	close(client);
	tear_down(&test);
}

static void test_server_lets_a_group_in(void **state)
{
	struct test test;
	struct stat st;

	require_root();
	for (gid_t group = 0; group < 54322; group += 54321) {
		set_up(&test);
		test.group = group;
		assert_int_equal(begin(&test, true, -1), 0);
		assert_int_equal(lstat(test.path, &st), 0);
		assert_int_equal(st.st_uid, 0);
		assert_int_equal(st.st_gid, group);
		assert_int_equal(st.st_mode & 07777, 0660);
		tear_down(&test);
	}
	set_up(&test);
	test.group = 54321;
	assert_int_equal(chown(test.dir, 0, 54322), 0);
	assert_int_equal(chmod(test.dir, 02750), 0);
	assert_int_equal(begin(&test, true, -1), 0);
	assert_int_equal(lstat(test.path, &st), 0);
	assert_int_equal(st.st_gid, 54322);
	tear_down(&test);
}

static void test_close_leaves_another_file_alone(void **state)
{
	struct test test;
	int other;

	set_up(&test);
	assert_int_equal(begin(&test, true, -1), 0);
	unlink(test.path);
	other = open(test.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	vhost_socket_close(test.sock, true);
	test.sock = NULL;
	assert_int_equal(access(test.path, F_OK), 0);
	close(other);
	tear_down(&test);
}

struct two {
	struct path_watch *watches[2];
	unsigned hits[2];
};

static void on_first(void *user)
{
	struct two *two = user;

	two->hits[0]++;
	path_watch_free(two->watches[1]);
	two->watches[1] = NULL;
}

static void on_second(void *user)
{
	((struct two *)user)->hits[1]++;
}

// One watch may end another while both were hit.
static void test_watches_share(void **state)
{
	struct test test;
	struct two two = {0};
	char other[UNIT_DIR + 16];

	set_up(&test);
	snprintf(other, sizeof(other), "%s/db.vu", test.dir);
	two.watches[1] = path_watch_new(test.base, other, on_second, &two);
	two.watches[0] = path_watch_new(test.base, test.path, on_first, &two);
	close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	event_base_loop(test.base, EVLOOP_NONBLOCK);
	assert_int_equal(two.hits[0], 0);
	assert_true(two.hits[1] > 0);
	two.hits[1] = 0;
	unlink(other);
	close(open(test.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	event_base_loop(test.base, EVLOOP_NONBLOCK);
	assert_true(two.hits[0] > 0);
	assert_int_equal(two.hits[1], 0);
	path_watch_free(two.watches[0]);
	assert_null(path_watch_new(test.base, "/nowhere/at/all", on_second, &two));
	assert_int_equal(errno, ENOENT);
	tear_down(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_meets_a_server),
		cmocka_unit_test(test_client_is_there_at_once),
		cmocka_unit_test(test_client_meets_a_newcomer_at_once),
		cmocka_unit_test(test_client_waits_for_the_directory_too),
		cmocka_unit_test(test_client_says_each_reason_once),
		cmocka_unit_test(test_client_does_not_spin),
		cmocka_unit_test(test_path_must_be_usable),
		cmocka_unit_test(test_server_refuses_what_it_cannot_have),
		cmocka_unit_test(test_server_takes_one_after_the_other),
		cmocka_unit_test(test_server_sends_a_second_away),
		cmocka_unit_test(test_server_is_taken_over),
		cmocka_unit_test(test_server_whose_file_is_gone_listens_anew),
		cmocka_unit_test(test_close_leaves_another_file_alone),
		cmocka_unit_test(test_server_lets_a_group_in),
		cmocka_unit_test(test_watches_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
