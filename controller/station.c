// SPDX-License-Identifier: BSD-3-Clause
//
// station: one directory, one socket, one process.
//
// Each host has a socket of its own, so whom a datapath belongs to is told by where it connects, and by
// nothing that it says.

#include "controller/station.h"

#include "base/log.h"
#include "base/path.h"
#include "base/sock.h"
#include "controller/launch.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct station {
	struct station_env env;
	struct host *host;
	char dir[PATH_MAX];
	bool own_dir; // Not that of the instance.
	struct launch *launch;
	int listener_fd;
	struct event *listener;
};

static void on_died(void *user, pid_t pid, const char *how)
{
	struct station *station = user;

	station->env.died(station->env.user, station->host, how);
	if (host_pid(station->host) == pid)
		host_detach(station->host, "its process has ended");
}

static void on_connect(evutil_socket_t listener, short what, void *user)
{
	struct station *station = user;
	struct sock_peer peer;
	int fd;

	while ((fd = sock_accept(listener)) >= 0) {
		pid_t minded = launch_pid(station->launch);

		if (sock_peer(fd, &peer) < 0 || (peer.uid != 0 && peer.uid != geteuid())) {
			log_warn("uid %d may not be our datapath", (int)peer.uid);
			close(fd);
			continue;
		}
		// Whoever else comes by, even to see whether we listen, does not replace the one we mind.
		if (minded && minded != peer.pid) {
			log_warn("%s: pid %d connected, and was turned away for pid %d",
			         host_label(station->host), (int)peer.pid, (int)minded);
			close(fd);
			continue;
		}
		launch_watch(station->launch, peer.pid);
		host_attach(station->host, fd, peer.pid);
	}
}

static int listen_there(struct station *station, struct fail *fail)
{
	char path[PATH_MAX];

	if (path_join(path, sizeof(path), station->dir, "datapath.sock") < 0)
		return fail_set(fail, -ENAMETOOLONG, "the path %s is too long", station->dir);
	station->listener_fd = sock_listen(path, 0600, fail);
	if (station->listener_fd < 0)
		return station->listener_fd;
	station->listener = event_new(station->env.base, station->listener_fd, EV_READ | EV_PERSIST,
	                              on_connect, station);
	if (!station->listener || event_add(station->listener, NULL) < 0)
		return fail_set(fail, -ENOMEM, "out of memory");
	return 0;
}

static int make_dir(struct station *station, struct fail *fail)
{
	int err, len;

	if (!station->own_dir) {
		snprintf(station->dir, sizeof(station->dir), "%s", station->env.run_dir);
		return 0;
	}
	len = snprintf(station->dir, sizeof(station->dir), "%s/hosts/%s", station->env.run_dir,
	               host_name(station->host));
	err = len < (int)sizeof(station->dir) ? path_make_dirs(station->dir, 0755) : -ENAMETOOLONG;
	return err < 0 ? fail_errno(fail, err, "cannot make the directory %s", station->dir) : 0;
}

struct station *station_new(const struct station_env *env, struct host *host, const char *netns,
                            struct fail *fail)
{
	struct station *station = calloc(1, sizeof(*station));
	struct launch_env launch_env = {
		.base = env->base,
		.program = env->program,
		.netns = netns,
		.label = host_label(host),
		.died = on_died,
	};

	if (!station) {
		fail_set(fail, -ENOMEM, "out of memory");
		return NULL;
	}
	station->env = *env;
	station->host = host;
	station->own_dir = netns != NULL;
	station->listener_fd = -1;
	if (make_dir(station, fail) == 0) {
		launch_env.run_dir = station->dir;
		launch_env.user = station;
		station->launch = launch_new(&launch_env);
		if (!station->launch)
			fail_set(fail, -ENOMEM, "out of memory");
	}
	if (station->launch && listen_there(station, fail) == 0)
		return station;
	station_free(station);
	return NULL;
}

void station_free(struct station *station)
{
	if (!station)
		return;
	if (station->listener)
		event_free(station->listener);
	if (station->listener_fd >= 0)
		close(station->listener_fd);
	launch_free(station->launch);
	free(station);
}

void station_start(struct station *station)
{
	launch_start(station->launch);
}

void station_stop(struct station *station)
{
	static const char *const names[] = {"datapath.sock", "datapath.lock", "datapath.log"};
	char path[PATH_MAX];

	launch_stop(station->launch);
	// The log of the local one stays for whoever wants to know; with another host all of it goes.
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) - !station->own_dir; i++)
		if (path_join(path, sizeof(path), station->dir, names[i]) == 0)
			unlink(path);
	if (!station->own_dir)
		return;
	rmdir(station->dir);
	if (path_join(path, sizeof(path), station->env.run_dir, "hosts") == 0)
		rmdir(path);
}

pid_t station_pid(const struct station *station)
{
	return launch_pid(station->launch);
}

unsigned station_restarts(const struct station *station)
{
	return launch_restarts(station->launch);
}

const char *station_trouble(const struct station *station)
{
	return launch_trouble(station->launch);
}
