// SPDX-License-Identifier: BSD-3-Clause
//
// guests: namespaces follow the intent.
//
// A namespace is claimed in the store before it is made, and its inode noted after. A crash in between
// leaves a claim without an inode: such a namespace is ours too, since we looked that the name was free
// before we claimed it.

#include "controller/guests.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "controller/guest_run.h"
#include "controller/model_guest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_new(const struct model_change *change)
{
	return change->after && !change->before && change->after->noun == NOUN_GUEST;
}

static bool is_gone(const struct model_change *change)
{
	return change->before && !change->after && change->before->noun == NOUN_GUEST;
}

static int create_one(const struct guests *guests, const char *key, const char *name,
                      struct refusal *refusal)
{
	struct fail fail = {0};
	uint64_t inode = 0;
	int err;

	if (store_has_netns(guests->store, name, &inode)) {
		// Ours from before, unless somebody has put another in its place.
		if (netns_inode(name) && (inode == 0 || netns_inode(name) == inode))
			return 0;
		store_remove_netns(guests->store, name, &fail);
		if (!netns_inode(name))
			netns_remove(name, 0, guests->spare, guests->spare_user, &fail);
	}
	if (netns_name_taken(name)) {
		refuse(refusal, -EEXIST, key, "name",
		       "%s: there is a network namespace '%s' already, and it is not ours", key,
		       name);
		// A command to remove it would be followed, and it may be another instance's.
		fail_hint(&refusal->fail, "choose another name; 'ip netns ls' shows what there is, "
		                          "of other instances of weft too");
		return -EEXIST;
	}
	err = store_put_netns(guests->store, name, 0, &fail);
	if (err == 0) {
		err = netns_create(name, &inode, &fail);
		if (err < 0)
			store_remove_netns(guests->store, name, &(struct fail){0});
	}
	if (err == 0) {
		err = store_put_netns(guests->store, name, inode, &fail);
		if (err < 0)
			netns_remove(name, inode, guests->spare, guests->spare_user,
			             &(struct fail){0});
	}
	if (err == 0)
		return 0;
	refuse(refusal, err, key, NULL, "%s: %s", key, fail.what);
	if (fail.hint[0])
		fail_hint(&refusal->fail, "%s", fail.hint);
	return err;
}

int guests_resolv_conf_path(const struct guests *guests, const char *guest, char *buf, size_t size)
{
	int len = snprintf(buf, size, "%s/guests/%s/resolv.conf", guests->run_dir, guest);

	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

static void remove_files(const struct guests *guests, const char *name)
{
	char path[PATH_MAX];

	if (guests_resolv_conf_path(guests, name, path, sizeof(path)) < 0)
		return;
	unlink(path);
	guest_run_forget(guests, name);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

// => What runs in it has been ended.
static void remove_one(const struct guests *guests, const char *name)
{
	struct fail fail = {0};
	uint64_t inode;

	remove_files(guests, name);
	if (!store_has_netns(guests->store, name, &inode))
		return;
	if (netns_unname(name, inode, &fail) < 0)
		log_warn("guest/%s: %s", name, fail.what);
	if (fail.code == 0 || fail.code == -EPERM)
		store_remove_netns(guests->store, name, &fail);
}

// Those of the names that are namespaces of ours, and what they are called by the kernel.
static void remove_all(const struct guests *guests, const char *const *names, size_t count)
{
	auto_free uint64_t *inodes = calloc(count + 1, sizeof(*inodes));

	for (size_t i = 0; inodes && i < count; i++) {
		uint64_t inode, now = netns_inode(names[i]);

		if (store_has_netns(guests->store, names[i], &inode) && (!inode || now == inode))
			inodes[i] = now;
	}
	if (inodes)
		netns_clear(inodes, count, guests->spare, guests->spare_user);
	for (size_t i = 0; i < count; i++)
		remove_one(guests, names[i]);
}

// Removes the namespaces of what the batch changes so.
static void remove_where(const struct guests *guests, const struct model *model,
                         bool (*is_meant)(const struct model_change *change))
{
	auto_free const char **names = calloc(model->change_count + 1, sizeof(*names));
	size_t count = 0;

	if (!names) {
		log_err("out of memory; namespaces are left, which 'weft gc' finds");
		return;
	}
	for (size_t i = 0; i < model->change_count; i++) {
		const struct model_change *change = &model->changes[i];

		if (is_meant(change))
			names[count++] =
				change->before ? change->before->name : change->after->name;
	}
	remove_all(guests, names, count);
}

int guests_create(const struct guests *guests, const struct model *model, struct refusal *refusal)
{
	int err = 0;

	for (size_t i = 0; i < model->change_count && err == 0; i++)
		if (is_new(&model->changes[i]))
			err = create_one(guests, model->changes[i].key,
			                 model->changes[i].after->name, refusal);
	if (err < 0)
		guests_undo(guests, model);
	return err;
}

void guests_undo(const struct guests *guests, const struct model *model)
{
	remove_where(guests, model, is_new);
}

void guests_remove(const struct guests *guests, const struct model *model)
{
	remove_where(guests, model, is_gone);
}

struct owned {
	char **names;
	size_t count;
};

static void collect(void *user, const char *name, uint64_t inode)
{
	struct owned *owned = user;
	char **more = realloc(owned->names, (owned->count + 1) * sizeof(*more));

	if (!more)
		return;
	owned->names = more;
	owned->names[owned->count] = strdup(name);
	if (owned->names[owned->count])
		owned->count++;
}

// Removes all at once those that no guest has, and frees the names.
static void remove_unowned(const struct guests *guests, const struct model *model,
                           struct owned *owned)
{
	size_t kept = owned->count;

	// Those to keep go behind the others.
	for (size_t i = 0; i < kept;) {
		char *name = owned->names[i];

		if (!model_get(model, NOUN_GUEST, name)) {
			i++;
			continue;
		}
		owned->names[i] = owned->names[--kept];
		owned->names[kept] = name;
	}
	if (kept)
		remove_all(guests, (const char *const *)owned->names, kept);
	for (size_t i = 0; i < owned->count; i++)
		free(owned->names[i]);
	free(owned->names);
}

void guests_reconcile(const struct guests *guests, const struct model *model)
{
	struct owned owned = {0};
	const struct intent *guest;
	struct fail fail = {0};
	size_t cursor = 0;

	store_each_netns(guests->store, collect, &owned, &fail);
	remove_unowned(guests, model, &owned);
	while ((guest = model_next(model, NOUN_GUEST, &cursor))) {
		struct refusal refusal = {0};
		bool missing = netns_inode(guest->name) == 0;

		if (create_one(guests, guest->key, guest->name, &refusal) < 0)
			log_err("%s", refusal.fail.what);
		else if (missing)
			guest_run(guests, model, guest);
	}
}

// What the guest's first port with a name server tells it.
static void write_one(const struct guests *guests, const struct model *model, const char *name)
{
	const struct intent *port = model_guest_port(model, name, NULL), *net = NULL;
	char path[PATH_MAX], dir[PATH_MAX], ip[IP_TEXT];
	struct refusal ignored = {0};
	struct net_plan plan;
	FILE *file;

	if (port && port->msg->port->net)
		net = model_get(model, NOUN_NET, port->msg->port->net);
	if (guests_resolv_conf_path(guests, name, path, sizeof(path)) < 0)
		return;
	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	if (path_make_dirs(dir, 0755) < 0 || !(file = fopen(path, "we"))) {
		log_warn("guest/%s: cannot write %s", name, path);
		return;
	}
	fprintf(file, "# Written by weft-controller for 'weft shell %s'.\n", name);
	if (net && ipam_plan(net->key, net->msg->net, &plan, &ignored) == 0 && plan.dns) {
		fprintf(file, "search %s\n", net->msg->net->dns);
		if (plan.has_gateway4)
			fprintf(file, "nameserver %s\n", ip_format(plan.gateway4, ip));
		if (plan.has_gateway6)
			fprintf(file, "nameserver %s\n", ip_format(plan.gateway6, ip));
	}
	fclose(file);
}

void guests_write_files(const struct guests *guests, const struct model *model)
{
	const void *key;
	size_t cursor = 0, len;

	while (table_next(&model->dirty, &cursor, &key, &len)) {
		const struct intent *intent;
		char text[KEY_SIZE];

		if (len >= sizeof(text))
			continue;
		memcpy(text, key, len);
		text[len] = '\0';
		intent = model_get_key(model, text);
		if (!intent)
			continue;
		if (intent->noun == NOUN_GUEST)
			write_one(guests, model, intent->name);
		else if (intent->noun == NOUN_PORT && intent->msg->port->guest)
			write_one(guests, model, intent->msg->port->guest);
	}
}
