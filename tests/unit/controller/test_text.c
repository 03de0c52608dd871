// SPDX-License-Identifier: BSD-3-Clause
//
// test_text: what turns text into meaning and back: merges, flows, frames; and tables, addresses.

#include "controller/flow_text.h"
#include "controller/frame_text.h"
#include "controller/ident.h"
#include "controller/virtio_text.h"
#include "tests/unit/controller/kit.h"

#include <errno.h>

static struct intent *merged(const char *old_line, const char *change_line, char **clear,
                             size_t clear_count)
{
	struct intent *old = kit_intent(old_line), *result;
	Weft__Intent *change = kit_message(change_line), *message = NULL;
	struct refusal refusal = {0};

	assert_int_equal(intent_merge(old, change, clear, clear_count, &message, &refusal), 0);
	result = intent_new(message);
	weft__intent__free_unpacked(message, NULL);
	weft__intent__free_unpacked(change, NULL);
	intent_free(old);
	return result;
}

static void test_merge(void **state)
{
	char mac[] = "mac-limit", *clear[] = {mac};
	struct intent *intent =
		merged("port p net=lan trunk=1 trunk=2 mac_limit=5 ip=10.0.0.1 lab=x",
	               "port p trunk=3 ip=10.0.0.2", clear, 1);
	const Weft__PortIntent *port = intent->msg->port;

	assert_string_equal(port->net, "lan");
	assert_int_equal(port->n_trunk, 1);
	assert_int_equal(port->trunk[0], 3);
	assert_string_equal(port->ip, "10.0.0.2");
	assert_false(port->has_mac_limit);
	assert_string_equal(intent->msg->lab, "x");
	intent_free(intent);
}

static void test_merge_refuses_unknown_field(void **state)
{
	struct intent *old = kit_intent("port p net=lan");
	Weft__Intent *change = kit_message("port p"), *message = NULL;
	char nonsense[] = "nonsense", *clear[] = {nonsense};
	struct refusal refusal = {0};

	assert_int_equal(intent_merge(old, change, clear, 1, &message, &refusal), -EINVAL);
	assert_non_null(strstr(refusal.fail.what, "nonsense"));
	assert_null(message);
	weft__intent__free_unpacked(change, NULL);
	intent_free(old);
}

static void test_flow(void **state)
{
	Weft__FlowIntent flow = WEFT__FLOW_INTENT__INIT;
	struct refusal refusal = {0};
	struct flow_text text;

	flow.match =
		(char *)"port=h1, udp,sport=53,dst=10.0.0.7/8,vlan=20,eth_src=02:00:00:00:00:01";
	flow.actions = (char *)"set_eth_src=02:00:00:00:00:02,normal";
	assert_int_equal(flow_text_parse("flow/f", &flow, &text, &refusal), 0);
	assert_int_equal(text.fields, FLOW_PORT | FLOW_IP_PROTO | FLOW_L4_SRC | FLOW_IP_DST |
	                                      FLOW_VID | FLOW_ETH_SRC);
	assert_int_equal(text.ip_proto, 17);
	assert_int_equal(text.l4_src, 53);
	assert_int_equal(text.ip_dst.len, 8);
	assert_int_equal(text.ip_dst.addr.b[15], 0);
	assert_true(text.normal && text.has_set_src && !text.drop);
	flow.match = (char *)"tpc";
	assert_int_equal(flow_text_parse("flow/f", &flow, &text, &refusal), -EINVAL);
	assert_string_equal(refusal.fail.hint, "did you mean 'tcp'?");
	flow.match = (char *)"vlan=0";
	assert_int_equal(flow_text_parse("flow/f", &flow, &text, &refusal), -EINVAL);
	flow.match = (char *)"tcp=5";
	assert_int_equal(flow_text_parse("flow/f", &flow, &text, &refusal), -EINVAL);
	flow.match = (char *)"dport";
	assert_int_equal(flow_text_parse("flow/f", &flow, &text, &refusal), -EINVAL);
}

#define FRAME_IS(bytes, expected)                                                              \
	do {                                                                                   \
		char text_[200];                                                               \
		frame_text((const uint8_t *)(bytes), sizeof(bytes) - 1, text_, sizeof(text_)); \
		assert_string_equal(text_, expected);                                          \
	} while (0)

#define MACS "\x02\0\0\0\0\2\x02\0\0\0\0\1"

static void test_frames(void **state)
{
	FRAME_IS(MACS "\x08\0\x45\0\0\x28\0\0\0\0\x40\6\0\0\x0a\x4d\0\2\x0a\x4d\0\3\x9c\x40\0\x50",
	         "10.77.0.2:40000 > 10.77.0.3:80 tcp");
	FRAME_IS(MACS
	         "\x81\0\0\x14\x08\0\x45\0\0\x28\0\0\0\0\x40\1\0\0\x0a\x4d\0\2\x0a\x4d\0\3\x08\0",
	         "vlan 20 10.77.0.2 > 10.77.0.3 icmp type 8 code 0");
	FRAME_IS(MACS "\x08\6\0\1\x08\0\6\4\0\1\2\0\0\0\0\1\x0a\0\0\1\0\0\0\0\0\0\x0a\0\0\2",
	         "ARP who has 10.0.0.2, asks 10.0.0.1");
	FRAME_IS(MACS "\x88\xcc\0\0", "02:00:00:00:00:01 > 02:00:00:00:00:02 type 0x88cc");
	FRAME_IS(MACS
	         "\x86\xdd\x60\0\0\0\0\x08\x3a\xff"
	         "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\2\x85\0",
	         "fe80::1 > ff02::2 icmp6 type 133 code 0");
	FRAME_IS(MACS "\x08\0\x45", "IPv4, cut short");
	FRAME_IS("\1\2\3", "3 bytes, less than a header");
}

static void test_every_cut_of_a_frame_is_said(void **state)
{
	static const uint8_t whole[] =
		MACS "\x81\0\0\x14\x86\xdd\x60\0\0\0\0\x10\0\xff"
		     "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
		     "\x3a\xff\5\2\0\0\1\0\x8f\0";
	char text[24];

	for (size_t len = 0; len < sizeof(whole); len++) {
		// A copy of exactly this length, so that a sanitizer sees a byte too many.
		uint8_t *cut = malloc(len + 1);

		memcpy(cut, whole, len);
		cut = realloc(cut, len ? len : 1);
		frame_text(cut, len, text, sizeof(text));
		assert_true(strlen(text) > 0 && strlen(text) < sizeof(text));
		free(cut);
	}
}

static void test_table_against_many_keys(void **state)
{
	struct table table = {0};
	uintptr_t sum = 0;
	size_t cursor = 0;
	void *value;

	for (uint64_t i = 1; i <= 5000; i++)
		assert_int_equal(table_put(&table, &i, sizeof(i), (void *)(uintptr_t)i, NULL), 0);
	for (uint64_t i = 1; i <= 5000; i += 2)
		assert_ptr_equal(table_remove(&table, &i, sizeof(i)), (void *)(uintptr_t)i);
	for (uint64_t i = 1; i <= 5000; i++)
		assert_ptr_equal(table_get_id(&table, i), i % 2 ? NULL : (void *)(uintptr_t)i);
	while ((value = table_next(&table, &cursor, NULL, NULL)))
		sum += (uintptr_t)value;
	assert_int_equal(sum, 2 * (2500 * 2501 / 2));
	assert_int_equal(table.count, 2500);
	// Putting and removing for ever does not fill the table with markers.
	for (uint64_t i = 10000; i < 60000; i++) {
		assert_int_equal(table_put(&table, &i, sizeof(i), &table, NULL), 0);
		assert_ptr_equal(table_remove(&table, &i, sizeof(i)), &table);
	}
	assert_true(table.size <= 32768);
	table_fini(&table);
}

static void test_addresses_are_the_instances_own(void **state)
{
	struct instance other = {.uuid = {9}};
	char a[PREFIX_TEXT], b[PREFIX_TEXT];
	struct ip_prefix prefix = ipam_ula(&kit_instance, "net/lan", 0);
	struct mac mac = {{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};

	assert_int_equal(prefix.len, 64);
	assert_int_equal(prefix.addr.b[0], 0xfd);
	prefix_format(prefix, a);
	prefix_format(ipam_ula(&kit_instance, "net/lan", 0), b);
	assert_string_equal(a, b);
	prefix_format(ipam_ula(&other, "net/lan", 0), b);
	assert_string_not_equal(a, b);
	assert_memory_equal(ipam_ula(&kit_instance, "net/dmz", 0).addr.b, prefix.addr.b, 6);
	assert_true(mac_is_local(ipam_port_mac(&kit_instance, "port/h1", 0)));
	assert_false(mac_is_multicast(ipam_port_mac(&kit_instance, "port/h1", 0)));
	assert_false(mac_equal(ipam_port_mac(&kit_instance, "port/h1", 0),
	                       ipam_port_mac(&kit_instance, "port/h1", 1)));
	assert_memory_equal(ipam_autoconf(prefix, mac).b + 8, "\x00\x11\x22\xff\xfe\x33\x44\x55",
	                    8);
	assert_true(ident(WEFT__KIND__KIND_PORT, "port/h1") !=
	            ident(WEFT__KIND__KIND_VRF, "port/h1"));
	assert_true(ident(WEFT__KIND__KIND_PORT, "port/h1") ==
	            ident(WEFT__KIND__KIND_PORT, "port/h1"));
}

static void test_virtio(void **state)
{
	const char *const wanted[] = {"csum", "mrg_rxbuf", "bit-50", "speed_duplex"};
	uint64_t features = 1 | 1 << 15 | UINT64_C(1) << 50 | UINT64_C(1) << 63;
	unsigned bit = 0, count = 0;
	const char *name;
	char buf[16];

	while ((name = virtio_text_next(features, &bit, buf))) {
		assert_true(count < 4);
		assert_string_equal(name, wanted[count++]);
	}
	assert_int_equal(count, 4);
	bit = 0;
	assert_null(virtio_text_next(0, &bit, buf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_merge_refuses_unknown_field),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_every_cut_of_a_frame_is_said),
		cmocka_unit_test(test_table_against_many_keys),
		cmocka_unit_test(test_addresses_are_the_instances_own),
		cmocka_unit_test(test_virtio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
