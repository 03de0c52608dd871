// SPDX-License-Identifier: BSD-3-Clause
//
// test_credential: bundles are read as they were written; those that were spoilt on the way are refused.

#include "base/cleanup.h"
#include "tests/unit/base/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static struct cert_pair authority, other;
static struct credential host;
static char *bundle;

static int set_up(void **state)
{
	authority = certs_authority("one");
	other = certs_authority("two");
	host = certs_host(&authority, "b");
	snprintf(host.address, sizeof(host.address), "192.0.2.1:7411");
	bundle = credential_write(&host);
	return bundle == NULL;
}

static int tear_down(void **state)
{
	cert_pair_fini(&authority);
	cert_pair_fini(&other);
	credential_fini(&host);
	free(bundle);
	return 0;
}

static int parse(const char *text, struct fail *fail)
{
	struct credential read = {0};
	int code = credential_parse(text, strlen(text), &read, fail);

	credential_fini(&read);
	return code;
}

static void what_is_written_is_read(void **state)
{
	struct credential read;
	struct fail fail = {0};

	assert_int_equal(credential_parse(bundle, strlen(bundle), &read, &fail), 0);
	assert_string_equal(read.facts.name, "b");
	assert_string_equal(read.facts.serial, host.facts.serial);
	assert_string_equal(read.address, "192.0.2.1:7411");
	assert_int_equal(X509_cmp(read.own.certificate, host.own.certificate), 0);
	assert_int_equal(X509_cmp(read.authority, authority.certificate), 0);
	assert_int_equal(EVP_PKEY_eq(read.own.key, host.own.key), 1);
	credential_fini(&read);
}

// Whatever is cut off, something is missed, and nothing leaks.
static void bundles_cut_short_are_refused(void **state)
{
	size_t len = strlen(bundle), last = (size_t)(strstr(bundle, "-----END PRIVATE") - bundle);
	struct fail fail = {0};

	for (size_t i = 0; i <= last; i += 7) {
		struct credential read;

		assert_int_equal(credential_parse(bundle, i, &read, &fail), -EBADMSG);
	}
	assert_non_null(strstr(fail.what, "private key"));
	assert_int_equal(parse(bundle + len / 2, &fail), -EBADMSG);
	assert_int_equal(parse("", &fail), -EBADMSG);
	assert_non_null(strstr(fail.what, "no certificate"));
}

static void parts_that_do_not_fit_are_refused(void **state)
{
	struct credential stranger = certs_host(&other, "b"), mixed = stranger;
	auto_free char *text = NULL, *wrong_authority = NULL;
	struct fail fail = {0};

	mixed.own.key = host.own.key;
	text = credential_write(&mixed);
	assert_int_equal(parse(text, &fail), -EBADMSG);
	assert_non_null(strstr(fail.what, "its private key is not that of its certificate"));

	mixed = stranger;
	mixed.authority = authority.certificate;
	wrong_authority = credential_write(&mixed);
	assert_int_equal(parse(wrong_authority, &fail), -EBADMSG);
	assert_non_null(strstr(fail.what, "not signed by the authority"));
	credential_fini(&stranger);
}

// Lines behind the first block are not ours: they could be anything's.
static void lines_for_people_come_first(void **state)
{
	struct credential read;
	struct fail fail = {0};
	char text[16 << 10];

	host.address[0] = '\0';

	auto_free char *without = credential_write(&host);

	snprintf(text, sizeof(text), "%s\nController: 198.51.100.1:1\n", without);
	assert_int_equal(credential_parse(text, strlen(text), &read, &fail), 0);
	assert_string_equal(read.address, "");
	credential_fini(&read);
}

static void file_that_others_can_read_is_refused(void **state)
{
	char dir[UNIT_DIR], path[UNIT_DIR + 16];
	struct credential read = {0};
	struct fail fail = {0};
	size_t len = strlen(bundle);
	int fd;

	snprintf(path, sizeof(path), "%s/b.bundle", unit_make_dir(dir));
	assert_int_equal(credential_load(path, &read, &fail), -ENOENT);
	assert_int_equal(credential_load(dir, &read, &fail), -EINVAL);

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, bundle, len), len);
	assert_int_equal(credential_load(path, &read, &fail), 0);
	credential_fini(&read);

	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(credential_load(path, &read, &fail), -EACCES);
	assert_non_null(strstr(fail.what, path));
	assert_non_null(strstr(fail.what, "0644"));

	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(credential_load(path, &read, &fail), -EFBIG);
	close(fd);
	unit_remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(bundles_cut_short_are_refused),
		cmocka_unit_test(parts_that_do_not_fit_are_refused),
		cmocka_unit_test(file_that_others_can_read_is_refused),
		cmocka_unit_test(lines_for_people_come_first),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
