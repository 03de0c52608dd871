// SPDX-License-Identifier: BSD-3-Clause
//
// test_resolv_conf: the lines that count, the forms of a server, and a file that changes or goes.

#include "base/bytes.h"
#include "datapath/resolv_conf.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void servers(void **state)
{
	union resolver resolver;

	assert_int_equal(resolver_parse("192.0.2.1", &resolver), 0);
	assert_int_equal(resolver.in.sin_port, htons(53));
	assert_int_equal(resolver.in.sin_addr.s_addr, inet_addr("192.0.2.1"));
	assert_int_equal(resolver_len(&resolver), sizeof(struct sockaddr_in));
	assert_int_equal(resolver_parse("2001:db8::1#5353", &resolver), 0);
	assert_int_equal(resolver.in6.sin6_port, htons(5353));
	assert_int_equal(resolver_len(&resolver), sizeof(struct sockaddr_in6));
	assert_int_equal(resolver_parse("fe80::1%lo", &resolver), 0);
	assert_int_equal(resolver.in6.sin6_scope_id, 1);
}

static void no_servers(void **state)
{
	static const char *const cases[] = {"",           "host",
	                                    "1.2.3",      "1.2.3.4#",
	                                    "1.2.3.4#0",  "1.2.3.4#65536",
	                                    "1.2.3.4#5x", "1.2.3.4#-1",
	                                    "1.2.3.4%lo", "fe80::1%no-such",
	                                    "224.0.0.1",  "#53"};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		union resolver resolver;

		assert_int_equal(resolver_parse(cases[i], &resolver), -22);
	}
}

static void lines_and_changes(void **state)
{
	char dir[UNIT_DIR], path[UNIT_DIR + 16];
	struct resolv_conf conf = {.path = path};

	unit_make_dir(dir);
	snprintf(path, sizeof(path), "%s/resolv.conf", dir);
	resolv_conf_refresh(&conf);
	assert_int_equal(conf.count, 0);

	write_file(path, "# nameserver 192.0.2.9\nsearch x\n  nameserver\t192.0.2.1  # first\n"
	                 "nameserver nonsense\nnameserver\nnameservers 192.0.2.8\n"
	                 "nameserver ::1\nnameserver 192.0.2.2#77\n");
	resolv_conf_refresh(&conf);
	assert_int_equal(conf.count, 2);
	assert_int_equal(conf.servers[0].in.sin_addr.s_addr, inet_addr("192.0.2.1"));
	assert_int_equal(conf.servers[1].any.sa_family, AF_INET6);

	// As programs replace it: another file by the same name.
	unlink(path);
	write_file(path, "");
	for (unsigned i = 0; i < 12; i++) {
		FILE *file = fopen(path, "ae");

		fprintf(file, "nameserver 192.0.2.%u\n", i + 1);
		fclose(file);
	}
	resolv_conf_refresh(&conf);
	assert_int_equal(conf.count, RESOLV_CONF_SERVERS);
	unlink(path);
	resolv_conf_refresh(&conf);
	assert_int_equal(conf.count, 0);
	unit_remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers),
		cmocka_unit_test(no_servers),
		cmocka_unit_test(lines_and_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
