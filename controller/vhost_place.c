// SPDX-License-Identifier: BSD-3-Clause
//
// vhost_place: looks at the file system for the person who has just typed a path.
//
// It is no promise: whoever listens at the socket may come and go, and the datapath, which has fewer rights,
// opens it by itself and tells how that went. A slip of the finger is found here at once.

#include "controller/vhost_place.h"

#include "controller/model_host.h"
#include "controller/model_place.h"
#include "controller/model_vhost.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	const struct intent *intent;
	const char *run_dir;
	char path[VHOST_PATH_SIZE], dir[VHOST_PATH_SIZE];
	bool server;
};

static int refuse_place(const struct place *place, struct refusal *refusal, int code,
                        const char *path, const char *what)
{
	return refuse(refusal, code, place->intent->key, "vhost_path", "%s: %s %s",
	              place->intent->key, path, what);
}

static int check_dir(const struct place *place, struct refusal *refusal)
{
	struct stat info;
	int code = stat(place->dir, &info) < 0 ? -errno : 0;

	if (code == 0 && !S_ISDIR(info.st_mode))
		code = -ENOTDIR;
	if (code == 0 && access(place->dir, place->server ? W_OK | X_OK : X_OK) < 0)
		code = -errno;
	switch (code) {
	case 0:
		return 0;
	case -ENOENT:
		refuse_place(place, refusal, code, place->dir,
		             "is to hold its socket, and does not exist");
		fail_hint(&refusal->fail, "mkdir -p %s; or --vhost %s, which lies in %s",
		          place->dir, strrchr(place->path, '/') + 1, place->run_dir);
		return code;
	case -ENOTDIR:
		refuse_place(place, refusal, code, place->dir,
		             "is to hold its socket, and is no directory");
		break;
	case -EROFS:
	case -EACCES:
		refuse_place(place, refusal, code, place->dir,
		             place->server ? "is where its socket is to be made, and may not be "
		                             "written to by the controller"
		                           : "is to hold its socket, and may not be entered by the "
		                             "controller");
		break;
	default:
		refuse_place(place, refusal, code, place->dir, strerror(-code));
	}
	fail_hint(&refusal->fail, "--vhost %s lies in %s", strrchr(place->path, '/') + 1,
	          place->run_dir);
	return code;
}

static int check_file(const struct place *place, struct refusal *refusal)
{
	struct stat info;
	bool is_dir;

	if (stat(place->path, &info) < 0 || S_ISSOCK(info.st_mode))
		return 0;
	is_dir = S_ISDIR(info.st_mode);
	refuse_place(place, refusal, is_dir ? -EISDIR : -EEXIST, place->path,
	             is_dir ? "is a directory, and cannot be a socket"
	                    : "is a file already, and not a socket");
	fail_hint(&refusal->fail,
	          is_dir ? "name the socket in it: --vhost %s/%s.vu"
	                 : "choose another name, or remove the file if it is of no use",
	          place->path, place->intent->name);
	return refusal->fail.code;
}

static int check_capable(const struct intent *intent, vhost_host_fn find, void *user,
                         struct refusal *refusal)
{
	struct vhost_host host;

	if (!find(user, model_place_of(intent->msg->port), &host) || host.has_vhost)
		return 0;
	refuse(refusal, -EOPNOTSUPP, intent->key, "vhost_path",
	       "%s: the datapath that runs (%s) has no vhost-user ports", intent->key,
	       host.software);
	fail_hint(&refusal->fail, "start the datapath of this version: weft down, weft up");
	return -EOPNOTSUPP;
}

// Whether the batch gives the port a socket that it had not.
static bool has_new_socket(const struct model_change *change)
{
	const Weft__PortIntent *before, *after;

	if (!model_vhost_is(change->after))
		return false;
	if (!model_vhost_is(change->before))
		return true;
	before = change->before->msg->port;
	after = change->after->msg->port;
	return before->vhost_server != after->vhost_server ||
	       strcmp(before->vhost_path, after->vhost_path) != 0;
}

static bool is_remote(const struct model *model, const struct intent *intent)
{
	return model_host_kind(model, model_place_of(intent->msg->port)) ==
	       WEFT__HOST_KIND__HOST_REMOTE;
}

int vhost_place_check(const struct model *model, vhost_host_fn find, void *user,
                      struct refusal *refusal)
{
	for (size_t i = 0; i < model->change_count; i++) {
		struct place place = {.intent = model->changes[i].after,
		                      .run_dir = model->run_dir ? model->run_dir : "/run/weft"};
		char *slash;
		int err;

		if (!has_new_socket(&model->changes[i]))
			continue;
		place.server = place.intent->msg->port->vhost_server;
		model_vhost_socket(model, place.intent->msg->port, place.path);
		strcpy(place.dir, place.path);
		slash = strrchr(place.dir, '/');
		slash[slash == place.dir] = '\0';
		err = check_capable(place.intent, find, user, refusal);
		// The files of another machine are not ours to look at.
		if (err == 0 && is_remote(model, place.intent))
			continue;
		if (err == 0)
			err = check_dir(&place, refusal);
		if (err == 0)
			err = check_file(&place, refusal);
		if (err < 0)
			return err;
	}
	return 0;
}
