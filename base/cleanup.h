// SPDX-License-Identifier: BSD-3-Clause
//
// cleanup: variables that release what they hold at the end of their scope.
//
//	auto_free char *text = strdup(name);
//	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
//
// => Initialise at the declaration (NULL, -1): the release runs on every way out.
// => To hand the thing on, take it with TAKE_PTR() or TAKE_FD().

#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define auto_free __attribute__((cleanup(cleanup_free)))
#define auto_close __attribute__((cleanup(cleanup_close)))

// The value, leaving nothing behind to release.
#define TAKE_PTR(pointer) cleanup_take_ptr(&(pointer))
#define TAKE_FD(fd) cleanup_take_fd(&(fd))

// Both keep errno, which the caller may be about to return.
static inline void cleanup_free(void *pointer)
{
	int saved = errno;

	free(*(void **)pointer);
	errno = saved;
}

static inline void cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void *cleanup_take_ptr(void *pointer)
{
	void *taken = *(void **)pointer;

	*(void **)pointer = NULL;
	return taken;
}

static inline int cleanup_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
