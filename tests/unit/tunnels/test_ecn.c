// SPDX-License-Identifier: BSD-3-Clause
//
// The whole table of RFC 6040, figure 4, for both families; its rows are the inner field, its columns the outer.

#include "tests/unit/unit.h"

#include "tunnels/ecn.h"

#include "vnic/checksum.h"

enum { NOT, ONE, ZERO, CE, GONE = -1, DSCP = 0x28 };

static const int table[4][4] = {
	[NOT] = {[NOT] = NOT, [ZERO] = NOT, [ONE] = NOT, [CE] = GONE},
	[ZERO] = {[NOT] = ZERO, [ZERO] = ZERO, [ONE] = ONE, [CE] = CE},
	[ONE] = {[NOT] = ONE, [ZERO] = ONE, [ONE] = ONE, [CE] = CE},
	[CE] = {[NOT] = CE, [ZERO] = CE, [ONE] = CE, [CE] = CE},
};

static void fill(struct packet *packet, bool is4, bool tagged, uint8_t tos)
{
	uint8_t *at;

	memset(packet, 0, sizeof(*packet));
	packet_reset(packet);
	at = packet->data + 12;
	if (tagged) {
		memcpy(at, "\x81\x00\x00\x07", 4);
		at += 4;
	}
	memcpy(at, is4 ? "\x08\x00" : "\x86\xdd", 2);
	at += 2;
	if (is4) {
		uint16_t sum;

		at[0] = 0x45;
		at[1] = tos;
		at[8] = 64;
		sum = checksum_finish(checksum_sum(at, 20));
		at[10] = (uint8_t)(sum >> 8);
		at[11] = (uint8_t)sum;
	} else {
		at[0] = (uint8_t)(0x60 | tos >> 4);
		at[1] = (uint8_t)(tos << 4 | 0x0a);
	}
	packet->head_len = (uint16_t)(at - packet->data + (is4 ? 20 : 40));
	packet->len = packet->head_len;
}

static void check(bool is4, bool tagged, unsigned inner, unsigned outer)
{
	struct packet packet;
	uint8_t tos = 0;
	bool stays;

	fill(&packet, is4, tagged, (uint8_t)(DSCP | inner));
	stays = ecn_leave(&packet, (uint8_t)(0xb8 | outer));
	assert_int_equal(stays, table[inner][outer] != GONE);
	assert_true(ecn_inner_tos(&packet, &tos));
	if (stays)
		assert_int_equal(tos, DSCP | table[inner][outer]);
	if (is4)
		assert_int_equal(
			checksum_finish(checksum_sum(packet.data + (tagged ? 18 : 14), 20)), 0);
	else
		assert_int_equal(packet.data[tagged ? 19 : 15] & 0xf, 0x0a);
}

static void marks_leave_as_in_the_table(void **state)
{
	for (unsigned inner = 0; inner < 4; inner++)
		for (unsigned outer = 0; outer < 4; outer++)
			for (unsigned how = 0; how < 4; how++)
				check(how & 1, how & 2, inner, outer);
}

static void what_is_no_ip_has_no_mark(void **state)
{
	struct packet packet;
	uint8_t tos;

	fill(&packet, true, false, 0);
	packet.data[12] = 0x09;
	assert_false(ecn_inner_tos(&packet, &tos));
	assert_true(ecn_leave(&packet, CE));
	fill(&packet, true, false, 0);
	packet.head_len = 33;
	assert_false(ecn_inner_tos(&packet, &tos));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_leave_as_in_the_table),
		cmocka_unit_test(what_is_no_ip_has_no_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
