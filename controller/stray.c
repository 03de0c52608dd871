// SPDX-License-Identifier: BSD-3-Clause
//
// stray: looks where we make things for what should not be there.
//
// Normally nothing is found: a start takes away what nobody wants. But a database may have been moved aside
// (`weft up --fresh`), or a crash may have come between two steps. A namespace bears no mark of its own, so
// one is ours if the store has claimed it, or if our run directory has a folder for its guest. A socket at
// which somebody still listens is a machine's, and is left alone.

#include "controller/stray.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/sock.h"
#include "controller/guest_run.h"
#include "controller/netns.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct search {
	const struct guests *guests;
	const struct model *model;
	bool remove;
	stray_fn each;
	void *user;
};

static void tell(const struct search *search, const char *kind, const char *name, const char *why)
{
	search->each(search->user, &(struct stray){.kind = kind, .name = name, .why = why});
}

struct names {
	char **items;
	size_t count;
};

static void add_name(struct names *names, const char *name)
{
	char **more = realloc(names->items, (names->count + 1) * sizeof(*more));

	if (!more)
		return;
	names->items = more;
	more[names->count] = strdup(name);
	names->count += more[names->count] != NULL;
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static void list_dir(const char *path, struct names *names)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			add_name(names, entry->d_name);
	closedir(dir);
}

static void collect(void *user, const char *name, uint64_t inode)
{
	add_name(user, name);
}

static void remove_namespace(const struct search *search, const char *name)
{
	const struct guests *guests = search->guests;
	uint64_t inode = 0;
	struct fail fail = {0};

	store_has_netns(guests->store, name, &inode);
	netns_remove(name, inode, guests->spare, guests->spare_user, &fail);
	store_remove_netns(guests->store, name, &fail);
}

static void find_claimed(const struct search *search)
{
	struct names names = {0};
	struct fail ignored = {0};

	store_each_netns(search->guests->store, collect, &names, &ignored);
	for (size_t i = 0; i < names.count; i++) {
		if (model_get(search->model, NOUN_GUEST, names.items[i]))
			continue;
		if (search->remove)
			remove_namespace(search, names.items[i]);
		tell(search, "namespace", names.items[i], "claimed, and there is no such guest");
	}
	free_names(&names);
}

static void find_folders(const struct search *search)
{
	struct names names = {0};
	char dir[PATH_MAX], path[PATH_MAX];

	if (path_join(dir, sizeof(dir), search->guests->run_dir, "guests") == 0)
		list_dir(dir, &names);
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		bool ours = netns_inode(name) != 0;

		if (model_get(search->model, NOUN_GUEST, name))
			continue;
		if (search->remove && ours)
			remove_namespace(search, name);
		if (search->remove &&
		    guests_resolv_conf_path(search->guests, name, path, sizeof(path)) == 0) {
			unlink(path);
			guest_run_forget(search->guests, name);
			*strrchr(path, '/') = '\0';
			rmdir(path);
		}
		if (ours)
			tell(search, "namespace", name, "of a guest that is not known any more");
		tell(search, "files", name, "of a guest that is not known any more");
	}
	free_names(&names);
}

static bool is_abandoned_socket(const struct model *model, const char *path)
{
	char claim[KEY_SIZE + PATH_MAX];
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	snprintf(claim, sizeof(claim), "socket/%s", path);
	if (graph_user_count(&model->graph, claim) > 0)
		return false;
	fd = sock_connect(path, NULL);
	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

static void find_sockets(const struct search *search)
{
	struct names names = {0};
	char path[PATH_MAX];

	list_dir(search->guests->run_dir, &names);
	for (size_t i = 0; i < names.count; i++) {
		if (path_join(path, sizeof(path), search->guests->run_dir, names.items[i]) < 0 ||
		    !is_abandoned_socket(search->model, path))
			continue;
		if (search->remove)
			unlink(path);
		tell(search, "socket", path, "of no port, and nobody listens");
	}
	free_names(&names);
}

void stray_each(const struct guests *guests, const struct model *model, bool remove, stray_fn each,
                void *user)
{
	struct search search = {guests, model, remove, each, user};

	find_claimed(&search);
	find_folders(&search);
	find_sockets(&search);
}
