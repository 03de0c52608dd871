// SPDX-License-Identifier: BSD-3-Clause
//
// Questions for neighbours in a net that spans hosts: what is answered here, what stays here, what goes on.
//
//     h1 (11) ─┐                    ┌─ p1 (31) 192.0.2.2: far1, and a router
//              ├─ bridge 1 ── t (30)┤
//     h2 (12) ─┘     vni 5001       └─ p2 (32) 192.0.2.3: far2
//
// The controller has told of h2, far1 and far2, by both families, and of nobody else.

#include "tests/scenario/scenario.h"

#include "base/bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { H1 = 11, H2 = 12, TUNNEL = 30, P1 = 31, P2 = 32, VNI = 5001, VXLAN = 8 };
enum { A_H2 = 61, A_FAR1 = 63, A_FAR2 = 65, A_ROUTER = 67, A_OTHER = 69 };

static const struct end h1 = {"02:00:00:00:00:01", "10.1.0.1", 1001};
static const struct end h2 = {"02:00:00:00:00:02", "10.1.0.2", 1002};
static const struct end far1 = {"02:00:00:00:00:f1", "10.1.0.101", 2001};
static const struct end far2 = {"02:00:00:00:00:f2", "10.1.0.102", 2002};
static const struct end h1_6 = {"02:00:00:00:00:01", "fd01::1", 1001};
static const struct end h2_6 = {"02:00:00:00:00:02", "fd01::2", 1002};
static const struct end far1_6 = {"02:00:00:00:00:f1", "fd01::101", 2001};
static const struct end router6 = {"02:57:00:00:00:09", "fe80::57", 0};

static struct scenario *joined(void)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, 1);
	scenario_port(s, H1, "h1");
	scenario_port(s, H2, "h2");
	scenario_member(s, 21, H1, 1, 0, false);
	scenario_member(s, 22, H2, 1, 0, false);
	scenario_tunnel(s, TUNNEL, WEFT__ENCAPSULATION__ENCAP_VXLAN, "192.0.2.1");
	scenario_peer(s, P1, TUNNEL, "192.0.2.2", false);
	scenario_peer(s, P2, TUNNEL, "192.0.2.3", false);
	scenario_member_vni(s, 41, P1, 1, 0, VNI);
	scenario_member_vni(s, 42, P2, 1, 0, VNI);
	scenario_fdb_entry(s, 51, 1, 0, far1.mac, P1);
	scenario_fdb_entry(s, 52, 1, 0, far2.mac, P2);
	scenario_address(s, A_H2, 1, 0, h2.ip, h2.mac, H2);
	scenario_address(s, A_H2 + 1, 1, 0, h2_6.ip, h2_6.mac, H2);
	scenario_address(s, A_FAR1, 1, 0, far1.ip, far1.mac, P1);
	scenario_address(s, A_FAR1 + 1, 1, 0, far1_6.ip, far1_6.mac, P1);
	scenario_address(s, A_FAR2, 1, 0, far2.ip, far2.mac, P2);
	scenario_commit(s);
	return s;
}

static unsigned datagrams(struct scenario *s)
{
	unsigned count = 0;

	while (scenario_datagram(s, TUNNEL, NULL, NULL, 0) >= 0)
		count++;
	return count;
}

// Sent by h1; nobody but h1 hears anything, and h1 this.
static void expect_answer(struct scenario *s, struct frame question, struct frame answer)
{
	uint64_t before = scenario_worker(s, STATS_SUPPRESSED);

	scenario_send(s, H1, question);
	scenario_expect(s, H1, answer);
	assert_int_equal(datagrams(s), 0);
	scenario_expect_silence(s);
	assert_int_equal(scenario_worker(s, STATS_SUPPRESSED), before + 1);
}

// Sent by h1; h2 hears it, and so many peers.
static void expect_flood(struct scenario *s, struct frame frame, unsigned peers)
{
	uint64_t before = scenario_worker(s, STATS_SUPPRESSED);

	scenario_send(s, H1, frame);
	scenario_expect(s, H2, frame);
	assert_int_equal(datagrams(s), peers);
	scenario_expect_silence(s);
	assert_int_equal(scenario_worker(s, STATS_SUPPRESSED), before);
}

static struct frame with_flags(struct frame advert, uint32_t flags)
{
	store_be32(advert.bytes + 14 + 40 + 4, flags);
	frame_sum(&advert);
	return advert;
}

static void who_is_elsewhere_is_answered_for(void **state)
{
	struct scenario *s = joined();

	for (int i = 0; i < 3; i++) {
		expect_answer(s, frame_arp_request(&h1, far1.ip), frame_arp_reply(&far1, &h1));
		expect_answer(s, frame_arp_request(&h1, far2.ip), frame_arp_reply(&far2, &h1));
		expect_answer(s, frame_solicit(&h1_6, far1_6.ip),
		              frame_advert(&far1_6, &h1_6, true));
	}
	// The asker was seen, though its question went nowhere.
	scenario_send(s, H2, frame_udp(&h2, &h1, "back"));
	scenario_expect(s, H1, frame_udp(&h2, &h1, "back"));
	scenario_free(s);
}

static void who_is_here_answers_himself_and_no_peer_is_asked(void **state)
{
	struct scenario *s = joined();

	expect_flood(s, frame_arp_request(&h1, h2.ip), 0);
	expect_flood(s, frame_solicit(&h1_6, h2_6.ip), 0);
	scenario_free(s);
}

static void whom_nobody_knows_is_asked_for_everywhere(void **state)
{
	struct scenario *s = joined();

	// In between, so that no program of one question serves another.
	expect_flood(s, frame_arp_request(&h1, "10.1.0.99"), 2);
	expect_answer(s, frame_arp_request(&h1, far1.ip), frame_arp_reply(&far1, &h1));
	expect_flood(s, frame_arp_request(&h1, "10.1.0.99"), 2);
	// The same group of solicited nodes, another address.
	expect_flood(s, frame_solicit(&h1_6, "fd02::101"), 2);
	expect_answer(s, frame_solicit(&h1_6, far1_6.ip), frame_advert(&far1_6, &h1_6, true));
	expect_flood(s, frame_solicit(&h1_6, "fd02::101"), 2);
	scenario_free(s);
}

static void who_tries_a_taken_address_hears_of_it(void **state)
{
	static const struct end trying = {"02:00:00:00:00:01", "0.0.0.0", 0};
	static const struct end trying6 = {"02:00:00:00:00:01", "::", 0};
	static const struct end all_nodes = {"33:33:00:00:00:01", "ff02::1", 0};
	struct scenario *s = joined();

	expect_answer(s, frame_arp_request(&trying, far1.ip), frame_arp_reply(&far1, &trying));
	// Unsolicited, and to all nodes, of which only the asker hears it.
	expect_answer(s, frame_solicit(&trying6, far1_6.ip),
	              with_flags(frame_advert(&far1_6, &all_nodes, true), 0x20000000));
	// One of this host's is left to him.
	expect_flood(s, frame_arp_request(&trying, h2.ip), 0);
	expect_flood(s, frame_solicit(&trying6, h2_6.ip), 0);
	expect_flood(s, frame_arp_request(&trying, "10.1.0.99"), 2);
	scenario_free(s);
}

// It may have come here a moment ago, and the controller may not have heard.
static void nobody_is_told_about_himself(void **state)
{
	static const struct end probe = {"02:00:00:00:00:f1", "0.0.0.0", 0};
	static const struct end probe6 = {"02:00:00:00:00:f1", "::", 0};
	struct scenario *s = joined();

	scenario_delete(s, WEFT__KIND__KIND_FDB_ENTRY, 51);
	scenario_commit(s);
	expect_flood(s, frame_arp_request(&probe, far1.ip), 2);
	expect_flood(s, frame_solicit(&probe6, far1_6.ip), 2);
	scenario_free(s);
}

static void what_is_said_and_not_asked_goes_on(void **state)
{
	static const struct end everybody = {"ff:ff:ff:ff:ff:ff", "10.1.0.1", 0};
	static const struct end all_nodes = {"33:33:00:00:00:01", "ff02::1", 0};
	static const struct end claims = {"02:00:00:00:00:01", "10.1.0.101", 0};
	struct scenario *s = joined();

	// Announcements by request and by reply, and one of an address that is another's: its owner defends it.
	expect_flood(s, frame_arp_request(&h1, h1.ip), 2);
	expect_flood(s, frame_arp_reply(&h1, &everybody), 2);
	expect_flood(s, frame_arp_request(&claims, far1.ip), 2);
	expect_flood(s, with_flags(frame_advert(&h1_6, &all_nodes, true), 0x20000000), 2);
	scenario_free(s);
}

// So hosts find out whether their neighbours still live.
static void who_is_asked_alone_answers_himself(void **state)
{
	struct scenario *s = joined();
	struct frame arp = frame_arp_request(&h1, far1.ip);
	struct frame nd = frame_solicit(&h1_6, far1_6.ip);

	memcpy(arp.bytes, "\x02\0\0\0\0\xf1", 6);
	memcpy(nd.bytes, "\x02\0\0\0\0\xf1", 6);
	scenario_send(s, H1, arp);
	scenario_send(s, H1, nd);
	assert_int_equal(datagrams(s), 2);
	assert_int_equal(scenario_worker(s, STATS_SUPPRESSED), 0);
	scenario_free(s);
}

static void what_comes_by_a_peer_is_for_us_alone(void **state)
{
	struct scenario *s = joined();
	struct frame frame = frame_arp_request(&far1, far2.ip);
	uint8_t bytes[VXLAN + FRAME_MAX] = {0x08, [4] = VNI >> 16, VNI >> 8 & 0xff, VNI & 0xff};

	memcpy(bytes + VXLAN, frame.bytes, frame.len);
	scenario_arrive(s, TUNNEL, "192.0.2.2", 0, bytes, VXLAN + frame.len);
	scenario_expect(s, H1, frame);
	scenario_expect(s, H2, frame);
	assert_int_equal(datagrams(s), 0);
	assert_int_equal(scenario_worker(s, STATS_SUPPRESSED), 0);
	scenario_free(s);
}

static void an_address_that_moves_is_answered_anew_at_once(void **state)
{
	struct scenario *s = joined();
	struct frame taken;

	expect_answer(s, frame_arp_request(&h1, far1.ip), frame_arp_reply(&far1, &h1));
	// Its lease is another's now, at the other peer.
	scenario_address(s, A_FAR1, 1, 0, far1.ip, far2.mac, P2);
	scenario_commit(s);
	scenario_send(s, H1, frame_arp_request(&h1, far1.ip));
	taken = scenario_take(s, H1);
	assert_memory_equal(taken.bytes + 22, "\x02\0\0\0\0\xf2", 6);
	// It comes to this host, and goes altogether.
	scenario_address(s, A_FAR1, 1, 0, far1.ip, h2.mac, H2);
	scenario_commit(s);
	expect_flood(s, frame_arp_request(&h1, far1.ip), 0);
	scenario_delete(s, WEFT__KIND__KIND_ADDRESS, A_FAR1);
	scenario_commit(s);
	expect_flood(s, frame_arp_request(&h1, far1.ip), 2);
	scenario_free(s);
}

static void an_address_of_two_hosts_is_nobodys(void **state)
{
	struct scenario *s = joined();

	scenario_address(s, A_OTHER, 1, 0, far1.ip, far2.mac, P2);
	scenario_commit(s);
	expect_flood(s, frame_arp_request(&h1, far1.ip), 2);
	scenario_delete(s, WEFT__KIND__KIND_ADDRESS, A_OTHER);
	scenario_commit(s);
	expect_answer(s, frame_arp_request(&h1, far1.ip), frame_arp_reply(&far1, &h1));
	// Said twice, it is still true.
	scenario_address(s, A_OTHER, 1, 0, far1.ip, far1.mac, P1);
	scenario_commit(s);
	expect_answer(s, frame_arp_request(&h1, far1.ip), frame_arp_reply(&far1, &h1));
	scenario_delete(s, WEFT__KIND__KIND_ADDRESS, A_FAR1);
	scenario_commit(s);
	expect_answer(s, frame_arp_request(&h1, far1.ip), frame_arp_reply(&far1, &h1));
	scenario_free(s);
}

static void a_router_elsewhere_is_said_to_be_one(void **state)
{
	struct scenario *s = joined();
	Weft__Object object = WEFT__OBJECT__INIT;
	Weft__Address address = WEFT__ADDRESS__INIT;
	uint8_t ip[16] = {0xfe, 0x80, [15] = 0x57}, mac[6] = {2, 0x57, 0, 0, 0, 9};

	address.bridge = 1;
	address.ip = (ProtobufCBinaryData){.len = sizeof(ip), .data = ip};
	address.mac = (ProtobufCBinaryData){.len = sizeof(mac), .data = mac};
	address.port = P1;
	address.has_router = address.router = true;
	object.id = A_ROUTER;
	object.body_case = WEFT__OBJECT__BODY_ADDRESS;
	object.address = &address;
	// No text of an address stands for a zone of bytes: ip[14] is 0.
	ip[14] = 0;
	scenario_put(s, &object);
	scenario_commit(s);
	expect_answer(s, frame_solicit(&h1_6, router6.ip), frame_advert(&router6, &h1_6, false));
	scenario_free(s);
}

static void tags_come_back(void **state)
{
	struct scenario *s = scenario_new();

	scenario_bridge(s, 1);
	scenario_port(s, H1, "trunk");
	scenario_member(s, 21, H1, 1, 20, true);
	scenario_member(s, 22, H1, 1, 30, true);
	scenario_tunnel(s, TUNNEL, WEFT__ENCAPSULATION__ENCAP_VXLAN, "192.0.2.1");
	scenario_peer(s, P1, TUNNEL, "192.0.2.2", false);
	scenario_member_vni(s, 41, P1, 1, 20, VNI);
	scenario_member_vni(s, 42, P1, 1, 30, VNI + 1);
	scenario_address(s, A_FAR1, 1, 20, far1.ip, far1.mac, P1);
	scenario_commit(s);
	expect_answer(s, frame_tagged(frame_arp_request(&h1, far1.ip), 0x6014),
	              frame_tagged(frame_arp_reply(&far1, &h1), 0x6014));
	// Another VLAN, another net.
	scenario_send(s, H1, frame_tagged(frame_arp_request(&h1, far1.ip), 30));
	assert_int_equal(datagrams(s), 1);
	scenario_free(s);
}

static void what_is_malformed_is_nobodys_question(void **state)
{
	struct scenario *s = joined();
	struct frame arp = frame_arp_request(&h1, far1.ip), nd = frame_solicit(&h1_6, far1_6.ip);

	arp.bytes[14] = 9; // no Ethernet
	expect_flood(s, arp, 2);
	expect_flood(s, frame_ttl(nd, 64), 2);
	nd.bytes[14 + 40 + 2] ^= 1;
	scenario_send(s, H1, nd);
	assert_int_equal(scenario_worker(s, STATS_SUPPRESSED), 0);
	assert_int_equal(datagrams(s), 2);
	scenario_discard(s);
	scenario_free(s);
}

static void a_trace_tells_on_whose_behalf(void **state)
{
	struct scenario *s = joined();
	const struct trace *trace = scenario_trace(s, H1, frame_arp_request(&h1, far1.ip));

	assert_non_null(strstr(trace_text(trace), "answered on behalf of {63}"));
	assert_int_equal(trace->out_count, 0);
	trace = scenario_trace(s, H1, frame_solicit(&h1_6, h2_6.ip));
	assert_non_null(strstr(trace_text(trace), "not asked for elsewhere"));
	assert_int_equal(trace->out_count, 1);
	assert_int_equal(scenario_worker(s, STATS_SUPPRESSED), 0);
	scenario_expect_silence(s);
	scenario_free(s);
}

// The router knows of who is elsewhere what it is told, and asks for the others.
static void routers_ask_for_nobody_they_are_told_of(void **state)
{
	static const struct end outside = {"02:00:00:00:00:0c", "10.2.0.5", 1};
	static const struct end inside = {ROUTER_MAC, "10.1.0.254", 0};
	struct scenario *s = joined();
	struct frame routed, question;
	struct datagram datagram;
	uint8_t bytes[VXLAN + FRAME_MAX];

	scenario_bridge(s, 2);
	scenario_port(s, 13, "out");
	scenario_member(s, 23, 13, 2, 0, false);
	scenario_vrf(s, 80);
	scenario_interface(s, 81, 80, 1, 0, WEFT__NAT_ROLE__NAT_NONE, "10.1.0.254/24", NULL);
	scenario_interface(s, 82, 80, 2, 0, WEFT__NAT_ROLE__NAT_NONE, "10.2.0.254/24", NULL);
	scenario_commit(s);
	for (int i = 0; i < 2; i++) {
		struct frame frame = frame_udp(&outside, &far1, "in");

		memcpy(frame.bytes, "\x02\x57\0\0\0\1", 6);
		scenario_send(s, 13, frame);
		routed = frame_ttl(frame_udp(&outside, &far1, "in"), 63);
		memcpy(routed.bytes + 6, "\x02\x57\0\0\0\1", 6);
		assert_int_equal(scenario_datagram(s, TUNNEL, &datagram, bytes, sizeof(bytes)),
		                 VXLAN + routed.len);
		assert_memory_equal(bytes + VXLAN, routed.bytes, routed.len);
		scenario_expect_silence(s);
		assert_int_equal(datagrams(s), 0);
	}
	// Of its own host's it makes sure, and troubles no other; whom nobody knows it asks for everywhere.
	question = frame_udp(&outside, &h2, "in");
	memcpy(question.bytes, "\x02\x57\0\0\0\1", 6);
	scenario_send(s, 13, question);
	scenario_expect(s, H2, frame_arp_request(&inside, h2.ip));
	scenario_discard(s);
	assert_int_equal(datagrams(s), 0);
	assert_non_null(strstr(trace_text(scenario_trace(s, 13, question)), "asks for"));
	question = frame_udp(&outside, &h1, "in");
	memcpy(question.bytes, "\x02\x57\0\0\0\1", 6);
	scenario_send(s, 13, question);
	scenario_expect(s, H1, frame_arp_request(&inside, h1.ip));
	scenario_discard(s);
	assert_int_equal(datagrams(s), 2);
	scenario_free(s);
}

static void a_domain_goes_with_its_addresses(void **state)
{
	struct scenario *s = joined();

	for (uint64_t id = A_H2; id <= A_FAR2; id++)
		scenario_delete(s, WEFT__KIND__KIND_ADDRESS, id);
	scenario_delete(s, WEFT__KIND__KIND_FDB_ENTRY, 51);
	scenario_delete(s, WEFT__KIND__KIND_FDB_ENTRY, 52);
	for (uint64_t id = 21; id <= 22; id++)
		scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, id);
	for (uint64_t id = 41; id <= 42; id++)
		scenario_delete(s, WEFT__KIND__KIND_VLAN_MEMBER, id);
	scenario_commit(s);
	assert_int_equal(scenario_generation(s)->domains.count, 0);
	// And back again, with one of them.
	scenario_member(s, 21, H1, 1, 0, false);
	scenario_member_vni(s, 41, P1, 1, 0, VNI);
	scenario_address(s, A_FAR1, 1, 0, far1.ip, far1.mac, P1);
	scenario_commit(s);
	expect_answer(s, frame_arp_request(&h1, far1.ip), frame_arp_reply(&far1, &h1));
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_elsewhere_is_answered_for),
		cmocka_unit_test(who_is_here_answers_himself_and_no_peer_is_asked),
		cmocka_unit_test(whom_nobody_knows_is_asked_for_everywhere),
		cmocka_unit_test(who_tries_a_taken_address_hears_of_it),
		cmocka_unit_test(nobody_is_told_about_himself),
		cmocka_unit_test(what_is_said_and_not_asked_goes_on),
		cmocka_unit_test(who_is_asked_alone_answers_himself),
		cmocka_unit_test(what_comes_by_a_peer_is_for_us_alone),
		cmocka_unit_test(an_address_that_moves_is_answered_anew_at_once),
		cmocka_unit_test(an_address_of_two_hosts_is_nobodys),
		cmocka_unit_test(a_router_elsewhere_is_said_to_be_one),
		cmocka_unit_test(tags_come_back),
		cmocka_unit_test(what_is_malformed_is_nobodys_question),
		cmocka_unit_test(a_trace_tells_on_whose_behalf),
		cmocka_unit_test(routers_ask_for_nobody_they_are_told_of),
		cmocka_unit_test(a_domain_goes_with_its_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
