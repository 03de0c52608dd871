// SPDX-License-Identifier: BSD-3-Clause
//
// test_dns_name: text, wire and reverse forms of names, and messages that lie about them.

#include "base/bytes.h"
#include "datapath/dns_name.h"
#include "tests/unit/unit.h"

static struct dns_name parse(const char *text)
{
	struct dns_name name;

	assert_true(dns_name_parse(text, &name));
	return name;
}

static void assert_text(const struct dns_name *name, const char *text)
{
	char buf[DNS_NAME_TEXT];

	assert_string_equal(dns_name_format(name, buf), text);
}

static void text_both_ways(void **state)
{
	struct dns_name name = parse("H2.lan.TEST.");
	struct dns_name root = parse("");

	assert_text(&name, "h2.lan.test");
	assert_int_equal(name.len, 13);
	assert_int_equal(root.len, 1);
	assert_text(&root, "");
	assert_int_equal(dns_name_labels(&name), 3);
	name = dns_name_parent(&name);
	assert_text(&name, "lan.test");
	name = parse("a b._x");
	assert_text(&name, "a\\032b._x");
}

static void names_that_are_none(void **state)
{
	struct dns_name name;
	char text[300];

	assert_false(dns_name_parse(".", &name));
	assert_false(dns_name_parse("a..b", &name));
	assert_false(dns_name_parse(".a", &name));
	memset(text, 'x', sizeof(text));
	text[64] = 0;
	assert_false(dns_name_parse(text, &name));
	text[63] = 0;
	assert_true(dns_name_parse(text, &name));
	for (unsigned i = 0; i < 254; i++)
		text[i] = i % 2 ? '.' : 'x';
	text[254] = 0;
	assert_true(dns_name_parse(text, &name)); // 127 labels: 255 bytes
	assert_int_equal(name.len, 255);
	strcpy(text + 254, "x");
	assert_false(dns_name_parse(text, &name));
}

static void suffixes(void **state)
{
	struct dns_name name = parse("h2.lan.test"), zone = parse("lan.test"),
			trap = parse("n.test");
	struct dns_name joined, host = parse("h2"), deep = parse("a.h2");
	char label[DNS_LABEL_MAX + 1];

	assert_true(dns_name_is_under(&name, &zone));
	assert_true(dns_name_is_under(&zone, &zone));
	assert_false(dns_name_is_under(&zone, &name));
	assert_false(dns_name_is_under(&name, &trap));
	assert_true(dns_name_host(&name, &zone, label));
	assert_string_equal(label, "h2");
	assert_false(dns_name_host(&zone, &zone, label));
	assert_true(dns_name_join(&host, &zone, &joined));
	assert_true(dns_name_equal(&joined, &name));
	assert_true(dns_name_join(&deep, &zone, &joined));
	assert_false(dns_name_host(&joined, &zone, label));
}

static void join_has_an_end(void **state)
{
	struct dns_name half, joined;
	char text[200];

	memset(text, 'x', sizeof(text));
	text[63] = text[127] = '.';
	text[128 + 1] = 0;
	half = parse(text);
	assert_false(dns_name_join(&half, &half, &joined));
}

static void reads_with_pointers(void **state)
{
	// At 12 "test", at 18 "lan" and a pointer, at 24 a pointer to that.
	static const uint8_t message[] = "............\4TEST\0\3lan\xc0\x0c\xc0\x12";
	struct dns_name name;
	size_t at = 24;

	assert_true(dns_name_read(message, sizeof(message) - 1, &at, &name));
	assert_text(&name, "lan.test");
	assert_int_equal(at, 26);
	at = 18;
	assert_true(dns_name_read(message, sizeof(message) - 1, &at, &name));
	assert_int_equal(at, 24);
	at = 24;
	assert_true(dns_name_skip(message, sizeof(message) - 1, &at));
	assert_int_equal(at, 26);
}

static void pointers_that_lie(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, at;
	} cases[] = {
		{"............\xc0\x0c", 14, 12},         // at itself
		{"............\xc0\x0e\xc0\x0c", 16, 12}, // forward
		{"............\xc0\x0e\xc0\x0c", 16, 14}, // a circle of two
		{"............\1a\xc0\x0c", 16, 12},      // a name that begins with itself
		{"............\xc0", 13, 12},             // half a pointer
		{"............\xc0\x01", 14, 12},         // into the header
		{"............\x41xxx", 16, 12},          // a label type that is none
		{"............\3ab", 15, 12},             // a label past the end
		{"............\1a", 14, 12},              // no end
		{"............", 12, 12},                 // nothing
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dns_name name;
		size_t at = cases[i].at;

		assert_false(
			dns_name_read((const uint8_t *)cases[i].bytes, cases[i].len, &at, &name));
		assert_int_equal(at, cases[i].at);
	}
}

static void too_long_by_pointers(void **state)
{
	uint8_t message[1024] = {0};
	struct dns_name name;
	size_t at = 12;

	// Four labels of 63, each name pointing back to the one before: the last is over 255.
	for (unsigned i = 0; i < 4; i++) {
		message[at] = 63;
		memset(message + at + 1, 'x', 63);
		if (i > 0)
			store_be16(message + at + 64, (uint16_t)(0xc000 | (at - 66)));
		at += 66;
	}
	at = 12 + 66 * 2;
	assert_true(dns_name_read(message, sizeof(message), &at, &name));
	assert_int_equal(name.len, 193);
	at = 12 + 66 * 3;
	assert_false(dns_name_read(message, sizeof(message), &at, &name));
}

static void assert_reverse(const char *text, const char *prefix_text)
{
	struct ip_prefix prefix, back;
	struct dns_name name = parse(text), made;

	assert_int_equal(prefix_parse(prefix_text, &prefix), 0);
	assert_true(dns_name_to_prefix(&name, &back));
	assert_true(prefix_equal(prefix, back));
	made = dns_name_from_prefix(&prefix);
	assert_true(dns_name_equal(&made, &name));
}

static void reverse_names(void **state)
{
	assert_reverse("5.0.77.10.in-addr.arpa", "10.77.0.5/32");
	assert_reverse("77.10.in-addr.arpa", "10.77.0.0/16");
	assert_reverse("in-addr.arpa", "0.0.0.0/0");
	assert_reverse("8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::/32");
	assert_reverse("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	               "2001:db8::1/128");
}

static void no_reverse_names(void **state)
{
	static const char *const cases[] = {
		"lan.test",
		"256.0.0.10.in-addr.arpa",
		"01.0.0.10.in-addr.arpa",
		"x.in-addr.arpa",
		"1.2.3.4.5.in-addr.arpa",
		"12.ip6.arpa",
		"g.ip6.arpa",
		"arpa",
		"",
		"1000.in-addr.arpa",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dns_name name = parse(cases[i]);
		struct ip_prefix prefix;

		assert_false(dns_name_to_prefix(&name, &prefix));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_both_ways),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(suffixes),
		cmocka_unit_test(join_has_an_end),
		cmocka_unit_test(reads_with_pointers),
		cmocka_unit_test(pointers_that_lie),
		cmocka_unit_test(too_long_by_pointers),
		cmocka_unit_test(reverse_names),
		cmocka_unit_test(no_reverse_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
