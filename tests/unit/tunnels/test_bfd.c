// SPDX-License-Identifier: BSD-3-Clause
//
// Two ends of a session, a wire of 5 ms between them that may be cut either way, and a clock that stops wherever
// something happens.

#include "tests/unit/unit.h"

#include "tunnels/bfd.h"

#include "base/bytes.h"
#include "base/clock.h"

enum { A, B, ENDS, ON_WIRE = 32 };

#define WIRE_NS (5 * NSEC_PER_MSEC)
#define START (1000 * NSEC_PER_SEC)

struct on_wire {
	unsigned to;
	uint64_t at;
	uint8_t bytes[BFD_BYTES];
};

static struct bfd ends[ENDS];
static bool cut[ENDS]; // what goes to that end is lost
static struct on_wire wire[ON_WIRE];
static unsigned wire_count;
static uint64_t now;
static uint64_t sent_at[ENDS], longest[ENDS], shortest[ENDS]; // between packets by the clock
static struct bfd_packet last[ENDS];                          // that the end sent

static const struct bfd_config fast = {.interval_us = 300000, .multiplier = 3};

static void send_what_is_due(unsigned end)
{
	uint8_t bytes[BFD_BYTES];

	while (bfd_due(&ends[end]) <= now) {
		if (!bfd_run(&ends[end], now, bytes))
			continue;
		assert_int_equal(bfd_packet_read(bytes, sizeof(bytes), &last[end]), DROP_NONE);
		if (sent_at[end] && now > sent_at[end]) {
			longest[end] = MAX(longest[end], now - sent_at[end]);
			shortest[end] = MIN(shortest[end], now - sent_at[end]);
		}
		sent_at[end] = now;
		if (cut[1 - end])
			continue;
		assert_true(wire_count < ON_WIRE);
		wire[wire_count].to = 1 - end;
		wire[wire_count].at = now + WIRE_NS;
		memcpy(wire[wire_count++].bytes, bytes, sizeof(bytes));
	}
}

static void deliver(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < wire_count; i++) {
		struct bfd_packet packet;

		if (wire[i].at > now) {
			wire[kept++] = wire[i];
			continue;
		}
		assert_int_equal(bfd_packet_read(wire[i].bytes, BFD_BYTES, &packet), DROP_NONE);
		bfd_receive(&ends[wire[i].to], &packet, now);
	}
	wire_count = kept;
}

static void run_until(uint64_t end)
{
	for (;;) {
		uint64_t next = MIN(bfd_due(&ends[A]), bfd_due(&ends[B]));

		for (unsigned i = 0; i < wire_count; i++)
			next = MIN(next, wire[i].at);
		if (next > end)
			break;
		now = MAX(now, next);
		deliver();
		send_what_is_due(A);
		send_what_is_due(B);
	}
	now = end;
}

static void run_ms(unsigned ms)
{
	run_until(now + ms * NSEC_PER_MSEC);
}

static void measure(void)
{
	for (unsigned end = 0; end < ENDS; end++) {
		sent_at[end] = longest[end] = 0;
		shortest[end] = UINT64_MAX;
	}
}

static int begin(void **state)
{
	now = START;
	wire_count = 0;
	cut[A] = cut[B] = false;
	bfd_init(&ends[A], &fast, 0x1001, now);
	bfd_init(&ends[B], &fast, 0x2002, now);
	measure();
	return 0;
}

static void up(void)
{
	run_ms(3000);
	assert_int_equal(ends[A].state, BFD_UP);
	assert_int_equal(ends[B].state, BFD_UP);
	measure();
}

static void a_session_is_up_after_three_packets(void **state)
{
	assert_int_equal(ends[A].verdict, BFD_UNJUDGED);
	run_until(START + 3 * WIRE_NS);
	assert_int_equal(ends[A].state, BFD_UP);
	assert_int_equal(ends[B].state, BFD_UP);
	assert_int_equal(ends[A].verdict, BFD_ALIVE);
	assert_int_equal(ends[A].changed_at, START + 2 * WIRE_NS);
	assert_int_equal(ends[A].remote_discriminator, 0x2002);
}

static void a_poll_leads_from_a_second_to_the_interval(void **state)
{
	up();
	assert_int_equal(bfd_interval_ns(&ends[A]), 300 * NSEC_PER_MSEC);
	assert_int_equal(bfd_detection_ns(&ends[A]), 900 * NSEC_PER_MSEC);
	assert_false(ends[A].polling);
	assert_int_equal(ends[A].rtt_ns, 2 * WIRE_NS);
}

static void packets_have_jitter(void **state)
{
	up();
	run_ms(60000);
	assert_in_range(shortest[A], 225 * NSEC_PER_MSEC, 235 * NSEC_PER_MSEC);
	assert_in_range(longest[A], 290 * NSEC_PER_MSEC, 300 * NSEC_PER_MSEC);
	assert_int_equal(ends[A].downs, 0);
	// Both do not share it.
	assert_int_not_equal(sent_at[A], sent_at[B]);
}

// RFC 5880, 6.8.7: with a multiplier of 1 no packet may come late.
static void jitter_is_less_where_no_packet_may_miss(void **state)
{
	const struct bfd_config single = {.interval_us = 300000, .multiplier = 1};

	bfd_init(&ends[A], &single, 0x1001, now);
	up();
	run_ms(60000);
	assert_true(shortest[A] >= 225 * NSEC_PER_MSEC);
	assert_true(longest[A] <= 270 * NSEC_PER_MSEC);
	assert_int_equal(ends[B].downs, 0);
}

static void a_cut_is_found_in_the_detection_time(void **state)
{
	uint64_t heard;

	up();
	cut[A] = cut[B] = true;
	wire_count = 0;
	heard = ends[A].expires_at - 900 * NSEC_PER_MSEC;
	run_until(heard + 900 * NSEC_PER_MSEC - 1);
	assert_int_equal(ends[A].state, BFD_UP);
	run_until(heard + 900 * NSEC_PER_MSEC);
	assert_int_equal(ends[A].state, BFD_DOWN);
	assert_int_equal(ends[A].diagnostic, BFD_DIAG_EXPIRED);
	assert_int_equal(ends[A].verdict, BFD_DEAD);
	assert_int_equal(ends[A].changed_at, now);
	assert_int_equal(ends[A].downs, 1);
	assert_int_equal(last[A].your_discriminator, 0);
	// And mended.
	run_ms(20000);
	measure();
	run_ms(20000);
	assert_true(shortest[A] >= 750 * NSEC_PER_MSEC);
	cut[A] = cut[B] = false;
	run_ms(1020);
	assert_int_equal(ends[A].verdict, BFD_ALIVE);
	assert_int_equal(ends[B].verdict, BFD_ALIVE);
}

static void a_cut_of_one_direction_is_found_at_both_ends(void **state)
{
	up();
	cut[A] = true;
	run_ms(920);
	assert_int_equal(ends[A].verdict, BFD_DEAD);
	assert_int_equal(ends[B].verdict, BFD_DEAD);
	assert_int_equal(ends[B].diagnostic, BFD_DIAG_NEIGHBOUR_DOWN);
	assert_int_equal(ends[B].remote_diagnostic, BFD_DIAG_EXPIRED);
	run_ms(10000);
	assert_int_equal(ends[A].state, BFD_DOWN);
	assert_int_not_equal(ends[B].state, BFD_UP);
	assert_int_equal(ends[B].verdict, BFD_DEAD);
}

static void an_end_that_began_anew_is_not_dead(void **state)
{
	up();
	bfd_init(&ends[B], &fast, 0x2003, now);
	run_until(now + WIRE_NS);
	assert_int_equal(ends[A].state, BFD_DOWN);
	assert_int_equal(ends[A].verdict, BFD_UNJUDGED);
	run_until(now + 3 * WIRE_NS);
	assert_int_equal(ends[A].verdict, BFD_ALIVE);
	assert_int_equal(ends[A].remote_discriminator, 0x2003);
}

static void an_end_that_is_switched_off_is_not_dead(void **state)
{
	uint8_t bytes[BFD_BYTES];
	struct bfd_packet packet;

	up();
	bfd_end(&ends[B], bytes);
	assert_int_equal(bfd_packet_read(bytes, sizeof(bytes), &packet), DROP_NONE);
	assert_int_equal(packet.state, BFD_ADMIN_DOWN);
	assert_int_equal(packet.diagnostic, BFD_DIAG_ADMIN_DOWN);
	wire_count = 0;
	cut[A] = true;
	bfd_receive(&ends[A], &packet, now);
	assert_int_equal(ends[A].state, BFD_DOWN);
	assert_int_equal(ends[A].verdict, BFD_UNJUDGED);
	cut[B] = true;
	run_ms(5000);
	assert_int_equal(ends[A].verdict, BFD_UNJUDGED);
}

static void who_never_spoke_is_not_judged(void **state)
{
	cut[A] = cut[B] = true;
	run_ms(10000);
	assert_int_equal(ends[A].verdict, BFD_UNJUDGED);
	assert_int_equal(bfd_detection_ns(&ends[A]), 0);
	assert_true(shortest[A] >= 750 * NSEC_PER_MSEC && longest[A] <= NSEC_PER_SEC);
}

// RFC 5880, 6.8.3: the old interval is held to until the other end has said that it knows of the new one.
static void a_longer_interval_waits_for_the_answer(void **state)
{
	const struct bfd_config slow = {.interval_us = 2000000, .multiplier = 3};

	up();
	cut[A] = true;
	bfd_configure(&ends[A], &slow, now);
	run_ms(700);
	assert_true(ends[A].polling && last[A].poll);
	assert_int_equal(last[A].desired_tx_us, 2000000);
	assert_int_equal(bfd_interval_ns(&ends[A]), 300 * NSEC_PER_MSEC);
	cut[A] = false;
	run_ms(310);
	assert_false(ends[A].polling);
	assert_int_equal(bfd_interval_ns(&ends[A]), 2000 * NSEC_PER_MSEC);
	// The slower of both wishes counts, either way.
	assert_int_equal(bfd_interval_ns(&ends[B]), 2000 * NSEC_PER_MSEC);
	run_ms(30000);
	assert_int_equal(ends[A].downs + ends[B].downs, 0);
}

static void a_shorter_interval_holds_for_sending_at_once(void **state)
{
	const struct bfd_config slow = {.interval_us = 2000000, .multiplier = 3};

	bfd_init(&ends[A], &slow, 0x1001, now);
	bfd_init(&ends[B], &slow, 0x2002, now);
	run_ms(5000);
	cut[A] = true;
	bfd_configure(&ends[A], &fast, now);
	assert_int_equal(ends[A].held_tx_us, 300000);
	// What we want to hear is not heard sooner for our wish alone.
	assert_int_equal(ends[A].held_rx_us, 2000000);
	cut[A] = false;
	bfd_configure(&ends[B], &fast, now);
	run_ms(3000);
	assert_int_equal(ends[A].held_rx_us, 300000);
	assert_int_equal(bfd_detection_ns(&ends[A]), 900 * NSEC_PER_MSEC);
	run_ms(30000);
	assert_int_equal(ends[A].downs + ends[B].downs, 0);
}

static void who_wants_no_packets_gets_none(void **state)
{
	struct bfd_packet packet = {
		.state = BFD_DOWN, .multiplier = 3, .my_discriminator = 9, .desired_tx_us = 300000};

	cut[A] = cut[B] = true;
	run_ms(100);
	bfd_receive(&ends[A], &packet, now);
	assert_int_equal(ends[A].state, BFD_INIT);
	measure();
	run_ms(800);
	assert_int_equal(sent_at[A], 0);
	// But a poll is answered.
	packet.poll = true;
	packet.your_discriminator = 0x1001;
	bfd_receive(&ends[A], &packet, now);
	run_ms(1);
	assert_true(last[A].final && !last[A].poll);
}

static void demand_mode_of_the_other_end_is_honoured(void **state)
{
	struct bfd_packet packet = {.state = BFD_UP,
	                            .demand = true,
	                            .multiplier = 3,
	                            .my_discriminator = 0x2002,
	                            .your_discriminator = 0x1001,
	                            .desired_tx_us = 300000,
	                            .required_rx_us = 300000};

	up();
	cut[A] = cut[B] = true;
	wire_count = 0;
	bfd_receive(&ends[A], &packet, now);
	measure();
	run_ms(850);
	assert_int_equal(sent_at[A], 0);
	assert_int_equal(ends[A].state, BFD_UP);
}

static void packets_that_break_the_rules_are_refused(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
		enum drop_reason reason;
	} wrong[] = {
		{0, 2 << 5, DROP_BFD_MALFORMED},    // version
		{3, 23, DROP_BFD_MALFORMED},        // its length: too short,
		{3, 25, DROP_BFD_MALFORMED},        // and more than there is
		{2, 0, DROP_BFD_MALFORMED},         // multiplier
		{1, 0xc1, DROP_BFD_MALFORMED},      // multipoint
		{7, 0, DROP_BFD_MALFORMED},         // my discriminator
		{11, 0, DROP_BFD_MALFORMED},        // yours, while up
		{1, 0xc4, DROP_BFD_AUTHENTICATION}, // authenticated
	};
	const struct bfd_packet good = {
		.state = BFD_UP, .multiplier = 3, .my_discriminator = 1, .your_discriminator = 2};
	struct bfd_packet packet;
	uint8_t bytes[BFD_BYTES];

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		bfd_packet_write(&good, bytes);
		assert_int_equal(bfd_packet_read(bytes, sizeof(bytes), &packet), DROP_NONE);
		bytes[wrong[i].at] = wrong[i].value;
		assert_int_equal(bfd_packet_read(bytes, sizeof(bytes), &packet), wrong[i].reason);
	}
	bfd_packet_write(&good, bytes);
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(bfd_packet_read(bytes, len, &packet), DROP_BFD_MALFORMED);
}

// As another implementation would put it on the wire.
static void the_layout_is_that_of_the_rfc(void **state)
{
	static const uint8_t bytes[BFD_BYTES] = {0x23, 0xda, 5,    24,   0x01, 0x02, 0x03, 0x04,
	                                         0x05, 0x06, 0x07, 0x08, 0x00, 0x04, 0x93, 0xe0,
	                                         0x00, 0x0f, 0x42, 0x40, 0x00, 0x00, 0x00, 0x0a};
	struct bfd_packet packet;
	uint8_t again[BFD_BYTES];

	assert_int_equal(bfd_packet_read(bytes, sizeof(bytes), &packet), DROP_NONE);
	assert_int_equal(packet.diagnostic, 3);
	assert_int_equal(packet.state, BFD_UP);
	assert_true(!packet.poll && packet.final && packet.demand);
	assert_int_equal(packet.multiplier, 5);
	assert_int_equal(packet.my_discriminator, 0x01020304);
	assert_int_equal(packet.your_discriminator, 0x05060708);
	assert_int_equal(packet.desired_tx_us, 300000);
	assert_int_equal(packet.required_rx_us, 1000000);
	assert_int_equal(packet.required_echo_us, 10);
	bfd_packet_write(&packet, again);
	again[1] |= 8; // control plane independent: read as nothing, never said
	assert_memory_equal(again, bytes, sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_session_is_up_after_three_packets, begin),
		cmocka_unit_test_setup(a_poll_leads_from_a_second_to_the_interval, begin),
		cmocka_unit_test_setup(packets_have_jitter, begin),
		cmocka_unit_test_setup(jitter_is_less_where_no_packet_may_miss, begin),
		cmocka_unit_test_setup(a_cut_is_found_in_the_detection_time, begin),
		cmocka_unit_test_setup(a_cut_of_one_direction_is_found_at_both_ends, begin),
		cmocka_unit_test_setup(an_end_that_began_anew_is_not_dead, begin),
		cmocka_unit_test_setup(an_end_that_is_switched_off_is_not_dead, begin),
		cmocka_unit_test_setup(who_never_spoke_is_not_judged, begin),
		cmocka_unit_test_setup(a_longer_interval_waits_for_the_answer, begin),
		cmocka_unit_test_setup(a_shorter_interval_holds_for_sending_at_once, begin),
		cmocka_unit_test_setup(who_wants_no_packets_gets_none, begin),
		cmocka_unit_test_setup(demand_mode_of_the_other_end_is_honoured, begin),
		cmocka_unit_test(packets_that_break_the_rules_are_refused),
		cmocka_unit_test(the_layout_is_that_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
