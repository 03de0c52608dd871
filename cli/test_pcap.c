// SPDX-License-Identifier: BSD-3-Clause
//
// test_pcap: `weft capture` beside another try of the case.
//
// To capture all that passes while hundreds of tests run would be most of the work, and would show each
// failure among everything else. What fails by rule fails again, and its packets alone are in the file;
// what was an accident passes now, and is said to.

#include "cli/test_pcap.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 3000, SETTLE_MS = 100, BLOCK_INTERFACE = 1 };

static void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
	          NULL);
}

static const char *make_directory(const char *wanted, char *buf, size_t size)
{
	const char *temporary = getenv("TMPDIR");

	if (wanted) {
		snprintf(buf, size, "%s", wanted);
		return mkdir(buf, 0777) == 0 || errno == EEXIST ? buf : NULL;
	}
	snprintf(buf, size, "%s/weft-test-XXXXXX", temporary && *temporary ? temporary : "/tmp");
	return mkdtemp(buf);
}

// By its number first, as names may be equal.
static void name_file(const char *directory, size_t number, const struct test_case *item, char *buf,
                      size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "%s/%zu-", directory, number);

	// Letters and digits of the name; everything else is one dash.
	for (const char *at = item->name; *at && used + 8 < size; at++) {
		bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
		             (*at >= '0' && *at <= '9') || *at == '.';

		if (plain)
			buf[used++] = *at;
		else if (buf[used - 1] != '-')
			buf[used++] = '-';
	}
	snprintf(buf + used, size - used, ".pcapng");
}

// Our own program, as a process that ends with us. -1: it could not be started.
static pid_t start_capture(const struct test_run *run, const struct test_case *item,
                           const char *file)
{
	char *words[] = {(char *)"weft",
	                 (char *)"--run-dir",
	                 (char *)run->call->run_dir,
	                 (char *)"capture",
	                 (char *)item->from->place.name,
	                 (char *)"-w",
	                 (char *)file,
	                 item->to ? (char *)item->to->place.name : NULL,
	                 NULL};
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && freopen("/dev/null", "w", stderr))
		execv("/proc/self/exe", words);
	_exit(127);
}

// How many ports the stream has named so far; packets are copied from each from then on.
static unsigned count_ports(const char *file)
{
	FILE *opened = fopen(file, "re");
	uint32_t words[2];
	unsigned count = 0;

	// Type and length of each block.
	while (opened && fread(words, sizeof(words), 1, opened) == 1 && words[1] >= sizeof(words)) {
		count += words[0] == BLOCK_INTERFACE;
		if (fseek(opened, (long)words[1] - (long)sizeof(words), SEEK_CUR) < 0)
			break;
	}
	if (opened)
		fclose(opened);
	return count;
}

static bool has_begun(const char *file, unsigned ports, pid_t pid)
{
	uint64_t patience = clock_now() + START_MS * NSEC_PER_MSEC;

	while (clock_now() < patience && waitpid(pid, NULL, WNOHANG) == 0) {
		if (count_ports(file) >= ports)
			return true;
		pause_ms(5);
	}
	return false;
}

static void keep_one(struct test_run *run, size_t number, struct test_case *item,
                     const char *directory)
{
	struct test_case again = *item;
	pid_t pid;

	name_file(directory, number, item, item->pcap, sizeof(item->pcap));
	(void)unlink(item->pcap);
	pid = start_capture(run, item, item->pcap);
	if (pid < 0 || !has_begun(item->pcap, item->to ? 2 : 1, pid)) {
		if (pid > 0)
			kill(pid, SIGKILL);
		(void)unlink(item->pcap);
		item->pcap[0] = '\0';
	} else {
		test_run_one(run, &again);
		pause_ms(SETTLE_MS);
		kill(pid, SIGINT);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (item->pcap[0] && again.passed) {
		size_t used = strlen(item->text);

		snprintf(item->text + used, sizeof(item->text) - used, " (another try passed)");
	}
}

void test_pcap_keep(struct test_run *run, const char *wanted, unsigned limit)
{
	const struct test_set *set = run->set;
	char buf[PATH_MAX / 2];
	const char *directory = NULL;

	for (size_t i = 0; i < set->case_count && limit; i++) {
		struct test_case *item = &set->cases[i];

		if (item->passed || !item->from || !item->from->place.netns[0] ||
		    item->test->kind == WEFT__LAB_TEST_KIND__TEST_DURING ||
		    item->test->kind == WEFT__LAB_TEST_KIND__TEST_TRACE)
			continue;
		if (!directory && !(directory = make_directory(wanted, buf, sizeof(buf))))
			return;
		keep_one(run, i + 1, item, directory);
		limit--;
	}
}
