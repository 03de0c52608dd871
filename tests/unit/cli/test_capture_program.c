// SPDX-License-Identifier: BSD-3-Clause
//
// test_capture_program: filters are compiled to what a datapath runs, and refused in libpcap's words.

#include "cli/capture_program.h"

#include "base/fail.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void a_filter_becomes_instructions(void **state)
{
	// ldh [12]; jeq #0x806, to the next, over it; ret #262144; ret #0
	static const uint8_t arp[] = {0, 0x28, 0, 0, 0, 0, 0, 12, 0, 0x15, 0, 1, 0, 0, 8, 6,
	                              0, 6,    0, 0, 0, 4, 0, 0,  0, 6,    0, 0, 0, 0, 0, 0};
	uint8_t *program = NULL;
	size_t len = 0;

	assert_int_equal(capture_program_compile("arp", &program, &len, NULL), 0);
	assert_int_equal(len, sizeof(arp));
	assert_memory_equal(program, arp, len);
	free(program);
	// Nothing is a filter, too.
	assert_int_equal(capture_program_compile("", &program, &len, NULL), 0);
	assert_int_equal(len, 8);
	free(program);
}

static void libpcap_says_what_is_wrong(void **state)
{
	static const char *const wrong[][2] = {
		{"nonsense here", "syntax error"},
		{"tcp port", "syntax error"},
		{"port 99999999", "illegal port number"},
		{"net 10.0.0.0/33", "mask length must be <= 32"},
		{"host \x1b[31m\n", "syntax error"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct fail fail = {0};
		uint8_t *program = NULL;
		size_t len = 0;

		assert_int_equal(capture_program_compile(wrong[i][0], &program, &len, &fail),
		                 -EINVAL);
		assert_null(program);
		if (!strstr(fail.what, wrong[i][1]))
			fail_msg("'%s' for '%s'", fail.what, wrong[i][0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_becomes_instructions),
		cmocka_unit_test(libpcap_says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
