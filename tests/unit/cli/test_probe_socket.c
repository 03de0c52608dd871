// SPDX-License-Identifier: BSD-3-Clause
//
// test_probe_socket: echo requests are summed right, and only replies to them are taken for such.

#include "cli/probe_socket.h"

#include "base/bytes.h"
#include "tests/unit/unit.h"

#include <netinet/in.h>

static void requests_are_summed(void **state)
{
	uint8_t bytes[64] = {[8] = 0xab, [63] = 0xcd};

	for (size_t len = PROBE_ECHO_HEADER; len <= sizeof(bytes); len++) {
		uint32_t sum = 0;

		probe_echo_request(true, 0x1234, 0x5678, bytes, len);
		for (size_t i = 0; i < len; i++)
			sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
		sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
		assert_int_equal(bytes[0], 8);
	}
	probe_echo_request(false, 0x1234, 1, bytes, 8);
	assert_int_equal(bytes[0], 128);
	// Left to the kernel.
	assert_int_equal(load_be16(bytes + 2), 0);
}

static void only_replies_are_replies(void **state)
{
	uint8_t packet[20 + 8] = {
		0x45, [20] = 0, [24] = 0x12, [25] = 0x34, [26] = 0x56, [27] = 0x78};
	uint16_t sequence = 0;

	assert_true(probe_echo_is_reply(true, 0x1234, packet, sizeof(packet), &sequence));
	assert_int_equal(sequence, 0x5678);
	assert_false(probe_echo_is_reply(true, 0x1235, packet, sizeof(packet), &sequence));
	// Cut anywhere, it is none.
	for (size_t len = 0; len < sizeof(packet); len++)
		assert_false(probe_echo_is_reply(true, 0x1234, packet, len, &sequence));
	// A header longer than the packet, or shorter than a header.
	packet[0] = 0x4f;
	assert_false(probe_echo_is_reply(true, 0x1234, packet, sizeof(packet), &sequence));
	packet[0] = 0x41;
	assert_false(probe_echo_is_reply(true, 0x1234, packet, sizeof(packet), &sequence));
	packet[0] = 0x45;
	packet[20] = 8;
	assert_false(probe_echo_is_reply(true, 0x1234, packet, sizeof(packet), &sequence));
	packet[20] = 129;
	assert_true(probe_echo_is_reply(false, 0x1234, packet + 20, 8, &sequence));
}

static void addresses_of_both_families(void **state)
{
	struct sockaddr_storage to;
	struct ip_addr ip;

	assert_int_equal(ip_parse("10.9.0.1", &ip), 0);
	assert_int_equal(probe_sockaddr(&ip, 80, &to), sizeof(struct sockaddr_in));
	assert_int_equal(load_be32(&((struct sockaddr_in *)&to)->sin_addr), 0x0a090001);
	assert_int_equal(load_be16(&((struct sockaddr_in *)&to)->sin_port), 80);
	assert_int_equal(ip_parse("fd00::7", &ip), 0);
	assert_int_equal(probe_sockaddr(&ip, 80, &to), sizeof(struct sockaddr_in6));
	assert_int_equal(((struct sockaddr_in6 *)&to)->sin6_addr.s6_addr[15], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_summed),
		cmocka_unit_test(only_replies_are_replies),
		cmocka_unit_test(addresses_of_both_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
