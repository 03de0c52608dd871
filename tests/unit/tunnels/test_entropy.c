// SPDX-License-Identifier: BSD-3-Clause
//
// The number of a flow: the same for all of it, another for others, and spread over few places.

#include "tests/unit/unit.h"

#include "tunnels/entropy.h"

#include "base/bytes.h"

static struct packet packet;

static void fill(bool is4, uint16_t source, uint16_t fragment)
{
	uint8_t *ip;

	memset(&packet, 0, sizeof(packet));
	packet_reset(&packet);
	store_be16(packet.data + 12, is4 ? 0x0800 : 0x86dd);
	ip = packet.data + 14;
	ip[0] = is4 ? 0x45 : 0x60;
	ip[is4 ? 9 : 6] = 17;
	ip[is4 ? 15 : 23] = 1;
	if (is4)
		store_be16(ip + 6, fragment);
	store_be16(ip + (is4 ? 20 : 40), source);
	packet.head_len = is4 ? 14 + 28 : 14 + 48;
}

static void flows_spread_over_the_senders(void **state)
{
	for (int is4 = 0; is4 < 2; is4++) {
		unsigned counts[16] = {0};

		for (unsigned flow = 0; flow < 1600; flow++) {
			fill(is4, (uint16_t)(1024 + flow), 0);
			counts[entropy_of(&packet) % 16]++;
		}
		for (unsigned i = 0; i < 16; i++)
			assert_in_range(counts[i], 50, 150);
	}
}

static void payload_is_no_part_of_a_flow(void **state)
{
	uint32_t before;

	fill(true, 7, 0);
	before = entropy_of(&packet);
	packet.data[14 + 4] = 9; // the IP id
	packet.data[14 + 27] = 9;
	assert_int_equal(entropy_of(&packet), before);
}

static void fragments_stay_together(void **state)
{
	uint32_t first;

	fill(true, 7, 0x2000);
	first = entropy_of(&packet);
	fill(true, 8, 0x00b9);
	assert_int_equal(entropy_of(&packet), first);
}

static void cut_off_headers_are_not_read(void **state)
{
	fill(true, 7, 0);
	for (uint16_t len = 0; len < 42; len++) {
		packet.head_len = len;
		entropy_of(&packet);
	}
	packet.head_len = 13;
	assert_int_equal(entropy_of(&packet), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_spread_over_the_senders),
		cmocka_unit_test(payload_is_no_part_of_a_flow),
		cmocka_unit_test(fragments_stay_together),
		cmocka_unit_test(cut_off_headers_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
