// SPDX-License-Identifier: BSD-3-Clause
//
// guest_run: runs what the user wrote, by way of `weft shell`, so that the commands see what a person at a
// shell would see.
//
// A child of a child does it: nobody has to wait for it, and it outlives the controller, as everything in
// a namespace does. It waits for the guest's first interface, since after a restart of the machine the
// namespace is there before the datapath is. The code goes to run.status when all is done; the first
// command that fails ends the rest.

#include "controller/guest_run.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "controller/model_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int path_of(const struct guests *guests, const char *name, const char *file, char *buf,
                   size_t size)
{
	int len = snprintf(buf, size, "%s/guests/%s/%s", guests->run_dir, name, file);

	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

// => Free it. NULL when memory is short.
static char *script_of(const struct model *model, const struct intent *guest)
{
	const struct intent *port = model_guest_port(model, guest->name, NULL);
	const Weft__Guest *body = guest->msg->guest;
	char *script = NULL;
	size_t len;
	FILE *out = open_memstream(&script, &len);

	if (!out)
		return NULL;
	if (port && port->msg->port->ifname)
		fprintf(out,
		        "n=0; while [ $n -lt 150 ] && ! grep -qE 'up|unknown' "
		        "/sys/class/net/%s/operstate 2>/dev/null; do sleep 0.1; n=$((n + 1)); "
		        "done\n",
		        port->msg->port->ifname);
	fprintf(out, "(set -e\n");
	for (size_t i = 0; i < body->n_run; i++)
		fprintf(out, "%s\n", body->run[i]);
	fprintf(out, ")\necho $? > \"$WEFT_RUN_STATUS\"\n");
	return fclose(out) == 0 ? script : NULL;
}

// The command beside this program, else that of the PATH.
static void find_weft(char *buf, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", buf, size - 1);
	char *slash;

	buf[len > 0 ? len : 0] = '\0';
	slash = strrchr(buf, '/');
	if (slash && (size_t)(slash - buf) + sizeof("/weft") < size)
		memcpy(slash, "/weft", sizeof("/weft"));
	if (!slash || access(buf, X_OK) < 0)
		snprintf(buf, size, "weft");
}

struct start {
	const char *weft, *run_dir, *name, *script, *log, *status;
};

static void become(const struct start *start)
{
	int null = open("/dev/null", O_RDWR);
	int out = open(start->log, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	if (null < 0 || out < 0)
		_exit(127);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close_range(3, UINT_MAX, 0);
	setenv("WEFT_RUN_STATUS", start->status, 1);
	execlp(start->weft, start->weft, "--run-dir", start->run_dir, "shell", start->name, "--",
	       "sh", "-c", start->script, NULL);
	_exit(127);
}

static int start_commands(const struct start *start)
{
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		setsid();
		if (fork() == 0)
			become(start);
		_exit(0);
	}
	while (waitpid(child, NULL, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void guest_run(const struct guests *guests, const struct model *model, const struct intent *guest)
{
	char weft[PATH_MAX], log[PATH_MAX], status[PATH_MAX];
	auto_free char *script = NULL;
	int err = -ENOMEM;

	if (guest->msg->guest->n_run == 0)
		return;
	script = script_of(model, guest);
	find_weft(weft, sizeof(weft));
	if (script)
		err = path_of(guests, guest->name, "run.log", log, sizeof(log));
	if (err == 0)
		err = path_of(guests, guest->name, "run.status", status, sizeof(status));
	if (err == 0) {
		unlink(status);
		err = start_commands(&(struct start){.weft = weft,
		                                     .run_dir = guests->run_dir,
		                                     .name = guest->name,
		                                     .script = script,
		                                     .log = log,
		                                     .status = status});
	}
	if (err < 0)
		log_warn("%s: its commands cannot be run: %s", guest->key, strerror(-err));
}

void guest_run_new(const struct guests *guests, const struct model *model)
{
	for (size_t i = 0; i < model->change_count; i++) {
		const struct model_change *change = &model->changes[i];

		if (change->after && !change->before && change->after->noun == NOUN_GUEST)
			guest_run(guests, model, change->after);
	}
}

const char *guest_run_state(const struct guests *guests, const struct intent *guest, char *buf,
                            size_t size)
{
	char path[PATH_MAX], code[16] = "";
	FILE *file = NULL;

	buf[0] = '\0';
	if (guest->msg->guest->n_run == 0 ||
	    path_of(guests, guest->name, "run.log", path, sizeof(path)) < 0 ||
	    access(path, F_OK) < 0)
		return buf;
	if (path_of(guests, guest->name, "run.status", path, sizeof(path)) == 0)
		file = fopen(path, "re");
	if (file && fgets(code, sizeof(code), file))
		code[strcspn(code, "\n")] = '\0';
	if (file)
		fclose(file);
	if (!code[0])
		snprintf(buf, size, "running");
	else if (strcmp(code, "0") == 0)
		snprintf(buf, size, "done");
	else
		snprintf(buf, size, "failed with %s", code);
	return buf;
}

void guest_run_forget(const struct guests *guests, const char *name)
{
	static const char *const files[] = {"run.log", "run.status"};
	char path[PATH_MAX];

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (path_of(guests, name, files[i], path, sizeof(path)) == 0)
			unlink(path);
}
