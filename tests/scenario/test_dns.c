// SPDX-License-Identifier: BSD-3-Clause
//
// test_dns: guests that ask for names, through the packet path.
//
//	vrf 30: lan (h1, h2; DHCP, lan.test), dmz (h3; dmz.test)      vrf 60: db (h4; db.test, isolated)

#include "tests/scenario/scenario_services.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LAN = 1, DMZ = 2, DB = 3, H1 = 11, H2 = 12, H3 = 13, H4 = 14 };
enum { VRF = 30, LEG = 31, DMZ_LEG = 32, VRF2 = 60, DB_LEG = 61, SCOPE = 40, ZONE = 41 };
enum { NOERROR, SERVFAIL = 2, NXDOMAIN, REFUSED = 5 };

static const char mac1[] = "02:00:00:00:00:01", mac2[] = "02:00:00:00:00:02";
static const struct end h1 = {mac1, "10.77.0.7", 4001};
static const struct end h1_six = {mac1, "fd00:77::7", 4001};
static const struct end h3 = {"02:00:00:00:00:03", "10.78.0.3", 4003};
static const struct end h4 = {"02:00:00:00:00:04", "10.99.0.4", 4004};
static const struct end gateway = {ROUTER_MAC, "10.77.0.1", 53};
static const struct end gateway_six = {ROUTER_MAC, "fd00:77::1", 53};
static const struct end dmz_gateway = {ROUTER_MAC, "10.78.0.1", 53};
static const struct end db_gateway = {ROUTER_MAC, "10.99.0.1", 53};

static int set_up(void **user)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, LAN);
	scenario_bridge(s, DMZ);
	scenario_bridge(s, DB);
	scenario_port(s, H1, "h1");
	scenario_port(s, H2, "h2");
	scenario_port(s, H3, "h3");
	scenario_port(s, H4, "h4");
	scenario_member(s, 21, H1, LAN, 0, false);
	scenario_member(s, 22, H2, LAN, 0, false);
	scenario_member(s, 23, H3, DMZ, 0, false);
	scenario_member(s, 24, H4, DB, 0, false);
	scenario_vrf(s, VRF);
	scenario_vrf(s, VRF2);
	scenario_interface(s, LEG, VRF, LAN, 0, WEFT__NAT_ROLE__NAT_NONE, "10.77.0.1/24",
	                   "fd00:77::1/64");
	scenario_interface(s, DMZ_LEG, VRF, DMZ, 0, WEFT__NAT_ROLE__NAT_NONE, "10.78.0.1/24", NULL);
	scenario_interface(s, DB_LEG, VRF2, DB, 0, WEFT__NAT_ROLE__NAT_NONE, "10.99.0.1/24", NULL);
	scenario_scope(s, SCOPE, LEG, "10.77.0.100", "10.77.0.120", 600, "lan.test");
	scenario_zone(s, ZONE, LEG, "lan.test", NULL);
	scenario_zone(s, 42, DMZ_LEG, "dmz.test", NULL);
	scenario_zone(s, 43, DB_LEG, "db.test", "none");
	scenario_record(s, 51, 42, "web", "10.78.0.80");
	scenario_record(s, 52, 43, "h4", "10.99.0.4");
	scenario_commit(s);
	*user = s;
	return 0;
}

static int tear_down(void **user)
{
	scenario_free(*user);
	return 0;
}

static struct dns_heard ask(struct scenario *s, const struct end *from, const struct end *to,
                            const char *name, uint16_t type)
{
	uint64_t port = from == &h3 ? H3 : from == &h4 ? H4 : H1;
	struct frame frame;

	scenario_send(s, port, dns_frame(from, to, name, type));
	frame = scenario_take(s, port);
	scenario_expect_silence(s);
	return dns_read(&frame);
}

static void a_lease_makes_a_name_and_its_end_takes_it(void **user)
{
	struct scenario *s = *user;
	struct dhcp_heard lease;
	struct dns_heard heard;

	assert_int_equal(ask(s, &h1, &gateway, "h2.lan.test", DNS_A).rcode, NXDOMAIN);
	lease = dhcp_bind(s, H2, mac2, "h2");
	heard = ask(s, &h1, &gateway, "h2.lan.test", DNS_A);
	assert_int_equal(heard.rcode, NOERROR);
	assert_true(heard.authoritative);
	assert_string_equal(heard.first, lease.ip);
	scenario_run_seconds(s, 599);
	assert_int_equal(ask(s, &h1, &gateway, "h2.lan.test", DNS_A).answers, 1);
	scenario_run_seconds(s, 1);
	assert_int_equal(ask(s, &h1, &gateway, "h2.lan.test", DNS_A).rcode, NXDOMAIN);
}

static void both_families_for_one_guest(void **user)
{
	struct scenario *s = *user;
	const struct end h2_six = {mac2, "fd00:77::2", 1};

	dhcp_bind(s, H2, mac2, "h2");
	// The guest speaks to the gateway from its address: now it is known.
	scenario_send(s, H2, frame_solicit(&h2_six, gateway_six.ip));
	scenario_discard(s);
	assert_string_equal(ask(s, &h1, &gateway, "h2.lan.test", DNS_AAAA).first, "fd00:77::2");
}

static void reverse_of_a_lease(void **user)
{
	struct scenario *s = *user;
	char name[80];
	unsigned last;

	assert_int_equal(sscanf(dhcp_bind(s, H2, mac2, "h2").ip, "10.77.0.%u", &last), 1);
	snprintf(name, sizeof(name), "%u.0.77.10.in-addr.arpa", last);
	assert_string_equal(ask(s, &h1, &gateway, name, DNS_PTR).first, "h2.lan.test.");
	assert_string_equal(ask(s, &h1, &gateway, "1.0.77.10.in-addr.arpa", DNS_PTR).first,
	                    "gw.lan.test.");
}

static void asked_over_ip6(void **user)
{
	struct scenario *s = *user;

	assert_string_equal(ask(s, &h1_six, &gateway_six, "gw.lan.test", DNS_AAAA).first,
	                    "fd00:77::1");
}

static void any_address_of_the_router_answers(void **user)
{
	struct scenario *s = *user;
	struct dns_heard heard = ask(s, &h1, &dmz_gateway, "gw.lan.test", DNS_A);

	assert_string_equal(heard.first, "10.77.0.1");
}

static void networks_of_one_router_see_each_other(void **user)
{
	struct scenario *s = *user;

	assert_string_equal(ask(s, &h1, &gateway, "web.dmz.test", DNS_A).first, "10.78.0.80");
	assert_string_equal(ask(s, &h3, &dmz_gateway, "gw.lan.test", DNS_A).first, "10.77.0.1");
}

static void an_isolated_network_is_not_seen_and_sees_nothing(void **user)
{
	struct scenario *s = *user;

	scenario_send(s, H1, dns_frame(&h1, &gateway, "h4.db.test", DNS_A));
	scenario_expect_silence(s);
	assert_int_equal(scenario_upstream(s, NULL, NULL, NULL), 1);
	assert_string_equal(ask(s, &h4, &db_gateway, "h4.db.test", DNS_A).first, "10.99.0.4");
	assert_int_equal(ask(s, &h4, &db_gateway, "gw.lan.test", DNS_A).rcode, REFUSED);
	scenario_run_seconds(s, 10);
	scenario_discard(s);
}

static void foreign_names_take_the_way_through_a_resolver(void **user)
{
	struct scenario *s = *user;
	const uint8_t *query;
	uint8_t answer[512];
	struct frame frame;
	uint64_t token;
	size_t len;

	scenario_send(s, H1, frame_partial(dns_frame(&h1, &gateway, "example.org", DNS_A)));
	assert_int_equal(scenario_upstream(s, &query, &len, &token), 1);
	memcpy(answer, query, len);
	answer[2] |= 0x80;
	answer[7] = 1; // one answer
	memcpy(answer + len, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\x2a", 16);
	service_upstream_answer(scenario_service(s), token, answer, len + 16, scenario_now(s));
	frame = scenario_take(s, H1);
	assert_string_equal(dns_read(&frame).first, "192.0.2.42");
	assert_false(dns_read(&frame).authoritative);
}

static void silent_resolvers_end_in_servfail_to_the_tick(void **user)
{
	struct scenario *s = *user;
	uint64_t start = scenario_now(s);
	struct frame frame;

	scenario_send(s, H1, dns_frame(&h1, &gateway, "example.org", DNS_A));
	scenario_run_until(s, start + 4500000000 - 1000);
	assert_int_equal(scenario_upstream(s, NULL, NULL, NULL), 3);
	scenario_expect_silence(s);
	scenario_run_until(s, start + 4500000000);
	frame = scenario_take(s, H1);
	assert_int_equal(dns_read(&frame).rcode, SERVFAIL);
}

static void malformed_queries_are_counted(void **user)
{
	struct scenario *s = *user;
	struct frame frame = frame_udp(&h1, &gateway, "not dns");

	scenario_send(s, H1, frame);
	scenario_expect_silence(s);
	assert_int_equal(scenario_drops(s, H1, DROP_DNS_MALFORMED), 1);
	frame = dns_frame(&h1, &gateway, "gw.lan.test", DNS_A);
	frame.bytes[50] ^= 1; // the checksum is wrong now
	scenario_send(s, H1, frame);
	scenario_expect_silence(s);
	assert_int_equal(scenario_drops(s, H1, DROP_DNS_MALFORMED), 2);
}

static void a_zone_that_goes_takes_its_names(void **user)
{
	struct scenario *s = *user;

	scenario_delete(s, WEFT__KIND__KIND_DNS_RECORD, 51);
	scenario_commit(s);
	assert_int_equal(ask(s, &h1, &gateway, "web.dmz.test", DNS_A).rcode, NXDOMAIN);
	scenario_delete(s, WEFT__KIND__KIND_DNS_ZONE, 42);
	scenario_commit(s);
	scenario_send(s, H1, dns_frame(&h1, &gateway, "web.dmz.test", DNS_A));
	assert_int_equal(scenario_upstream(s, NULL, NULL, NULL), 1);
	scenario_run_seconds(s, 10);
	scenario_discard(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lease_makes_a_name_and_its_end_takes_it),
		TEST(both_families_for_one_guest),
		TEST(reverse_of_a_lease),
		TEST(asked_over_ip6),
		TEST(any_address_of_the_router_answers),
		TEST(networks_of_one_router_see_each_other),
		TEST(an_isolated_network_is_not_seen_and_sees_nothing),
		TEST(foreign_names_take_the_way_through_a_resolver),
		TEST(silent_resolvers_end_in_servfail_to_the_tick),
		TEST(malformed_queries_are_counted),
		TEST(a_zone_that_goes_takes_its_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
