// SPDX-License-Identifier: BSD-3-Clause
//
// test_vhost_place: a socket's place is looked at when a port gets it, and only then.

#include "controller/vhost_place.h"

#include "tests/unit/controller/kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const struct vhost_host able = {.software = "weft-datapath 2", .has_vhost = true};

struct world {
	struct model model;
	char dir[UNIT_DIR];
	int socket;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[UNIT_DIR + 16];
	int file;

	unit_make_dir(world->dir);
	model_init(&world->model, &kit_instance);
	world->model.run_dir = world->dir;
	snprintf(path, sizeof(path), "%s/file", world->dir);
	file = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(file >= 0);
	close(file);
	snprintf(path, sizeof(path), "%s/dir", world->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", world->dir);
	world->socket = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(world->socket, (struct sockaddr *)&addr, sizeof(addr)), 0);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	model_fini(&world->model);
	close(world->socket);
	unit_remove_dir(world->dir);
	free(world);
	return 0;
}

// What the line is told; the batch stays when it is told nothing.
static bool find(void *user, const char *host, struct vhost_host *ret)
{
	const struct vhost_host *known = user;

	if (known)
		*ret = *known;
	return known != NULL;
}

static int judge(struct world *world, const struct vhost_host *host, const char *line,
                 struct refusal *refusal)
{
	int err;

	*refusal = (struct refusal){0};
	if (kit_batch(&world->model, refusal, line, NULL) < 0)
		fail_msg("%s: %s", line, refusal->fail.what);
	err = vhost_place_check(&world->model, find, (void *)host, refusal);
	if (err < 0)
		model_rollback(&world->model);
	else
		model_commit(&world->model);
	return err;
}

static void refused(struct world *world, const char *line, int code, const char *words,
                    const char *hint)
{
	struct refusal refusal;

	assert_int_equal(judge(world, &able, line, &refusal), code);
	assert_string_equal(refusal.object, "port/p");
	assert_string_equal(refusal.field, "vhost_path");
	assert_int_equal(strncmp(refusal.fail.what, "port/p: ", 8), 0);
	if (!strstr(refusal.fail.what, words) || !strstr(refusal.fail.hint, hint))
		fail_msg("'%s', '%s'", refusal.fail.what, refusal.fail.hint);
}

static void test_places(void **state)
{
	struct world *world = *state;
	struct refusal refusal;
	char line[300];

	refused(world, "port p attach=vhost vhost_path=file", -EEXIST, "is a file already, and not",
	        "remove the file if it is of no use");
	refused(world, "port p attach=vhost vhost_path=dir", -EISDIR, "is a directory",
	        "/dir/p.vu");
	snprintf(line, sizeof(line), "port p attach=vhost vhost_path=%s/none/p.vu", world->dir);
	refused(world, line, -ENOENT, "/none is to hold its socket, and does not exist",
	        "mkdir -p");
	snprintf(line, sizeof(line), "port p attach=vhost vhost_path=%s/file/p.vu", world->dir);
	refused(world, line, -ENOTDIR, "/file is to hold its socket, and is no directory",
	        "--vhost p.vu lies in");
	// /proc lets everybody in, and nobody write.
	assert_int_equal(
		judge(world, &able, "port q attach=vhost vhost_path=/proc/self/q.vu", &refusal), 0);
	assert_int_equal(judge(world, &able, "port p attach=vhost vhost_path=sock", &refusal), 0);
	assert_int_equal(judge(world, &able, "port r attach=vhost vhost_path=/r.vu", &refusal), 0);
}

static void test_only_new_sockets_are_judged(void **state)
{
	struct world *world = *state;
	struct refusal refusal;
	char path[UNIT_DIR + 16];
	int file;

	assert_int_equal(judge(world, &able, "port p attach=vhost vhost_path=p.vu", &refusal), 0);
	snprintf(path, sizeof(path), "%s/p.vu", world->dir);
	file = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(file >= 0);
	close(file);
	// The file came later, and has nothing to do with this change.
	assert_int_equal(
		judge(world, &able, "port p attach=vhost vhost_path=p.vu mtu=1400", &refusal), 0);
	refused(world, "port p attach=vhost vhost_path=p.vu vhost_server=1", -EEXIST, "is a file",
	        "of no use");
	assert_int_equal(judge(world, &able, "-port p", &refusal), 0);
}

static void test_older_datapath_is_named(void **state)
{
	const struct vhost_host old = {.software = "weft-datapath 0.1.0"};
	struct world *world = *state;
	struct refusal refusal;

	assert_int_equal(judge(world, &old, "port p attach=vhost vhost_path=p.vu", &refusal),
	                 -EOPNOTSUPP);
	assert_non_null(strstr(refusal.fail.what, "weft-datapath 0.1.0"));
	assert_int_equal(judge(world, &old, "port t", &refusal), 0);
	// With nobody to ask, the resync will tell.
	assert_int_equal(judge(world, NULL, "port p attach=vhost vhost_path=p.vu", &refusal), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_new_sockets_are_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_older_datapath_is_named, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
