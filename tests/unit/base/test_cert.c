// SPDX-License-Identifier: BSD-3-Clause
//
// test_cert: certificates are made as they were wished, and say what they are.

#include "tests/unit/base/certs.h"

#include <errno.h>
#include <openssl/x509v3.h>

static struct cert_pair authority;

static int set_up(void **state)
{
	authority = certs_authority("Weft authority of a test");
	return 0;
}

static int tear_down(void **state)
{
	cert_pair_fini(&authority);
	return 0;
}

static void host_says_its_name(void **state)
{
	struct credential host = certs_host(&authority, "lab-1/rack:7.b_2@x");

	assert_int_equal(host.facts.role, CERT_HOST);
	assert_string_equal(host.facts.name, "lab-1/rack:7.b_2@x");
	assert_string_equal(host.facts.issuer, "Weft authority of a test");
	assert_int_equal(strlen(host.facts.serial), 16);
	assert_true(host.facts.not_after - host.facts.not_before == 2 * CERTS_HOUR);
	assert_int_equal(X509_get_extended_key_usage(host.own.certificate), XKU_SSL_CLIENT);
	assert_int_equal(X509_check_ca(host.own.certificate), 0);
	credential_fini(&host);
}

static void controller_is_no_host(void **state)
{
	struct credential controller = certs_controller(&authority);

	assert_int_equal(controller.facts.role, CERT_CONTROLLER);
	assert_string_equal(controller.facts.name, "controller");
	assert_int_equal(X509_get_extended_key_usage(controller.own.certificate), XKU_SSL_SERVER);
	credential_fini(&controller);
}

// A host may be called as the controller is, and is a host nevertheless.
static void host_called_controller_is_a_host(void **state)
{
	struct credential host = certs_host(&authority, "controller");

	assert_int_equal(host.facts.role, CERT_HOST);
	credential_fini(&host);
}

static void serials_differ(void **state)
{
	struct credential one = certs_host(&authority, "a"), two = certs_host(&authority, "a");

	assert_string_not_equal(one.facts.serial, two.facts.serial);
	assert_int_not_equal(EVP_PKEY_eq(one.own.key, two.own.key), 1);
	credential_fini(&one);
	credential_fini(&two);
}

static void impossible_names_are_refused(void **state)
{
	char longest[CERT_NAME] = "", longer[CERT_NAME + 1] = "";
	struct cert_wish wish = {.role = CERT_HOST, .name = longer, .not_after = certs_now()};
	struct cert_pair pair = {0};
	struct fail fail = {0};

	assert_int_equal(cert_issue(&authority, &wish, &pair, &fail), -ENAMETOOLONG);
	memset(longer, 'a', CERT_NAME);
	assert_int_equal(cert_issue(&authority, &wish, &pair, &fail), -ENAMETOOLONG);
	assert_non_null(strstr(fail.what, "and 'aaaa"));
	assert_null(pair.certificate);

	memset(longest, 'b', CERT_NAME - 1);
	wish.name = longest;
	assert_int_equal(cert_issue(&authority, &wish, &pair, &fail), 0);
	cert_pair_fini(&pair);
}

// The authority's own certificate is of nobody in particular.
static void what_names_nobody_is_not_read(void **state)
{
	struct cert_facts facts;

	assert_int_equal(cert_read(authority.certificate, &facts), -EBADMSG);
	assert_string_equal(facts.issuer, "Weft authority of a test");
}

static void strange_issuers_can_be_printed(void **state)
{
	struct cert_pair strange = certs_authority("one\nweft: \033[31mtwo");
	struct cert_facts facts;

	cert_read(strange.certificate, &facts);
	assert_string_equal(facts.issuer, "one?weft: ?[31mtwo");
	cert_pair_fini(&strange);
}

static void times_are_told_in_utc(void **state)
{
	char buf[CERT_TIME];

	assert_string_equal(cert_time(0, buf), "1970-01-01 00:00:00 UTC");
	assert_string_equal(cert_time(INT64_C(4102444800), buf), "2100-01-01 00:00:00 UTC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_says_its_name),
		cmocka_unit_test(controller_is_no_host),
		cmocka_unit_test(host_called_controller_is_a_host),
		cmocka_unit_test(serials_differ),
		cmocka_unit_test(impossible_names_are_refused),
		cmocka_unit_test(what_names_nobody_is_not_read),
		cmocka_unit_test(strange_issuers_can_be_printed),
		cmocka_unit_test(times_are_told_in_utc),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
