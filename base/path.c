// SPDX-License-Identifier: BSD-3-Clause
//
// path: directories from flags and environment. secure_getenv() keeps a caller of a privileged
// program from choosing the place.

#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *choose(const char *flag, const char *variable, const char *otherwise)
{
	if (flag && *flag)
		return flag;

	const char *value = secure_getenv(variable);

	return value && *value ? value : otherwise;
}

const char *path_run_dir(const char *flag)
{
	return choose(flag, "WEFT_RUN_DIR", "/run/weft");
}

const char *path_state_dir(const char *flag)
{
	return choose(flag, "WEFT_STATE_DIR", "/var/lib/weft");
}

int path_join(char *buf, size_t size, const char *dir, const char *name)
{
	size_t len = strlen(dir);
	const char *slash = len > 0 && dir[len - 1] != '/' ? "/" : "";

	if (len + strlen(slash) + strlen(name) >= size)
		return -ENAMETOOLONG;
	snprintf(buf, size, "%s%s%s", dir, slash, name);
	return 0;
}

static int make_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return chmod(path, mode) < 0 ? -errno : 0;

	// EROFS and EACCES may stand before EEXIST for a directory that is there.
	int code = -errno;

	if (stat(path, &st) < 0)
		return code;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int path_make_dirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0)
		return -ENOENT;
	if (len >= sizeof(part))
		return -ENAMETOOLONG;

	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';

		int code = make_dir(part, mode);

		if (code < 0)
			return code;
	}
	return 0;
}
