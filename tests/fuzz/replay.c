// SPDX-License-Identifier: BSD-3-Clause
//
// replay: runs a fuzz target over the files of a folder, so that seeds and past crashes are checked
// by every build. An input that is wrong ends the process; a folder without inputs is an error,
// because it would pass for a good run.

#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void replay(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(name);
		exit(1);
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return;
	}

	// Of the exact size, for the sanitizer to see the first byte read beyond.
	size_t size = (size_t)st.st_size;
	uint8_t *input = malloc(size);

	if ((size && !input) || read(fd, input, size) != (ssize_t)size) {
		perror(name);
		exit(1);
	}
	close(fd);
	LLVMFuzzerTestOneInput(input, size);
	free(input);
}

int main(int argc, char **argv)
{
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	unsigned count = 0;
	struct dirent *entry;

	if (!dir) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		replay(dirfd(dir), entry->d_name);
		count++;
	}
	closedir(dir);
	printf("%u inputs\n", count);
	return count == 0;
}
