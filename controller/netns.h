// SPDX-License-Identifier: BSD-3-Clause
//
// netns: network namespaces with a name, kept alive by a mount as `ip netns` does it. Main thread.
//
// The folder is /run/netns, so that `ip netns exec` finds them. => Needs CAP_SYS_ADMIN.

#pragma once

#include "base/fail.h"

#include <stdbool.h>
#include <stdint.h>

// Makes it, with its loopback up. *ret_inode tells this namespace from another of the same name.
// -EEXIST when the name is taken.
int netns_create(const char *name, uint64_t *ret_inode, struct fail *fail);

// Who passes through and is not to be ended; NULL: nobody does.
typedef bool (*netns_spare_fn)(void *user, int pid);

// Ends what runs in it but whom `spare` says, then removes the name. Leaves alone a namespace with another
// inode (-EPERM) unless the inode is 0. A name that is gone already is success.
int netns_remove(const char *name, uint64_t inode, netns_spare_fn spare, void *user,
                 struct fail *fail);

// The inode behind the name; 0 when there is no such namespace (a leftover file does not count).
uint64_t netns_inode(const char *name);
bool netns_name_taken(const char *name);

// Ends every process in the namespace but ourselves and whom `spare` says. Returns how many there were.
unsigned netns_kill(uint64_t inode, netns_spare_fn spare, void *user);
