// SPDX-License-Identifier: BSD-3-Clause
//
// test_dns: names of our own zones and their visibility, foreign names by way of a resolver, and
// queries that are none.

#include "base/bytes.h"
#include "tests/unit/datapath/service_kit.h"

enum { A = 1, NS = 2, SOA = 6, PTR = 12, MX = 15, AAAA = 28, AXFR = 252, ANY = 255 };
enum { NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED };
enum { PORT = 7, ID = 0x4242, RD = 0x0100, TC = 0x0200, AA = 0x0400, QR = 0x8000 };

struct question {
	const char *name;
	uint16_t type;
	uint16_t flags; // besides RD
	bool no_recursion;
	uint16_t edns;   // size, 0: none
	uint32_t domain; // 0: lan
	uint32_t port;   // 0: PORT
	uint16_t id;     // 0: ID
	bool six;        // over IPv6
};

static size_t put_name(uint8_t *at, const char *name)
{
	uint8_t *start = at;

	while (*name) {
		size_t len = strcspn(name, ".");

		*at++ = (uint8_t)len;
		memcpy(at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	*at++ = 0;
	return (size_t)(at - start);
}

static size_t build(uint8_t message[static 512], const struct question *question)
{
	size_t len = 12;

	memset(message, 0, 512);
	store_be16(message, question->id ? question->id : ID);
	store_be16(message + 2, (uint16_t)(question->flags | (question->no_recursion ? 0 : RD)));
	store_be16(message + 4, 1);
	len += put_name(message + len, question->name);
	store_be16(message + len, question->type);
	store_be16(message + len + 2, 1);
	len += 4;
	if (question->edns) {
		store_be16(message + 10, 1);
		store_be16(message + len + 1, 41);
		store_be16(message + len + 3, question->edns);
		len += 11;
	}
	return len;
}

static enum drop_reason send_message(struct kit *kit, const struct question *question,
                                     const uint8_t *message, size_t len)
{
	return kit_datagram_in(kit, PUNT_DNS, question->domain ? question->domain : KIT_LAN,
	                       question->port ? question->port : PORT,
	                       &(struct kit_datagram){
				       .src_mac = kit_mac(1),
				       .dst_mac = mac_from_u64(UINT64_C(0x025700000001)),
				       .src = kit_ip(question->six ? "fd00:77::5" : "10.77.0.100"),
				       .dst = kit_ip(question->six ? "fd00:77::1" : "10.77.0.1"),
				       .src_port = 5555,
				       .dst_port = 53,
				       .payload = message,
				       .len = len,
			       });
}

static enum drop_reason ask(struct kit *kit, struct question question)
{
	uint8_t message[512];
	size_t len = build(message, &question);

	kit_clear(kit);
	return send_message(kit, &question, message, len);
}

// The answer, after the checks that every answer must pass.
static struct kit_datagram answer(const struct kit *kit)
{
	struct kit_datagram datagram = kit_datagram_out(kit, 0);

	assert_int_equal(kit->out_count, 1);
	assert_int_equal(kit->out[0].port, PORT);
	assert_int_equal(datagram.src_port, 53);
	assert_int_equal(datagram.dst_port, 5555);
	assert_true(mac_equal(datagram.dst_mac, kit_mac(1)));
	assert_true(datagram.len >= 12);
	assert_int_equal(load_be16(datagram.payload), ID);
	assert_true(load_be16(datagram.payload + 2) & QR);
	return datagram;
}

static unsigned rcode(const struct kit *kit)
{
	return answer(kit).payload[3] & 0xf;
}

static unsigned count(const struct kit *kit, unsigned section)
{
	return load_be16(answer(kit).payload + 4 + 2 * section);
}

// The data of the record number n behind the question; answers point to the question's name.
static const uint8_t *record(const struct kit *kit, unsigned n, uint16_t *type, size_t *len)
{
	struct kit_datagram datagram = answer(kit);
	const uint8_t *at = datagram.payload + 12, *end = datagram.payload + datagram.len;

	for (unsigned i = 0; i <= n + 1; i++) {
		if (*at >= 0xc0)
			at += 2;
		else {
			while (*at)
				at += 1 + *at;
			at++;
		}
		if (i == 0) {
			at += 4;
			continue;
		}
		*type = load_be16(at);
		*len = load_be16(at + 8);
		at += 10 + *len;
		assert_true(at <= end);
	}
	return at - *len;
}

static void assert_address(const struct kit *kit, unsigned n, const char *text)
{
	struct ip_addr ip = kit_ip(text);
	size_t len, skip = ip_is4(ip) ? 12 : 0;
	uint16_t type;
	const uint8_t *value = record(kit, n, &type, &len);

	assert_int_equal(type, skip ? A : AAAA);
	assert_int_equal(len, 16 - skip);
	assert_memory_equal(value, ip.b + skip, len);
}

static void assert_negative(const struct kit *kit, unsigned code)
{
	uint16_t type;
	size_t len;

	assert_int_equal(rcode(kit), code);
	assert_int_equal(count(kit, 1), 0);
	assert_int_equal(count(kit, 2), 1);
	record(kit, 0, &type, &len);
	assert_int_equal(type, SOA);
}

static void add_record(struct kit *kit, uint64_t id, uint64_t zone, const char *name,
                       const char *ip)
{
	struct dns_record_config config = {.id = id, .zone = zone, .ip = kit_ip(ip), .ttl = 60};

	snprintf(config.name, sizeof(config.name), "%s", name);
	assert_int_equal(service_set_record(kit->service, &config), 0);
}

static void add_lease(struct kit *kit, uint64_t scope, const char *ip, uint32_t client,
                      const char *name)
{
	struct lease lease = {.scope = scope,
	                      .ip = kit_ip(ip),
	                      .mac = kit_mac(client),
	                      .state = LEASE_BOUND,
	                      .expires = kit->wall + 100};

	snprintf(lease.hostname, sizeof(lease.hostname), "%s", name);
	assert_non_null(lease_put(kit->state.leases, &lease));
	kit_restart(kit);
}

static void add_neighbour(struct kit *kit, uint32_t interface, const char *text, uint32_t client)
{
	struct ip_addr ip = kit_ip(text);
	struct mac mac = kit_mac(client);

	neighbour_confirm(kit->state.neighbours, interface, &ip, &mac, true, true,
	                  (uint32_t)(kit->now_ns / 1000000));
}

static void static_record(void **state)
{
	struct kit *kit = *state;

	add_record(kit, 1, KIT_ZONE, "www", "10.77.0.80");
	add_record(kit, 2, KIT_ZONE, "WWW", "fd00:77::80");
	assert_int_equal(ask(kit, (struct question){.name = "www.lan.test", .type = A}), DROP_NONE);
	assert_int_equal(rcode(kit), NOERROR);
	assert_int_equal(count(kit, 1), 1);
	assert_address(kit, 0, "10.77.0.80");
	assert_true(load_be16(answer(kit).payload + 2) & AA);
	ask(kit, (struct question){.name = "www.lan.test", .type = AAAA});
	assert_address(kit, 0, "fd00:77::80");
	ask(kit, (struct question){.name = "www.lan.test", .type = ANY});
	assert_int_equal(count(kit, 1), 2);
}

static void letter_case_comes_back(void **state)
{
	struct kit *kit = *state;

	add_record(kit, 1, KIT_ZONE, "www", "10.77.0.80");
	ask(kit, (struct question){.name = "wWw.LAN.tesT", .type = A});
	assert_int_equal(count(kit, 1), 1);
	assert_memory_equal(answer(kit).payload + 12, "\3wWw\3LAN\4tesT", 14);
}

static void replaced_and_removed_records(void **state)
{
	struct kit *kit = *state;

	add_record(kit, 1, KIT_ZONE, "www", "10.77.0.80");
	add_record(kit, 1, KIT_ZONE, "web", "10.77.0.81");
	ask(kit, (struct question){.name = "www.lan.test", .type = A});
	assert_negative(kit, NXDOMAIN);
	ask(kit, (struct question){.name = "web.lan.test", .type = A});
	assert_address(kit, 0, "10.77.0.81");
	service_remove_record(kit->service, 1);
	ask(kit, (struct question){.name = "web.lan.test", .type = A});
	assert_negative(kit, NXDOMAIN);
	service_remove_zone(kit->service, KIT_ZONE);
	assert_int_equal(ask(kit, (struct question){.name = "gw.lan.test", .type = A}),
	                 DROP_SERVICE_REFUSED);
}

static void gateway_has_names(void **state)
{
	struct kit *kit = *state;

	ask(kit, (struct question){.name = "gw.lan.test", .type = A});
	assert_address(kit, 0, "10.77.0.1");
	ask(kit, (struct question){.name = "lan.test", .type = AAAA});
	assert_address(kit, 0, "fd00:77::1");
}

static void apex_has_soa_and_ns(void **state)
{
	struct kit *kit = *state;
	const uint8_t *value;
	uint16_t type;
	size_t len;

	ask(kit, (struct question){.name = "lan.test", .type = SOA});
	assert_int_equal(count(kit, 1), 1);
	record(kit, 0, &type, &len);
	assert_int_equal(type, SOA);
	ask(kit, (struct question){.name = "lan.test", .type = NS});
	value = record(kit, 0, &type, &len);
	assert_int_equal(type, NS);
	assert_memory_equal(value, "\2gw\3lan\4test", 13);
}

static void lease_names(void **state)
{
	struct kit *kit = *state;

	add_lease(kit, KIT_SCOPE, "10.77.0.101", 5, "h5");
	ask(kit, (struct question){.name = "h5.lan.test", .type = A});
	assert_address(kit, 0, "10.77.0.101");
	ask(kit, (struct question){.name = "h5.lan.test", .type = AAAA});
	assert_negative(kit, NOERROR);
	ask(kit, (struct question){.name = "x.h5.lan.test", .type = A});
	assert_negative(kit, NXDOMAIN);
	kit_sleep(kit, 100);
	ask(kit, (struct question){.name = "h5.lan.test", .type = A});
	assert_negative(kit, NXDOMAIN);
}

static void neighbour_gives_the_other_family(void **state)
{
	struct kit *kit = *state;

	add_lease(kit, KIT_SCOPE, "10.77.0.101", 5, "h5");
	add_neighbour(kit, KIT_LAN, "fd00:77::5", 5);
	ask(kit, (struct question){.name = "h5.lan.test", .type = AAAA});
	assert_address(kit, 0, "fd00:77::5");
	// A static record's guest is known by its IPv4 neighbour.
	add_record(kit, 1, KIT_ZONE, "h6", "10.77.0.6");
	add_neighbour(kit, KIT_LAN, "10.77.0.6", 6);
	add_neighbour(kit, KIT_LAN, "fd00:77::6", 6);
	ask(kit, (struct question){.name = "h6.lan.test", .type = AAAA});
	assert_address(kit, 0, "fd00:77::6");
}

static void reservation_names(void **state)
{
	struct kit *kit = *state;
	struct dhcp_reservation_config reserved = {.id = 1,
	                                           .scope = KIT_SCOPE,
	                                           .mac = kit_mac(9),
	                                           .has_ip = true,
	                                           .ip = kit_ip("10.77.0.20"),
	                                           .hostname = "web"};

	assert_int_equal(service_set_reservation(kit->service, &reserved), 0);
	ask(kit, (struct question){.name = "web.lan.test", .type = A});
	assert_address(kit, 0, "10.77.0.20");
	add_neighbour(kit, KIT_LAN, "fd00:77::9", 9);
	ask(kit, (struct question){.name = "web.lan.test", .type = AAAA});
	assert_address(kit, 0, "fd00:77::9");
	ask(kit, (struct question){.name = "20.0.77.10.in-addr.arpa", .type = PTR});
	assert_int_equal(count(kit, 1), 1);
}

static void record_hides_lease(void **state)
{
	struct kit *kit = *state;

	add_lease(kit, KIT_SCOPE, "10.77.0.101", 5, "www");
	add_record(kit, 1, KIT_ZONE, "www", "10.77.0.80");
	ask(kit, (struct question){.name = "www.lan.test", .type = A});
	assert_int_equal(count(kit, 1), 1);
	assert_address(kit, 0, "10.77.0.80");
}

static void single_label(void **state)
{
	struct kit *kit = *state;

	add_record(kit, 1, KIT_ZONE, "www", "10.77.0.80");
	ask(kit, (struct question){.name = "www", .type = A});
	assert_address(kit, 0, "10.77.0.80");
	ask(kit, (struct question){.name = "nobody", .type = A});
	assert_int_equal(kit->upstream_count, 1);
}

static void reverse_names(void **state)
{
	struct kit *kit = *state;
	const uint8_t *value;
	uint16_t type;
	size_t len;

	add_record(kit, 1, KIT_ZONE, "www", "10.77.0.80");
	add_lease(kit, KIT_SCOPE, "10.77.0.101", 5, "h5");
	add_record(kit, 1, KIT_ZONE, "www", "10.77.0.80");
	ask(kit, (struct question){.name = "80.0.77.10.in-addr.arpa", .type = PTR});
	value = record(kit, 0, &type, &len);
	assert_int_equal(type, PTR);
	assert_memory_equal(value, "\3www\3lan\4test", 14);
	ask(kit, (struct question){.name = "101.0.77.10.in-addr.arpa", .type = PTR});
	value = record(kit, 0, &type, &len);
	assert_memory_equal(value, "\2h5\3lan\4test", 13);
	ask(kit, (struct question){.name = "1.0.77.10.in-addr.arpa", .type = PTR});
	value = record(kit, 0, &type, &len);
	assert_memory_equal(value, "\2gw\3lan\4test", 13);
	ask(kit, (struct question){.name = "9.0.77.10.in-addr.arpa", .type = PTR});
	assert_negative(kit, NXDOMAIN);
	ask(kit, (struct question){.name = "0.77.10.in-addr.arpa", .type = PTR});
	assert_negative(kit, NOERROR);
	// A name that is no address, and an address of nobody here.
	ask(kit, (struct question){.name = "01.0.77.10.in-addr.arpa", .type = PTR});
	assert_int_equal(kit->upstream_count, 1);
	ask(kit, (struct question){.name = "1.1.1.1.in-addr.arpa", .type = PTR});
	assert_int_equal(kit->upstream_count, 1);
}

static void reverse_ip6(void **state)
{
	static const char name[] = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
				   "0.0.0.0.0.0.0.0.7.7.0.0.0.0.d.f.ip6.arpa";
	struct kit *kit = *state;
	uint16_t type;
	size_t len;

	ask(kit, (struct question){.name = name, .type = PTR});
	assert_negative(kit, NXDOMAIN);
	add_lease(kit, KIT_SCOPE, "10.77.0.101", 5, "h5");
	add_neighbour(kit, KIT_LAN, "fd00:77::5", 5);
	ask(kit, (struct question){.name = name, .type = PTR});
	assert_memory_equal(record(kit, 0, &type, &len), "\2h5\3lan\4test", 13);
}

static void zones_of_one_vrf_see_each_other(void **state)
{
	struct kit *kit = *state;

	add_record(kit, 1, KIT_DMZ_ZONE, "web", "10.78.0.80");
	ask(kit, (struct question){.name = "web.dmz.test", .type = A});
	assert_address(kit, 0, "10.78.0.80");
	ask(kit, (struct question){.name = "80.0.78.10.in-addr.arpa", .type = PTR});
	assert_int_equal(count(kit, 1), 1);
}

static void zones_of_other_vrfs_do_not_exist(void **state)
{
	struct kit *kit = *state;

	add_record(kit, 1, KIT_DB_ZONE, "h3", "10.99.0.3");
	ask(kit, (struct question){.name = "h3.db.test", .type = A});
	assert_int_equal(kit->out_count, 0);
	assert_int_equal(kit->upstream_count, 1);
	ask(kit, (struct question){.name = "3.0.99.10.in-addr.arpa", .type = PTR});
	assert_int_equal(kit->upstream_count, 1);
	ask(kit, (struct question){.name = "h3.db.test", .type = A, .domain = KIT_DB});
	assert_address(kit, 0, "10.99.0.3");
	ask(kit, (struct question){.name = "gw.lan.test", .type = A, .domain = KIT_DB});
	assert_int_equal(kit->upstream_count, 1);
}

static void longest_zone_wins(void **state)
{
	struct kit *kit = *state;
	struct dns_zone_config zone = {.id = 300, .interface = KIT_DMZ, .domain = "sub.lan.test"};

	assert_int_equal(service_set_zone(kit->service, &zone), 0);
	add_record(kit, 1, 300, "www", "10.78.0.1");
	add_record(kit, 2, KIT_ZONE, "www.sub", "10.77.0.1");
	ask(kit, (struct question){.name = "www.sub.lan.test", .type = A});
	assert_int_equal(count(kit, 1), 1);
	assert_address(kit, 0, "10.78.0.1");
}

static void over_ip6(void **state)
{
	struct kit *kit = *state;

	ask(kit, (struct question){.name = "gw.lan.test", .type = A, .six = true});
	assert_address(kit, 0, "10.77.0.1");
	assert_true(ip_equal(answer(kit).src, kit_ip("fd00:77::1")));
	assert_true(ip_equal(answer(kit).dst, kit_ip("fd00:77::5")));
}

static void edns_is_answered(void **state)
{
	struct kit *kit = *state;
	uint8_t message[512];
	struct question question = {.name = "gw.lan.test", .type = A, .edns = 4096};
	size_t len;

	ask(kit, question);
	assert_int_equal(count(kit, 3), 1);
	// A version that we do not know: BADVERS, 16 in two parts.
	len = build(message, &question);
	message[len - 5] = 1;
	kit_clear(kit);
	send_message(kit, &question, message, len);
	assert_int_equal(rcode(kit), 0);
	assert_int_equal(answer(kit).payload[answer(kit).len - 6], 1);
}

// Hands the answer of a resolver in; the id is the one that was asked with unless `wrong` is set.
static void resolve(struct kit *kit, unsigned n, uint8_t code, unsigned wrong, size_t pad)
{
	const struct kit_upstream *up = &kit->upstream[n];
	uint8_t message[4096];

	memcpy(message, up->query, up->len);
	message[2] |= 0x80;
	message[3] = (uint8_t)(0x80 | code);
	message[1] ^= (uint8_t)wrong;
	memset(message + up->len, 0xee, pad);
	service_upstream_answer(kit->service, up->token, message, up->len + pad, kit->now_ns);
}

static void foreign_names_are_passed_on(void **state)
{
	struct kit *kit = *state;

	assert_int_equal(
		ask(kit, (struct question){.name = "Example.ORG", .type = MX, .edns = 1400}),
		DROP_NONE);
	assert_int_equal(kit->out_count, 0);
	assert_int_equal(kit->upstream_count, 1);
	assert_string_equal(kit->upstream[0].server, "");
	assert_int_equal(kit->upstream[0].len, 12 + 13 + 4 + 11);
	resolve(kit, 0, NOERROR, 0, 100);
	assert_int_equal(rcode(kit), NOERROR);
	assert_int_equal(answer(kit).len, kit->upstream[0].len + 100);
	// Answered is answered.
	resolve(kit, 0, NOERROR, 0, 100);
	assert_int_equal(kit->out_count, 1);
}

static void answers_must_fit_the_question(void **state)
{
	struct kit *kit = *state;
	struct kit_upstream up;

	ask(kit, (struct question){.name = "example.org", .type = A});
	resolve(kit, 0, NOERROR, 1, 0);
	assert_int_equal(kit->out_count, 0);
	up = kit->upstream[0];
	kit->upstream[0].query[14] ^= 1; // another name
	resolve(kit, 0, NOERROR, 0, 0);
	kit->upstream[0] = up;
	kit->upstream[0].token++;
	resolve(kit, 0, NOERROR, 0, 0);
	assert_int_equal(kit->out_count, 0);
	kit->upstream[0] = up;
	for (size_t len = 0; len < up.len; len++)
		service_upstream_answer(kit->service, up.token, up.query, len, kit->now_ns);
	service_upstream_answer(kit->service, up.token, up.query, up.len, kit->now_ns);
	assert_int_equal(kit->out_count, 0);
	resolve(kit, 0, NOERROR, 0, 0);
	assert_int_equal(kit->out_count, 1);
}

static void ids_are_fresh(void **state)
{
	struct kit *kit = *state;
	unsigned same = 0;

	for (uint16_t i = 1; i < KIT_FRAMES; i++) {
		ask(kit, (struct question){.name = "example.org", .type = A, .id = i});
		same += load_be16(kit->upstream[0].query) == i;
	}
	assert_true(same < 3);
}

static void set_forwarders(struct kit *kit, const char *first, const char *second)
{
	struct dns_zone_config zone = {.id = KIT_ZONE, .interface = KIT_LAN, .domain = "lan.test"};

	snprintf(zone.forwarders[0], sizeof(zone.forwarders[0]), "%s", first);
	zone.forwarder_count = 1;
	if (second)
		snprintf(zone.forwarders[zone.forwarder_count++], sizeof(zone.forwarders[1]), "%s",
		         second);
	assert_int_equal(service_set_zone(kit->service, &zone), 0);
}

static void silent_server_is_followed_by_the_next(void **state)
{
	struct kit *kit = *state;

	set_forwarders(kit, "192.0.2.1", "192.0.2.2#5353");
	ask(kit, (struct question){.name = "example.org", .type = A});
	assert_string_equal(kit->upstream[0].server, "192.0.2.1");
	kit_sleep(kit, 2);
	assert_int_equal(kit->upstream_count, 2);
	assert_string_equal(kit->upstream[1].server, "192.0.2.2#5353");
	assert_int_not_equal(load_be16(kit->upstream[0].query), load_be16(kit->upstream[1].query));
	kit_sleep(kit, 2);
	assert_int_equal(kit->upstream_count, 3);
	assert_int_equal(kit->out_count, 0);
	kit_sleep(kit, 2);
	assert_int_equal(rcode(kit), SERVFAIL);
	assert_int_equal(kit->upstream_count, 3);
}

static void failing_server_is_followed_at_once(void **state)
{
	struct kit *kit = *state;

	set_forwarders(kit, "192.0.2.1", "192.0.2.2");
	ask(kit, (struct question){.name = "example.org", .type = A});
	resolve(kit, 0, SERVFAIL, 0, 0);
	assert_int_equal(kit->out_count, 0);
	assert_int_equal(kit->upstream_count, 2);
	resolve(kit, 1, REFUSED, 0, 0);
	assert_int_equal(rcode(kit), REFUSED);
}

static void unreachable_servers_fail_at_once(void **state)
{
	struct kit *kit = *state;

	kit->upstream_result = -101;
	ask(kit, (struct question){.name = "example.org", .type = A, .edns = 1232});
	assert_int_equal(rcode(kit), SERVFAIL);
	assert_int_equal(kit->upstream_count, 3);
}

static void none_refuses_foreign_names(void **state)
{
	struct kit *kit = *state;

	set_forwarders(kit, "none", NULL);
	ask(kit, (struct question){.name = "example.org", .type = A});
	assert_int_equal(rcode(kit), REFUSED);
	assert_int_equal(kit->upstream_count, 0);
	ask(kit, (struct question){.name = "gw.lan.test", .type = A});
	assert_address(kit, 0, "10.77.0.1");
}

static void no_recursion_is_not_passed_on(void **state)
{
	struct kit *kit = *state;

	ask(kit, (struct question){.name = "example.org", .type = A, .no_recursion = true});
	assert_int_equal(rcode(kit), REFUSED);
	assert_int_equal(kit->upstream_count, 0);
}

static void long_answers_are_cut(void **state)
{
	struct kit *kit = *state;

	ask(kit, (struct question){.name = "example.org", .type = A});
	resolve(kit, 0, NOERROR, 0, 500);
	assert_true(load_be16(answer(kit).payload + 2) & TC);
	assert_int_equal(answer(kit).len, 12 + 13 + 4);
	// What EDNS allows but the link does not take.
	ask(kit, (struct question){.name = "example.org", .type = A, .edns = 4096});
	resolve(kit, 0, NOERROR, 0, 1400);
	assert_false(load_be16(answer(kit).payload + 2) & TC);
	ask(kit, (struct question){.name = "example.org", .type = A, .edns = 4096});
	resolve(kit, 0, NOERROR, 0, 3000);
	assert_true(load_be16(answer(kit).payload + 2) & TC);
}

static void many_own_addresses_are_cut(void **state)
{
	struct kit *kit = *state;
	char name[80], ip[20];

	memset(name, 'x', 63);
	name[63] = 0;
	for (unsigned i = 1; i <= 16; i++) {
		snprintf(ip, sizeof(ip), "fd00:77::%x", i);
		add_record(kit, i, KIT_ZONE, name, ip);
	}
	snprintf(name + 63, sizeof(name) - 63, ".lan.test");
	ask(kit, (struct question){.name = name, .type = AAAA});
	assert_true(load_be16(answer(kit).payload + 2) & TC);
	assert_true(answer(kit).len <= 512);
	ask(kit, (struct question){.name = name, .type = AAAA, .edns = 1232});
	assert_false(load_be16(answer(kit).payload + 2) & TC);
	assert_int_equal(count(kit, 1), 16);
}

static void repeated_question_is_asked_once(void **state)
{
	struct kit *kit = *state;
	struct question question = {.name = "example.org", .type = A};
	uint8_t message[512];
	size_t len = build(message, &question);

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send_message(kit, &question, message, len), DROP_NONE);
	assert_int_equal(kit->upstream_count, 1);
	resolve(kit, 0, NOERROR, 0, 0);
	assert_int_equal(kit->out_count, 1);
}

static void one_port_does_not_fill_the_table(void **state)
{
	struct kit *kit = *state;
	unsigned passed = 0;

	for (uint16_t i = 1; i <= 400; i++)
		passed += ask(kit, (struct question){.name = "example.org", .type = A, .id = i}) ==
		          DROP_NONE;
	assert_int_equal(passed, 128);
	assert_int_equal(ask(kit, (struct question){.name = "example.org", .type = A, .port = 8}),
	                 DROP_NONE);
	kit_sleep(kit, 6);
	assert_int_equal(ask(kit, (struct question){.name = "example.org", .type = A}), DROP_NONE);
}

static void broken_queries(void **state)
{
	struct kit *kit = *state;
	struct question question = {.name = "gw.lan.test", .type = A, .edns = 1232};
	uint8_t message[512];
	size_t len = build(message, &question);

	for (size_t cut = 0; cut < len; cut++) {
		kit_clear(kit);
		assert_int_equal(send_message(kit, &question, message, cut), DROP_DNS_MALFORMED);
		assert_int_equal(kit->out_count, cut >= 12);
		if (cut >= 12)
			assert_int_equal(rcode(kit), FORMERR);
	}
	// An answer is no question.
	kit_clear(kit);
	message[2] |= 0x80;
	assert_int_equal(send_message(kit, &question, message, len), DROP_DNS_MALFORMED);
	assert_int_equal(kit->out_count, 0);
	// A name that points into itself, and one that points into the header.
	message[2] = 1;
	message[12] = 0xc0;
	message[13] = 12;
	assert_int_equal(send_message(kit, &question, message, len), DROP_DNS_MALFORMED);
	message[13] = 0;
	assert_int_equal(send_message(kit, &question, message, len), DROP_DNS_MALFORMED);
}

static void unsupported_queries(void **state)
{
	struct kit *kit = *state;
	struct question question = {.name = "lan.test", .type = A};
	uint8_t message[512];
	size_t len;

	ask(kit, (struct question){.name = "lan.test", .type = A, .flags = 2 << 11});
	assert_int_equal(rcode(kit), NOTIMP);
	ask(kit, (struct question){.name = "lan.test", .type = AXFR});
	assert_int_equal(rcode(kit), REFUSED);
	ask(kit, (struct question){.name = "lan.test", .type = MX});
	assert_negative(kit, NOERROR);
	len = build(message, &question);
	message[len - 1] = 3; // class CHAOS
	kit_clear(kit);
	send_message(kit, &question, message, len);
	assert_int_equal(rcode(kit), REFUSED);
}

static void a_port_has_a_rate(void **state)
{
	struct kit *kit = *state;
	unsigned answered = 0;

	for (unsigned i = 0; i < 1200; i++)
		answered +=
			ask(kit, (struct question){.name = "gw.lan.test", .type = A}) == DROP_NONE;
	assert_int_equal(answered, 1000);
}

static void names_that_are_none(void **state)
{
	struct kit *kit = *state;
	struct dns_zone_config zone = {.id = 300, .interface = KIT_LAN, .domain = "a..b"};
	struct dns_record_config entry = {.id = 300, .zone = KIT_ZONE};

	assert_int_equal(service_set_zone(kit->service, &zone), -22);
	memset(entry.name, 'x', 64);
	assert_int_equal(service_set_record(kit->service, &entry), -22);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(static_record),
		TEST(letter_case_comes_back),
		TEST(replaced_and_removed_records),
		TEST(gateway_has_names),
		TEST(apex_has_soa_and_ns),
		TEST(lease_names),
		TEST(neighbour_gives_the_other_family),
		TEST(reservation_names),
		TEST(record_hides_lease),
		TEST(single_label),
		TEST(reverse_names),
		TEST(reverse_ip6),
		TEST(zones_of_one_vrf_see_each_other),
		TEST(zones_of_other_vrfs_do_not_exist),
		TEST(longest_zone_wins),
		TEST(over_ip6),
		TEST(edns_is_answered),
		TEST(foreign_names_are_passed_on),
		TEST(answers_must_fit_the_question),
		TEST(ids_are_fresh),
		TEST(silent_server_is_followed_by_the_next),
		TEST(failing_server_is_followed_at_once),
		TEST(unreachable_servers_fail_at_once),
		TEST(none_refuses_foreign_names),
		TEST(no_recursion_is_not_passed_on),
		TEST(long_answers_are_cut),
		TEST(many_own_addresses_are_cut),
		TEST(repeated_question_is_asked_once),
		TEST(one_port_does_not_fill_the_table),
		TEST(broken_queries),
		TEST(unsupported_queries),
		TEST(a_port_has_a_rate),
		TEST(names_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
