// SPDX-License-Identifier: BSD-3-Clause
//
// test_dhcp: a client's life with the server: every message, every way an address is chosen or kept.

#include "base/bytes.h"
#include "tests/unit/datapath/service_kit.h"

#include <errno.h>

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };
enum { PORT = 7 };

// What a client says. Fields that are zero are not in the message.
struct ask {
	uint8_t type;
	uint32_t client; // number of its MAC
	const char *ciaddr, *requested, *server;
	const char *id, *hostname;
	const uint8_t *wanted;
	size_t wanted_len;
	uint32_t lease, giaddr;
	uint16_t flags;
	uint32_t domain; // 0: lan
};

static size_t put(uint8_t *at, uint8_t option, const void *value, size_t len)
{
	at[0] = option;
	at[1] = (uint8_t)len;
	memcpy(at + 2, value, len);
	return len + 2;
}

static size_t put_ip(uint8_t *at, uint8_t option, const char *text)
{
	return put(at, option, kit_ip(text).b + 12, 4);
}

static size_t build(uint8_t message[static 576], const struct ask *ask)
{
	struct mac mac = kit_mac(ask->client);
	size_t len = 240;

	memset(message, 0, 576);
	message[0] = message[1] = 1;
	message[2] = 6;
	store_be32(message + 4, 0x11223344);
	store_be16(message + 10, ask->flags);
	if (ask->ciaddr)
		memcpy(message + 12, kit_ip(ask->ciaddr).b + 12, 4);
	store_be32(message + 24, ask->giaddr);
	memcpy(message + 28, mac.b, 6);
	store_be32(message + 236, 0x63825363);
	len += put(message + len, 53, &ask->type, 1);
	if (ask->requested)
		len += put_ip(message + len, 50, ask->requested);
	if (ask->server)
		len += put_ip(message + len, 54, ask->server);
	if (ask->id)
		len += put(message + len, 61, ask->id, strlen(ask->id));
	if (ask->hostname)
		len += put(message + len, 12, ask->hostname, strlen(ask->hostname));
	if (ask->wanted)
		len += put(message + len, 55, ask->wanted, ask->wanted_len);
	if (ask->lease) {
		uint8_t seconds[4];

		store_be32(seconds, ask->lease);
		len += put(message + len, 51, seconds, 4);
	}
	message[len++] = 255;
	return len;
}

static enum drop_reason send_message(struct kit *kit, const struct ask *ask, const uint8_t *message,
                                     size_t len)
{
	return kit_datagram_in(kit, PUNT_DHCP4, ask->domain ? ask->domain : KIT_LAN, PORT,
	                       &(struct kit_datagram){
				       .src_mac = kit_mac(ask->client),
				       .dst_mac = mac_from_u64(UINT64_C(0xffffffffffff)),
				       .src = kit_ip(ask->ciaddr ? ask->ciaddr : "0.0.0.0"),
				       .dst = kit_ip("255.255.255.255"),
				       .src_port = 68,
				       .dst_port = 67,
				       .payload = message,
				       .len = len,
			       });
}

static enum drop_reason say(struct kit *kit, struct ask ask)
{
	uint8_t message[576];
	size_t len = build(message, &ask);

	kit_clear(kit);
	return send_message(kit, &ask, message, len);
}

static const uint8_t *option(const struct kit *kit, uint8_t code, size_t *len)
{
	struct kit_datagram reply = kit_datagram_out(kit, 0);
	const uint8_t *at = reply.payload + 240, *end = reply.payload + reply.len;

	assert_true(reply.len >= 300);
	while (at < end && *at != 255) {
		if (*at == code) {
			*len = at[1];
			return at + 2;
		}
		at += 2 + at[1];
	}
	return NULL;
}

// Asserts that one reply of the type went out; returns the address it gives.
static struct ip_addr expect(const struct kit *kit, uint8_t type)
{
	struct kit_datagram reply = kit_datagram_out(kit, 0);
	uint32_t yiaddr;
	size_t len;

	assert_int_equal(kit->out_count, 1);
	assert_int_equal(kit->out[0].port, PORT);
	assert_int_equal(reply.src_port, 67);
	assert_int_equal(reply.dst_port, 68);
	assert_int_equal(load_be32(reply.payload + 4), 0x11223344);
	assert_int_equal(*option(kit, 53, &len), type);
	memcpy(&yiaddr, reply.payload + 16, 4);
	return ip_from4(yiaddr);
}

static void assert_ip(struct ip_addr ip, const char *text)
{
	char buf[IP_TEXT];

	assert_string_equal(ip_format(ip, buf), text);
}

static uint32_t option32(const struct kit *kit, uint8_t code)
{
	size_t len = 0;
	const uint8_t *value = option(kit, code, &len);

	assert_non_null(value);
	assert_int_equal(len, 4);
	return load_be32(value);
}

static const char *text_of(struct ip_addr ip)
{
	static char buf[IP_TEXT];

	return ip_format(ip, buf);
}

// Takes a client from DISCOVER to ACK.
static struct ip_addr bind_client(struct kit *kit, struct ask ask)
{
	char text[IP_TEXT];

	ask.type = DISCOVER;
	assert_int_equal(say(kit, ask), DROP_NONE);
	ip_format(expect(kit, OFFER), text);
	ask.type = REQUEST;
	ask.requested = text;
	ask.server = ask.domain == KIT_DB ? "10.99.0.1" : "10.77.0.1";
	assert_int_equal(say(kit, ask), DROP_NONE);
	return expect(kit, ACK);
}

static void offers_and_binds(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1});

	assert_true(prefix_contains((struct ip_prefix){kit_ip("10.77.0.100"), 30}, ip));
	assert_int_equal(option32(kit, 51), 3600);
	assert_int_equal(option32(kit, 54), 0x0a4d0001);
	assert_int_equal(option32(kit, 1), 0xffffff00);
	assert_int_equal(kit->event_count, 1);
	assert_int_equal(kit->events[0].expires, kit->wall + 3600);
	assert_true(ip_equal(kit->events[0].ip, ip));
}

static void offer_alone_is_no_event(void **state)
{
	struct kit *kit = *state;

	say(kit, (struct ask){.type = DISCOVER, .client = 1});
	expect(kit, OFFER);
	assert_int_equal(kit->event_count, 0);
}

static void wish_is_granted(void **state)
{
	struct kit *kit = *state;

	say(kit, (struct ask){.type = DISCOVER, .client = 1, .requested = "10.77.0.102"});
	assert_ip(expect(kit, OFFER), "10.77.0.102");
	say(kit, (struct ask){.type = DISCOVER, .client = 2, .requested = "10.77.0.102"});
	assert_string_not_equal(text_of(expect(kit, OFFER)), "10.77.0.102");
	// Outside the pool a wish is no reason.
	say(kit, (struct ask){.type = DISCOVER, .client = 3, .requested = "10.77.0.5"});
	assert_string_not_equal(text_of(expect(kit, OFFER)), "10.77.0.5");
}

static void options_come_only_when_wanted(void **state)
{
	struct kit *kit = *state;
	const uint8_t wanted[] = {26, 28, 58, 59, 119, 15, 6, 26};
	struct ask ask = {.client = 1, .wanted = wanted, .wanted_len = sizeof(wanted)};
	const uint8_t *value;
	size_t len;

	bind_client(kit, ask);
	value = option(kit, 26, &len);
	assert_int_equal(load_be16(value), 1500);
	assert_int_equal(option32(kit, 28), 0x0a4d00ff);
	assert_int_equal(option32(kit, 58), 1800);
	assert_int_equal(option32(kit, 59), 3150);
	assert_int_equal(option32(kit, 6), 0x0a4d0001);
	value = option(kit, 15, &len);
	assert_memory_equal(value, "lan.test", len);
	value = option(kit, 119, &len);
	assert_int_equal(len, 10);
	assert_memory_equal(value, "\3lan\4test", 10);
	assert_null(option(kit, 3, &len));
	assert_null(option(kit, 12, &len));
}

static void router_only_where_it_leads_out(void **state)
{
	struct kit *kit = *state;
	size_t len;

	bind_client(kit, (struct ask){.client = 1});
	assert_int_equal(option32(kit, 3), 0x0a4d0001);
	bind_client(kit, (struct ask){.client = 1, .domain = KIT_DB});
	assert_null(option(kit, 3, &len));
	// The uplink of a net behind NAT may come later than the lease.
	kit->interfaces[KIT_DB].nat = NAT_ROLE_INSIDE;
	bind_client(kit, (struct ask){.client = 2, .domain = KIT_DB});
	assert_non_null(option(kit, 3, &len));
}

static void other_subnets_come_as_routes(void **state)
{
	struct kit *kit = *state;
	const uint8_t wanted[] = {121};
	const uint8_t routes[] = {16, 192, 168, 0, 0, 0, 0, 0, 10, 77, 0, 1};
	const uint8_t *value;
	size_t len;

	prefix_parse("192.168.1.1/16", &kit->addresses[KIT_LAN][2]);
	kit->interfaces[KIT_LAN].address_count = 3;
	bind_client(kit, (struct ask){.client = 1, .wanted = wanted, .wanted_len = 1});
	value = option(kit, 121, &len);
	assert_non_null(value);
	assert_int_equal(len, sizeof(routes));
	assert_memory_equal(value, routes, len);
}

static void reply_goes_where_the_client_hears(void **state)
{
	struct kit *kit = *state;
	struct kit_datagram reply;
	struct ip_addr ip;

	say(kit, (struct ask){.type = DISCOVER, .client = 1});
	ip = expect(kit, OFFER);
	reply = kit_datagram_out(kit, 0);
	assert_true(mac_equal(reply.dst_mac, kit_mac(1)));
	assert_true(ip_equal(reply.dst, ip));

	say(kit, (struct ask){.type = DISCOVER, .client = 1, .flags = 0x8000});
	reply = kit_datagram_out(kit, 0);
	assert_true(mac_is_broadcast(reply.dst_mac));
	assert_true(ip_is_broadcast(reply.dst));
	assert_int_equal(load_be16(reply.payload + 10), 0x8000);

	ip = bind_client(kit, (struct ask){.client = 1});
	say(kit,
	    (struct ask){.type = REQUEST, .client = 1, .ciaddr = text_of(ip), .flags = 0x8000});
	reply = kit_datagram_out(kit, 0);
	assert_true(mac_equal(reply.dst_mac, kit_mac(1)));
	assert_true(ip_equal(reply.dst, ip));
}

static void reservation_is_kept_for_its_client(void **state)
{
	struct kit *kit = *state;
	struct dhcp_reservation_config reserved = {.id = 1,
	                                           .scope = KIT_SCOPE,
	                                           .mac = kit_mac(9),
	                                           .has_ip = true,
	                                           .ip = kit_ip("10.77.0.101"),
	                                           .hostname = "Web"};
	const uint8_t wanted[] = {12};
	size_t len;

	assert_int_equal(service_set_reservation(kit->service, &reserved), 0);
	for (uint32_t client = 1; client <= 3; client++)
		assert_string_not_equal(text_of(bind_client(kit, (struct ask){.client = client})),
		                        "10.77.0.101");
	assert_int_equal(say(kit, (struct ask){.type = DISCOVER, .client = 4}),
	                 DROP_DHCP_EXHAUSTED);
	assert_int_equal(kit->out_count, 0);
	assert_ip(bind_client(kit, (struct ask){.client = 9, .wanted = wanted, .wanted_len = 1}),
	          "10.77.0.101");
	assert_memory_equal(option(kit, 12, &len), "web", 3);
	assert_string_equal(kit->events[0].hostname, "web");
}

static void reservation_outside_the_pool(void **state)
{
	struct kit *kit = *state;
	struct dhcp_reservation_config reserved = {.id = 1,
	                                           .scope = KIT_SCOPE,
	                                           .mac = kit_mac(9),
	                                           .has_ip = true,
	                                           .ip = kit_ip("10.77.0.20")};

	assert_int_equal(service_set_reservation(kit->service, &reserved), 0);
	assert_ip(bind_client(kit, (struct ask){.client = 9}), "10.77.0.20");
	// One outside the subnet cannot be had; the client gets one of the pool.
	reserved.ip = kit_ip("10.55.0.20");
	assert_int_equal(service_set_reservation(kit->service, &reserved), 0);
	say(kit, (struct ask){.type = REQUEST, .client = 9, .ciaddr = "10.77.0.20"});
	expect(kit, NAK);
	assert_true(prefix_contains((struct ip_prefix){kit_ip("10.77.0.100"), 30},
	                            bind_client(kit, (struct ask){.client = 9})));
}

static void reservation_moves_a_client_at_renewal(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1});
	struct dhcp_reservation_config reserved = {.id = 1,
	                                           .scope = KIT_SCOPE,
	                                           .mac = kit_mac(1),
	                                           .has_ip = true,
	                                           .ip = kit_ip("10.77.0.20")};

	assert_int_equal(service_set_reservation(kit->service, &reserved), 0);
	say(kit, (struct ask){.type = REQUEST, .client = 1, .ciaddr = text_of(ip)});
	expect(kit, NAK);
	assert_ip(bind_client(kit, (struct ask){.client = 1}), "10.77.0.20");
	// The former lease ended, then the new one began.
	assert_int_equal(kit->event_count, 2);
	assert_int_equal(kit->events[0].expires, 0);
	assert_true(ip_equal(kit->events[0].ip, ip));
	service_remove_reservation(kit->service, 1);
	say(kit, (struct ask){.type = REQUEST, .client = 1, .ciaddr = "10.77.0.20"});
	expect(kit, NAK);
}

static void client_id_counts_before_the_mac(void **state)
{
	struct kit *kit = *state;
	struct ip_addr first = bind_client(kit, (struct ask){.client = 1, .id = "\1one"});
	struct ip_addr second = bind_client(kit, (struct ask){.client = 1, .id = "\1two"});

	assert_false(ip_equal(first, second));
	assert_true(ip_equal(first, bind_client(kit, (struct ask){.client = 2, .id = "\1one"})));
}

static void long_client_ids_differ(void **state)
{
	struct kit *kit = *state;
	char one[201], two[201];

	memset(one, 'x', 200);
	one[200] = 0;
	memcpy(two, one, sizeof(two));
	two[199] = 'y';
	assert_false(ip_equal(bind_client(kit, (struct ask){.client = 1, .id = one}),
	                      bind_client(kit, (struct ask){.client = 1, .id = two})));
}

static void exhausted_pool_is_silent_and_named(void **state)
{
	struct kit *kit = *state;

	for (uint32_t client = 1; client <= 4; client++)
		bind_client(kit, (struct ask){.client = client});
	assert_int_equal(say(kit, (struct ask){.type = DISCOVER, .client = 5}),
	                 DROP_DHCP_EXHAUSTED);
	assert_int_equal(kit->out_count, 0);
	// Who has a lease keeps it.
	bind_client(kit, (struct ask){.client = 2});
}

static void offer_is_held_for_thirty_seconds(void **state)
{
	struct kit *kit = *state;

	for (uint32_t client = 1; client <= 4; client++)
		say(kit, (struct ask){.type = DISCOVER, .client = client});
	kit_sleep(kit, 29);
	assert_int_equal(say(kit, (struct ask){.type = DISCOVER, .client = 5}),
	                 DROP_DHCP_EXHAUSTED);
	kit_sleep(kit, 1);
	assert_int_equal(say(kit, (struct ask){.type = DISCOVER, .client = 5}), DROP_NONE);
	expect(kit, OFFER);
}

static void lease_ends_to_the_second(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1});

	kit_clear(kit);
	kit_sleep(kit, 3599);
	assert_int_equal(kit->event_count, 0);
	kit_sleep(kit, 1);
	assert_int_equal(kit->event_count, 1);
	assert_int_equal(kit->events[0].expires, 0);
	assert_true(ip_equal(kit->events[0].ip, ip));
	assert_null(lease_by_ip(kit->state.leases, KIT_SCOPE, &ip));
}

static void renewing_extends(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1});

	kit_sleep(kit, 1800);
	say(kit, (struct ask){.type = REQUEST, .client = 1, .ciaddr = text_of(ip)});
	assert_true(ip_equal(expect(kit, ACK), ip));
	assert_int_equal(kit->events[0].expires, kit->wall + 3600);
	kit_sleep(kit, 3599);
	assert_non_null(lease_by_ip(kit->state.leases, KIT_SCOPE, &ip));
}

static void renewing_anothers_address_is_refused(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1});
	struct kit_datagram reply;

	say(kit, (struct ask){.type = REQUEST, .client = 2, .ciaddr = text_of(ip)});
	expect(kit, NAK);
	reply = kit_datagram_out(kit, 0);
	assert_true(ip_is_broadcast(reply.dst));
	assert_true(mac_is_broadcast(reply.dst_mac));
	assert_int_equal(load_be32(reply.payload + 12), 0);
	assert_int_equal(kit->event_count, 0);
}

static void init_reboot(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1});

	say(kit, (struct ask){.type = REQUEST, .client = 1, .requested = text_of(ip)});
	assert_true(ip_equal(expect(kit, ACK), ip));
	say(kit, (struct ask){.type = REQUEST, .client = 1, .requested = "192.168.5.5"});
	expect(kit, NAK);
	// A client that we have no record of carries on with an address that is free.
	say(kit, (struct ask){.type = REQUEST, .client = 2, .requested = "10.77.0.103"});
	if (!ip_equal(ip, kit_ip("10.77.0.103")))
		assert_ip(expect(kit, ACK), "10.77.0.103");
	else
		expect(kit, NAK);
	// The router's own address is nobody's.
	say(kit, (struct ask){.type = REQUEST, .client = 3, .requested = "10.77.0.1"});
	expect(kit, NAK);
}

static void choosing_another_server_frees_the_offer(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip;

	say(kit, (struct ask){.type = DISCOVER, .client = 1});
	ip = expect(kit, OFFER);
	assert_non_null(lease_by_ip(kit->state.leases, KIT_SCOPE, &ip));
	say(kit, (struct ask){.type = REQUEST,
	                      .client = 1,
	                      .requested = "10.77.0.50",
	                      .server = "10.77.0.9"});
	assert_int_equal(kit->out_count, 0);
	assert_null(lease_by_ip(kit->state.leases, KIT_SCOPE, &ip));
}

static void declined_address_rests_ten_minutes(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1});
	char text[IP_TEXT];

	ip_format(ip, text);
	assert_int_equal(say(kit, (struct ask){.type = DECLINE,
	                                       .client = 1,
	                                       .requested = text,
	                                       .server = "10.77.0.1"}),
	                 DROP_NONE);
	assert_int_equal(kit->event_count, 1);
	assert_int_equal(kit->events[0].expires, 0);
	kit_sleep(kit, 599);
	say(kit, (struct ask){.type = DISCOVER, .client = 1, .requested = text});
	assert_false(ip_equal(expect(kit, OFFER), ip));
	kit_sleep(kit, 31);
	say(kit, (struct ask){.type = DISCOVER, .client = 1, .requested = text});
	assert_true(ip_equal(expect(kit, OFFER), ip));
}

static void declining_has_a_rate(void **state)
{
	struct kit *kit = *state;
	unsigned taken = 0;

	for (unsigned i = 0; i < 8; i++) {
		struct ip_addr ip;
		char text[IP_TEXT];

		if (say(kit, (struct ask){.type = DISCOVER, .client = 1}) != DROP_NONE)
			break;
		ip = expect(kit, OFFER);
		ip_format(ip, text);
		taken += say(kit, (struct ask){.type = DECLINE, .client = 1, .requested = text}) ==
		         DROP_NONE;
	}
	assert_int_equal(taken, 4);
	// Nobody declines what another holds.
	kit_sleep(kit, 600);
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 2});

	assert_int_equal(
		say(kit, (struct ask){.type = DECLINE, .client = 3, .requested = text_of(ip)}),
		DROP_SERVICE_REFUSED);
}

static void released_address_comes_back(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1});

	assert_int_equal(
		say(kit, (struct ask){.type = RELEASE, .client = 2, .ciaddr = text_of(ip)}),
		DROP_SERVICE_REFUSED);
	assert_int_equal(
		say(kit, (struct ask){.type = RELEASE, .client = 1, .ciaddr = text_of(ip)}),
		DROP_NONE);
	assert_int_equal(kit->out_count, 0);
	assert_int_equal(kit->event_count, 1);
	assert_int_equal(kit->events[0].expires, 0);
	bind_client(kit, (struct ask){.client = 2});
	// The hash of the client leads it back, though nothing was kept.
	assert_true(ip_equal(bind_client(kit, (struct ask){.client = 1}), ip));
}

static void inform_gets_options_and_no_lease(void **state)
{
	struct kit *kit = *state;
	size_t len;

	assert_int_equal(say(kit, (struct ask){.type = INFORM, .client = 1, .ciaddr = "10.77.0.7"}),
	                 DROP_NONE);
	assert_ip(expect(kit, ACK), "0.0.0.0");
	assert_null(option(kit, 51, &len));
	assert_int_equal(option32(kit, 6), 0x0a4d0001);
	assert_ip(kit_datagram_out(kit, 0).dst, "10.77.0.7");
	assert_int_equal(say(kit, (struct ask){.type = INFORM, .client = 1, .ciaddr = "8.8.8.8"}),
	                 DROP_SERVICE_REFUSED);
}

static void shorter_leases_on_request(void **state)
{
	struct kit *kit = *state;

	bind_client(kit, (struct ask){.client = 1, .lease = 600});
	assert_int_equal(option32(kit, 51), 600);
	bind_client(kit, (struct ask){.client = 1, .lease = 5});
	assert_int_equal(option32(kit, 51), 60);
	bind_client(kit, (struct ask){.client = 1, .lease = 90000});
	assert_int_equal(option32(kit, 51), 3600);
}

static void leases_outlive_the_process(void **state)
{
	struct kit *kit = *state;
	struct ip_addr ip = bind_client(kit, (struct ask){.client = 1, .hostname = "one"});

	kit_restart(kit);
	say(kit, (struct ask){.type = REQUEST, .client = 1, .ciaddr = text_of(ip)});
	assert_true(ip_equal(expect(kit, ACK), ip));
	say(kit, (struct ask){.type = REQUEST, .client = 2, .requested = text_of(ip)});
	expect(kit, NAK);
	kit_clear(kit);
	kit_sleep(kit, 3600);
	assert_int_equal(kit->event_count, 1);
	assert_string_equal(kit->events[0].hostname, "");
}

static void hostnames_are_checked(void **state)
{
	static const struct {
		const char *said, *kept;
	} cases[] = {
		{"H1", "h1"},       {"h1.example.org", "h1"},
		{"-h1", ""},        {"h_1", ""},
		{"wpad", ""},       {"localhost", ""},
		{"a\001b", ""},     {"gw", ""},
		{"a-b-3", "a-b-3"}, {".h1", ""},
		{"h1-.test", ""},
	};
	struct kit *kit = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		bind_client(kit, (struct ask){.client = 1, .hostname = cases[i].said});
		assert_string_equal(kit->events[0].hostname, cases[i].kept);
		kit_sleep(kit, 1);
	}
}

static void a_name_belongs_to_its_first_holder(void **state)
{
	struct kit *kit = *state;
	struct dhcp_reservation_config reserved = {
		.id = 1, .scope = KIT_SCOPE, .mac = kit_mac(9), .hostname = "db"};

	bind_client(kit, (struct ask){.client = 1, .hostname = "web"});
	bind_client(kit, (struct ask){.client = 2, .hostname = "web"});
	assert_string_equal(kit->events[0].hostname, "");
	assert_int_equal(service_set_reservation(kit->service, &reserved), 0);
	bind_client(kit, (struct ask){.client = 3, .hostname = "db"});
	assert_string_equal(kit->events[0].hostname, "");
	bind_client(kit, (struct ask){.client = 9, .hostname = "other"});
	assert_string_equal(kit->events[0].hostname, "db");
}

static void overloaded_fields_are_read(void **state)
{
	struct kit *kit = *state;
	struct ask ask = {.type = DISCOVER, .client = 1};
	uint8_t message[576];
	size_t len = build(message, &ask) - 1;

	memcpy(message + len, "\x34\1\3\xff", 4);             // overload: both fields
	memcpy(message + 108, "\x32\4\x0a\x4d\0\x66\xff", 7); // file: wish for .102
	memcpy(message + 44, "\x33\4\0\0\2\x58\xff", 7);      // sname: 600 s
	assert_int_equal(send_message(kit, &ask, message, len + 4), DROP_NONE);
	assert_ip(expect(kit, OFFER), "10.77.0.102");
	assert_int_equal(option32(kit, 51), 600);
}

static void malformed_messages_are_named(void **state)
{
	static const struct {
		size_t len;
		const char *options;
	} cases[] = {
		{5, "\x35\1\1\x32\4"},     // wish cut short
		{4, "\x35\1\1\x32"},       // no length
		{3, "\x35\2\1"},           // length past the end
		{7, "\x35\1\1\x36\2\1\1"}, // server id of two bytes
		{3, "\x35\1\x09"},         // a type that is none
		{6, "\x35\1\1\x34\1\4"},   // overload of 4
		{4, "\x35\2\1\1"},         // type of two bytes
	};
	struct kit *kit = *state;
	struct ask ask = {.type = DISCOVER, .client = 1};
	uint8_t message[576];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		build(message, &ask);
		memcpy(message + 240, cases[i].options, cases[i].len);
		assert_int_equal(send_message(kit, &ask, message, 240 + cases[i].len),
		                 DROP_DHCP_MALFORMED);
	}
	for (size_t len = 0; len < 236; len += 5)
		assert_int_equal(send_message(kit, &ask, message, len), DROP_DHCP_MALFORMED);
	assert_int_equal(kit->out_count, 0);
}

static void foreign_messages_are_refused(void **state)
{
	struct kit *kit = *state;
	struct ask ask = {.type = DISCOVER, .client = 1};
	uint8_t message[576];
	size_t len;

	assert_int_equal(
		say(kit, (struct ask){.type = DISCOVER, .client = 1, .giaddr = 0x0a000001}),
		DROP_SERVICE_REFUSED);
	assert_int_equal(say(kit, (struct ask){.type = OFFER, .client = 1}), DROP_SERVICE_REFUSED);
	assert_int_equal(say(kit, (struct ask){.type = DISCOVER, .client = 1, .domain = KIT_DMZ}),
	                 DROP_SERVICE_REFUSED);
	assert_int_equal(say(kit, (struct ask){.type = REQUEST, .client = 1}), DROP_DHCP_MALFORMED);
	len = build(message, &ask);
	message[0] = 2;
	assert_int_equal(send_message(kit, &ask, message, len), DROP_SERVICE_REFUSED);
	// In the name of another MAC.
	build(message, &ask);
	message[33] ^= 1;
	assert_int_equal(send_message(kit, &ask, message, len), DROP_SERVICE_REFUSED);
	assert_int_equal(kit->out_count, 0);
}

static void a_port_has_a_rate(void **state)
{
	struct kit *kit = *state;
	unsigned answered = 0;

	for (unsigned i = 0; i < 100; i++)
		answered += say(kit, (struct ask){.type = DISCOVER, .client = 1}) == DROP_NONE;
	assert_int_equal(answered, 60);
	kit_sleep(kit, 1);
	for (unsigned i = 0; i < 100; i++)
		answered += say(kit, (struct ask){.type = DISCOVER, .client = 1}) == DROP_NONE;
	assert_int_equal(answered, 80);
}

static void full_lease_table_is_exhaustion(void **state)
{
	struct kit *kit = *state;
	struct dhcp_scope_config scope = {.id = KIT_SCOPE,
	                                  .interface = KIT_LAN,
	                                  .first = kit_ip("10.77.0.2"),
	                                  .last = kit_ip("10.77.0.254"),
	                                  .lease_seconds = 3600};
	enum drop_reason drop = DROP_NONE;
	unsigned bound = 0;

	assert_int_equal(service_set_scope(kit->service, &scope), 0);
	for (uint32_t client = 1; client <= 200 && drop == DROP_NONE; client++) {
		drop = say(kit, (struct ask){.type = DISCOVER, .client = client});
		bound += drop == DROP_NONE;
		kit->now_ns += UINT64_C(1000000000);
	}
	assert_int_equal(drop, DROP_DHCP_EXHAUSTED);
	assert_true(bound >= 32);
}

static void tick_names_the_next_end(void **state)
{
	struct kit *kit = *state;

	bind_client(kit, (struct ask){.client = 1});
	service_tick(kit->service, kit->now_ns, kit->wall);
	kit_sleep(kit, 3590);
	assert_true(service_tick(kit->service, kit->now_ns, kit->wall) == UINT64_C(10000000000));
}

// What another process gave is known here, by client id, by address and by name, and told to nobody again.
static void a_scope_comes_with_its_leases(void **state)
{
	struct kit *kit = *state;
	struct lease lease = {.scope = KIT_SCOPE,
	                      .ip = kit_ip("10.77.0.102"),
	                      .mac = kit_mac(1),
	                      .state = LEASE_BOUND,
	                      .client_id_len = 2,
	                      .client_id = "ab",
	                      .hostname = "moved",
	                      .expires = kit->wall + 1000};
	struct lease other = lease;

	// From an earlier time here: it goes with the scope, and silently.
	bind_client(kit, (struct ask){.client = 3, .requested = "10.77.0.102"});
	service_remove_scope(kit->service, KIT_SCOPE);
	service_forget_leases(kit->service, KIT_SCOPE);
	assert_int_equal(lease_count(kit->state.leases), 0);
	kit->event_count = 0;
	assert_int_equal(service_take_lease(kit->service, &lease), 0);
	kit_restart(kit);
	assert_int_equal(kit->event_count, 0);

	say(kit, (struct ask){.type = REQUEST, .client = 3, .requested = "10.77.0.102"});
	expect(kit, NAK);
	say(kit, (struct ask){.type = REQUEST, .client = 1, .id = "ab", .ciaddr = "10.77.0.102"});
	assert_ip(expect(kit, ACK), "10.77.0.102");

	// Given there at the last moment. What was given here since is later, or another's.
	service_forget_leases(kit->service, KIT_SCOPE);
	assert_int_equal(lease_count(kit->state.leases), 1);
	assert_int_equal(service_take_lease(kit->service, &lease), -EEXIST);
	other.client_id[0] = 'x';
	other.expires += 9999;
	assert_int_equal(service_take_lease(kit->service, &other), -EEXIST);
	other.ip = kit_ip("10.77.0.103");
	assert_int_equal(service_take_lease(kit->service, &other), 0);
	assert_int_equal(lease_count(kit->state.leases), 2);
	// Its end is known, too.
	kit->event_count = 0;
	kit_sleep(kit, 3601);
	assert_int_equal(kit->event_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(offers_and_binds),
		TEST(offer_alone_is_no_event),
		TEST(wish_is_granted),
		TEST(options_come_only_when_wanted),
		TEST(router_only_where_it_leads_out),
		TEST(other_subnets_come_as_routes),
		TEST(reply_goes_where_the_client_hears),
		TEST(reservation_is_kept_for_its_client),
		TEST(reservation_outside_the_pool),
		TEST(reservation_moves_a_client_at_renewal),
		TEST(client_id_counts_before_the_mac),
		TEST(long_client_ids_differ),
		TEST(exhausted_pool_is_silent_and_named),
		TEST(offer_is_held_for_thirty_seconds),
		TEST(lease_ends_to_the_second),
		TEST(renewing_extends),
		TEST(renewing_anothers_address_is_refused),
		TEST(init_reboot),
		TEST(choosing_another_server_frees_the_offer),
		TEST(declined_address_rests_ten_minutes),
		TEST(declining_has_a_rate),
		TEST(released_address_comes_back),
		TEST(inform_gets_options_and_no_lease),
		TEST(shorter_leases_on_request),
		TEST(leases_outlive_the_process),
		TEST(hostnames_are_checked),
		TEST(a_name_belongs_to_its_first_holder),
		TEST(overloaded_fields_are_read),
		TEST(malformed_messages_are_named),
		TEST(foreign_messages_are_refused),
		TEST(a_port_has_a_rate),
		TEST(full_lease_table_is_exhaustion),
		TEST(tick_names_the_next_end),
		TEST(a_scope_comes_with_its_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
