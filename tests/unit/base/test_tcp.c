// SPDX-License-Identifier: BSD-3-Clause
//
// test_tcp: addresses as people write them, and connections within this machine.

#include "base/fail.h"
#include "base/tcp.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <poll.h>

static void addresses_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		bool loopback, any;
	} good[] = {
		{"192.0.2.1:7411", false, false},   {"127.0.0.1:1", true, false},
		{"127.9.9.9:65535", true, false},   {"[::1]:80", true, false},
		{"[2001:db8::1]:80", false, false}, {"0.0.0.0:80", false, true},
		{"[::]:80", false, true},           {"[::ffff:127.0.0.1]:80", true, false},
	};
	struct tcp_address address;
	struct fail fail = {0};
	char buf[TCP_TEXT];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(tcp_parse(good[i].text, &address, &fail), 0);
		assert_string_equal(tcp_format(&address, buf), good[i].text);
		assert_int_equal(tcp_is_loopback(&address), good[i].loopback);
		assert_int_equal(tcp_is_any(&address), good[i].any);
	}
}

static void other_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		":80",
		"192.0.2.1",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:-1",
		"192.0.2.1:80x",
		"192.0.2.1:000080",
		"2001:db8::1:80",
		"[]:80",
		"[::1]",
		"[::1:80",
		"::1]:80",
		"localhost:80",
		"weft.example:80",
		"192.0.2.1:80:80",
	};
	struct tcp_address address;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fail fail = {0};

		if (tcp_parse(bad[i], &address, &fail) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(fail.hint[0]);
	}
}

static void connections_meet(void **state)
{
	struct tcp_address address, peer;
	struct fail fail = {0};
	int listener, here, there, again;

	assert_int_equal(tcp_parse("127.0.0.1:0", &address, &fail), 0);
	listener = tcp_listen(&address, &fail);
	assert_true(listener >= 0);
	assert_int_equal(tcp_accept(listener, &peer), -EAGAIN);

	again = tcp_listen(&address, &fail);
	assert_int_equal(again, -EADDRINUSE);
	assert_non_null(strstr(fail.what, "127.0.0.1:"));

	here = tcp_connect(&address, &fail);
	assert_true(here >= 0);
	assert_int_equal(poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 10000), 1);
	there = tcp_accept(listener, &peer);
	assert_true(there >= 0);
	assert_true(tcp_is_loopback(&peer));
	close(here);
	close(there);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(other_text_is_refused),
		cmocka_unit_test(connections_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
