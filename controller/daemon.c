// SPDX-License-Identifier: BSD-3-Clause
//
// daemon: start-up order, the datapath's socket, signals, backups and the end.
//
// Ended by a signal we leave the datapath running: guests keep their network, and the next controller
// finds it. Ended by a client (`weft down`, the last `weft destroy`) we take the datapath with us.

#include "controller/daemon.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sock.h"
#include "controller/api.h"
#include "controller/control.h"
#include "controller/launch.h"
#include "controller/lease_clash.h"
#include "controller/leases.h"
#include "controller/vhost_place.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKUP_SECONDS = 24 * 3600, LAST_WORDS_MS = 100 };

struct daemon {
	struct options options;
	struct event_base *base;
	struct store *store;
	struct leases leases;
	struct control control;
	bool control_open;
	struct launch *launch;
	struct api *api;
	int datapath_fd;
	struct event *datapath;
	struct event *term, *interrupt;
	struct event *backup;
	struct event *stop;
	bool stop_datapath; // When we end, so does it.
	bool leave_nothing; // And nothing of us stays in the run directory.
};

static void on_backup(evutil_socket_t fd, short what, void *user)
{
	struct daemon *daemon = user;
	struct fail fail = {0};

	if (store_backup(daemon->store, &fail) < 0)
		log_warn("%s", fail.what);
}

static void on_signal(evutil_socket_t number, short what, void *user)
{
	struct daemon *daemon = user;

	log_info("ended by signal %d; the datapath carries on", (int)number);
	event_base_loopbreak(daemon->base);
}

static void on_stop(evutil_socket_t fd, short what, void *user)
{
	event_base_loopbreak(((struct daemon *)user)->base);
}

// A moment later, so that the answer to whoever asked goes out first.
static void on_shutdown(void *user, bool leave_nothing)
{
	struct daemon *daemon = user;
	struct timeval wait = {.tv_usec = LAST_WORDS_MS * 1000};

	daemon->stop_datapath = true;
	daemon->leave_nothing = daemon->leave_nothing || leave_nothing;
	event_add(daemon->stop, &wait);
}

static void on_told(void *user, const char *type, const char *object, const char *text)
{
	struct daemon *daemon = user;

	if (daemon->api)
		api_tell(daemon->api, type, object, text);
}

static void on_lease(void *user, const Weft__Lease *lease)
{
	struct daemon *daemon = user;
	struct fail fail = {0};

	if (leases_note(&daemon->leases, lease, &fail) < 0)
		log_warn("a lease could not be kept: %s", fail.what);
}

static uint8_t *on_leases_wanted(void *user, size_t *ret_len)
{
	return leases_pack(&((struct daemon *)user)->leases, ret_len);
}

static int on_judge(void *user, const struct model *model, struct refusal *refusal)
{
	const struct daemon *daemon = user;
	const struct host *host = daemon->control.host;
	struct vhost_host can;
	int err;

	can = (struct vhost_host){.software = host_software(host),
	                          .has_vhost = host_can(host, "vhost-user")};
	err = vhost_place_check(model, host_state(host) == HOST_READY ? &can : NULL, refusal);
	return err < 0 ? err
	               : lease_clash_check(&daemon->leases, model, clock_wall() / NSEC_PER_SEC,
	                                   refusal);
}

static const char *on_trouble(void *user)
{
	return launch_trouble(((struct daemon *)user)->launch);
}

static void on_died(void *user, pid_t pid, const char *how)
{
	struct daemon *daemon = user;

	on_told(daemon, "datapath_died", "datapath", how);
	if (host_pid(daemon->control.host) == pid)
		host_detach(daemon->control.host, "its process has ended");
}

static void on_datapath(evutil_socket_t listener, short what, void *user)
{
	struct daemon *daemon = user;
	struct sock_peer peer;
	int fd;

	while ((fd = sock_accept(listener)) >= 0) {
		if (sock_peer(fd, &peer) < 0 || (peer.uid != 0 && peer.uid != geteuid())) {
			log_warn("uid %d may not be our datapath", (int)peer.uid);
			close(fd);
			continue;
		}
		// Whoever else comes by, even to see whether we listen, does not replace the one we mind.
		if (launch_pid(daemon->launch) && launch_pid(daemon->launch) != peer.pid) {
			log_warn("datapath: pid %d connected, and was turned away for pid %d",
			         (int)peer.pid, (int)launch_pid(daemon->launch));
			close(fd);
			continue;
		}
		launch_watch(daemon->launch, peer.pid);
		host_attach(daemon->control.host, fd, peer.pid);
	}
}

static int listen_for_datapath(struct daemon *daemon, struct fail *fail)
{
	char path[PATH_MAX];

	if (path_join(path, sizeof(path), daemon->options.run_dir, "datapath.sock") < 0)
		return fail_set(fail, -ENAMETOOLONG, "the path %s is too long",
		                daemon->options.run_dir);
	daemon->datapath_fd = sock_listen(path, 0600, fail);
	if (daemon->datapath_fd < 0)
		return daemon->datapath_fd;
	daemon->datapath = event_new(daemon->base, daemon->datapath_fd, EV_READ | EV_PERSIST,
	                             on_datapath, daemon);
	if (!daemon->datapath || event_add(daemon->datapath, NULL) < 0)
		return fail_set(fail, -ENOMEM, "out of memory");
	return 0;
}

static int arm_signals(struct daemon *daemon, struct fail *fail)
{
	struct timeval day = {.tv_sec = BACKUP_SECONDS};

	// Who reads our answers may go away in the middle of one.
	signal(SIGPIPE, SIG_IGN);
	daemon->term = evsignal_new(daemon->base, SIGTERM, on_signal, daemon);
	daemon->interrupt = evsignal_new(daemon->base, SIGINT, on_signal, daemon);
	daemon->backup = event_new(daemon->base, -1, EV_PERSIST, on_backup, daemon);
	daemon->stop = evtimer_new(daemon->base, on_stop, daemon);
	if (!daemon->term || !daemon->interrupt || !daemon->backup || !daemon->stop)
		return fail_set(fail, -ENOMEM, "out of memory");
	event_add(daemon->term, NULL);
	event_add(daemon->interrupt, NULL);
	event_add(daemon->backup, &day);
	return 0;
}

static int open_parts(struct daemon *daemon, struct fail *fail)
{
	struct launch_env launch_env = {
		.base = daemon->base,
		.program = daemon->options.datapath[0] ? daemon->options.datapath : NULL,
		.run_dir = daemon->options.run_dir,
		.user = daemon,
		.died = on_died,
	};
	struct api_env api_env = {
		.base = daemon->base,
		.run_dir = daemon->options.run_dir,
		.state_dir = daemon->options.state_dir,
		.control = &daemon->control,
		.leases = &daemon->leases,
		.user = daemon,
		.shutdown = on_shutdown,
	};
	int err;

	daemon->control.base = daemon->base;
	daemon->control.store = daemon->store;
	daemon->control.listener = daemon;
	daemon->control.told = on_told;
	daemon->control.on_lease = on_lease;
	daemon->control.leases = on_leases_wanted;
	daemon->control.judge = on_judge;
	daemon->control.trouble = on_trouble;
	err = leases_open(&daemon->leases, daemon->store, fail);
	if (err < 0)
		return err;
	daemon->control_open = true;
	err = control_open(&daemon->control, daemon->options.run_dir, fail);
	if (err < 0)
		return err;
	daemon->launch = launch_new(&launch_env);
	if (!daemon->launch)
		return fail_set(fail, -ENOMEM, "out of memory");
	api_env.launch = daemon->launch;
	err = listen_for_datapath(daemon, fail);
	if (err == 0)
		err = arm_signals(daemon, fail);
	return err == 0 ? api_open(&api_env, &daemon->api, fail) : err;
}

int daemon_open(const struct options *options, struct daemon **ret, struct fail *fail)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct fail copied = {0};
	int err;

	if (!daemon)
		return fail_set(fail, -ENOMEM, "out of memory");
	limit_raise_descriptors();
	daemon->options = *options;
	daemon->datapath_fd = -1;
	daemon->base = event_base_new();
	err = daemon->base ? path_make_dirs(options->run_dir, 0755) : -ENOMEM;
	if (err < 0)
		fail_errno(fail, err, "cannot make the directory %s", options->run_dir);
	if (err == 0)
		err = store_open(options->state_dir, options->fresh, &daemon->store, fail);
	if (err == 0 && store_backup(daemon->store, &copied) < 0)
		log_warn("%s", copied.what);
	if (err == 0)
		err = open_parts(daemon, fail);
	if (err < 0) {
		daemon_close(daemon);
		return err;
	}
	*ret = daemon;
	return 0;
}

void daemon_run(struct daemon *daemon)
{
	launch_start(daemon->launch);
	log_info("ready; revision %llu, %zu objects", (unsigned long long)daemon->control.revision,
	         daemon->control.desired.objects.count);
	event_base_dispatch(daemon->base);
}

// What is of no use without the daemons; the logs stay for whoever wants to know.
static void clean_sockets(const struct daemon *daemon)
{
	static const char *const names[] = {"controller.sock", "datapath.sock", "datapath.lock"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (path_join(path, sizeof(path), daemon->options.run_dir, names[i]) == 0)
			unlink(path);
}

// All that both daemons have put into the run directory, and the directory itself if that was all.
static void clean_run_dir(const struct daemon *daemon)
{
	static const char *const names[] = {"datapath.log", "controller.log"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (path_join(path, sizeof(path), daemon->options.run_dir, names[i]) == 0)
			unlink(path);
	if (path_join(path, sizeof(path), daemon->options.run_dir, "guests") == 0)
		rmdir(path);
	rmdir(daemon->options.run_dir);
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void daemon_close(struct daemon *daemon)
{
	api_close(daemon->api);
	if (daemon->stop_datapath && daemon->launch)
		launch_stop(daemon->launch);
	if (daemon->control_open)
		control_close(&daemon->control);
	launch_free(daemon->launch);
	leases_close(&daemon->leases);
	store_close(daemon->store);
	free_event(daemon->datapath);
	free_event(daemon->term);
	free_event(daemon->interrupt);
	free_event(daemon->backup);
	free_event(daemon->stop);
	if (daemon->datapath_fd >= 0)
		close(daemon->datapath_fd);
	if (daemon->stop_datapath)
		clean_sockets(daemon);
	if (daemon->leave_nothing)
		clean_run_dir(daemon);
	if (daemon->base)
		event_base_free(daemon->base);
	free(daemon);
}
