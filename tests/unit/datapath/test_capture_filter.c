// SPDX-License-Identifier: BSD-3-Clause
//
// test_capture_filter: programs from outside are checked, shallow ones are known, and verdicts are right.

#include "datapath/capture_filter.h"

#include "base/bytes.h"
#include "base/fail.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <pcap/pcap.h>

enum { ROOM = 8 * 512 };

static size_t compile(const char *text, uint8_t bytes[static ROOM])
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	struct bpf_program program;
	size_t len;

	assert_int_equal(pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
	len = 8 * (size_t)program.bf_len;
	assert_true(len <= ROOM);
	for (unsigned i = 0; i < program.bf_len; i++) {
		store_be16(bytes + 8 * i, program.bf_insns[i].code);
		bytes[8 * i + 2] = program.bf_insns[i].jt;
		bytes[8 * i + 3] = program.bf_insns[i].jf;
		store_be32(bytes + 8 * i + 4, program.bf_insns[i].k);
	}
	pcap_freecode(&program);
	pcap_close(pcap);
	return len;
}

static struct capture_filter *make(const char *text)
{
	struct capture_filter *filter = NULL;
	uint8_t bytes[ROOM];
	size_t len = compile(text, bytes);

	assert_int_equal(capture_filter_new(bytes, len, &filter, NULL), 0);
	return filter;
}

static void verdicts_are_libpcaps(void **state)
{
	struct capture_filter *filter = make("arp");
	uint8_t frame[60] = {[12] = 0x08, [13] = 0x06};

	assert_true(capture_filter_wants(filter, frame, sizeof(frame), sizeof(frame)));
	frame[13] = 0;
	assert_false(capture_filter_wants(filter, frame, sizeof(frame), sizeof(frame)));
	// What it looks at is not there.
	assert_false(capture_filter_wants(filter, frame, 13, 60));
	capture_filter_free(filter);

	filter = make("greater 100");
	assert_true(capture_filter_wants(filter, frame, sizeof(frame), 100));
	assert_false(capture_filter_wants(filter, frame, sizeof(frame), 99));
	capture_filter_free(filter);

	assert_true(capture_filter_wants(NULL, frame, 0, 0));
	capture_filter_free(NULL);
}

static void shallow_ones_are_known(void **state)
{
	const char *const shallow[] = {"arp",
	                               "tcp port 80",
	                               "host 10.0.0.1 and udp port 53",
	                               "ip6 and icmp6",
	                               "vlan 10 and tcp port 22",
	                               "greater 1000"};
	// An index that the program has computed may be anything.
	const char *const deep[] = {"udp[300] = 1", "ether[252:4] = 1 or ether[253:4] = 1",
	                            "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420"};

	assert_true(capture_filter_is_shallow(NULL));
	for (unsigned i = 0; i < ARRAY_SIZE(shallow); i++) {
		struct capture_filter *filter = make(shallow[i]);

		assert_true(capture_filter_is_shallow(filter));
		capture_filter_free(filter);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(deep); i++) {
		struct capture_filter *filter = make(deep[i]);

		assert_false(capture_filter_is_shallow(filter));
		capture_filter_free(filter);
	}
}

static void refuse(const uint8_t *program, size_t len, int code)
{
	struct capture_filter *filter = NULL;
	struct fail fail = {0};

	assert_int_equal(capture_filter_new(program, len, &filter, &fail), code);
	assert_null(filter);
	assert_true(fail.what[0] != '\0');
}

static void what_could_run_for_ever_is_refused(void **state)
{
	uint8_t bytes[ROOM];
	// ja -1: itself, for ever.
	const uint8_t loop[16] = {0, 5, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 6};

	refuse(loop, sizeof(loop), -EINVAL);
	refuse(bytes, compile("ip6 protochain 6", bytes), -EINVAL);
}

static void what_is_no_program_is_refused(void **state)
{
	static uint8_t zeroes[8 * (CAPTURE_FILTER_INSNS + 1)];
	uint8_t bytes[ROOM];
	size_t len = compile("tcp port 80", bytes);

	refuse(bytes, 0, -EINVAL);
	refuse(bytes, len - 1, -EINVAL);
	// Without its last instructions it runs off the end.
	refuse(bytes, len - 16, -EINVAL);
	refuse(zeroes, 8, -EINVAL);
	refuse(zeroes, sizeof(zeroes), -E2BIG);
}

// libpcap lets some codes pass at which its interpreter aborts; whatever we take must run.
static void every_code_is_refused_or_can_be_run(void **state)
{
	const uint8_t frame[64] = {0};
	unsigned taken = 0;

	for (uint32_t code = 0; code <= UINT16_MAX; code++) {
		uint8_t bytes[16] = {[8 + 1] = BPF_RET | BPF_K};
		struct capture_filter *filter;

		store_be16(bytes, (uint16_t)code);
		if (capture_filter_new(bytes, sizeof(bytes), &filter, NULL) < 0)
			continue;
		taken++;
		capture_filter_wants(filter, frame, sizeof(frame), sizeof(frame));
		capture_filter_free(filter);
	}
	assert_in_range(taken, 40, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_are_libpcaps),
		cmocka_unit_test(shallow_ones_are_known),
		cmocka_unit_test(what_could_run_for_ever_is_refused),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(every_code_is_refused_or_can_be_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
