// SPDX-License-Identifier: BSD-3-Clause
//
// test_advert: what router advertisements say, when they are sent and to whom.

#include "base/bytes.h"
#include "tests/unit/datapath/service_kit.h"

enum { PORT = 7, SOLICIT = 133, ADVERT = 134 };
enum { SOURCE_MAC = 1, PREFIX = 3, MTU = 5, RDNSS = 25, DNSSL = 31 };

static void advertise(struct kit *kit)
{
	struct advert_config config = {.interface = KIT_LAN,
	                               .interval_seconds = 200,
	                               .lifetime_seconds = 1800,
	                               .search = "lan.test"};

	assert_int_equal(service_set_advert(kit->service, &config), 0);
}

static int setup(void **state)
{
	*state = kit_new();
	advertise(*state);
	return 0;
}

static size_t build(uint8_t frame[static 128], const char *src, const uint8_t *options, size_t len)
{
	uint8_t *ip = frame + 14, *icmp = ip + 40;
	struct mac mac = kit_mac(1);

	memset(frame, 0, 128);
	memcpy(frame, "\x33\x33\0\0\0\2", 6);
	memcpy(frame + 6, mac.b, 6);
	store_be16(frame + 12, 0x86dd);
	ip[0] = 0x60;
	store_be16(ip + 4, (uint16_t)(8 + len));
	ip[6] = 58;
	ip[7] = 255;
	memcpy(ip + 8, kit_ip(src).b, 16);
	memcpy(ip + 24, kit_ip("ff02::2").b, 16);
	icmp[0] = SOLICIT;
	if (len > 0)
		memcpy(icmp + 8, options, len);
	store_be16(icmp + 2, kit_sum6(ip, icmp, 8 + len));
	return 14 + 40 + 8 + len;
}

static enum drop_reason solicit(struct kit *kit, const char *src)
{
	uint8_t frame[128];
	size_t len = build(frame, src, NULL, 0);

	return kit_frame(kit, PUNT_ROUTER_SOLICIT, KIT_LAN, PORT, frame, len);
}

// The ICMPv6 message of the frame number i, after the checks that every advert must pass.
static const uint8_t *advert(const struct kit *kit, unsigned i, size_t *len)
{
	const struct kit_out *out = &kit->out[i];
	const uint8_t *ip = out->frame + 14, *icmp = ip + 40;

	assert_true(i < kit->out_count);
	*len = load_be16(ip + 4);
	assert_int_equal(*len + 54, out->len);
	assert_int_equal(ip[6], 58);
	assert_int_equal(ip[7], 255);
	assert_int_equal(icmp[0], ADVERT);
	assert_int_equal(kit_sum6(ip, icmp, *len), 0);
	assert_true(ip_equal(ip_from6(ip + 8), kit_ip("fe80::57:ff:fe00:1")));
	return icmp;
}

static const uint8_t *option(const struct kit *kit, unsigned i, uint8_t type, unsigned nth)
{
	size_t len;
	const uint8_t *icmp = advert(kit, i, &len);

	for (size_t at = 16; at < len; at += icmp[at + 1] * 8u) {
		assert_true(icmp[at + 1] > 0);
		if (icmp[at] == type && nth-- == 0)
			return icmp + at;
	}
	return NULL;
}

static bool is_to_all(const struct kit *kit, unsigned i)
{
	const uint8_t *frame = kit->out[i].frame;

	return kit->out[i].port == 0 && memcmp(frame, "\x33\x33\0\0\0\1", 6) == 0 &&
	       ip_equal(ip_from6(frame + 14 + 24), kit_ip("ff02::1"));
}

static void says_what_a_guest_needs(void **state)
{
	struct kit *kit = *state;
	const uint8_t *at;
	size_t len;

	kit_sleep(kit, 1);
	assert_int_equal(kit->out_count, 1);
	assert_int_equal(kit->out[0].domain, KIT_LAN);
	assert_true(is_to_all(kit, 0));
	at = advert(kit, 0, &len);
	assert_int_equal(at[4], 64);
	assert_int_equal(at[5], 0);
	assert_int_equal(load_be16(at + 6), 1800);
	assert_memory_equal(option(kit, 0, SOURCE_MAC, 0) + 2, "\x02\x57\0\0\0\1", 6);
	assert_int_equal(load_be32(option(kit, 0, MTU, 0) + 4), 1500);
	at = option(kit, 0, PREFIX, 0);
	assert_int_equal(at[2], 64);
	assert_int_equal(at[3], 0xc0);
	assert_true(load_be32(at + 4) >= load_be32(at + 8) && load_be32(at + 8) > 0);
	assert_true(ip_equal(ip_from6(at + 16), kit_ip("fd00:77::")));
	assert_null(option(kit, 0, PREFIX, 1));
	at = option(kit, 0, RDNSS, 0);
	assert_int_equal(at[1], 3);
	assert_int_equal(load_be32(at + 4), 600);
	assert_true(ip_equal(ip_from6(at + 8), kit_ip("fd00:77::1")));
	assert_memory_equal(option(kit, 0, DNSSL, 0) + 8, "\3lan\4test", 10);
}

static void configured_resolvers(void **state)
{
	struct kit *kit = *state;
	struct advert_config config = {.interface = KIT_LAN,
	                               .interval_seconds = 1,
	                               .lifetime_seconds = 0,
	                               .rdnss = {kit_ip("fd00::53"), kit_ip("fd00::54")},
	                               .rdnss_count = 2};
	size_t len;

	assert_int_equal(service_set_advert(kit->service, &config), 0);
	kit_sleep(kit, 1);
	assert_int_equal(option(kit, 0, RDNSS, 0)[1], 5);
	assert_null(option(kit, 0, DNSSL, 0));
	assert_int_equal(load_be16(advert(kit, 0, &len) + 6), 0);
}

static void no_prefix_but_of_a_64(void **state)
{
	struct kit *kit = *state;

	prefix_parse("fd00:88::1/56", &kit->addresses[KIT_LAN][1]);
	kit_sleep(kit, 1);
	assert_null(option(kit, 0, PREFIX, 0));
}

static void three_soon_then_at_random(void **state)
{
	struct kit *kit = *state;
	unsigned before;

	kit_sleep(kit, 1);
	assert_int_equal(kit->out_count, 1);
	kit_sleep(kit, 15);
	assert_int_equal(kit->out_count, 1);
	kit_sleep(kit, 1);
	assert_int_equal(kit->out_count, 2);
	kit_sleep(kit, 16);
	assert_int_equal(kit->out_count, 3);
	kit_sleep(kit, 65);
	assert_int_equal(kit->out_count, 3);
	kit_sleep(kit, 135);
	assert_int_equal(kit->out_count >= 4, 1);
	before = kit->out_count;
	kit_sleep(kit, 2000);
	assert_true(kit->out_count - before >= 10 && kit->out_count - before <= 30);
}

static void tick_names_the_next_one(void **state)
{
	struct kit *kit = *state;
	uint64_t next = service_tick(kit->service, kit->now_ns, kit->wall);

	assert_int_equal(kit->out_count, 1);
	assert_int_equal(next, UINT64_C(16000000000));
	kit->now_ns += next - 1;
	assert_int_equal(service_tick(kit->service, kit->now_ns, kit->wall), 1);
	assert_int_equal(kit->out_count, 1);
	kit->now_ns++;
	service_tick(kit->service, kit->now_ns, kit->wall);
	assert_int_equal(kit->out_count, 2);
}

static void who_asks_is_answered_alone(void **state)
{
	struct kit *kit = *state;
	const uint8_t *frame = kit->out[0].frame;
	struct mac mac = kit_mac(1);

	assert_int_equal(solicit(kit, "fe80::5"), DROP_NONE);
	assert_int_equal(kit->out_count, 1);
	assert_int_equal(kit->out[0].port, PORT);
	assert_memory_equal(frame, mac.b, 6);
	assert_true(ip_equal(ip_from6(frame + 14 + 24), kit_ip("fe80::5")));
	assert_non_null(option(kit, 0, PREFIX, 0));
}

static void who_has_no_address_is_answered_to_all(void **state)
{
	struct kit *kit = *state;

	assert_int_equal(solicit(kit, "::"), DROP_NONE);
	assert_int_equal(kit->out_count, 1);
	assert_true(is_to_all(kit, 0));
	// The next one waits until three seconds are over.
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(solicit(kit, "::"), DROP_NONE);
	assert_int_equal(kit->out_count, 1);
	kit_sleep(kit, 2);
	assert_int_equal(kit->out_count, 1);
	kit_sleep(kit, 1);
	assert_int_equal(kit->out_count, 2);
}

static void solicitations_have_a_rate(void **state)
{
	struct kit *kit = *state;
	unsigned answered = 0;

	for (unsigned i = 0; i < 50; i++)
		answered += solicit(kit, "fe80::5") == DROP_NONE;
	assert_int_equal(answered, 20);
}

static void a_changed_prefix_is_told_at_once(void **state)
{
	struct kit *kit = *state;
	const uint8_t *at;

	kit_sleep(kit, 100);
	kit_clear(kit);
	prefix_parse("fd00:99::1/64", &kit->addresses[KIT_LAN][1]);
	kit_publish(kit);
	kit_sleep(kit, 1);
	assert_int_equal(kit->out_count, 1);
	at = option(kit, 0, PREFIX, 0);
	assert_true(ip_equal(ip_from6(at + 16), kit_ip("fd00:99::")));
	// The former one is to be used no more.
	at = option(kit, 0, PREFIX, 1);
	assert_non_null(at);
	assert_true(ip_equal(ip_from6(at + 16), kit_ip("fd00:77::")));
	assert_int_equal(load_be32(at + 8), 0);
	assert_int_equal(load_be32(at + 4), 7200);
	// A publish that changes nothing here is no reason, nor is the same advert set again.
	kit_clear(kit);
	advertise(kit);
	kit_publish(kit);
	kit_sleep(kit, 1);
	assert_int_equal(kit->out_count, 0);
}

static void goodbye(void **state)
{
	struct kit *kit = *state;
	size_t len;

	kit_sleep(kit, 1);
	kit_clear(kit);
	service_remove_advert(kit->service, KIT_LAN);
	assert_int_equal(kit->out_count, 1);
	assert_true(is_to_all(kit, 0));
	assert_int_equal(load_be16(advert(kit, 0, &len) + 6), 0);
	assert_int_equal(load_be32(option(kit, 0, RDNSS, 0) + 4), 0);
	kit_clear(kit);
	kit_sleep(kit, 300);
	assert_int_equal(kit->out_count, 0);
	assert_int_equal(solicit(kit, "fe80::5"), DROP_SERVICE_REFUSED);
	// Never advertised, nothing to take back.
	advertise(kit);
	service_remove_advert(kit->service, KIT_LAN);
	assert_int_equal(kit->out_count, 0);
}

static void broken_solicitations(void **state)
{
	static const uint8_t no_length[8] = {1, 0}, too_long[8] = {1, 2}, mac[8] = {1, 1, 2};
	struct kit *kit = *state;
	uint8_t frame[128];
	size_t len = build(frame, "fe80::5", mac, sizeof(mac));

	assert_int_equal(kit_frame(kit, PUNT_ROUTER_SOLICIT, KIT_LAN, PORT, frame, len), DROP_NONE);
	frame[14 + 7] = 254;
	assert_int_equal(kit_frame(kit, PUNT_ROUTER_SOLICIT, KIT_LAN, PORT, frame, len),
	                 DROP_ND_MALFORMED);
	frame[14 + 7] = 255;
	frame[14 + 42] ^= 1;
	assert_int_equal(kit_frame(kit, PUNT_ROUTER_SOLICIT, KIT_LAN, PORT, frame, len),
	                 DROP_ICMP_CHECKSUM);
	for (size_t cut = 14 + 40; cut < len; cut++)
		assert_int_equal(kit_frame(kit, PUNT_ROUTER_SOLICIT, KIT_LAN, PORT, frame, cut),
		                 DROP_ND_MALFORMED);
	len = build(frame, "fe80::5", no_length, 8);
	assert_int_equal(kit_frame(kit, PUNT_ROUTER_SOLICIT, KIT_LAN, PORT, frame, len),
	                 DROP_ND_MALFORMED);
	len = build(frame, "fe80::5", too_long, 8);
	assert_int_equal(kit_frame(kit, PUNT_ROUTER_SOLICIT, KIT_LAN, PORT, frame, len),
	                 DROP_ND_MALFORMED);
	len = build(frame, "::", mac, 8);
	assert_int_equal(kit_frame(kit, PUNT_ROUTER_SOLICIT, KIT_LAN, PORT, frame, len),
	                 DROP_ND_MALFORMED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_what_a_guest_needs),
		TEST(configured_resolvers),
		TEST(no_prefix_but_of_a_64),
		TEST(three_soon_then_at_random),
		TEST(tick_names_the_next_one),
		TEST(who_asks_is_answered_alone),
		TEST(who_has_no_address_is_answered_to_all),
		TEST(solicitations_have_a_rate),
		TEST(a_changed_prefix_is_told_at_once),
		TEST(goodbye),
		TEST(broken_solicitations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
