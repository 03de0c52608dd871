// SPDX-License-Identifier: BSD-3-Clause
//
// test_upstream: a small resolver on the loopback answers, lies, keeps silent or is not there.

#include "datapath/resolv_conf.h"
#include "datapath/upstream.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>

enum { MOST = 16 };

struct fixture {
	struct event_base *base;
	struct upstream *upstream;
	int resolver; // a socket that the test answers by hand
	char server[32];
	unsigned answers;
	uint64_t tokens[MOST];
	uint8_t last[64];
	size_t last_len;
	const char *own;
	char dir[UNIT_DIR];
	char conf[UNIT_DIR + 16];
};

static void on_answer(void *user, uint64_t token, const uint8_t *answer, size_t len)
{
	struct fixture *fixture = user;

	assert_true(len <= sizeof(fixture->last));
	fixture->tokens[fixture->answers++ % MOST] = token;
	memcpy(fixture->last, answer, len);
	fixture->last_len = len;
}

static bool is_own(void *user, struct ip_addr ip)
{
	const struct fixture *fixture = user;
	struct ip_addr own;

	return fixture->own && ip_parse(fixture->own, &own) == 0 && ip_equal(own, ip);
}

static int listen_on(const char *address, uint16_t port, uint16_t *ret)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	                         .sin_port = htons(port),
	                         .sin_addr.s_addr = inet_addr(address)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, (struct sockaddr *)&at, &len);
	*ret = ntohs(at.sin_port);
	return fd;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	uint16_t port;

	fixture->base = event_base_new();
	fixture->upstream = upstream_new(fixture->base, on_answer, fixture);
	upstream_set_own(fixture->upstream, is_own);
	fixture->resolver = listen_on("127.0.0.1", 0, &port);
	snprintf(fixture->server, sizeof(fixture->server), "127.0.0.1#%u", port);
	unit_make_dir(fixture->dir);
	snprintf(fixture->conf, sizeof(fixture->conf), "%s/resolv.conf", fixture->dir);
	upstream_set_resolv_conf(fixture->upstream, fixture->conf);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	upstream_free(fixture->upstream);
	event_base_free(fixture->base);
	close(fixture->resolver);
	unit_remove_dir(fixture->dir);
	free(fixture);
	return 0;
}

static int ask(struct fixture *fixture, const char *server, uint64_t token)
{
	const uint8_t query[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1};

	return upstream_ask(fixture->upstream, server, query, sizeof(query), token);
}

// What the resolver hears next, and from where.
static size_t hear(int fd, uint8_t bytes[static 64], struct sockaddr_in *from)
{
	socklen_t len = sizeof(*from);
	ssize_t got = recvfrom(fd, bytes, 64, 0, (struct sockaddr *)from, &len);

	assert_true(got > 0);
	return (size_t)got;
}

static void say(int fd, const struct sockaddr_in *to, const uint8_t *bytes, size_t len)
{
	assert_int_equal(sendto(fd, bytes, len, 0, (const struct sockaddr *)to, sizeof(*to)), len);
}

// Lets the loop work until `answers` have come or the time is over.
static void wait_for(struct fixture *fixture, unsigned answers, unsigned most_ms)
{
	for (unsigned i = 0; i < most_ms && fixture->answers < answers; i++) {
		event_base_loop(fixture->base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void answer_comes_back(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in from;
	uint8_t bytes[64];
	size_t len;

	assert_int_equal(ask(fixture, fixture->server, 77), 0);
	assert_int_equal(upstream_open(fixture->upstream), 1);
	len = hear(fixture->resolver, bytes, &from);
	assert_int_equal(len, 17);
	bytes[2] |= 0x80;
	say(fixture->resolver, &from, bytes, len);
	wait_for(fixture, 1, 1000);
	assert_int_equal(fixture->answers, 1);
	assert_int_equal(fixture->tokens[0], 77);
	assert_memory_equal(fixture->last, bytes, len);
	assert_int_equal(upstream_open(fixture->upstream), 0);
}

static void wrong_answers_are_passed_over(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in from;
	uint8_t bytes[64];
	size_t len;

	ask(fixture, fixture->server, 1);
	len = hear(fixture->resolver, bytes, &from);
	say(fixture->resolver, &from, bytes, len); // not an answer
	bytes[2] |= 0x80;
	bytes[0] ^= 1;
	say(fixture->resolver, &from, bytes, len); // another id
	bytes[0] ^= 1;
	say(fixture->resolver, &from, bytes, 5); // cut short
	wait_for(fixture, 1, 50);
	assert_int_equal(fixture->answers, 0);
	say(fixture->resolver, &from, bytes, len);
	wait_for(fixture, 1, 1000);
	assert_int_equal(fixture->answers, 1);
}

static void strangers_are_not_heard(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in from;
	uint8_t bytes[64];
	uint16_t port;
	int stranger = listen_on("127.0.0.1", 0, &port);
	size_t len;

	ask(fixture, fixture->server, 1);
	len = hear(fixture->resolver, bytes, &from);
	bytes[2] |= 0x80;
	say(stranger, &from, bytes, len);
	wait_for(fixture, 1, 50);
	assert_int_equal(fixture->answers, 0);
	close(stranger);
}

static void every_question_has_its_port(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in one, two;
	uint8_t bytes[64];

	ask(fixture, fixture->server, 1);
	ask(fixture, fixture->server, 2);
	hear(fixture->resolver, bytes, &one);
	hear(fixture->resolver, bytes, &two);
	assert_int_not_equal(one.sin_port, two.sin_port);
}

static void nobody_there_is_told_at_once(void **state)
{
	struct fixture *fixture = *state;

	close(fixture->resolver);
	fixture->resolver = -1;
	assert_int_equal(ask(fixture, fixture->server, 5), 0);
	wait_for(fixture, 1, 1000);
	assert_int_equal(fixture->answers, 1);
	assert_int_equal(fixture->tokens[0], 5);
	assert_int_equal(fixture->last[2] & 0x80, 0x80);
	assert_int_equal(fixture->last[3] & 0xf, 2);
	assert_int_equal(upstream_open(fixture->upstream), 0);
}

static void late_is_given_up(void **state)
{
	struct fixture *fixture = *state;

	ask(fixture, fixture->server, 5);
	wait_for(fixture, 1, UPSTREAM_PATIENCE_MS + 300);
	assert_int_equal(fixture->answers, 0);
	assert_int_equal(upstream_open(fixture->upstream), 0);
}

static void write_conf(struct fixture *fixture, const char *text)
{
	FILE *file = fopen(fixture->conf, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void hosts_resolvers_take_turns(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in from;
	uint8_t bytes[64];
	uint16_t port;
	int second;

	require_root();
	// Port 53 of a loopback address that nobody else uses; at the first one, nobody listens.
	second = listen_on("127.53.77.2", 53, &port);
	require(second >= 0, "a free port 53");
	write_conf(fixture, "nameserver 127.53.77.1\nnameserver 127.53.77.2\n");
	assert_int_equal(ask(fixture, NULL, 1), 0);
	wait_for(fixture, 1, 100);
	assert_int_equal(fixture->answers, 0);
	hear(second, bytes, &from);
	// The next question begins where the last one ended.
	ask(fixture, NULL, 2);
	hear(second, bytes, &from);
	close(second);
	// Both are gone.
	ask(fixture, NULL, 3);
	wait_for(fixture, 1, 1000);
	assert_int_equal(fixture->answers, 1);
	assert_int_equal(fixture->tokens[0], 3);
}

static void own_addresses_are_skipped(void **state)
{
	struct fixture *fixture = *state;

	write_conf(fixture, "nameserver 127.0.0.77\n");
	fixture->own = "127.0.0.77";
	assert_int_equal(ask(fixture, NULL, 1), -ENOENT);
	fixture->own = NULL;
	assert_int_equal(ask(fixture, NULL, 1), 0);
	unlink(fixture->conf);
	assert_int_equal(ask(fixture, NULL, 1), -ENOENT);
}

static void servers_that_are_none(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t query[2000] = {0};

	assert_int_equal(ask(fixture, "nowhere", 1), -EINVAL);
	assert_int_equal(upstream_ask(fixture->upstream, fixture->server, query, 11, 1), -EINVAL);
	assert_int_equal(upstream_ask(fixture->upstream, fixture->server, query, 2000, 1), -EINVAL);
	assert_true(ask(fixture, "255.255.255.255", 1) < 0);
	assert_int_equal(upstream_open(fixture->upstream), 0);
}

static void sockets_have_a_bound_and_do_not_leak(void **state)
{
	struct fixture *fixture = *state;
	unsigned before = open_fds();

	for (unsigned i = 0; i < UPSTREAM_OPEN + 50; i++)
		assert_int_equal(ask(fixture, fixture->server, i), 0);
	assert_int_equal(upstream_open(fixture->upstream), UPSTREAM_OPEN);
	assert_int_equal(open_fds(), before + UPSTREAM_OPEN);
	upstream_free(fixture->upstream);
	assert_int_equal(open_fds(), before);
	fixture->upstream = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answer_comes_back),
		TEST(wrong_answers_are_passed_over),
		TEST(strangers_are_not_heard),
		TEST(every_question_has_its_port),
		TEST(nobody_there_is_told_at_once),
		TEST(late_is_given_up),
		TEST(hosts_resolvers_take_turns),
		TEST(own_addresses_are_skipped),
		TEST(servers_that_are_none),
		TEST(sockets_have_a_bound_and_do_not_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
