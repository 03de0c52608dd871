// SPDX-License-Identifier: BSD-3-Clause
//
// launch: spawn, watch, restart.
//
// The child inherits RUN_DIR/datapath.lock locked and open, and with it the lock: the kernel releases it
// when the last copy is closed, which is when the process ends, however it ends. Deaths are seen
// through a pidfd, which works for our own children and for those of a controller before us.

#include "controller/launch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	QUICK_DEATH_MS = 3000, // A life shorter than this is counted as a failed start.
	BACKOFF_MS = 100,
	BACKOFF_MAX_MS = 5000,
	POLL_LOCK_MS = 200, // While a process that we do not know has the lock.
	TERM_MS = 3000,
	KILL_MS = 3000,
};

struct launch {
	struct launch_env env;
	char netns[PATH_MAX]; // Path; empty: ours.
	pid_t pid;
	int pidfd;
	struct event *death;
	struct event *again;
	uint64_t born;
	unsigned failures; // Quick deaths in a row.
	unsigned restarts;
	bool stopping;
	char trouble[256];
};

static int open_pid(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void later(struct launch *launch, unsigned ms)
{
	struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	event_add(launch->again, &wait);
}

static void forget(struct launch *launch)
{
	if (launch->death)
		event_free(launch->death);
	launch->death = NULL;
	if (launch->pidfd >= 0)
		close(launch->pidfd);
	launch->pidfd = -1;
	launch->pid = 0;
}

static void say_end(pid_t pid, char *buf, size_t size)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		snprintf(buf, size, "ended");
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "was ended by signal %d (%s)", WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "ended with status %d", WEXITSTATUS(status));
}

static void on_death(evutil_socket_t fd, short what, void *user)
{
	struct launch *launch = user;
	uint64_t lived_ms = (clock_now() - launch->born) / NSEC_PER_MSEC;
	pid_t pid = launch->pid;
	unsigned wait = 0;
	char how[128];

	say_end(pid, how, sizeof(how));
	forget(launch);
	log_warn("%s: pid %d %s", launch->env.label, (int)pid, how);
	launch->failures = lived_ms < QUICK_DEATH_MS ? launch->failures + 1 : 0;
	if (launch->failures > 1) {
		wait = BACKOFF_MS << (launch->failures < 7 ? launch->failures - 2 : 5);
		if (wait > BACKOFF_MAX_MS)
			wait = BACKOFF_MAX_MS;
		snprintf(launch->trouble, sizeof(launch->trouble),
		         "weft-datapath %s, %u times in a row; see %s/datapath.log", how,
		         launch->failures, launch->env.run_dir);
	}
	launch->env.died(launch->env.user, pid, how);
	if (launch->stopping)
		return;
	launch->restarts++;
	if (wait == 0)
		launch_start(launch);
	else
		later(launch, wait);
}

static void on_again(evutil_socket_t fd, short what, void *user)
{
	launch_start(user);
}

struct launch *launch_new(const struct launch_env *env)
{
	struct launch *launch = calloc(1, sizeof(*launch));

	if (!launch)
		return NULL;
	launch->env = *env;
	if (env->netns)
		snprintf(launch->netns, sizeof(launch->netns), "/run/netns/%s", env->netns);
	launch->pidfd = -1;
	launch->again = evtimer_new(env->base, on_again, launch);
	if (!launch->again) {
		free(launch);
		errno = ENOMEM;
		return NULL;
	}
	return launch;
}

void launch_free(struct launch *launch)
{
	if (!launch)
		return;
	forget(launch);
	event_free(launch->again);
	free(launch);
}

void launch_watch(struct launch *launch, pid_t pid)
{
	int pidfd;

	if (launch->pid == pid)
		return;
	pidfd = open_pid(pid);
	if (pidfd < 0) {
		log_warn("%s: pid %d cannot be watched: %s", launch->env.label, (int)pid,
		         strerror(errno));
		return;
	}
	forget(launch);
	launch->death = event_new(launch->env.base, pidfd, EV_READ, on_death, launch);
	if (!launch->death) {
		close(pidfd);
		return;
	}
	launch->pidfd = pidfd;
	launch->pid = pid;
	launch->born = clock_now();
	event_add(launch->death, NULL);
	event_del(launch->again);
}

// In the child. Only calls that are safe between fork and exec.
static void become_datapath(const struct launch *launch, int lock, const char *log_path)
{
	int netns = launch->netns[0] ? open(launch->netns, O_RDONLY | O_CLOEXEC) : -1;
	int null = open("/dev/null", O_RDWR);
	int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0640);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || log < 0 || setsid() < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
	    dup2(log, 2) < 0 || fcntl(lock, F_SETFD, 0) < 0)
		_exit(127);
	if (launch->netns[0] && (netns < 0 || setns(netns, CLONE_NEWNET) < 0)) {
		char line[PATH_MAX + 64];
		int len = snprintf(line, sizeof(line),
		                   "weft-datapath: cannot enter the network namespace %s\n",
		                   launch->netns);

		_exit(write(2, line, (size_t)len) < 0 ? 126 : 127);
	}
	execl(launch->env.program, launch->env.program, "--run-dir", launch->env.run_dir,
	      (char *)NULL);
	_exit(127);
}

static int take_lock(const struct launch *launch)
{
	char path[PATH_MAX];
	int lock;

	if (path_join(path, sizeof(path), launch->env.run_dir, "datapath.lock") < 0)
		return -ENAMETOOLONG;
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) == 0)
		return lock;
	close(lock);
	return -EBUSY;
}

void launch_start(struct launch *launch)
{
	char log_path[PATH_MAX];
	pid_t pid;
	int lock;

	if (!launch->env.program || launch->pid || launch->stopping)
		return;
	lock = take_lock(launch);
	if (lock == -EBUSY) {
		// It lives and will connect, or it is about to be gone.
		later(launch, POLL_LOCK_MS);
		return;
	}
	if (lock < 0 ||
	    path_join(log_path, sizeof(log_path), launch->env.run_dir, "datapath.log") < 0) {
		snprintf(launch->trouble, sizeof(launch->trouble),
		         "weft-datapath cannot be locked in %s: %s", launch->env.run_dir,
		         strerror(lock < 0 ? -lock : ENAMETOOLONG));
		later(launch, BACKOFF_MAX_MS);
		return;
	}
	pid = fork();
	if (pid == 0)
		become_datapath(launch, lock, log_path);
	close(lock);
	if (pid < 0) {
		snprintf(launch->trouble, sizeof(launch->trouble),
		         "weft-datapath cannot be started: %s", strerror(errno));
		later(launch, BACKOFF_MAX_MS);
		return;
	}
	log_info("%s: started as pid %d", launch->env.label, (int)pid);
	launch_watch(launch, pid);
}

// The pidfd is readable once all threads have ended, also while nobody has collected what remains: in a
// container the first process may never do so.
static bool ends_within(int pidfd, int ms)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	uint64_t until = clock_now() + (uint64_t)ms * NSEC_PER_MSEC;
	int n;

	do {
		uint64_t now = clock_now();

		n = poll(&end, 1, now < until ? (int)((until - now) / NSEC_PER_MSEC) + 1 : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

void launch_stop(struct launch *launch)
{
	pid_t pid = launch->pid;
	int pidfd = launch->pidfd >= 0 ? dup(launch->pidfd) : -1;

	launch->stopping = true;
	event_del(launch->again);
	forget(launch);
	if (pidfd < 0)
		return;
	kill(pid, SIGTERM);
	if (!ends_within(pidfd, TERM_MS)) {
		log_warn("%s: pid %d does not end when asked; it is ended", launch->env.label,
		         (int)pid);
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		if (!ends_within(pidfd, KILL_MS))
			log_warn("%s: pid %d does not end at all", launch->env.label, (int)pid);
	}
	// Reaps our own child; that of a controller before us is for somebody else.
	waitpid(pid, NULL, WNOHANG);
	close(pidfd);
}

pid_t launch_pid(const struct launch *launch)
{
	return launch->pid;
}

unsigned launch_restarts(const struct launch *launch)
{
	return launch->restarts;
}

const char *launch_trouble(const struct launch *launch)
{
	return launch->trouble[0] ? launch->trouble : NULL;
}
