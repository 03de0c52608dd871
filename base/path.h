// SPDX-License-Identifier: BSD-3-Clause
//
// path: where Weft keeps its sockets and its state, and how paths are put together. Any thread.

#pragma once

#include <stddef.h>
#include <sys/types.h>

// Sockets and what need not survive a reboot: the flag if given (not NULL, not empty), else
// WEFT_RUN_DIR, else /run/weft. The result is borrowed from the flag or the environment.
const char *path_run_dir(const char *flag);

// What must survive: the flag, else WEFT_STATE_DIR, else /var/lib/weft.
const char *path_state_dir(const char *flag);

// dir + "/" + name, without doubling the slash. -ENAMETOOLONG when it does not fit.
int path_join(char *buf, size_t size, const char *dir, const char *name);

// Makes the directory and those above it that are missing, all with the mode, whatever the umask.
// Existing ones are left as they are; -ENOTDIR when something else is in the way.
int path_make_dirs(const char *path, mode_t mode);
