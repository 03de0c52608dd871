// SPDX-License-Identifier: BSD-3-Clause
//
// program: a build lays its programs in build/bin, beside examples/ two folders up; an installation has
// PREFIX/bin and PREFIX/share/weft.

#include "cli/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int program_self(char *buf, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", buf, size - 1);

	if (length < 0)
		return -errno;
	buf[length] = '\0';
	return 0;
}

// Joins two parts with a slash if the result can be executed.
static int try_path(const char *folder, size_t folder_length, const char *name, char *buf,
                    size_t size)
{
	int length = snprintf(buf, size, "%.*s/%s", (int)folder_length, folder, name);

	return length > 0 && (size_t)length < size && access(buf, X_OK) == 0 ? 0 : -ENOENT;
}

static int own_folder(char *buf, size_t size)
{
	int error = program_self(buf, size);
	char *slash = error < 0 ? NULL : strrchr(buf, '/');

	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

int program_find(const char *name, char *buf, size_t size)
{
	char folder[PATH_MAX];
	const char *at = getenv("PATH");

	if (own_folder(folder, sizeof(folder)) == 0 &&
	    try_path(folder, strlen(folder), name, buf, size) == 0)
		return 0;
	while (at && *at) {
		size_t length = strcspn(at, ":");

		if (length && try_path(at, length, name, buf, size) == 0)
			return 0;
		at += length + (at[length] == ':');
	}
	return -ENOENT;
}

int program_find_demo(const char *name, char *buf, size_t size)
{
	static const char *const places[] = {"../../examples", "../share/weft"};
	char folder[PATH_MAX], place[PATH_MAX + 32];

	if (own_folder(folder, sizeof(folder)) < 0)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(place, sizeof(place), "%s/%s", folder, places[i]);
		if (try_path(place, strlen(place), name, buf, size) == 0)
			return 0;
	}
	return -ENOENT;
}
