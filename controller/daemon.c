// SPDX-License-Identifier: BSD-3-Clause
//
// daemon: start-up order, who minds the datapaths, signals, backups and the end.
//
// Ended by a signal we leave the datapath running: guests keep their network, and the next controller
// finds it. Ended by a client (`weft down`, the last `weft destroy`) we take the datapath with us.

#include "controller/daemon.h"

#include "base/clock.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/path.h"
#include "base/tls.h"
#include "controller/access.h"
#include "controller/api.h"
#include "controller/control.h"
#include "controller/lease_clash.h"
#include "controller/leases.h"
#include "controller/model_host.h"
#include "controller/station.h"
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

enum { ADDRESS_TEXT = 160 };
enum { BACKUP_SECONDS = 24 * 3600, LAST_WORDS_MS = 100 };

struct daemon {
	struct options options;
	struct event_base *base;
	struct store *store;
	struct leases leases;
	struct control control;
	bool control_open;
	struct access *access;
	struct api *api;
	bool running;      // Hosts that come now start at once.
	struct fail began; // Why one could not be begun.
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

static void on_host_told(void *user, const char *host, const char *type, const char *object,
                         const char *text)
{
	struct daemon *daemon = user;

	if (daemon->api)
		api_tell(daemon->api, host, type, object, text);
}

static void on_told(void *user, const char *type, const char *object, const char *text)
{
	on_host_told(user, NULL, type, object, text);
}

static void on_lease(void *user, const Weft__Lease *lease)
{
	struct daemon *daemon = user;
	struct fail fail = {0};

	if (leases_note(&daemon->leases, lease, &fail) < 0)
		log_warn("a lease could not be kept: %s", fail.what);
}

static uint8_t *on_leases_wanted(void *user, const struct host *host, size_t *ret_len)
{
	return leases_pack(&((struct daemon *)user)->leases, host_desired(host), ret_len);
}

static bool find_host(void *user, const char *name, struct vhost_host *ret)
{
	const struct host *host = hosts_get(&((struct daemon *)user)->control.hosts, name);

	if (!host || host_state(host) != HOST_READY)
		return false;
	*ret = (struct vhost_host){.software = host_software(host),
	                           .has_vhost = host_can(host, "vhost-user")};
	return true;
}

static bool is_in(void *user, const char *name)
{
	const struct host *host = hosts_get(&((struct daemon *)user)->control.hosts, name);

	return host && host_from(host)[0] && host_state(host) != HOST_ABSENT;
}

static int on_judge(void *user, const struct model *model, struct refusal *refusal)
{
	struct daemon *daemon = user;
	int err = vhost_place_check(model, find_host, daemon, refusal);

	if (err == 0 && daemon->access)
		err = access_check_need(daemon->access, model, is_in, daemon, refusal);
	return err < 0 ? err
	               : lease_clash_check(&daemon->leases, model, clock_wall() / NSEC_PER_SEC,
	                                   refusal);
}

static const char *on_trouble(void *user, const struct host *host)
{
	if (host_trouble(host))
		return host_trouble(host);
	return host_minder(host) ? station_trouble(host_minder(host)) : NULL;
}

static void on_died(void *user, struct host *host, const char *how)
{
	char key[KEY_SIZE];
	bool local = strcmp(host_name(host), HOST_LOCAL) == 0;

	on_host_told(user, local ? NULL : host_name(host), local ? "datapath_died" : "host_died",
	             local ? "datapath" : noun_key(key, NOUN_HOST, host_name(host)), how);
}

// Remote ones come by themselves.
static void on_host_came(void *user, struct host *host)
{
	struct daemon *daemon = user;
	struct station_env env = {
		.base = daemon->base,
		.program = daemon->options.datapath[0] ? daemon->options.datapath : NULL,
		.run_dir = daemon->options.run_dir,
		.user = daemon,
		.died = on_died,
	};
	Weft__HostKind kind = model_host_kind(&daemon->control.model, host_name(host));
	struct station *station;

	if (kind == WEFT__HOST_KIND__HOST_REMOTE)
		return;
	station = station_new(&env, host, kind == WEFT__HOST_KIND__HOST_NS ? host_name(host) : NULL,
	                      &daemon->began);
	if (!station) {
		log_err("%s: %s", host_label(host), daemon->began.what);
		return;
	}
	host_set_minder(host, station);
	if (daemon->running)
		station_start(station);
}

static bool is_elsewhere(void *user, const char *name)
{
	const struct model *model = &((struct daemon *)user)->control.model;

	return model_get(model, NOUN_HOST, name) &&
	       model_host_kind(model, name) == WEFT__HOST_KIND__HOST_REMOTE;
}

static void on_arrived(void *user, const char *name, int fd, struct tls *tls, const char *from)
{
	struct daemon *daemon = user;
	struct host *host = hosts_get(&daemon->control.hosts, name);

	if (host && is_elsewhere(daemon, name)) {
		host_admit(host, fd, tls, from);
		return;
	}
	log_warn("%s: there is no host '%s' on another machine", from, name);
	tls_free(tls);
	close(fd);
}

static void on_cut(void *user, const char *name, const char *why)
{
	struct host *host = hosts_get(&((struct daemon *)user)->control.hosts, name);

	if (host && host_from(host)[0])
		host_detach(host, why);
}

// Where hosts come in: as it was said, else as it was said at an earlier start; "none" is nowhere, and stays so.
static const char *kept(struct daemon *daemon, const char *name, const char *given,
                        char buf[static ADDRESS_TEXT])
{
	struct fail ignored = {0};

	if (given)
		return strcmp(given, "none") == 0 ? NULL : given;
	return store_setting(daemon->store, name, buf, ADDRESS_TEXT, &ignored) == 0 ? buf : NULL;
}

// What works is kept.
static int keep(struct daemon *daemon, const char *name, const char *given, struct fail *fail)
{
	if (!given)
		return 0;
	return store_put_setting(daemon->store, name, strcmp(given, "none") == 0 ? NULL : given,
	                         fail);
}

static int open_access(struct daemon *daemon, struct fail *fail)
{
	const struct options *options = &daemon->options;
	char listen[ADDRESS_TEXT], plain[ADDRESS_TEXT];
	const struct access_env env = {
		.user = daemon,
		.base = daemon->base,
		.store = daemon->store,
		.state_dir = daemon->options.state_dir,
		.listen = kept(daemon, "listen", options->listen, listen),
		.plain = kept(daemon, "listen-plain", options->listen_plain, plain),
		.knows = is_elsewhere,
		.arrived = on_arrived,
		.cut = on_cut,
		.told = on_told,
	};

	int err = access_open(&env, &daemon->access, fail);

	if (err < 0 && ((env.listen && !options->listen) || (env.plain && !options->listen_plain)))
		fail_hint(fail,
		          "that was said at an earlier start: 'weft up --listen ADDRESS:PORT' "
		          "names another place, '--listen none' (or '--listen-plain none') "
		          "forgets it");
	if (err == 0)
		err = keep(daemon, "listen", options->listen, fail);
	return err == 0 ? keep(daemon, "listen-plain", options->listen_plain, fail) : err;
}

// What a host that is removed could come in with, a later one of its name cannot.
static void forget_certificates(struct daemon *daemon, const struct host *host)
{
	struct fail fail = {0};
	unsigned count;

	if (daemon->access && access_revoke(daemon->access, host_name(host), &count, &fail) < 0)
		log_err("%s: its certificates could not be revoked: %s", host_label(host),
		        fail.what);
}

static void on_host_left(void *user, struct host *host)
{
	struct station *station = host_minder(host);

	forget_certificates(user, host);
	if (!station)
		return;
	station_stop(station);
	station_free(station);
	host_set_minder(host, NULL);
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
	daemon->control.told = on_host_told;
	daemon->control.on_lease = on_lease;
	daemon->control.leases = on_leases_wanted;
	daemon->control.running = &daemon->leases;
	daemon->control.judge = on_judge;
	daemon->control.trouble = on_trouble;
	daemon->control.host_came = on_host_came;
	daemon->control.host_left = on_host_left;
	err = leases_open(&daemon->leases, daemon->store, fail);
	if (err < 0)
		return err;
	daemon->control_open = true;
	err = control_open(&daemon->control, daemon->options.run_dir, fail);
	if (err < 0)
		return err;
	if (!host_minder(daemon->control.hosts.local)) {
		*fail = daemon->began;
		return fail->code;
	}
	err = open_access(daemon, fail);
	if (err == 0)
		err = arm_signals(daemon, fail);
	api_env.access = daemon->access;
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
	struct host *host;
	size_t cursor = 0;

	daemon->running = true;
	while ((host = hosts_next(&daemon->control.hosts, &cursor)))
		if (host_minder(host))
			station_start(host_minder(host));
	log_info("ready; revision %llu, %zu objects", (unsigned long long)daemon->control.revision,
	         layout_objects(&daemon->control.layout));
	event_base_dispatch(daemon->base);
}

// What is of no use without the daemons; the logs stay for whoever wants to know.
static void clean_socket(const struct daemon *daemon)
{
	char path[PATH_MAX];

	if (path_join(path, sizeof(path), daemon->options.run_dir, "controller.sock") == 0)
		unlink(path);
}

// Datapaths in namespaces first: the local one carries what they say to each other.
static void close_stations(struct daemon *daemon)
{
	struct host *host;

	for (unsigned local = 0; local < 2; local++) {
		size_t cursor = 0;

		while ((host = hosts_next(&daemon->control.hosts, &cursor))) {
			struct station *station = host_minder(host);

			if (!station || local != (host == daemon->control.hosts.local))
				continue;
			if (daemon->stop_datapath)
				station_stop(station);
			station_free(station);
			host_set_minder(host, NULL);
		}
	}
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
	access_close(daemon->access);
	daemon->access = NULL;
	if (daemon->control_open) {
		close_stations(daemon);
		control_close(&daemon->control);
	}
	leases_close(&daemon->leases);
	store_close(daemon->store);
	free_event(daemon->term);
	free_event(daemon->interrupt);
	free_event(daemon->backup);
	free_event(daemon->stop);
	if (daemon->stop_datapath)
		clean_socket(daemon);
	if (daemon->leave_nothing)
		clean_run_dir(daemon);
	if (daemon->base)
		event_base_free(daemon->base);
	free(daemon);
}
