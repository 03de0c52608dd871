// SPDX-License-Identifier: BSD-3-Clause
//
// test_addr: text in and out, and the arithmetic of prefixes against a bit-by-bit twin.

#include "base/addr.h"
#include "base/bytes.h"
#include "base/rand.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>

static struct ip_addr ip(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_parse(text, &addr), 0);
	return addr;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(prefix_parse(text, &parsed), 0);
	return parsed;
}

static void mac_text(void **state)
{
	static const char *const refused[] = {
		"",
		"02",
		"02:00:00:00:00",
		"02:00:00:00:00:0",
		"02:00:00:00:00:001",
		"02:00:00:00:00:01:",
		"02:00-00:00:00:01",
		"0200.0000.0001",
		" 02:00:00:00:00:01",
		"2:0:0:0:0:1",
		"02:00:00:00:00:0g",
		"02000000000001",
		"02.00.00.00.00.01",
	};
	struct mac mac;
	char buf[MAC_TEXT];

	assert_int_equal(mac_parse("02:aB:cd:EF:00:9f", &mac), 0);
	assert_string_equal(mac_format(mac, buf), "02:ab:cd:ef:00:9f");
	assert_int_equal(mac_parse("02-ab-cd-ef-00-9f", &mac), 0);
	assert_string_equal(mac_format(mac, buf), "02:ab:cd:ef:00:9f");

	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		struct mac before = mac;

		if (mac_parse(refused[i], &mac) != -EINVAL)
			fail_msg("'%s' was taken", refused[i]);
		assert_true(mac_equal(before, mac));
	}
}

static void mac_kinds(void **state)
{
	struct mac all = mac_from_u64(UINT64_C(0xffffffffffff));
	struct mac one = mac_from_u64(UINT64_C(0x020304050607));

	assert_true(mac_to_u64(one) == UINT64_C(0x020304050607));
	assert_int_equal(one.b[0], 2);
	assert_int_equal(one.b[5], 7);
	assert_true(mac_is_broadcast(all) && mac_is_multicast(all) && !mac_is_zero(all));
	assert_true(mac_is_local(one) && !mac_is_multicast(one) && !mac_is_broadcast(one));
	assert_true(mac_is_zero((struct mac){{0}}));
	assert_true(mac_is_multicast(mac_from_u64(UINT64_C(0x01005e000001))));
	assert_false(mac_is_local(mac_from_u64(UINT64_C(0x005056000001))));
	assert_false(mac_equal(all, one));
}

static void mac_of_groups(void **state)
{
	char buf[MAC_TEXT];

	// 224.128.0.1 and 224.0.0.1 share an address: only 23 bits go in.
	assert_string_equal(mac_format(mac_from_group(ip("224.128.0.1")), buf),
	                    "01:00:5e:00:00:01");
	assert_string_equal(mac_format(mac_from_group(ip("ff02::1:ff12:3456")), buf),
	                    "33:33:ff:12:34:56");
}

static void ip_text(void **state)
{
	static const char *const same[] = {
		"0.0.0.0",   "10.0.0.1",       "255.255.255.255", "::", "::1", "2001:db8::1",
		"fe80::1:2", "ff02::1:ff00:1", "1:2:3:4:5:6:7:8"};
	static const char *const refused[] = {"",
	                                      "10",
	                                      "10.1",
	                                      "010.1.1.1",
	                                      "1.2.3.04",
	                                      "1.2.3.256",
	                                      "1.2.3.4.",
	                                      "1.2.3.4 ",
	                                      " 1.2.3.4",
	                                      "0x1.2.3.4",
	                                      "1.2.3",
	                                      "1..2.3",
	                                      "::ffff:1.2.3.4",
	                                      "::ffff:102:304",
	                                      "fe80::1%eth0",
	                                      ":::",
	                                      "1:2:3:4:5:6:7",
	                                      "1::2::3",
	                                      "12345::",
	                                      "10.0.0.0/8"};
	char buf[IP_TEXT];

	for (unsigned i = 0; i < ARRAY_SIZE(same); i++)
		assert_string_equal(ip_format(ip(same[i]), buf), same[i]);
	assert_string_equal(ip_format(ip("2001:0DB8:0:0::0001"), buf), "2001:db8::1");
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		struct ip_addr addr;

		if (ip_parse(refused[i], &addr) != -EINVAL)
			fail_msg("'%s' was taken", refused[i]);
	}
}

static void ip_families(void **state)
{
	uint8_t bytes[16] = {0x20, 0x01, [15] = 9};

	assert_true(ip_is4(ip("1.2.3.4")) && !ip_is4(ip("::1.2.3.4")));
	assert_int_equal(ip_to4(ip("1.2.3.4")), htonl(0x01020304));
	assert_true(ip_equal(ip_from4(htonl(0x01020304)), ip("1.2.3.4")));
	assert_true(ip_equal(ip_from6(bytes), ip("2001::9")));
	assert_true(ip_is_none((struct ip_addr){{0}}) && !ip_is_none(ip("0.0.0.0")));
	assert_true(ip_compare(ip("10.0.0.9"), ip("10.0.0.10")) < 0);
	assert_true(ip_compare(ip("10.0.1.0"), ip("10.0.0.255")) > 0);
	assert_int_equal(ip_compare(ip("::1"), ip("::1")), 0);
}

static void ip_kinds(void **state)
{
	assert_true(ip_is_unspecified(ip("::")) && ip_is_unspecified(ip("0.0.0.0")));
	assert_false(ip_is_unspecified(ip("0.0.0.1")));
	assert_true(ip_is_loopback(ip("127.9.9.9")) && ip_is_loopback(ip("::1")));
	assert_false(ip_is_loopback(ip("128.0.0.1")) || ip_is_loopback(ip("::2")));
	assert_true(ip_is_link_local(ip("169.254.0.1")) && ip_is_link_local(ip("febf::1")));
	assert_false(ip_is_link_local(ip("169.253.0.1")) || ip_is_link_local(ip("fec0::1")));
	assert_true(ip_is_multicast(ip("239.1.1.1")) && ip_is_multicast(ip("ff02::1")));
	assert_false(ip_is_multicast(ip("240.0.0.0")) || ip_is_multicast(ip("fe02::1")));
	assert_true(ip_is_broadcast(ip("255.255.255.255")));
	assert_false(ip_is_broadcast(ip("255.255.255.254")) || ip_is_broadcast(ip("ff02::1")));
}

static void ip_steps(void **state)
{
	assert_true(ip_equal(ip_add(ip("10.0.0.255"), 1), ip("10.0.1.0")));
	assert_true(ip_equal(ip_add(ip("255.255.255.255"), 2), ip("0.0.0.1")));
	assert_true(ip_equal(ip_add(ip("2001:db8::ffff:ffff:ffff:ffff"), 1), ip("2001:db8:0:1::")));
	assert_true(ip_equal(ip_add(ip("2001:db8::1"), 0), ip("2001:db8::1")));
}

static void ip_made_of_others(void **state)
{
	struct mac mac = mac_from_u64(UINT64_C(0x5254001a2b3c));

	assert_true(ip_equal(ip_link_local_from_mac(mac), ip("fe80::5054:ff:fe1a:2b3c")));
	assert_true(ip_equal(ip_solicited_node(ip("2001:db8::12:3456")), ip("ff02::1:ff12:3456")));
}

static void prefix_text(void **state)
{
	static const char *const refused[] = {"",
	                                      "/8",
	                                      "10.0.0.0/",
	                                      "10.0.0.0/33",
	                                      "10.0.0.0/08",
	                                      "10.0.0.0/+8",
	                                      "10.0.0.0/-1",
	                                      "10.0.0.0/8 ",
	                                      "10.0.0.0/8/8",
	                                      "::/129",
	                                      "::/1000000000000000008",
	                                      "10.0.0/8"};
	char buf[PREFIX_TEXT];
	struct ip_prefix parsed;

	assert_string_equal(prefix_format(prefix("10.0.0.7/24"), buf), "10.0.0.7/24");
	assert_string_equal(prefix_format(prefix("10.0.0.7"), buf), "10.0.0.7/32");
	assert_string_equal(prefix_format(prefix("::/0"), buf), "::/0");
	assert_string_equal(prefix_format(prefix("2001:db8::1"), buf), "2001:db8::1/128");
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
		if (prefix_parse(refused[i], &parsed) != -EINVAL)
			fail_msg("'%s' was taken", refused[i]);
}

static void prefix_relations(void **state)
{
	assert_true(prefix_contains(prefix("10.0.0.0/8"), ip("10.255.0.1")));
	assert_false(prefix_contains(prefix("10.0.0.0/8"), ip("11.0.0.1")));
	assert_true(prefix_contains(prefix("0.0.0.0/0"), ip("1.2.3.4")));
	assert_true(prefix_contains(prefix("::/0"), ip("2001::1")));

	// The families are separate, though the mapped bytes would fit.
	assert_false(prefix_contains(prefix("::/0"), ip("1.2.3.4")));
	assert_false(prefix_contains(prefix("0.0.0.0/0"), ip("::1")));
	assert_false(prefix_overlaps(prefix("::/0"), prefix("0.0.0.0/0")));

	assert_true(prefix_overlaps(prefix("10.0.0.0/8"), prefix("10.1.0.0/16")));
	assert_true(prefix_overlaps(prefix("10.1.0.0/16"), prefix("10.0.0.0/8")));
	assert_false(prefix_overlaps(prefix("10.0.0.0/16"), prefix("10.1.0.0/16")));

	assert_true(prefix_equal(prefix("10.0.0.1/24"), prefix("10.0.0.2/24")));
	assert_false(prefix_equal(prefix("10.0.0.0/24"), prefix("10.0.0.0/25")));
	assert_true(prefix_is_host(prefix("10.0.0.1")) && prefix_is_host(prefix("::1/128")));
	assert_false(prefix_is_host(prefix("10.0.0.1/31")) || prefix_is_host(prefix("::1/32")));
}

static void prefix_derived(void **state)
{
	char buf[PREFIX_TEXT];

	assert_string_equal(prefix_format(prefix_network(prefix("10.1.2.77/26")), buf),
	                    "10.1.2.64/26");
	assert_true(ip_equal(prefix_mask(prefix("10.0.0.0/20")), ip("255.255.240.0")));
	assert_true(ip_equal(prefix_mask(prefix("0.0.0.0/0")), ip("0.0.0.0")));
	assert_true(ip_equal(prefix_mask(prefix("::/20")), ip("ffff:f000::")));
	assert_true(ip_equal(prefix_last(prefix("10.1.2.77/26")), ip("10.1.2.127")));
	assert_true(ip_equal(prefix_last(prefix("10.1.2.77")), ip("10.1.2.77")));
	assert_true(ip_equal(prefix_last(prefix("2001:db8::/32")),
	                     ip("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")));
}

static bool bit(struct ip_addr addr, unsigned i)
{
	return addr.b[i / 8] >> (7 - i % 8) & 1;
}

// Every length, against the definition: the first bits agree, one by one.
static void prefix_contains_as_defined(void **state)
{
	rand_seed_for_tests(1);
	for (unsigned round = 0; round < 20000; round++) {
		bool is4 = round & 1;
		unsigned first = is4 ? 96 : 0;
		struct ip_prefix p = {.len = (uint8_t)rand_below(is4 ? 33 : 129)};
		struct ip_addr other;

		rand_bytes(p.addr.b, sizeof(p.addr.b));
		if (is4)
			p.addr = ip_from4((uint32_t)rand_u64());
		other = p.addr;
		for (unsigned flips = rand_below(3); flips > 0; flips--) {
			unsigned i = first + rand_below(128 - first);
			other.b[i / 8] ^= (uint8_t)(1 << (7 - i % 8));
		}

		bool expected = true;

		for (unsigned i = first; i < first + p.len; i++)
			expected = expected && bit(p.addr, i) == bit(other, i);
		assert_int_equal(prefix_contains(p, other), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac_text),       cmocka_unit_test(mac_kinds),
		cmocka_unit_test(mac_of_groups),  cmocka_unit_test(ip_text),
		cmocka_unit_test(ip_families),    cmocka_unit_test(ip_kinds),
		cmocka_unit_test(ip_steps),       cmocka_unit_test(ip_made_of_others),
		cmocka_unit_test(prefix_text),    cmocka_unit_test(prefix_relations),
		cmocka_unit_test(prefix_derived), cmocka_unit_test(prefix_contains_as_defined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
