// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_test: does the tests of a lab, and tells by its exit code whether all passed.

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/test_pcap.h"
#include "cli/test_report.h"

#include "base/fail.h"
#include "base/rand.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { PARALLEL = 32, WAIT_MS = 2000, PCAPS_MAX = 8 };

static int write_junit(const struct invocation *call, const struct test_run *run)
{
	const char *path = invocation_text(call, "junit");
	struct fail fail = {0};
	FILE *file;
	int error;

	if (!path)
		return EXIT_OK;
	file = fopen(path, "we");
	error = file ? test_report_junit(file, run) : -errno;
	if (file && fclose(file) != 0 && error == 0)
		error = -errno;
	if (error == 0)
		return EXIT_OK;
	fail_errno(&fail, error, "file '%s'", path);
	output_fail(call, &fail);
	return EXIT_ERROR;
}

static int report(const struct invocation *call, const struct test_run *run)
{
	struct test_count count = test_report_count(run->set);
	int code = write_junit(call, run);

	if (invocation_has(call, "tap"))
		test_report_tap(stdout, run);
	else if (call->format != OUTPUT_TABLE)
		test_report_json(stdout, run);
	else
		test_report_table(stdout, run);
	if (code != EXIT_OK)
		return code;
	return count.failed ? EXIT_TEST : EXIT_OK;
}

static int run_tests(const struct invocation *call, struct test_set *set)
{
	struct test_run run = {
		.call = call,
		.set = set,
		.parallel = (unsigned)invocation_number(call, "parallel", PARALLEL),
		.wait_ms = (uint32_t)invocation_number(call, "wait", WAIT_MS / 1000) * 1000,
	};
	struct fail fail = {0};

	rand_bytes(&run.seed, sizeof(run.seed));
	// Short enough to be typed again.
	run.seed = run.state = invocation_number(call, "seed", run.seed % 1000000);
	if (run.parallel < 1 || run.parallel > 256 || run.wait_ms < 1000 || run.wait_ms > 3600000) {
		fail_set(&fail, -EINVAL, "--parallel is 1 to 256, --wait 1s to 1h");
		output_fail(call, &fail);
		return EXIT_USAGE;
	}
	if (set->case_count == 0)
		fprintf(stderr, "weft: there is nothing to test\n");
	else
		fprintf(stderr, "weft: %zu test%s, seed %" PRIu64 "\n", set->case_count,
		        set->case_count == 1 ? "" : "s", run.seed);
	test_run_all(&run);
	test_pcap_keep(&run, invocation_text(call, "pcaps"), PCAPS_MAX);
	return report(call, &run);
}

int cmd_test(const struct invocation *call)
{
	struct test_set set;
	int code = test_set_load(call, call->argument_count ? call->arguments[0] : NULL, &set);

	if (code == EXIT_OK)
		code = run_tests(call, &set);
	test_set_fini(&set);
	return code;
}
