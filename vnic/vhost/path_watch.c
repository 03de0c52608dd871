// SPDX-License-Identifier: BSD-3-Clause
//
// path_watch: inotify on directories, shared.
//
// The kernel gives the same number to every watch of one directory, so a watch is known by that number and
// the name in there. What was lost because too much happened at once is not made up for: whoever waits
// for a path looks by itself now and then.

#include "vnic/vhost/path_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct path_watch {
	struct path_watch *next;
	int number; // of the directory
	bool hit;
	void (*appeared)(void *user);
	void *user;
	char name[];
};

static struct {
	int fd;
	struct event *readable;
	struct path_watch *first;
} shared;

static void note(const struct inotify_event *event)
{
	for (struct path_watch *watch = shared.first; watch; watch = watch->next)
		if (watch->number == event->wd && event->len &&
		    strcmp(watch->name, event->name) == 0)
			watch->hit = true;
}

static struct path_watch *next_hit(void)
{
	struct path_watch *watch = shared.first;

	while (watch && !watch->hit)
		watch = watch->next;
	return watch;
}

static void on_readable(evutil_socket_t fd, short events, void *user)
{
	_Alignas(struct inotify_event) char bytes[4096];
	ssize_t got = read(fd, bytes, sizeof(bytes));
	struct path_watch *watch;

	for (ssize_t at = 0; at < got;) {
		const struct inotify_event *event = (const void *)(bytes + at);

		note(event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	// Each call may free any of them.
	while ((watch = next_hit())) {
		watch->hit = false;
		watch->appeared(watch->user);
	}
}

static int open_shared(struct event_base *base)
{
	if (shared.readable)
		return 0;
	shared.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (shared.fd < 0)
		return -errno;
	shared.readable = event_new(base, shared.fd, EV_READ | EV_PERSIST, on_readable, NULL);
	if (shared.readable && event_add(shared.readable, NULL) == 0)
		return 0;
	if (shared.readable)
		event_free(shared.readable);
	shared.readable = NULL;
	close(shared.fd);
	return -ENOMEM;
}

static void close_shared_if_unused(void)
{
	if (shared.first || !shared.readable)
		return;
	event_free(shared.readable);
	shared.readable = NULL;
	close(shared.fd);
}

// The number of the path's directory, or -errno.
static int watch_directory(const char *path, const char *name)
{
	char dir[PATH_MAX] = ".";
	size_t len = (size_t)(name - path);
	int number;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	if (len) {
		memcpy(dir, path, len);
		dir[len] = '\0';
	}
	number =
		inotify_add_watch(shared.fd, dir, IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR);
	return number < 0 ? -errno : number;
}

struct path_watch *path_watch_new(struct event_base *base, const char *path,
                                  void (*appeared)(void *user), void *user)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	struct path_watch *watch = calloc(1, sizeof(*watch) + strlen(name) + 1);
	int error = watch ? open_shared(base) : -ENOMEM;

	if (!error) {
		watch->number = watch_directory(path, name);
		error = watch->number < 0 ? watch->number : 0;
	}
	if (error) {
		free(watch);
		close_shared_if_unused();
		errno = -error;
		return NULL;
	}
	strcpy(watch->name, name);
	watch->appeared = appeared;
	watch->user = user;
	watch->next = shared.first;
	shared.first = watch;
	return watch;
}

void path_watch_free(struct path_watch *watch)
{
	struct path_watch **link = &shared.first;
	bool is_last = true;

	if (!watch)
		return;
	while (*link != watch)
		link = &(*link)->next;
	*link = watch->next;
	for (const struct path_watch *other = shared.first; other; other = other->next)
		if (other->number == watch->number)
			is_last = false;
	// A directory that is gone took its number along.
	if (is_last)
		inotify_rm_watch(shared.fd, watch->number);
	free(watch);
	close_shared_if_unused();
}
