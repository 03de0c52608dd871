// SPDX-License-Identifier: BSD-3-Clause
//
// test_dhcp: guests that get their addresses through ports, VLANs and the packet path.
//
//	h1, h2: VLAN 10 untagged      trunk: VLAN 10 tagged      c: VLAN 20 untagged, no scope there

#include "tests/scenario/scenario_services.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { LAN = 1, H1 = 11, H2 = 12, TRUNK = 13, C = 14, VRF = 30, LEG = 31, LEG20 = 32, SCOPE = 40 };

static const char mac1[] = "02:00:00:00:00:01", mac2[] = "02:00:00:00:00:02";

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
	scenario_interface(s, LEG, VRF, LAN, 10, WEFT__NAT_ROLE__NAT_NONE, "10.77.0.1/24", NULL);
	scenario_interface(s, LEG20, VRF, LAN, 20, WEFT__NAT_ROLE__NAT_NONE, "10.78.0.1/24", NULL);
	scenario_scope(s, SCOPE, LEG, "10.77.0.100", "10.77.0.101", 600, "lan.test");
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

static void guest_gets_a_lease_and_nobody_else_hears(void **user)
{
	struct scenario *s = *user;
	struct dhcp_heard heard = dhcp_bind(s, H1, mac1, NULL);

	assert_int_equal(strncmp(heard.ip, "10.77.0.10", 10), 0);
	assert_int_equal(heard.lease, 600);
	assert_int_equal(heard.mask, 0xffffff00);
	assert_int_equal(heard.router, 0x0a4d0001);
	assert_int_equal(heard.dns, 0x0a4d0001);
	assert_string_equal(heard.dst_mac, mac1);
	assert_string_equal(heard.dst_ip, heard.ip);
	scenario_expect_silence(s);
}

static void tagged_guest_gets_tagged_answers(void **user)
{
	struct scenario *s = *user;
	struct dhcp_ask ask = {.type = DHCP_DISCOVER, .mac = mac1};
	struct frame got, untagged;

	scenario_send(s, TRUNK, frame_tagged(dhcp_frame(&ask), 10));
	got = scenario_take(s, TRUNK);
	assert_memory_equal(got.bytes + 12, "\x81\x00\x00\x0a\x08\x00", 6);
	untagged = got;
	memmove(untagged.bytes + 12, got.bytes + 16, got.len - 16);
	untagged.len = got.len - 4;
	assert_int_equal(dhcp_read(&untagged).type, DHCP_OFFER);
	scenario_expect_silence(s);
}

static void deferred_checksum_is_no_fault(void **user)
{
	struct scenario *s = *user;
	struct dhcp_ask ask = {.type = DHCP_DISCOVER, .mac = mac1};
	struct frame frame = dhcp_frame(&ask);

	scenario_send(s, H1, frame_partial(frame));
	frame = scenario_take(s, H1);
	assert_int_equal(dhcp_read(&frame).type, DHCP_OFFER);
}

static void damaged_and_malformed_messages_are_counted(void **user)
{
	struct scenario *s = *user;
	struct dhcp_ask ask = {.type = DHCP_DISCOVER, .mac = mac1, .hostname = "h1"};
	struct frame frame = dhcp_frame(&ask);

	frame.bytes[60] ^= 1;
	scenario_send(s, H1, frame);
	assert_int_equal(scenario_drops(s, H1, DROP_DHCP_MALFORMED), 1);
	frame = dhcp_frame(&ask);
	frame.bytes[14 + 28 + 241] = 200; // the type option reaches past the end
	frame_sum(&frame);
	scenario_send(s, H1, frame);
	assert_int_equal(scenario_drops(s, H1, DROP_DHCP_MALFORMED), 2);
	scenario_expect_silence(s);
}

static void renewing_goes_to_the_router_alone(void **user)
{
	struct scenario *s = *user;
	struct dhcp_heard heard = dhcp_bind(s, H1, mac1, NULL);
	struct dhcp_ask ask = {
		.type = DHCP_REQUEST, .mac = mac1, .ciaddr = heard.ip, .server = "10.77.0.1"};
	struct frame frame;

	scenario_run_seconds(s, 300);
	scenario_send(s, H1, dhcp_frame(&ask));
	frame = scenario_take(s, H1);
	assert_int_equal(dhcp_read(&frame).type, DHCP_ACK);
	scenario_expect_silence(s);
	// Renewed at 300 s for 600 s: alive at 899 s, gone at 900 s.
	scenario_run_seconds(s, 599);
	ask = (struct dhcp_ask){.type = DHCP_REQUEST, .mac = mac2, .requested = heard.ip};
	scenario_send(s, H2, dhcp_frame(&ask));
	frame = scenario_take(s, H2);
	assert_int_equal(dhcp_read(&frame).type, DHCP_NAK);
	scenario_run_seconds(s, 1);
	scenario_send(s, H2, dhcp_frame(&ask));
	frame = scenario_take(s, H2);
	assert_int_equal(dhcp_read(&frame).type, DHCP_ACK);
}

static void empty_pool_is_a_named_drop(void **user)
{
	struct scenario *s = *user;
	struct dhcp_ask ask = {.type = DHCP_DISCOVER, .mac = "02:00:00:00:00:33"};

	dhcp_bind(s, H1, mac1, NULL);
	dhcp_bind(s, H2, mac2, NULL);
	scenario_send(s, H2, dhcp_frame(&ask));
	scenario_expect_silence(s);
	assert_int_equal(scenario_drops(s, H2, DROP_DHCP_EXHAUSTED), 1);
}

static void reservation_follows_a_commit(void **user)
{
	struct scenario *s = *user;

	scenario_reservation(s, 50, SCOPE, mac2, "10.77.0.20", "web");
	scenario_commit(s);
	assert_string_equal(dhcp_bind(s, H2, mac2, NULL).ip, "10.77.0.20");
	scenario_delete(s, WEFT__KIND__KIND_DHCP_RESERVATION, 50);
	scenario_commit(s);
	assert_int_equal(strncmp(dhcp_bind(s, H2, mac2, NULL).ip, "10.77.0.10", 10), 0);
}

static void leases_outlive_the_pipeline(void **user)
{
	struct scenario *s = *user;
	struct dhcp_heard heard = dhcp_bind(s, H1, mac1, NULL);
	struct dhcp_ask ask = {.type = DHCP_REQUEST, .mac = mac1, .requested = heard.ip};
	struct frame frame;

	scenario_restart(s);
	scenario_send(s, H1, dhcp_frame(&ask));
	frame = scenario_take(s, H1);
	assert_string_equal(dhcp_read(&frame).ip, heard.ip);
}

static void without_a_scope_it_is_a_broadcast_like_any(void **user)
{
	struct scenario *s = *user;
	struct dhcp_ask ask = {.type = DHCP_DISCOVER, .mac = mac1};

	scenario_send(s, C, dhcp_frame(&ask));
	scenario_expect_silence(s);
	scenario_delete(s, WEFT__KIND__KIND_DHCP_SCOPE, SCOPE);
	scenario_commit(s);
	scenario_send(s, H1, dhcp_frame(&ask));
	scenario_expect(s, H2, dhcp_frame(&ask));
	scenario_expect(s, TRUNK, frame_tagged(dhcp_frame(&ask), 10));
	scenario_expect_silence(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(guest_gets_a_lease_and_nobody_else_hears),
		TEST(tagged_guest_gets_tagged_answers),
		TEST(deferred_checksum_is_no_fault),
		TEST(damaged_and_malformed_messages_are_counted),
		TEST(renewing_goes_to_the_router_alone),
		TEST(empty_pool_is_a_named_drop),
		TEST(reservation_follows_a_commit),
		TEST(leases_outlive_the_pipeline),
		TEST(without_a_scope_it_is_a_broadcast_like_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
