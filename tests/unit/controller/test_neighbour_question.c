// SPDX-License-Identifier: BSD-3-Clause
//
// test_neighbour_question: both questions byte for byte, as other programs send them.

#include "controller/neighbour_question.h"

#include "tests/unit/unit.h"

static const struct mac sender_mac = {{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};

static struct ip_addr addr(const char *text)
{
	struct ip_addr ip;

	assert_int_equal(ip_parse(text, &ip), 0);
	return ip;
}

static void arp_asks_everybody(void **state)
{
	static const uint8_t expected[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 8,    6,
		0,    1,    8,    0,    6,    4,    0,    1,    0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
		10,   1,    0,    2,    0,    0,    0,    0,    0,    0,    10,   1,    0,    9,
	};
	uint8_t frame[NEIGHBOUR_QUESTION_ROOM];

	memset(frame, 0xee, sizeof(frame));
	assert_int_equal(neighbour_question(&sender_mac, addr("10.1.0.2"), addr("10.1.0.9"), frame),
	                 sizeof(expected));
	assert_memory_equal(frame, expected, sizeof(expected));
}

static void nd_asks_the_group_of_the_address(void **state)
{
	// The checksum is Scapy's.
	static const uint8_t expected[] = {
		0x33, 0x33, 0xff, 0x34, 0x56, 0x78, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x86,
		0xdd, 0x60, 0,    0,    0,    0,    32,   58,   255,  0xfd, 0,    0,    0,
		0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    2,    0xff,
		2,    0,    0,    0,    0,    0,    0,    0,    0,    0,    1,    0xff, 0x34,
		0x56, 0x78, 135,  0,    0x57, 0xa9, 0,    0,    0,    0,    0xfd, 0,    0,
		0,    0,    0,    0,    0,    0,    0,    0,    0,    0x12, 0x34, 0x56, 0x78,
		1,    1,    0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
	};
	uint8_t frame[NEIGHBOUR_QUESTION_ROOM];

	memset(frame, 0xee, sizeof(frame));
	assert_int_equal(
		neighbour_question(&sender_mac, addr("fd00::2"), addr("fd00::1234:5678"), frame),
		sizeof(expected));
	assert_memory_equal(frame, expected, sizeof(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_asks_everybody),
		cmocka_unit_test(nd_asks_the_group_of_the_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
