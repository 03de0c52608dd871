// SPDX-License-Identifier: BSD-3-Clause
//
// netns: a child steps into a new namespace and mounts it over a file; the mount keeps it alive.
//
// The parent never leaves its own namespace. What runs inside is found by comparing the inode of
// /proc/PID/ns/net, so nothing outside the namespace can be hit, however it is called.

#include "controller/netns.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>

#define NETNS_DIR "/run/netns"

enum { KILL_ROUNDS = 40, KILL_PAUSE_MS = 25 };

static int path_of(const char *name, char buf[static PATH_MAX])
{
	return path_join(buf, PATH_MAX, NETNS_DIR, name);
}

// Mounts that other mount namespaces make or undo here must be seen by all, and ours by them.
static int share_dir(struct fail *fail)
{
	int err = path_make_dirs(NETNS_DIR, 0755);

	if (err < 0)
		return fail_errno(fail, err, "cannot make %s", NETNS_DIR);
	if (mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	// Not a mount point yet.
	if (errno == EINVAL && mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) == 0 &&
	    mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	err = -errno;
	fail_errno(fail, err, "cannot share the mounts under %s", NETNS_DIR);
	if (err == -EPERM)
		fail_hint(fail, "guests need root; start weft-controller as root");
	return err;
}

static int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

// In the child: its exit code is the errno.
static int become(const char *path)
{
	int err;

	if (unshare(CLONE_NEWNET) < 0)
		return errno;
	err = loopback_up();
	if (err < 0)
		return -err;
	return mount("/proc/self/ns/net", path, "none", MS_BIND, NULL) < 0 ? errno : 0;
}

static int run_child(const char *path)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(become(path));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

int netns_create(const char *name, uint64_t *ret_inode, struct fail *fail)
{
	char path[PATH_MAX];
	int fd, err = path_of(name, path);

	if (err < 0)
		return fail_errno(fail, err, "namespace '%s'", name);
	err = share_dir(fail);
	if (err < 0)
		return err;
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return fail_errno(fail, -errno, "cannot make %s", path);
	close(fd);
	err = run_child(path);
	if (err == 0 && netns_inode(name) == 0)
		err = -EIO;
	if (err < 0) {
		unlink(path);
		return fail_errno(fail, err, "cannot make the network namespace '%s'", name);
	}
	*ret_inode = netns_inode(name);
	return 0;
}

uint64_t netns_inode(const char *name)
{
	char path[PATH_MAX];
	struct statfs fs;
	struct stat st;

	if (path_of(name, path) < 0 || statfs(path, &fs) < 0 || fs.f_type != NSFS_MAGIC ||
	    stat(path, &st) < 0)
		return 0;
	return st.st_ino;
}

bool netns_name_taken(const char *name)
{
	char path[PATH_MAX];

	return path_of(name, path) == 0 && access(path, F_OK) == 0;
}

static int by_inode(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

// Ends every process in one of the namespaces but ourselves and whom `spare` says. Returns how many there were.
static unsigned kill_in(const uint64_t *inodes, size_t count, netns_spare_fn spare, void *user)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned found = 0;

	if (!proc)
		return 0;
	while ((entry = readdir(proc))) {
		char path[64];
		struct stat st;
		uint64_t inode;
		int pid;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = atoi(entry->d_name);
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		if (stat(path, &st) < 0)
			continue;
		inode = st.st_ino;
		if (!bsearch(&inode, inodes, count, sizeof(inode), by_inode) || pid == getpid() ||
		    (spare && spare(user, pid)))
			continue;
		found++;
		kill(pid, SIGKILL);
	}
	closedir(proc);
	return found;
}

void netns_clear(uint64_t *inodes, size_t count, netns_spare_fn spare, void *user)
{
	struct timespec pause = {.tv_nsec = KILL_PAUSE_MS * 1000000L};

	qsort(inodes, count, sizeof(*inodes), by_inode);
	while (count > 0 && *inodes == 0) {
		inodes++;
		count--;
	}
	// A process may fork while we look, so until none is found.
	for (unsigned round = 0; count > 0 && round < KILL_ROUNDS; round++) {
		if (kill_in(inodes, count, spare, user) == 0)
			break;
		nanosleep(&pause, NULL);
	}
}

// 0, or -EPERM when the name is another's by now.
static int check_ours(const char *name, uint64_t now, uint64_t inode, struct fail *fail)
{
	if (!now || !inode || now == inode)
		return 0;
	return fail_set(fail, -EPERM, "the network namespace '%s' is not the one we made; it stays",
	                name);
}

int netns_unname(const char *name, uint64_t inode, struct fail *fail)
{
	uint64_t now = netns_inode(name);
	char path[PATH_MAX];

	if (path_of(name, path) < 0)
		return 0;
	if (check_ours(name, now, inode, fail) < 0)
		return -EPERM;
	if (now && umount2(path, MNT_DETACH) < 0)
		return fail_errno(fail, -errno, "cannot unmount %s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail_errno(fail, -errno, "cannot remove %s", path);
	return 0;
}

int netns_remove(const char *name, uint64_t inode, netns_spare_fn spare, void *user,
                 struct fail *fail)
{
	uint64_t now = netns_inode(name);

	if (check_ours(name, now, inode, fail) < 0)
		return -EPERM;
	netns_clear(&now, 1, spare, user);
	return netns_unname(name, inode, fail);
}
