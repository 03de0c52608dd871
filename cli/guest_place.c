// SPDX-License-Identifier: BSD-3-Clause
//
// guest_place: entering a guest that is a network namespace.
//
// Who enters gets the guest's network namespace, and mount and host-name namespaces of its own, in
// which /sys shows the guest's interfaces, /etc/resolv.conf is the guest's and the host name is its
// name. The cgroup tree under /sys is carried over, as programs look for it. Nothing of this is seen
// outside, and all of it ends with the process.

#include "cli/guest_place.h"

#include "cli/record.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

void guest_place_read(const Weft__Record *guest, struct guest_place *ret)
{
	char text[PATH_MAX];

	snprintf(ret->name, sizeof(ret->name), "%s",
	         record_text(guest, "name", text, sizeof(text)));
	snprintf(ret->netns, sizeof(ret->netns), "%s",
	         record_text(guest, "netns", text, sizeof(text)));
	snprintf(ret->resolv_conf, sizeof(ret->resolv_conf), "%s",
	         record_text(guest, "resolv_conf", text, sizeof(text)));
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

int guest_place_enter_net(const struct guest_place *place, struct fail *fail)
{
	auto_close int netns = open(place->netns, O_RDONLY | O_CLOEXEC);

	if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
		return fail_errno(fail, -errno, "network namespace %s of guest '%s'", place->netns,
		                  place->name);
	return 0;
}

int guest_place_enter(const struct guest_place *place, struct fail *fail)
{
	int error = guest_place_enter_net(place, fail);

	if (error < 0)
		return error;
	if (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0)
		return fail_errno(fail, -errno, "namespaces for the command");
	// What is mounted from here on stays in here.
	if (mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return fail_errno(fail, -errno, "private mounts");
	if (sethostname(place->name, strlen(place->name)) < 0)
		return fail_errno(fail, -errno, "host name '%s'", place->name);

	error = mount_sys(fail);
	return error < 0 ? error : mount_resolv_conf(place->resolv_conf, fail);
}
