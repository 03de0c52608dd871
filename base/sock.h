// SPDX-License-Identifier: BSD-3-Clause
//
// sock: unix stream sockets: listen, connect, who is there, and descriptors in messages.
//
// Every descriptor made or received here is close-on-exec and, if a socket of ours, nonblocking.
// Any thread.

#pragma once

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct fail;

enum { SOCK_FDS_MAX = 64 }; // Descriptors in one message.

// Listens at the path and returns the descriptor, or -errno. A socket left behind by a dead process
// is replaced; one that is alive is -EADDRINUSE, and anything but a socket -EEXIST. The mode holds
// from the first moment, whatever the umask.
int sock_listen(const char *path, mode_t mode, struct fail *fail);

// Returns the connected descriptor, or -errno.
int sock_connect(const char *path, struct fail *fail);

// Returns the next connection of a listening socket, or -errno; -EAGAIN when there is none.
int sock_accept(int fd);

struct sock_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

// Who connected, or listens, at the other end, as the kernel saw it at that time.
int sock_peer(int fd, struct sock_peer *ret);

// Sends with the descriptors attached to the first byte; they stay open here. Returns the bytes
// sent, which may be fewer than given, or -errno; if any byte went, all descriptors went.
// => There is at least one byte to send if there are descriptors.
ssize_t sock_send_fds(int fd, const struct iovec *iov, unsigned iov_count, const int *fds,
                      unsigned fd_count);

// Receives bytes and up to fd_max descriptors; *ret_fd_count is always set. Descriptors beyond
// fd_max are closed. Returns the bytes, 0 at the end, or -errno.
ssize_t sock_recv_fds(int fd, const struct iovec *iov, unsigned iov_count, int *fds,
                      unsigned fd_max, unsigned *ret_fd_count);
