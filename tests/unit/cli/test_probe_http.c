// SPDX-License-Identifier: BSD-3-Clause
//
// test_probe_http: URLs are taken apart or refused, and answers read that are no answers.

#include "cli/probe_http.h"

#include "tests/unit/unit.h"

#include <errno.h>

static void urls_are_taken_apart(void **state)
{
	static const struct {
		const char *url, *host, *path;
		uint16_t port;
	} good[] = {
		{"http://h1/", "h1", "/", 80},
		{"http://h1", "h1", "/", 80},
		{"http://h1.lan.test:8080/a?b=c", "h1.lan.test", "/a?b=c", 8080},
		{"http://10.1.0.2:65535/", "10.1.0.2", "/", 65535},
		{"http://[fd00::1]:81/x", "fd00::1", "/x", 81},
		{"http://[fd00::1]", "fd00::1", "/", 80},
		{"https://h1.lan.test", "h1.lan.test", "/", 443},
		{"https://[fd00::1]:8443/x", "fd00::1", "/x", 8443},
	};
	struct probe_http_question question;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(probe_http_parse(good[i].url, &question), 0);
		assert_string_equal(question.host, good[i].host);
		assert_string_equal(question.path, good[i].path);
		assert_int_equal(question.port, good[i].port);
		assert_int_equal(question.tls, good[i].url[4] == 's');
	}
}

static void others_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"h1",
		"ftp://h1/",
		"http://",
		"http:///x",
		"https:///x",
		"https:/",
		"http://:80",
		"http://h:0",
		"http://h:65536",
		"http://h:-1",
		"http://h:8x/",
		"http://[::1",
		"http://[]/",
		"http://[::1]x/",
		"http://h/a b",
		"http://h/\r\nEvil: 1",
	};
	struct probe_http_question question;
	char longest[2000] = "http://";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(probe_http_parse(bad[i], &question), -EINVAL);
	memset(longest + 7, 'a', sizeof(longest) - 8);
	assert_int_equal(probe_http_parse(longest, &question), -EINVAL);
	longest[8] = '/';
	assert_int_equal(probe_http_parse(longest, &question), -EINVAL);
}

static void only_answers_have_a_status(void **state)
{
	assert_int_equal(probe_http_status("HTTP/1.1 404 Not Found\r\n\r\n"), 404);
	assert_int_equal(probe_http_status("HTTP/1.0 200"), 200);
	assert_int_equal(probe_http_status("HTTP/1.1 "), 0);
	assert_int_equal(probe_http_status("SSH-2.0"), 0);
	assert_int_equal(probe_http_status(""), 0);
	assert_string_equal(probe_http_body("HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello"), "hello");
	assert_null(probe_http_body("HTTP/1.1 200 OK\r\nA: b\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(only_answers_have_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
