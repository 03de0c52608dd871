// SPDX-License-Identifier: BSD-3-Clause
//
// sock: unix sockets with their traps taken care of.
//
// Taking over a dead socket means to look, to unlink and to bind. Two processes that start at the
// same time could unlink each other's fresh socket between those steps, so they hold a lock on the
// directory meanwhile. It is an flock on the directory itself: nothing is left behind, and the kernel
// lets go when the holder dies.

#include "base/sock.h"

#include "base/cleanup.h"
#include "base/fail.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128, SCM_FDS_MAX = 253 }; // The kernel's limit of descriptors in a message.

static int fill_address(const char *path, struct sockaddr_un *addr, struct fail *fail)
{
	size_t len = strlen(path);

	if (len == 0)
		return fail_set(fail, -EINVAL, "the path of a socket is empty");
	if (len >= sizeof(addr->sun_path)) {
		fail_set(fail, -ENAMETOOLONG, "socket '%s': the path has %zu bytes, %zu at most",
		         path, len, sizeof(addr->sun_path) - 1);
		fail_hint(fail, "choose a shorter directory");
		return -ENAMETOOLONG;
	}
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(addr->sun_path, path, len + 1);
	return 0;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static int connect_to(const struct sockaddr_un *addr)
{
	auto_close int fd = new_socket();

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

// An open descriptor of the path's directory with its lock held.
static int lock_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";

	// The path fits an address, so its directory fits here.
	if (slash) {
		size_t len = slash == path ? 1 : (size_t)(slash - path);

		memcpy(dir, path, len);
		dir[len] = '\0';
	}

	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR) {
			int code = -errno;

			close(fd);
			return code;
		}
	}
	return fd;
}

// Clears the path for a bind. 0 when nothing is there, or a dead socket was.
static int remove_stale(const char *path, const struct sockaddr_un *addr, struct fail *fail)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail_errno(fail, -errno, "socket '%s'", path);
	if (!S_ISSOCK(st.st_mode)) {
		fail_set(fail, -EEXIST, "socket '%s': something else has this name", path);
		fail_hint(fail, "move it away, or choose another path");
		return -EEXIST;
	}

	int fd = connect_to(addr);

	// A full backlog (EAGAIN) or a refused permission is a sign of life as well.
	if (fd != -ECONNREFUSED) {
		if (fd >= 0)
			close(fd);
		fail_set(fail, -EADDRINUSE, "socket '%s': another process listens there", path);
		fail_hint(fail, "stop that process, or choose another path");
		return -EADDRINUSE;
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return fail_errno(fail, -errno, "cannot remove the dead socket '%s'", path);
	return 0;
}

int sock_listen(const char *path, mode_t mode, struct fail *fail)
{
	struct sockaddr_un addr;
	int code = fill_address(path, &addr, fail);

	if (code < 0)
		return code;

	auto_close int lock = lock_directory(path);

	if (lock < 0)
		return fail_errno(fail, lock, "cannot open the directory of socket '%s'", path);
	code = remove_stale(path, &addr, fail);
	if (code < 0)
		return code;

	auto_close int fd = new_socket();

	if (fd < 0)
		return fail_errno(fail, fd, "cannot make a socket");

	// The mode of the descriptor, less the umask, is what bind() gives the file: never wider than
	// wished, even for a moment. The chmod() then makes up for the umask.
	if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0)
		return fail_errno(fail, -errno, "cannot listen at socket '%s'", path);
	return TAKE_FD(fd);
}

int sock_connect(const char *path, struct fail *fail)
{
	struct sockaddr_un addr;
	int code = fill_address(path, &addr, fail);

	if (code < 0)
		return code;

	int fd = connect_to(&addr);

	if (fd < 0)
		return fail_errno(fail, fd, "cannot connect to socket '%s'", path);
	return fd;
}

int sock_accept(int fd)
{
	int accepted;

	do
		accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));

	return accepted < 0 ? -errno : accepted;
}

int sock_peer(int fd, struct sock_peer *ret)
{
	struct ucred ucred;
	socklen_t len = sizeof(ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &len) < 0)
		return -errno;
	// A pid of 0 is what a socket of another family says.
	if (len != sizeof(ucred) || ucred.pid == 0)
		return -ENOTCONN;

	*ret = (struct sock_peer){.uid = ucred.uid, .gid = ucred.gid, .pid = ucred.pid};
	return 0;
}

ssize_t sock_send_fds(int fd, const struct iovec *iov, unsigned iov_count, const int *fds,
                      unsigned fd_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * SOCK_FDS_MAX)];
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = iov_count};
	ssize_t sent;

	assert(fd_count <= SOCK_FDS_MAX);
	if (fd_count > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);

		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * fd_count);
	}
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);

	return sent < 0 ? -errno : sent;
}

// Keeps what fits of one control message's descriptors and closes the others.
static void take_fds(struct cmsghdr *cmsg, int *fds, unsigned fd_max, unsigned *count)
{
	size_t received = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < received; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
		if (*count < fd_max)
			fds[(*count)++] = fd;
		else
			close(fd);
	}
}

ssize_t sock_recv_fds(int fd, const struct iovec *iov, unsigned iov_count, int *fds,
                      unsigned fd_max, unsigned *ret_fd_count)
{
	// Room for all that a message can hold: what did not fit, the kernel would drop unseen.
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * SCM_FDS_MAX)];
	} control;
	struct msghdr msg = {.msg_iov = (struct iovec *)iov,
	                     .msg_iovlen = iov_count,
	                     .msg_control = control.bytes,
	                     .msg_controllen = sizeof(control.bytes)};
	ssize_t received;

	*ret_fd_count = 0;
	do
		received = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (received < 0 && errno == EINTR);
	if (received < 0)
		return -errno;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
			take_fds(cmsg, fds, fd_max, ret_fd_count);
	return received;
}
