// SPDX-License-Identifier: BSD-3-Clause
//
// socket: looks for a front end, in either direction, until it has one.
//
// As a client it tries at once, then after 100 ms, and ever more rarely up to every 2 s; when something
// appears under the path it starts again at 1 ms, because a socket's file is there a moment before
// its owner listens. A connection that lasted less than a second does not count as success, or a front end
// that we refuse would have us busy for good; one that comes with a socket of its own is met at once all the same.
//
// As a server it accepts one front end. A second is left waiting for a second, as it may be the first one's
// successor, whose end we have not heard of yet, and then is sent away.

#include "vnic/vhost/socket.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sock.h"
#include "vnic/vhost/path_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	DELAY_APPEARED_MS = 1,
	DELAY_FIRST_MS = 100,
	DELAY_MOST_MS = 2000,
	SECOND_WAITS_MS = 1000,
	SOCKET_MODE = 0660,
};

struct vhost_socket {
	struct vhost_socket_config config; // strings below
	char name[64];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool seeking;
	uint64_t connected_at; // 0: never
	struct event *timer;
	char told[512]; // the reason that was told last

	// Client.
	unsigned delay_ms;
	struct path_watch *watch;

	// Server.
	int listen_fd;
	struct event *acceptable;
	dev_t device; // of the socket's file
	ino_t inode;
};

static void start_timer(struct vhost_socket *sock, unsigned ms)
{
	const struct timeval wait = {ms / 1000, (ms % 1000) * 1000};

	event_add(sock->timer, &wait);
}

static void hand_over(struct vhost_socket *sock, int fd)
{
	sock->seeking = false;
	sock->told[0] = '\0';
	sock->connected_at = clock_now();
	event_del(sock->timer);
	path_watch_free(sock->watch);
	sock->watch = NULL;
	sock->config.connected(sock->config.user, fd);
}

// Words for a person; the same ones are told once.
static void tell(struct vhost_socket *sock, int code)
{
	struct fail fail = {0};
	struct stat st;

	if (lstat(sock->path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		fail_set(&fail, -ENOTSOCK, "'%s' is no socket", sock->path);
		fail_hint(&fail, "move it away, or choose another path");
	} else if (code == -ENOENT || code == -ECONNREFUSED) {
		fail_set(&fail, code, "no front end listens at '%s' yet", sock->path);
		fail_hint(&fail, "start its virtual machine, as weft attach says");
	} else if (code == -EACCES) {
		fail_errno(&fail, code, "cannot connect to '%s'", sock->path);
		// Root has no more rights here than others.
		fail_hint(&fail, "let the user that the switch runs as write to the socket "
		                 "(chgrp, chmod g+w), or let weft listen: --vhost-server");
	} else {
		fail_errno(&fail, code, "cannot connect to '%s'", sock->path);
	}
	if (strcmp(fail.what, sock->told) == 0)
		return;
	memcpy(sock->told, fail.what, sizeof(sock->told));
	sock->config.waiting(sock->config.user, &fail);
}

static void try_to_connect(struct vhost_socket *sock);

static void on_appeared(void *user)
{
	struct vhost_socket *sock = user;

	sock->delay_ms = DELAY_APPEARED_MS;
	try_to_connect(sock);
}

static void try_to_connect(struct vhost_socket *sock)
{
	int fd;

	// Before the attempt, so that nothing appears in between; anew, as the directory may be another.
	path_watch_free(sock->watch);
	sock->watch = path_watch_new(sock->config.base, sock->path, on_appeared, sock);
	fd = sock_connect(sock->path, NULL);
	if (fd >= 0) {
		hand_over(sock, fd);
		return;
	}
	start_timer(sock, sock->delay_ms);
	sock->delay_ms = MIN(2 * sock->delay_ms, (unsigned)DELAY_MOST_MS);
	tell(sock, fd);
}

// Whoever waits behind a front end that stays is sent away.
static void refuse_second(struct vhost_socket *sock)
{
	int fd;

	while ((fd = sock_accept(sock->listen_fd)) >= 0)
		close(fd);
	event_add(sock->acceptable, NULL);
}

static void on_timer(evutil_socket_t fd, short events, void *user)
{
	struct vhost_socket *sock = user;

	if (sock->config.server)
		refuse_second(sock);
	else
		try_to_connect(sock);
}

static void on_acceptable(evutil_socket_t listen_fd, short events, void *user)
{
	struct vhost_socket *sock = user;
	int fd;

	if (!sock->seeking) {
		event_del(sock->acceptable);
		start_timer(sock, SECOND_WAITS_MS);
		return;
	}
	fd = sock_accept(listen_fd);
	if (fd >= 0)
		hand_over(sock, fd);
}

// Whether a listening socket that a predecessor had is one of this path.
static bool is_of_path(int fd, const char *path)
{
	struct sockaddr_un addr = {0};
	socklen_t len = sizeof(addr);

	return getsockname(fd, (struct sockaddr *)&addr, &len) == 0 && addr.sun_family == AF_UNIX &&
	       strncmp(addr.sun_path, path, sizeof(addr.sun_path)) == 0 && access(path, F_OK) == 0;
}

// Lets the group's members connect, unless a set-group bit of the directory has chosen another. Who may write to the directory may have put something else under the path
// meanwhile; then it is a socket, too, or stays what it is.
static void give_to_group(const struct vhost_socket *sock)
{
	auto_close int fd = open(sock->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_gid != getegid())
		return;
	// One who cannot connect then finds words for that itself.
	if (fchownat(fd, "", (uid_t)-1, sock->config.group, AT_EMPTY_PATH) < 0)
		return;
}

static int open_server(struct vhost_socket *sock, struct fail *fail)
{
	struct stat st;

	if (sock->listen_fd >= 0 && !is_of_path(sock->listen_fd, sock->path)) {
		close(sock->listen_fd);
		sock->listen_fd = -1;
	}
	if (sock->listen_fd < 0)
		sock->listen_fd = sock_listen(sock->path, SOCKET_MODE, fail);
	if (sock->listen_fd < 0) {
		int code = sock->listen_fd;

		fail_prefix(fail, "%s", sock->name);
		return code;
	}
	if (sock->config.group)
		give_to_group(sock);
	if (lstat(sock->path, &st) == 0) {
		sock->device = st.st_dev;
		sock->inode = st.st_ino;
	}
	sock->acceptable = event_new(sock->config.base, sock->listen_fd, EV_READ | EV_PERSIST,
	                             on_acceptable, sock);
	if (!sock->acceptable || event_add(sock->acceptable, NULL) < 0)
		return fail_errno(fail, -ENOMEM, "%s", sock->name);
	return 0;
}

static int check_path(const struct vhost_socket_config *config, struct fail *fail)
{
	size_t most = sizeof(((struct vhost_socket *)0)->path) - 1;

	if (config->path[0] != '/') {
		fail_set(fail, -EINVAL, "%s: '%s' is no absolute path", config->name, config->path);
		return -EINVAL;
	}
	if (strlen(config->path) > most) {
		fail_set(fail, -ENAMETOOLONG,
		         "%s: the path of its socket has %zu bytes, %zu at most: '%s'",
		         config->name, strlen(config->path), most, config->path);
		fail_hint(fail, "choose a shorter directory");
		return -ENAMETOOLONG;
	}
	return 0;
}

int vhost_socket_open(const struct vhost_socket_config *config, struct vhost_socket **ret,
                      struct fail *fail)
{
	auto_close int listen_fd = config->server ? config->listen_fd : -1;
	int code = check_path(config, fail);

	if (code)
		return code;

	struct vhost_socket *sock = calloc(1, sizeof(*sock));

	if (!sock)
		return fail_errno(fail, -ENOMEM, "%s", config->name);
	sock->config = *config;
	snprintf(sock->name, sizeof(sock->name), "%s", config->name);
	snprintf(sock->path, sizeof(sock->path), "%s", config->path);
	sock->config.name = sock->name;
	sock->config.path = sock->path;
	sock->listen_fd = TAKE_FD(listen_fd);
	sock->delay_ms = DELAY_FIRST_MS;
	sock->timer = evtimer_new(config->base, on_timer, sock);
	code = sock->timer ? 0 : fail_errno(fail, -ENOMEM, "%s", config->name);
	if (!code && config->server)
		code = open_server(sock, fail);
	if (code) {
		vhost_socket_close(sock, true);
		return code;
	}
	*ret = sock;
	return 0;
}

// Only the file that we made: another server may have taken its place.
static void remove_file(const struct vhost_socket *sock)
{
	struct stat st;

	if (sock->inode && lstat(sock->path, &st) == 0 && st.st_dev == sock->device &&
	    st.st_ino == sock->inode)
		unlink(sock->path);
}

void vhost_socket_close(struct vhost_socket *sock, bool forget)
{
	if (!sock)
		return;
	path_watch_free(sock->watch);
	if (sock->acceptable)
		event_free(sock->acceptable);
	if (sock->timer)
		event_free(sock->timer);
	if (forget)
		remove_file(sock);
	if (sock->listen_fd >= 0)
		close(sock->listen_fd);
	free(sock);
}

void vhost_socket_seek(struct vhost_socket *sock)
{
	bool lasted = clock_now() - sock->connected_at >= NSEC_PER_SEC;

	if (sock->seeking)
		return;
	sock->seeking = true;
	if (sock->config.server) {
		// One that waits behind the last is welcome now.
		event_del(sock->timer);
		event_add(sock->acceptable, NULL);
		return;
	}
	if (lasted)
		sock->delay_ms = DELAY_FIRST_MS;
	start_timer(sock, lasted ? 0 : sock->delay_ms);
	if (lasted)
		return;
	sock->delay_ms = MIN(2 * sock->delay_ms, (unsigned)DELAY_MOST_MS);
	sock->watch = path_watch_new(sock->config.base, sock->path, on_appeared, sock);
}

int vhost_socket_listen_fd(const struct vhost_socket *sock)
{
	return sock->listen_fd;
}
