// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_doctor: tries, one by one, what Weft needs of the machine, and says what to do where it fails.
//
// Every check really does the thing in small: a feature that is compiled in may still be forbidden.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/record.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

// A check returns 0, or the fail with what is wrong and what to do.
struct check {
	const char *name;
	int (*run)(const struct invocation *call, struct fail *fail);
};

static int check_root(const struct invocation *call, struct fail *fail)
{
	if (geteuid() == 0)
		return 0;
	fail_set(fail, -EPERM, "not root");
	fail_hint(fail, "the daemons, the guests' shells and the demo need root: sudo weft doctor");
	return fail->code;
}

static int check_tun(const struct invocation *call, struct fail *fail)
{
	const unsigned wanted = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	auto_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	unsigned features = 0;

	if (fd < 0) {
		fail_errno(fail, -errno, "/dev/net/tun");
		fail_hint(fail, errno == EACCES || errno == EPERM
		                        ? "run as root; in a container, hand the device in"
		                        : "load the module: modprobe tun");
		return fail->code;
	}
	if (ioctl(fd, TUNGETFEATURES, &features) < 0)
		return fail_errno(fail, -errno, "features of /dev/net/tun");
	if ((features & wanted) != wanted)
		return fail_set(fail, -ENOTSUP, "TAP lacks vnet headers or queues (0x%x)",
		                features);
	return 0;
}

// In a child, so that we stay where we are.
static int check_netns(const struct invocation *call, struct fail *fail)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 ? 0 : errno);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return fail_errno(fail, -errno, "a child process");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	fail_errno(fail, -WEXITSTATUS(status), "a network namespace");
	fail_hint(fail, "guests of kind ns need it; run as root, or let the container have "
	                "CAP_SYS_ADMIN");
	return fail->code;
}

static int check_packet(const struct invocation *call, struct fail *fail)
{
	auto_close int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0)
		return 0;
	fail_errno(fail, -errno, "packet sockets with vnet headers");
	fail_hint(fail, "ports with --netdev need CAP_NET_RAW and a kernel with AF_PACKET");
	return fail->code;
}

static int check_memfd(const struct invocation *call, struct fail *fail)
{
	auto_close int fd = memfd_create("weft-doctor", MFD_CLOEXEC);

	return fd >= 0 ? 0 : fail_errno(fail, -errno, "shared memory");
}

static int check_programs(const struct invocation *call, struct fail *fail)
{
	static const char *const names[] = {"weft-controller", "weft-datapath"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (program_find(names[i], path, sizeof(path)) < 0) {
			fail_set(fail, -ENOENT, "%s is not beside weft and not in PATH", names[i]);
			fail_hint(fail, "build it (make) or install it (make install)");
			return fail->code;
		}
	return 0;
}

// The directory, or the nearest one above it that is there.
static int check_directory(const char *path, uint64_t bytes, struct fail *fail)
{
	char nearest[PATH_MAX];
	struct statvfs space;

	snprintf(nearest, sizeof(nearest), "%s", path);
	while (access(nearest, F_OK) < 0 && errno == ENOENT && strrchr(nearest, '/')) {
		char *slash = strrchr(nearest, '/');

		slash[slash == nearest] = '\0';
	}
	if (access(nearest, W_OK) < 0)
		return fail_errno(fail, -errno, "%s cannot be written", nearest);
	if (statvfs(nearest, &space) < 0)
		return fail_errno(fail, -errno, "%s", nearest);
	if ((uint64_t)space.f_bavail * space.f_frsize >= bytes)
		return 0;
	fail_set(fail, -ENOSPC, "%s has less than %llu MB left", nearest,
	         (unsigned long long)(bytes >> 20));
	fail_hint(fail, "make room, or choose another place with --run-dir and --state-dir");
	return fail->code;
}

static int check_run_dir(const struct invocation *call, struct fail *fail)
{
	return check_directory(call->run_dir, 1 << 20, fail);
}

static int check_state_dir(const struct invocation *call, struct fail *fail)
{
	return check_directory(call->state_dir, 16 << 20, fail);
}

static int check_daemons(const struct invocation *call, struct fail *fail)
{
	struct ask_list list = {.what = "host"};
	Weft__Reply *reply;
	char software[128], state[64];
	int result = 0;

	if (ask_list_quietly(call, &list, &reply, fail) != EXIT_OK)
		return fail->code ? fail->code : -EIO;
	for (size_t i = 0; i < reply->n_records && result == 0; i++) {
		const Weft__Record *host = reply->records[i];
		const char *version = record_text(host, "software", software, sizeof(software));
		const char *now = record_text(host, "state", state, sizeof(state));

		if (strcmp(now, "ready") != 0)
			result = fail_set(fail, -EAGAIN, "the datapath is %s", now);
		else if (*version && !strstr(version, WEFT_VERSION))
			result = fail_set(fail, -EPROTO, "%s runs with weft %s", version,
			                  WEFT_VERSION);
	}
	client_reply_free(reply);
	return result;
}

static const struct check checks[] = {
	{"root", check_root},
	{"TAP interfaces", check_tun},
	{"network namespaces", check_netns},
	{"packet sockets", check_packet},
	{"shared memory", check_memfd},
	{"programs", check_programs},
	{"run directory", check_run_dir},
	{"state directory", check_state_dir},
	{"daemons", check_daemons},
};

int cmd_doctor(const struct invocation *call)
{
	json_t *results = json_array();
	bool healthy = true;

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		struct fail fail = {0};
		bool passed = checks[i].run(call, &fail) == 0;

		healthy = healthy && passed;
		json_array_append_new(results,
		                      json_pack("{s:s,s:b,s:s,s:s}", "check", checks[i].name, "ok",
		                                passed, "what", fail.what, "hint", fail.hint));
		if (call->format != OUTPUT_TABLE)
			continue;
		printf("%-20s %s%s%s\n", checks[i].name, passed ? "ok" : "FAILED",
		       passed ? "" : " ", fail.what);
		if (*fail.hint)
			printf("%-20s   %s\n", "", fail.hint);
	}
	if (call->format != OUTPUT_TABLE) {
		json_dumpf(results, stdout, call->format == OUTPUT_JSON ? JSON_INDENT(2) : 0);
		putchar('\n');
	}
	json_decref(results);
	return healthy ? EXIT_OK : EXIT_ERROR;
}
