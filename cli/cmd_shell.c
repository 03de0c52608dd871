// SPDX-License-Identifier: BSD-3-Clause
//
// cmd_shell: runs a command inside a guest that is a network namespace.
//
// The command gets the guest's network namespace, and mount and host-name namespaces of its own, in
// which /sys shows the guest's interfaces, /etc/resolv.conf is the guest's and the host name is its
// name. The cgroup tree under /sys is carried over, as programs look for it. Nothing of this is seen
// outside, and all of it ends with the command.

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/record.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char name[HOST_NAME_MAX + 1];
	char netns[PATH_MAX], resolv_conf[PATH_MAX];
};

static int find_guest(const struct invocation *call, struct place *ret)
{
	struct ask_list list = {.what = "guest", .name = call->arguments[0]};
	struct fail fail = {0};
	Weft__Reply *reply;
	char text[PATH_MAX];
	int code = ask_list(call, &list, &reply);

	if (code != EXIT_OK)
		return code;
	if (reply->n_records > 0) {
		const Weft__Record *guest = reply->records[0];

		snprintf(ret->name, sizeof(ret->name), "%s", call->arguments[0]);
		snprintf(ret->netns, sizeof(ret->netns), "%s",
		         record_text(guest, "netns", text, sizeof(text)));
		snprintf(ret->resolv_conf, sizeof(ret->resolv_conf), "%s",
		         record_text(guest, "resolv_conf", text, sizeof(text)));
	} else {
		fail_set(&fail, -ENOENT, "there is no guest '%s'", call->arguments[0]);
		fail_hint(&fail, "weft ns ls lists them");
		output_fail(call, &fail);
		code = EXIT_ERROR;
	}
	client_reply_free(reply);
	return code;
}

// Puts a /sys of this network namespace over the old one, and the old cgroup tree back into it.
static int mount_sys(struct fail *fail)
{
	const char *cgroup = "/sys/fs/cgroup";
	auto_close int tree =
		open_tree(AT_FDCWD, cgroup, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (mount("weft", "/sys", "sysfs", 0, NULL) < 0)
		return fail_errno(fail, -errno, "a /sys for the guest");
	// Without a cgroup tree before there is none to keep.
	if (tree >= 0)
		(void)move_mount(tree, "", AT_FDCWD, cgroup, MOVE_MOUNT_F_EMPTY_PATH);
	return 0;
}

static int mount_resolv_conf(const char *path, struct fail *fail)
{
	if (!*path || access(path, R_OK) < 0 || access("/etc/resolv.conf", F_OK) < 0)
		return 0;
	if (mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
		return fail_errno(fail, -errno, "the guest's %s", path);
	return 0;
}

static int enter(const struct place *place, struct fail *fail)
{
	auto_close int netns = open(place->netns, O_RDONLY | O_CLOEXEC);

	if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
		return fail_errno(fail, -errno, "network namespace %s of guest '%s'", place->netns,
		                  place->name);
	if (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0)
		return fail_errno(fail, -errno, "namespaces for the command");
	// What is mounted from here on stays in here.
	if (mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return fail_errno(fail, -errno, "private mounts");
	if (sethostname(place->name, strlen(place->name)) < 0)
		return fail_errno(fail, -errno, "host name '%s'", place->name);

	int error = mount_sys(fail);

	return error < 0 ? error : mount_resolv_conf(place->resolv_conf, fail);
}

int cmd_shell(const struct invocation *call)
{
	const char *shell = getenv("SHELL");
	char *fallback[] = {(char *)(shell && *shell ? shell : "/bin/sh"), NULL};
	char **command = call->rest && *call->rest ? call->rest : fallback;
	struct fail fail = {0};
	struct place place = {0};
	int code = find_guest(call, &place);

	if (code != EXIT_OK)
		return code;
	if (enter(&place, &fail) < 0) {
		output_fail(call, &fail);
		return EXIT_ERROR;
	}
	setenv("WEFT_GUEST", place.name, 1);
	execvp(command[0], command);
	fail_errno(&fail, -errno, "'%s' could not be run in guest '%s'", command[0], place.name);
	output_fail(call, &fail);
	// The codes that shells give to a command that is not there or not executable.
	return fail.code == -ENOENT ? 127 : 126;
}
