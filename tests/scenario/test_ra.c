// SPDX-License-Identifier: BSD-3-Clause
//
// test_ra: router advertisements that reach the right ports with the right tags at the right time.
//
//	h1, h2: VLAN 10 untagged      trunk: VLAN 10 tagged      c: VLAN 20 untagged, nothing advertised

#include "base/addr.h"
#include "base/bytes.h"
#include "tests/scenario/scenario_services.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { LAN = 1, H1 = 11, H2 = 12, TRUNK = 13, C = 14, VRF = 30, LEG = 31, LEG20 = 32 };

static const struct end h1 = {"02:00:00:00:00:01", "fe80::ff:fe00:1", 0};
static const struct end nobody = {"02:00:00:00:00:01", "::", 0};
static const struct end all_routers = {"33:33:00:00:00:02", "ff02::2", 0};

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, LAN);
	scenario_port(s, H1, "h1");
	scenario_port(s, H2, "h2");
	scenario_port(s, TRUNK, "trunk");
	scenario_port(s, C, "c");
	scenario_member(s, 21, H1, LAN, 10, false);
	scenario_member(s, 22, H2, LAN, 10, false);
	scenario_member(s, 23, TRUNK, LAN, 10, true);
	scenario_member(s, 24, C, LAN, 20, false);
	scenario_vrf(s, VRF);
	scenario_advertised(s, LEG, VRF, LAN, 10, "10.77.0.1/24", "fd00:77::1/64", 1800);
	scenario_interface(s, LEG20, VRF, LAN, 20, WEFT__NAT_ROLE__NAT_NONE, "fd00:78::1/64", NULL);
	scenario_zone(s, 41, LEG, "lan.test", NULL);
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

static struct frame solicit(const struct end *from)
{
	struct frame frame = frame_icmp(from, &all_routers, 133, 0, 0, NULL, 0);

	return frame_ttl(frame, 255);
}

// The lifetime of the router in an advert that is sent to `dst`.
static unsigned lifetime(const struct frame *frame, const char *dst)
{
	const uint8_t *ip = frame->bytes + 14, *icmp = ip + 40;
	struct ip_addr wanted;

	assert_int_equal(load_be16(frame->bytes + 12), 0x86dd);
	assert_int_equal(icmp[0], 134);
	assert_int_equal(ip[7], 255);
	assert_int_equal(ip_parse(dst, &wanted), 0);
	assert_memory_equal(ip + 24, wanted.b, 16);
	return load_be16(icmp + 6);
}

// One advert to all at each port of VLAN 10, and nothing elsewhere. Returns the one of h1.
static struct frame expect_multicast(struct scenario *s)
{
	struct frame first = scenario_take(s, H1), tagged;

	scenario_expect(s, H2, first);
	tagged = scenario_take(s, TRUNK);
	assert_int_equal(tagged.len, first.len + 4);
	assert_memory_equal(tagged.bytes + 12, "\x81\x00\x00\x0a", 4);
	assert_memory_equal(tagged.bytes + 16, first.bytes + 12, first.len - 12);
	scenario_expect_silence(s);
	return first;
}

static const uint8_t *option(const struct frame *frame, uint8_t type)
{
	for (size_t at = 14 + 40 + 16; at < frame->len; at += frame->bytes[at + 1] * 8u)
		if (frame->bytes[at] == type)
			return frame->bytes + at;
	return NULL;
}

static void first_advert_comes_at_once_to_the_vlan(void **user)
{
	struct scenario *s = *user;
	struct frame frame;

	scenario_run_seconds(s, 0.001);
	frame = expect_multicast(s);
	assert_int_equal(lifetime(&frame, "ff02::1"), 1800);
	assert_non_null(option(&frame, 3));
	assert_memory_equal(option(&frame, 3) + 16, "\xfd\x00\x00\x77\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(option(&frame, 1) + 2, "\x02\x57\0\0\0\1", 6);
	// A zone is served here, so the router is the resolver.
	assert_non_null(option(&frame, 25));
}

// The leg as it is, but for what the net carries.
static void carry(struct scenario *s, uint32_t mtu)
{
	uint8_t mac[] = {2, 0x57, 0, 0, 0, 1}, ip4[] = {10, 77, 0, 1};
	uint8_t ip6[16] = {0xfd, 0, 0, 0x77, [15] = 1};
	Weft__Prefix prefixes[] = {WEFT__PREFIX__INIT, WEFT__PREFIX__INIT};
	Weft__Prefix *list[] = {&prefixes[0], &prefixes[1]};
	Weft__RouterAdvert advert = WEFT__ROUTER_ADVERT__INIT;
	Weft__Interface interface = WEFT__INTERFACE__INIT;
	Weft__Object object = WEFT__OBJECT__INIT;

	prefixes[0].addr = (ProtobufCBinaryData){.len = sizeof(ip4), .data = ip4};
	prefixes[0].len = 24;
	prefixes[1].addr = (ProtobufCBinaryData){.len = sizeof(ip6), .data = ip6};
	prefixes[1].len = 64;
	interface.vrf = VRF;
	interface.bridge = LAN;
	interface.vid = 10;
	interface.mac = (ProtobufCBinaryData){.len = sizeof(mac), .data = mac};
	interface.addresses = list;
	interface.n_addresses = 2;
	interface.has_mtu = true;
	interface.mtu = mtu;
	interface.advert = &advert;
	object.id = LEG;
	object.body_case = WEFT__OBJECT__BODY_INTERFACE;
	object.interface = &interface;
	scenario_put(s, &object);
	scenario_commit(s);
}

// Guests need not wait for the next of the regular adverts.
static void narrower_net_is_advertised_at_once(void **user)
{
	struct scenario *s = *user;
	struct frame frame;

	scenario_run_seconds(s, 100);
	scenario_discard(s);
	carry(s, 1350);
	scenario_run_seconds(s, 0.001);
	frame = expect_multicast(s);
	assert_int_equal(load_be32(option(&frame, 5) + 4), 1350);
}

static void who_solicits_is_answered_alone(void **user)
{
	struct scenario *s = *user;
	struct frame frame;

	scenario_run_seconds(s, 1);
	scenario_discard(s);
	scenario_send(s, H1, solicit(&h1));
	frame = scenario_take(s, H1);
	assert_int_equal(lifetime(&frame, h1.ip), 1800);
	scenario_expect_silence(s);
}

static void without_an_address_all_are_answered_at_most_every_three_seconds(void **user)
{
	struct scenario *s = *user;

	scenario_run_seconds(s, 1);
	scenario_discard(s);
	scenario_send(s, H1, solicit(&nobody));
	scenario_expect_silence(s);
	scenario_run_seconds(s, 1.9);
	scenario_expect_silence(s);
	scenario_run_seconds(s, 0.1);
	expect_multicast(s);
}

static void solicitation_elsewhere_is_an_ordinary_multicast(void **user)
{
	struct scenario *s = *user;

	scenario_run_seconds(s, 1);
	scenario_discard(s);
	scenario_send(s, C, solicit(&h1));
	scenario_expect_silence(s);
}

static void routed_solicitation_is_counted_as_malformed(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, H1, frame_ttl(solicit(&h1), 254));
	scenario_discard(s);
	assert_int_equal(scenario_drops(s, H1, DROP_ND_MALFORMED), 1);
}

static void later_adverts_keep_their_interval(void **user)
{
	struct scenario *s = *user;
	unsigned heard = 0;
	struct frame frame;

	scenario_run_seconds(s, 33);
	for (unsigned i = 0; i < 3; i++) {
		frame = scenario_take(s, H1);
		lifetime(&frame, "ff02::1");
	}
	scenario_discard(s);
	// Interval 200 s: never before 66 s, always before 200 s.
	scenario_run_seconds(s, 65);
	scenario_expect_silence(s);
	for (unsigned i = 0; i < 10; i++) {
		scenario_run_seconds(s, 200);
		frame = scenario_take(s, H1);
		heard += lifetime(&frame, "ff02::1") == 1800;
		scenario_discard(s);
	}
	assert_int_equal(heard, 10);
}

static void a_new_prefix_is_told_and_the_former_deprecated(void **user)
{
	struct scenario *s = *user;
	struct frame frame;

	scenario_run_seconds(s, 10);
	scenario_discard(s);
	scenario_advertised(s, LEG, VRF, LAN, 10, "10.77.0.1/24", "fd00:99::1/64", 1800);
	scenario_commit(s);
	scenario_run_seconds(s, 0.001);
	frame = expect_multicast(s);
	assert_memory_equal(option(&frame, 3) + 16, "\xfd\x00\x00\x99", 4);
	assert_memory_equal(option(&frame, 3) + 32 + 16, "\xfd\x00\x00\x77", 4);
	assert_int_equal(load_be32(option(&frame, 3) + 32 + 8), 0);
}

static void goodbye_when_the_advert_goes(void **user)
{
	struct scenario *s = *user;
	struct frame frame;

	scenario_run_seconds(s, 1);
	scenario_discard(s);
	scenario_interface(s, LEG, VRF, LAN, 10, WEFT__NAT_ROLE__NAT_NONE, "10.77.0.1/24",
	                   "fd00:77::1/64");
	scenario_commit(s);
	frame = expect_multicast(s);
	assert_int_equal(lifetime(&frame, "ff02::1"), 0);
	scenario_run_seconds(s, 400);
	scenario_expect_silence(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_advert_comes_at_once_to_the_vlan),
		TEST(narrower_net_is_advertised_at_once),
		TEST(who_solicits_is_answered_alone),
		TEST(without_an_address_all_are_answered_at_most_every_three_seconds),
		TEST(solicitation_elsewhere_is_an_ordinary_multicast),
		TEST(routed_solicitation_is_counted_as_malformed),
		TEST(later_adverts_keep_their_interval),
		TEST(a_new_prefix_is_told_and_the_former_deprecated),
		TEST(goodbye_when_the_advert_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
