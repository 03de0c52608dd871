// SPDX-License-Identifier: BSD-3-Clause
//
// test_capture: what a capture sees of frames that come, go and are dropped.

#include "tests/scenario/scenario.h"

#include "base/bytes.h"
#include "base/fail.h"
#include "datapath/capture.h"
#include "datapath/capture_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

// h1: VLAN 10, untagged; trunk: 10 tagged.
enum { LAN = 1, H1 = 11, TRUNK = 12, CLOSED = 13, SNAP = 65535 };

static const struct end h1 = {"02:00:00:00:00:0a", "10.1.0.1", 1001};
static const struct end h2 = {"02:00:00:00:00:0b", "10.1.0.2", 1002};

struct world {
	struct scenario *scenario;
	struct capture *capture;
	struct capture_set set;
};

static int set_up(void **user)
{
	static struct world world;
	struct scenario *s = scenario_new();

	world = (struct world){.scenario = s};
	scenario_bridge(s, LAN);
	scenario_port(s, H1, "h1");
	scenario_port(s, TRUNK, "trunk");
	scenario_port(s, CLOSED, "closed");
	scenario_member(s, 21, H1, LAN, 10, false);
	scenario_member(s, 22, TRUNK, LAN, 10, true);
	scenario_commit(s);
	*user = &world;
	return 0;
}

static int tear_down(void **user)
{
	struct world *world = *user;

	scenario_capture(world->scenario, NULL);
	capture_free(world->capture);
	scenario_free(world->scenario);
	return 0;
}

static struct capture_filter *compile(const char *text)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAP);
	struct capture_filter *filter = NULL;
	struct bpf_program program;
	uint8_t bytes[8 * 256];

	assert_int_equal(pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
	assert_true(program.bf_len <= 256);
	for (unsigned i = 0; i < program.bf_len; i++) {
		store_be16(bytes + 8 * i, program.bf_insns[i].code);
		bytes[8 * i + 2] = program.bf_insns[i].jt;
		bytes[8 * i + 3] = program.bf_insns[i].jf;
		store_be32(bytes + 8 * i + 4, program.bf_insns[i].k);
	}
	assert_int_equal(capture_filter_new(bytes, 8 * program.bf_len, &filter, NULL), 0);
	pcap_freecode(&program);
	pcap_close(pcap);
	return filter;
}

static void begin(struct world *world, const uint64_t *ports, unsigned count, unsigned what,
                  uint32_t snap, const char *filter)
{
	const struct capture_config config = {
		.ports = ports,
		.port_count = count,
		.what = what,
		.snap = snap,
		.workers = 1,
		.filter = filter ? compile(filter) : NULL,
		.ring_bytes = 8192,
	};

	world->capture = capture_new(&config);
	assert_non_null(world->capture);
	world->set = (struct capture_set){.count = 1, .captures = {world->capture}};
	scenario_capture(world->scenario, &world->set);
}

static void expect(struct world *world, uint64_t port, unsigned flags, enum drop_reason drop,
                   const struct frame *frame)
{
	const struct capture_record *record = capture_peek(world->capture);

	assert_non_null(record);
	assert_int_equal(record->port, port);
	assert_int_equal(record->flags & CAPTURE_OUTWARD, flags & CAPTURE_OUTWARD);
	assert_int_equal(record->drop, drop);
	assert_int_equal(record->wire_len, frame->len);
	assert_int_equal(record->len, frame->len);
	assert_memory_equal(record->bytes, frame->bytes, frame->len);
	capture_release(world->capture);
}

static void expect_nothing(struct world *world)
{
	assert_null(capture_peek(world->capture));
	assert_int_equal(capture_lost(world->capture), 0);
}

static void a_frame_is_seen_at_both_ports_with_their_tags(void **user)
{
	struct world *world = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello"), tagged = frame_tagged(frame, 10);

	begin(world, (uint64_t[]){H1, TRUNK}, 2, CAPTURE_IN | CAPTURE_OUT, SNAP, NULL);
	scenario_send(world->scenario, H1, frame);
	scenario_expect(world->scenario, TRUNK, tagged);
	expect(world, H1, 0, DROP_NONE, &frame);
	expect(world, TRUNK, CAPTURE_OUTWARD, DROP_NONE, &tagged);
	expect_nothing(world);
}

static void ports_that_were_not_named_are_not_seen(void **user)
{
	struct world *world = *user;

	begin(world, (uint64_t[]){CLOSED}, 1, CAPTURE_IN | CAPTURE_OUT | CAPTURE_DROPPED, SNAP,
	      NULL);
	scenario_send(world->scenario, H1, frame_udp(&h1, &h2, "hello"));
	scenario_discard(world->scenario);
	expect_nothing(world);
}

static void without_ports_all_are_seen(void **user)
{
	struct world *world = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello");

	begin(world, NULL, 0, CAPTURE_IN, SNAP, NULL);
	scenario_send(world->scenario, H1, frame);
	scenario_discard(world->scenario);
	expect(world, H1, 0, DROP_NONE, &frame);
	expect_nothing(world);
}

static void a_drop_comes_with_its_reason(void **user)
{
	struct world *world = *user;
	struct frame frame = frame_tagged(frame_udp(&h1, &h2, "hello"), 20);

	begin(world, (uint64_t[]){TRUNK}, 1, CAPTURE_DROPPED, SNAP, NULL);
	scenario_send(world->scenario, TRUNK, frame);
	expect(world, TRUNK, 0, DROP_VLAN_NOT_ALLOWED, &frame);
	expect_nothing(world);
}

static void a_filter_sees_the_tag(void **user)
{
	struct world *world = *user;
	struct frame frame = frame_udp(&h1, &h2, "hello"), tagged = frame_tagged(frame, 10);

	begin(world, (uint64_t[]){H1, TRUNK}, 2, CAPTURE_IN | CAPTURE_OUT, SNAP,
	      "vlan 10 and udp port 1002");
	scenario_send(world->scenario, H1, frame);
	scenario_discard(world->scenario);
	expect(world, TRUNK, CAPTURE_OUTWARD, DROP_NONE, &tagged);
	expect_nothing(world);
}

// A filter that looks far into the packet is asked on the whole of it, though less is kept.
static void a_deep_filter_sees_more_than_is_kept(void **user)
{
	struct world *world = *user;
	uint8_t bytes[1000] = {[900] = 0x5a};
	struct frame frame = frame_udp_bytes(&h1, &h2, bytes, sizeof(bytes));
	const struct capture_record *record;

	begin(world, (uint64_t[]){H1}, 1, CAPTURE_IN, 60, "udp[908] = 0x5a");
	scenario_send(world->scenario, H1, frame);
	bytes[900] = 0;
	scenario_send(world->scenario, H1, frame_udp_bytes(&h1, &h2, bytes, sizeof(bytes)));
	scenario_discard(world->scenario);
	record = capture_peek(world->capture);
	assert_non_null(record);
	assert_int_equal(record->wire_len, frame.len);
	assert_int_equal(record->len, 60);
	assert_memory_equal(record->bytes, frame.bytes, 60);
	capture_release(world->capture);
	expect_nothing(world);
}

static void offloads_are_told(void **user)
{
	struct world *world = *user;
	uint8_t bytes[3000] = {0};
	struct frame frame = frame_gso(
		frame_partial(frame_tcp_at(&h1, &h2, TCP_A, 1, 1, bytes, sizeof(bytes))), 1000);
	const struct capture_record *record;

	begin(world, (uint64_t[]){H1}, 1, CAPTURE_IN, SNAP, NULL);
	scenario_send(world->scenario, H1, frame);
	scenario_discard(world->scenario);
	record = capture_peek(world->capture);
	assert_non_null(record);
	assert_int_equal(record->segment_size, 1000);
	assert_true(record->flags & CAPTURE_CSUM_PENDING);
	assert_int_equal(record->len, frame.len);
	capture_release(world->capture);
	expect_nothing(world);
}

// The ring of the test holds a few of these.
static void what_finds_no_room_is_counted_and_everything_is_delivered(void **user)
{
	struct world *world = *user;
	uint8_t bytes[1000] = {0};
	struct frame frame = frame_udp_bytes(&h1, &h2, bytes, sizeof(bytes));
	unsigned seen = 0;

	begin(world, (uint64_t[]){H1}, 1, CAPTURE_IN, SNAP, NULL);
	for (unsigned i = 0; i < 20; i++) {
		scenario_send(world->scenario, H1, frame);
		scenario_expect(world->scenario, TRUNK, frame_tagged(frame, 10));
	}
	while (capture_peek(world->capture)) {
		capture_release(world->capture);
		seen++;
	}
	assert_in_range(seen, 5, 8);
	assert_int_equal(seen + capture_lost(world->capture), 20);
	// There is room again.
	scenario_send(world->scenario, H1, frame);
	scenario_discard(world->scenario);
	expect(world, H1, 0, DROP_NONE, &frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_frame_is_seen_at_both_ports_with_their_tags,
	                                        set_up, tear_down),
		cmocka_unit_test_setup_teardown(ports_that_were_not_named_are_not_seen, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(without_ports_all_are_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_drop_comes_with_its_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_filter_sees_the_tag, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_deep_filter_sees_more_than_is_kept, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(offloads_are_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_finds_no_room_is_counted_and_everything_is_delivered, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
